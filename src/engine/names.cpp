#include "engine/names.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/reserved_names.hpp"

namespace tidemill::engine {

namespace {

char folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string folded_name(std::string_view name) {
  std::string text(name);
  std::ranges::transform(text, text.begin(), folded);
  return text;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, folded, folded);
}

const Column* find_column(const std::vector<Column>& columns, std::string_view name) {
  auto found = std::ranges::find(columns, name, &Column::name);
  if (found == columns.end())
    found = std::ranges::find_if(columns, [&](const Column& column) { return same_name(column.name, name); });
  return found == columns.end() ? nullptr : &*found;
}

bool is_log_table(std::string_view table) { return folded_name(table).starts_with(kLogTablePrefix); }

std::string log_schema_sql(std::string_view table) {
  const std::string_view schema = kLogTablePrefix.substr(0, kLogTablePrefix.size() - 1);
  return fmt::format(
      "CREATE SCHEMA IF NOT EXISTS {0}; CREATE VIEW IF NOT EXISTS {0}.{1} AS SELECT * FROM {2}", schema,
      quote_name(table.substr(kLogTablePrefix.size())), quote_name(table));
}

}  // namespace tidemill::engine
