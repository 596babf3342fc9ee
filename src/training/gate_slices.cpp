#include "training/gate_slices.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/names.hpp"

namespace tidemill::training {

namespace {

constexpr std::string_view kEvery = "*";

std::vector<std::string> values_of(const std::vector<std::optional<std::string>>& texts) {
  std::set<std::string> seen;
  for (const auto& text : texts)
    if (text) seen.insert(*text);
  return {seen.begin(), seen.end()};
}

/// The value that was meant: the same in another case, else the nearest.
std::string hint_for(const std::string& value, const std::vector<std::string>& values) {
  for (const std::string& other : values)
    if (engine::same_name(other, value)) return fmt::format("; did you mean '{}'?", other);
  const std::string hint = did_you_mean(value, values);
  return hint.empty() ? "" : "; " + hint;
}

}  // namespace

std::string to_text(const Slice& slice) {
  std::string text;
  for (const auto& [column, value] : slice)
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", column, value);
  return text;
}

RuleSlices slices_of(const project::GateRule& rule, const TestRows& rows,
                     const std::vector<std::string>& columns) {
  RuleSlices result{.slices = {{}}, .problem = {}, .rows_null = 0};
  std::vector<bool> null(rows.rows());
  for (const auto& [column, value] : rule.slice) {
    const auto& texts =
        rows.slices[static_cast<size_t>(std::find(columns.begin(), columns.end(), column) - columns.begin())];
    std::vector<std::string> values = values_of(texts);
    if (value == kEvery) {
      if (values.empty()) result.problem = fmt::format("{} is NULL in every test row", column);
      for (size_t r = 0; r < texts.size(); ++r) null[r] = null[r] || !texts[r];
    } else {
      if (!std::binary_search(values.begin(), values.end(), value))
        result.problem = fmt::format("no test row has {} = {}{}", column, value, hint_for(value, values));
      values = {value};
    }
    std::vector<Slice> longer;
    for (const Slice& slice : result.slices)
      for (const std::string& one : values) {
        longer.push_back(slice);
        longer.back().emplace_back(column, one);
      }
    result.slices = std::move(longer);
  }
  result.rows_null = std::count(null.begin(), null.end(), true);
  return result;
}

}  // namespace tidemill::training
