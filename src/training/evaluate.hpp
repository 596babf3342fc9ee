// What a version is worth on rows it did not learn from: every metric of its task with an interval, also by
// slice. The JSON lies in the package under "metrics":
//   {"test": {"roc_auc": {"value", "low", "high"}, …}, "validation": {…}, "rows": {"train", "validation",
//   "test", "gap"},
//    "slices": [{"column", "value", "rows", "metrics": {…}}], "fairness": see fairness.hpp, "threshold",
//    "conformal": {"asked", "half_width", "measured", "rows"}}
// A metric that is not defined has the value null.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "statistics/intervals.hpp"
#include "training/dataset.hpp"

namespace tidemill::training {

inline constexpr double kMinRowsOfClass =
    50;  // a slice with fewer of some class (regression: rows) is not judged
inline constexpr size_t kMaxSliceLevels = 50;  // the most frequent ones of a column

statistics::Task statistics_task(forest::Task task);
/// Scores of rows, in blocks on several threads.
std::vector<double> scores_of(const forest::Predictor& predictor, std::span<const float> matrix, size_t rows,
                              int threads);

struct EvaluateInput {
  const Dataset* data = nullptr;
  const forest::Predictor* predictor = nullptr;
  const project::Model* model = nullptr;
  std::vector<double> test_scores, validation_scores;  // rows × outputs
  int threads = 1;
};
Result<Json> evaluate(const EvaluateInput& input);

/// Whether every class (regression: all rows) has at least kMinRowsOfClass of these rows.
bool enough_to_judge(forest::Task task, std::span<const double> labels, size_t classes);

/// Share of all gain, cover and splits that each feature has, by falling gain.
Json importance_of(const forest::Predictor& predictor);

}  // namespace tidemill::training
