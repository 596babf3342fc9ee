// What the monitors will compare live traffic with: every input over the training rows, the score over the
// test rows, and under a time split the counts of each day in the same bins, from which the spread without
// drift is known. JSON, in the package under "baseline":
//   {"inputs": {NAME: B}, "score": B or {CLASS: B} (multiclass), "decision": B (binary, multiclass),
//   "target": B, "attribution": {NAME: its mean |SHAP| over a sample of the training rows},
//   "curves": {"roc": [[false, true positive rate], …] (binary), "calibration": [{"score", "label", "rows"},
//   …]} of the test rows (not of a multiclass model)}
//
//   B: statistics::number_baseline or level_baseline, with "by_day": {"days": ["2013-11-04", …], "counts":
//   [[…], …]}
#pragma once

#include <vector>

#include "training/dataset.hpp"

namespace tidemill::training {

inline constexpr size_t kMaxBaselineDays = 120;   // the newest
inline constexpr size_t kMaxExplainedRows = 500;  // for attributions

Json baseline_of(const Dataset& data, const forest::Predictor& predictor,
                 const std::vector<double>& test_scores, int threads);

}  // namespace tidemill::training
