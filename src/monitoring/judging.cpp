#include "monitoring/judging.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tidemill::monitoring {

namespace {

constexpr int64_t kHour = 3'600'000'000, kDay = 24 * kHour;

std::optional<double> finite_number(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const bool is_one = error == std::errc{} && stop == end && std::isfinite(number);
  return is_one ? std::optional(number) : std::nullopt;
}

/// As columns of yes and no are written in files, in any case.
std::optional<double> truth_of(std::string_view text) {
  std::string small(text.substr(0, std::string_view("false").size() + 1));
  std::ranges::transform(small, small.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (small == "true" || small == "yes") return 1;
  if (small == "false" || small == "no") return 0;
  return std::nullopt;
}

}  // namespace

statistics::Task task_of(forest::Task task) {
  return task == forest::Task::Binary       ? statistics::Task::Binary
         : task == forest::Task::Multiclass ? statistics::Task::Multiclass
                                            : statistics::Task::Regression;
}

statistics::Blocks blocks_of(const std::vector<int64_t>& times) {
  for (const int64_t unit : {kDay, kHour}) {
    std::vector<int64_t> ids;
    ids.reserve(times.size());
    for (const int64_t time : times) ids.push_back(time / unit);
    statistics::Blocks blocks = statistics::make_blocks(ids);
    if (blocks.count >= statistics::kMinBlocks) return blocks;
  }
  return statistics::blocks_of_single_rows(times.size());
}

LabelNumbers::LabelNumbers(const forest::Package& package) : task_(package.task) {
  for (size_t c = 0; c < package.classes.size(); ++c)
    classes_.emplace(package.classes[c], static_cast<double>(c));
}

std::optional<double> LabelNumbers::of(std::string_view text) const {
  if (const auto found = classes_.find(text); found != classes_.end()) return found->second;
  const std::optional<double> number = finite_number(text);
  if (!classes_.empty()) {
    // A class that is a number has it in training's form.
    auto found = number ? classes_.find(forest::category_text(*number)) : classes_.end();
    // label_text() has a truth as 1 or 0, also where the classes are these two words.
    if (found == classes_.end() && (text == "1" || text == "0"))
      found = classes_.find(text == "1" ? "true" : "false");
    return found == classes_.end() ? std::nullopt : std::optional(found->second);
  }
  if (task_ != forest::Task::Binary) return number;
  if (const auto truth = truth_of(text)) return truth;
  return number == 0 || number == 1 ? number : std::nullopt;
}

std::optional<std::string> LabelNumbers::form_of(std::string_view text) const {
  const std::optional<double> number = of(text);
  if (!number) return std::nullopt;
  if (classes_.empty()) return task_ != forest::Task::Binary ? std::string(text) : *number == 1 ? "1" : "0";
  return std::ranges::find(classes_, *number, [](const auto& each) { return each.second; })->first;
}

}  // namespace tidemill::monitoring
