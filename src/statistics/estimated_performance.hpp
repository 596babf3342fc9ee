// Performance before the labels are there: confidence-based estimation (CBPE, as nannyml does it). A row
// whose calibrated probability is p counts as p of a positive and 1 − p of a negative, and the metrics are
// those of metrics.hpp over these parts. It believes the probabilities: it sees that inputs changed, never
// that the meaning of the inputs did (concept drift), so an estimate may warn and must not decide.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "statistics/intervals.hpp"
#include "statistics/metrics.hpp"

namespace tidemill::statistics {

/// Rows without labels. Everything is a view.
struct Unlabelled {
  Task task = Task::Binary;  // or Multiclass
  /// How likely a label is, calibrated, each in [0, 1]. Binary: P(1) of each row. Multiclass: rows × classes,
  /// row-major; a row need not sum to 1 and is divided by its sum.
  Numbers probabilities;
  Numbers scores;      // what the model answered, as Evaluation::scores: order and decisions come from it
  size_t outputs = 1;  // classes of a multiclass task
  Numbers weights;     // empty: all 1
  double threshold = 0.5;
};

/// Names that can be estimated: the task's metrics but ece, which is zero by assumption.
std::vector<std::string> estimated_metric_names(Task task);

/// Binary: the expected confusion matrix. Decisions are 0 or 1. Nothing where lengths differ, a probability
/// is outside [0, 1] or a decision is neither.
std::optional<Confusion> expected_confusion(Numbers probabilities, Numbers decisions, Numbers weights = {});

/// Values agree with nannyml's for distinct scores; where scores tie, nannyml takes them in an order of its
/// own, and we as one (ties count half), which is the mean over all orders. Its roc_auc and average precision
/// round running sums to 5 decimals, ours do not. Where nannyml says 0 for 0/0, this says nothing.
/// Errors: metric.unknown, metric.wrong_task (regression, too), metric.not_estimated (ece), metric.bad_input.
Result<Maybe> estimate(std::string_view name, const Unlabelled& rows);
/// … with a percentile interval by the block bootstrap: of the rows that happened to come, not of the labels
/// they will get, and not of the calibration. Nothing where bootstrap() has nothing.
Result<std::optional<Interval>> estimate_interval(std::string_view name, const Unlabelled& rows,
                                                  const Blocks& blocks, const BootstrapOptions& options = {});

}  // namespace tidemill::statistics
