// How rows of a log are held against their labels: what a label's text means to a model, and which rows
// resemble each other. Whoever judges, a monitor or a report, does it so.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forest/package.hpp"
#include "statistics/intervals.hpp"

namespace tidemill::monitoring {

statistics::Task task_of(forest::Task task);

/// Rows of a day resemble each other: days are drawn, or hours where there are too few of them, or else rows.
/// times: microseconds since 1970.
statistics::Blocks blocks_of(const std::vector<int64_t>& times);

/// From a label's text to its number: a class's index, or the number itself.
class LabelNumbers {
 public:
  explicit LabelNumbers(const forest::Package& package);
  /// Nothing: it is no label of this model.
  std::optional<double> of(std::string_view text) const;
  /// The same label in one form: the class's name, 1 or 0, or a number's text as it came.
  std::optional<std::string> form_of(std::string_view text) const;

 private:
  forest::Task task_;
  std::map<std::string, double, std::less<>> classes_;
};

}  // namespace tidemill::monitoring
