#include "quality/past_view.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

#include "engine/binder.hpp"
#include "engine/names.hpp"
#include "quality/row_rule.hpp"

namespace tidemill::quality {
namespace {

using engine::quote_name;

std::set<std::string> as_set(const std::vector<std::string>& names) {
  std::set<std::string> set;
  for (const std::string& name : names) set.insert(engine::folded_name(name));
  return set;
}

/// Whether the SQL text names the column as a whole word.
bool names_column(const std::string& text, const std::string& name) {
  const std::string sql = engine::folded_name(text), column = engine::folded_name(name);
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (size_t at = sql.find(column); at != std::string::npos; at = sql.find(column, at + 1)) {
    const size_t end = at + column.size();
    if ((at == 0 || !is_word(sql[at - 1])) && (end == sql.size() || !is_word(sql[end]))) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<TimedSource>> with_own_names(const PointInTimeInput& input) {
  std::vector<TimedSource> sources = input.sources;
  for (TimedSource& source : sources) {
    const auto own = [&](const std::string& name, const std::string& what) -> Result<std::string> {
      if (const engine::Column* column = engine::find_column(source.columns, name)) return column->name;
      return user_error("check.point_in_time",
                        fmt::format("{} is {}, which source {} does not have", what, name, source.name),
                        input.place);
    };
    for (std::string& column : source.key) {
      TM_TRY(column, own(column, "key"));
    }
    if (!source.time_column.empty()) {
      TM_TRY(source.time_column, own(source.time_column, "time_column"));
    }
    std::map<std::string, std::string> known_at;
    for (const auto& [column, holder] : source.known_at) {
      TM_TRY(std::string name, own(column, "a column of known_at"));
      TM_TRY(known_at[std::move(name)], own(holder, fmt::format("known_at of {}.{}", source.name, column)));
    }
    source.known_at = std::move(known_at);
  }
  return sources;
}

Result<const TimedSource*> request_source(const PointInTimeInput& input) {
  const std::set<std::string> key = as_set(input.key);
  std::vector<const TimedSource*> found;
  for (const TimedSource& source : input.sources) {
    if (!input.request_source.empty() && source.name != input.request_source) continue;
    if (input.request_source.empty() && (source.time_column.empty() || as_set(source.key) != key)) continue;
    found.push_back(&source);
  }
  if (found.size() > 1) {
    std::erase_if(found,
                  [&](const TimedSource* source) { return !names_column(input.as_of, source->time_column); });
    if (found.size() != 1)
      return user_error(
          "check.point_in_time",
          fmt::format("several sources have the key {}: it is unclear which of them the requests are",
                      fmt::join(input.key, ", ")),
          input.place, "declare a deployment with `request: SOURCE`");
  }
  if (found.empty()) {
    if (input.request_source.empty()) return nullptr;
    return user_error("check.point_in_time",
                      fmt::format("the transforms don't read the request's source {}", input.request_source),
                      input.place);
  }
  for (const std::string& column : found[0]->key)
    if (!key.contains(engine::folded_name(column)))
      return user_error("check.point_in_time",
                        fmt::format("the model's key ({}) does not hold {} of source {}'s key, so a row's "
                                    "own request cannot be found",
                                    fmt::join(input.key, ", "), column, found[0]->name),
                        input.place,
                        fmt::format("let the model's table keep {}, and add it to the model's key", column));
  if (found[0]->key.empty())
    return user_error(
        "check.point_in_time",
        fmt::format("source {} has no key, so a row's own request cannot be found", found[0]->name),
        input.place, fmt::format("declare `key` of source {}", found[0]->name));
  return found[0];
}

std::string key_condition(const std::vector<std::string>& key, const std::vector<std::string>& literals) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < key.size(); ++i)
    parts.push_back(fmt::format("{} = {}", quote_name(key[i]), literals[i]));
  return fmt::format("{}", fmt::join(parts, " AND "));
}

Result<std::string> past_of(const TimedSource& source, const PointInTimeInput& input, const AskedRow& row,
                            bool is_request) {
  // Who holds when a value became known would tell by itself; the time column does not: without it the row is
  // not there.
  std::map<std::string, std::string> known_at = source.known_at;
  for (const auto& [column, holder] : source.known_at) known_at.try_emplace(holder, holder);
  std::vector<std::string> columns;
  for (const engine::Column& column : source.columns) {
    const std::string name = quote_name(column.name);
    const auto known = known_at.find(column.name);
    if (known == known_at.end() || known->second == source.time_column || column.name == source.time_column) {
      columns.push_back(name);
      continue;
    }
    columns.push_back(fmt::format("CASE WHEN {} <= {} THEN {} END AS {}", quote_name(known->second),
                                  row.as_of, name, name));
  }
  std::string sql = fmt::format("SELECT {} FROM {}", fmt::join(columns, ", "), source.relation);
  if (source.time_column.empty()) return sql;
  const std::string time = quote_name(source.time_column);
  sql += fmt::format(" WHERE ({} <= {}", time, row.as_of);  // a row without a time is not known to have begun
  if (is_request) {
    std::vector<std::string> literals;
    for (const std::string& column : source.key)
      literals.push_back(row.key[static_cast<size_t>(
          std::ranges::find_if(input.key, [&](const auto& name) { return engine::same_name(name, column); }) -
          input.key.begin())]);
    sql += fmt::format(" OR ({})", key_condition(source.key, literals));
  }
  return sql + ")";
}

Result<std::string> past_tables(const PointInTimeInput& input, const AskedRow& row) {
  TM_TRY(const TimedSource* const request, request_source(input));
  std::string sql = "WITH ";
  for (const TimedSource& source : input.sources) {
    TM_TRY(const std::string past, past_of(source, input, row, &source == request));
    // Inlined, so that a filter on the key reaches the scan. A source may be read through a view of its own
    // name: inside of a CTE the CTE's name is not yet known.
    sql += fmt::format("{} AS NOT MATERIALIZED ({}),\n", quote_name(source.name), past);
  }
  for (const auto& [name, text] : input.transforms)
    sql += fmt::format("{} AS (\n{}\n),\n", quote_name(name), engine::normalize_sql(text));
  sql.resize(sql.size() - 2);
  return sql;
}

}  // namespace tidemill::quality
