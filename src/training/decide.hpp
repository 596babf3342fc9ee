// What is learned on validation after the fit: calibration, the decision threshold, the conformal half-width.
// Pure functions of numbers.
#pragma once

#include <string>

#include "forest/package.hpp"
#include "project/project.hpp"
#include "statistics/metrics.hpp"

namespace tidemill::training {

using statistics::Numbers;

/// kind: "isotonic" or "platt". Errors: training.calibration.
Result<forest::Calibration> calibrate(const std::string& kind, Numbers labels, Numbers scores,
                                      Numbers weights);

/// "f1", "youden" and "accuracy": the threshold that makes it largest, the larger of two that tie.
/// "precision>=P": the least threshold with such a precision; "recall>=R": the largest with such a recall.
/// Thresholds are the scores themselves (positive: score ≥ threshold). Errors: training.decision when no
/// threshold does.
Result<double> choose_threshold(const std::string& rule, Numbers labels, Numbers scores, Numbers weights,
                                const Place& place);

/// Split-conformal half-width: the ⌈(n+1)·coverage⌉-th smallest |target − prediction|. Lei, G'Sell, Rinaldo,
/// Tibshirani & Wasserman 2018. Errors: training.conformal when n is too small for the coverage.
Result<double> conformal_half_width(double coverage, Numbers targets, Numbers predictions,
                                    const Place& place);

}  // namespace tidemill::training
