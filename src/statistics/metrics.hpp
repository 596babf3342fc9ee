// What a prediction is worth, as pure functions of numbers. Each has its field's name and scikit-learn's
// value to 1e-9; where a metric is not defined (one class, no positive decision, a zero target) the answer is
// nothing, never 0. Weights are optional and not negative. Scores and labels must be finite: a NaN anywhere
// makes the metric undefined.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tidemill::statistics {

using Numbers = std::span<const double>;
/// A metric's value, or nothing where it is not defined.
using Maybe = std::optional<double>;

// Binary: labels are 0 or 1, scores any number for the rank metrics and probabilities for the others
// ------------------------
/// Area under the ROC curve: ties count half. Hanley & McNeil 1982.
Maybe roc_auc(Numbers labels, Numbers scores, Numbers weights = {});
/// Average precision: Σ (R_n − R_{n−1}) P_n over the distinct scores, no interpolation.
Maybe pr_auc(Numbers labels, Numbers scores, Numbers weights = {});
/// Natural logarithm; scores are clipped to [ε, 1−ε], ε = 2⁻⁵².
Maybe log_loss(Numbers labels, Numbers scores, Numbers weights = {});
Maybe brier(Numbers labels, Numbers scores, Numbers weights = {});
/// Expected calibration error over `bins` bins of equal weight. Equal scores share a bin: the one in which
/// the middle of their weight lies. Naeini, Cooper & Hauskrecht 2015, with equal counts instead of equal
/// widths.
inline constexpr int kEceBins = 10;
Maybe ece(Numbers labels, Numbers scores, Numbers weights = {}, int bins = kEceBins);

/// Decisions at a threshold: positive where score ≥ threshold. Sums of weights.
struct Confusion {
  double true_positive = 0, false_positive = 0, true_negative = 0, false_negative = 0;
};
std::optional<Confusion> confusion(Numbers labels, Numbers scores, double threshold, Numbers weights = {});
Maybe accuracy(const Confusion& c);
Maybe precision(const Confusion& c);  // nothing without a positive decision
Maybe recall(const Confusion& c);     // nothing without a positive label
Maybe f1(const Confusion& c);         // nothing without either

// Multiclass: labels are class indices, scores are rows × classes, row-major; the decision is the first
// largest score -----------
enum class Average { Macro, Micro };
struct PrecisionRecall {
  double precision = 0, recall = 0, f1 = 0;
};
/// Macro: the mean over classes that occur among labels or decisions; a class without decisions (labels) has
/// precision (recall) 0.
std::optional<PrecisionRecall> precision_recall(Numbers labels, Numbers scores, size_t classes,
                                                Average average, Numbers weights = {});
Maybe multiclass_accuracy(Numbers labels, Numbers scores, size_t classes, Numbers weights = {});
/// Each row's scores are clipped as in log_loss and divided by their sum.
Maybe multiclass_log_loss(Numbers labels, Numbers scores, size_t classes, Numbers weights = {});

// Regression
// -----------------------------------------------------------------------------------------------------------
Maybe rmse(Numbers targets, Numbers predictions, Numbers weights = {});
Maybe mae(Numbers targets, Numbers predictions, Numbers weights = {});
/// Coefficient of determination; nothing when the targets don't vary.
Maybe r2(Numbers targets, Numbers predictions, Numbers weights = {});
/// Σ|error| / Σ|target|.
Maybe wape(Numbers targets, Numbers predictions, Numbers weights = {});
/// Mean |error / target|; nothing when any target (of a row with weight) is zero.
Maybe mape(Numbers targets, Numbers predictions, Numbers weights = {});
/// mae over the mean absolute error of the naive forecast on the training series (naive_error). Hyndman &
/// Koehler 2006.
Maybe mase(Numbers targets, Numbers predictions, double naive_error, Numbers weights = {});
/// Mean |y_t − y_{t−season}| of a series in time order; nothing when it is not longer than season.
Maybe naive_error(Numbers series, size_t season = 1);

// By name
// ----------------------------------------------------------------------------------------------------------------
enum class Task { Binary, Multiclass, Regression };
enum class Needs { Score, Decision };

struct Metric {
  std::string_view name;
  std::span<const Task> tasks;
  bool more_is_better = true;
  Needs needs = Needs::Score;
  bool serves(Task task) const;
};
/// roc_auc, pr_auc, log_loss, brier, ece, accuracy, precision, recall, f1; macro_… and micro_…; rmse, mae,
/// r2, wape, mase, mape.
std::span<const Metric> metrics();
const Metric* find_metric(std::string_view name);
/// Names of a task's metrics, in the order of metrics().
std::vector<std::string> metric_names(Task task);

/// Rows to judge. Everything is a view: the caller keeps it alive.
struct Evaluation {
  Task task = Task::Binary;
  Numbers labels;      // 0 or 1; class index; the target
  Numbers scores;      // rows × outputs, row-major
  size_t outputs = 1;  // classes of a multiclass task, else 1
  Numbers weights;     // empty: all 1
  double threshold = 0.5;
  Maybe naive_error;  // for mase
};
/// Nothing where the metric is not defined for these rows. Errors: metric.unknown (with the nearest name),
/// metric.wrong_task, metric.bad_input (lengths that differ, a negative weight, a label that is no class).
Result<Maybe> compute(std::string_view name, const Evaluation& evaluation);

}  // namespace tidemill::statistics
