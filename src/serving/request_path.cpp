#include "serving/request_path.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/names.hpp"
#include "engine/sql_text.hpp"

namespace tidemill::serving {

namespace {

using engine::same_name;

/// A member of a package's pipeline, which its reader did not look into.
template <class T>
T member(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end()) return {};
  try {
    return found->get<T>();
  } catch (const Json::exception&) {
    return {};
  }
}

bool names(const std::vector<std::string>& list, const std::string& name) {
  return std::ranges::any_of(list, [&](const std::string& one) { return same_name(one, name); });
}

/// Whether an expression names the column. One that is called otherwise in the model's table is not seen.
bool reads(std::string_view sql, const std::string& column) {
  using Kind = engine::SqlToken::Kind;
  return std::ranges::any_of(engine::sql_tokens(sql), [&](const engine::SqlToken& token) {
    std::string_view word = sql.substr(token.begin, token.end - token.begin);
    if (token.kind == Kind::QuotedName && word.size() > 1) word = word.substr(1, word.size() - 2);
    return (token.kind == Kind::Word || token.kind == Kind::QuotedName) && same_name(word, column);
  });
}

Result<RequestSchema> schema_of(const forest::Package& package, const std::string& request) {
  const Json sources = member<Json>(package.pipeline, "sources");
  const auto source = sources.is_object() ? sources.find(request) : sources.end();
  if (!sources.is_object() || source == sources.end())
    return user_error(
        "serving.request",
        fmt::format("the deployment's requests are rows of {}, which the features of this version "
                    "are not made from",
                    request));
  RequestSchema::Source out{request,
                            {},
                            member<std::vector<std::string>>(*source, "key"),
                            member<std::string>(*source, "time_column")};
  if (out.key.empty()) out.key = package.key;
  out.needs_time =
      !out.time_column.empty() && reads(member<std::string>(package.pipeline, "as_of"), out.time_column);
  for (const Json& column : member<Json>(*source, "columns"))
    out.columns.push_back({member<std::string>(column, "name"), member<std::string>(column, "type")});
  return RequestSchema::make(std::move(out));
}

/// A value is known at its holder's time, and the holder by itself; what is known at the time column is known
/// with the row.
Result<void> find_holders(const forest::Package& package, RequestPath& path) {
  const Json source = member<Json>(package.pipeline, "sources")[path.schema.source()];
  const size_t columns = path.schema.columns().size();
  std::vector<std::optional<size_t>> holder_of(columns);  // column → the column that holds
  for (const auto& [name, holder] : member<std::map<std::string, std::string>>(source, "known_at")) {
    TM_TRY(const size_t known, path.schema.find(name));
    TM_TRY(const size_t at, path.schema.find(holder));
    holder_of[known] = at;
    if (!holder_of[at]) holder_of[at] = at;
  }
  path.known_by.resize(columns);
  for (size_t c = 0; c < columns; ++c) {
    if (!holder_of[c] || path.as_of.empty()) continue;
    const auto is_time = [&](size_t column) {
      return same_name(path.schema.columns()[column].name, path.schema.time_column());
    };
    if (is_time(c) || is_time(*holder_of[c])) continue;
    const auto found = std::ranges::find(path.holders, *holder_of[c]);
    path.known_by[c] = static_cast<size_t>(found - path.holders.begin());
    if (found == path.holders.end()) path.holders.push_back(*holder_of[c]);
  }
  return {};
}

/// The transforms that are named, in the order in which each finds what it reads.
Result<void> find_transforms(const forest::Package& package, const std::vector<std::string>& through,
                             RequestPath& path) {
  std::vector<std::string> missing = through;
  for (const Json& one : member<Json>(package.pipeline, "transforms")) {
    const auto name = member<std::string>(one, "name");
    if (!names(through, name)) continue;
    std::erase_if(missing, [&](const std::string& each) { return same_name(each, name); });
    for (const auto& table : member<std::vector<std::string>>(one, "tables")) {
      const bool on_path =
          same_name(table, path.schema.source()) ||
          std::ranges::any_of(path.transforms, [&](const auto& each) { return same_name(each.name, table); });
      if (!on_path && !names(path.tables, table)) path.tables.push_back(table);
    }
    path.transforms.push_back({name, member<std::string>(one, "sql")});
  }
  if (!missing.empty())
    return user_error("serving.through",
                      fmt::format("requests are to pass {}, which this version's features are not made with",
                                  fmt::join(missing, ", ")));
  const bool is_source = same_name(path.from, path.schema.source());
  if (!is_source && !names(through, path.from))
    return user_error("serving.through",
                      fmt::format("this version's features are {}, which requests do not pass", path.from),
                      {}, fmt::format("add {} to `through`", path.from));
  return {};
}

}  // namespace

Result<RequestPath> RequestPath::make(const forest::Package& package, const project::Deployment& deployment) {
  const Json& pipeline = package.pipeline;
  if (member<std::string>(pipeline, "from").empty())
    return user_error("serving.no_sql",
                      "the version was imported, so there is no SQL that makes its features from requests",
                      {}, "deploy it without `request`, and send the features themselves");
  TM_TRY(RequestSchema schema, schema_of(package, deployment.request));
  RequestPath path{.schema = std::move(schema), .known_by = {}};
  path.from = member<std::string>(pipeline, "from");
  path.as_of = member<std::string>(pipeline, "as_of");
  path.timezone = member<std::string>(pipeline, "timezone");
  path.parameters = member<std::map<std::string, std::string>>(pipeline, "parameters");
  TM_CHECK(find_holders(package, path));
  const bool keeps_parameters = pipeline.contains("parameters");
  TM_CHECK(find_transforms(package, deployment.through, path));
  for (const RequestPath::Transform& transform : path.transforms)
    if (!keeps_parameters && engine::folded_name(transform.sql).find("getvariable") != std::string::npos)
      return user_error(
          "serving.no_sql",
          fmt::format("transforms/{}.sql reads a parameter, and the version does not keep its value",
                      transform.name),
          {}, "train it again");
  return path;
}

}  // namespace tidemill::serving
