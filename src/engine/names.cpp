#include "engine/names.hpp"

#include <algorithm>

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

}  // namespace tidemill::engine
