#include "monitoring/judging.hpp"

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
    const auto found = number ? classes_.find(forest::category_text(*number)) : classes_.end();
    return found == classes_.end() ? std::nullopt : std::optional(found->second);
  }
  if (task_ != forest::Task::Binary) return number;
  if (text == "true" || text == "false") return text == "true" ? 1 : 0;
  return number == 0 || number == 1 ? number : std::nullopt;
}

}  // namespace tidemill::monitoring
