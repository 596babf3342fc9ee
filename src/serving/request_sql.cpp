#include "serving/request_sql.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/names.hpp"
#include "engine/sql_text.hpp"

namespace tidemill::serving {

namespace {

using engine::GivenKind;
using engine::quote_name;

// Names that no column of a user's has.
std::string given_name(size_t column) { return fmt::format("tidemill_c{}", column); }
std::string known_name(size_t holder) { return fmt::format("tidemill_k{}", holder); }

}  // namespace

std::vector<engine::GivenColumn> given_columns(const RequestPath& path) {
  std::vector<engine::GivenColumn> out{{"tidemill_row", GivenKind::Integer}};
  const auto& columns = path.schema.columns();
  for (size_t c = 0; c < columns.size(); ++c) out.push_back({given_name(c), columns[c].kind});
  for (size_t h = 0; h < path.holders.size(); ++h) out.push_back({known_name(h), GivenKind::Boolean});
  return out;
}

std::string request_view(const RequestPath& path, const std::string& relation) {
  std::vector<std::string> list;
  const auto& columns = path.schema.columns();
  for (size_t c = 0; c < columns.size(); ++c) {
    std::string value = columns[c].expression(given_name(c));
    if (path.known_by[c])
      value = fmt::format("CASE WHEN {} THEN {} END", known_name(*path.known_by[c]), value);
    list.push_back(fmt::format("{} AS {}", value, quote_name(columns[c].name)));
  }
  return fmt::format("CREATE TEMP VIEW {} AS SELECT {} FROM {}", quote_name(path.schema.source()),
                     fmt::join(list, ", "), relation);
}

std::string transform_view(const RequestPath::Transform& transform,
                           const std::vector<engine::Column>& columns,
                           const std::vector<engine::Column>& stored) {
  std::vector<std::string> list;
  for (size_t c = 0; c < columns.size(); ++c) {
    const std::string name = quote_name(columns[c].name);
    list.push_back(columns[c].type == stored[c].type
                       ? name
                       : fmt::format("CAST({0} AS {1}) AS {0}", name, stored[c].type));
  }
  return fmt::format("CREATE TEMP VIEW {} AS SELECT {} FROM {}", quote_name(transform.name),
                     fmt::join(list, ", "), engine::bracketed(transform.sql));
}

std::string features_select(const RequestPath& path, const std::vector<FeatureColumn>& features,
                            const std::vector<engine::Column>& from_columns, const std::string& relation) {
  std::vector<std::string> list{"tidemill_row"}, asked{"tidemill_row"}, same;
  for (const FeatureColumn& feature : features)
    list.push_back(
        fmt::format("{} AS tidemill_f{}", engine::expression(feature.name, feature.reading), list.size()));
  const auto& columns = path.schema.columns();
  for (const size_t c : path.schema.key()) {
    asked.push_back(fmt::format("{} AS tidemill_q{}", columns[c].expression(given_name(c)), c));
    const engine::Column* own = engine::find_column(from_columns, columns[c].name);
    same.push_back(
        fmt::format("made.{} = asked.tidemill_q{}", quote_name(own ? own->name : columns[c].name), c));
  }
  for (size_t h = 0; h < path.holders.size(); ++h) {
    const size_t c = path.holders[h];
    asked.push_back(fmt::format("{} AS tidemill_h{}", columns[c].expression(given_name(c)), h));
    list.push_back(
        fmt::format("CAST(coalesce(tidemill_h{0} <= tidemill_as_of, false) AS BIGINT) AS tidemill_k{0}", h));
  }
  const std::string made = path.holders.empty()
                               ? quote_name(path.from)
                               : fmt::format("(SELECT *, {} AS tidemill_as_of FROM {})",
                                             engine::bracketed(path.as_of), quote_name(path.from));
  return fmt::format("SELECT {} FROM {} AS made LEFT JOIN (SELECT {} FROM {}) AS asked ON {}",
                     fmt::join(list, ", "), made, fmt::join(asked, ", "), relation, fmt::join(same, " AND "));
}

std::optional<std::string> misfits_select(const RequestPath& path, const std::string& relation) {
  std::vector<std::string> parts;
  const auto& columns = path.schema.columns();
  for (size_t c = 0; c < columns.size(); ++c)
    if (columns[c].cast)
      parts.push_back(
          fmt::format("SELECT tidemill_row, CAST({0} AS BIGINT) AS tidemill_column FROM {1} WHERE {2} IS "
                      "NOT NULL AND {3} IS NULL",
                      c, relation, given_name(c), columns[c].try_expression(given_name(c))));
  if (parts.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(parts, " UNION ALL "));
}

}  // namespace tidemill::serving
