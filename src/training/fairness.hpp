// How decisions differ between groups of people, on the test rows. Binary models only: the rates are of
// decisions at the threshold. Barocas, Hardt & Narayanan, "Fairness and Machine Learning", ch. 3. JSON:
//   [{"column", "rows_null", "groups_left_out",
//     "groups": [{"value", "rows", "judged", "selection_rate", "true_positive_rate", "false_positive_rate"}],
//     "demographic_parity": {"difference", "ratio"}, "equal_opportunity": {"difference", "ratio"}}]
// Groups with fewer than kMinRowsOfGroup rows are shown and not judged. Differences are the largest rate less
// the smallest, ratios the smallest over the largest, among the judged; a rate, difference or ratio that is
// 0/0, or of fewer than two groups, is null.
#pragma once

#include "training/evaluate.hpp"

namespace tidemill::training {

inline constexpr size_t kMinRowsOfGroup = 100;
inline constexpr size_t kMaxGroups = 50;  // the largest of a column

/// Weighted where rows are. An empty list where no groups are declared, or the task is another.
Json fairness_of(const EvaluateInput& input);

}  // namespace tidemill::training
