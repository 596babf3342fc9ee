// XGBoost's C API as one function: rows in, a model's bytes out. The same rows, parameters and seed give the
// same bytes on any number of threads. No XGBoost type leaves booster.cpp.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "forest/package.hpp"
#include "project/project.hpp"

namespace tidemill::training {

struct Rows {
  std::span<const float> matrix;  // row-major
  std::span<const double> labels;
  std::span<const double> weights;  // empty: all 1
};

struct FitInput {
  Rows train;
  Rows validation;  // may be empty without early stopping
  const std::vector<forest::Feature>* features = nullptr;
  std::string objective;
  size_t classes = 0;  // multiclass
  const project::Train* options = nullptr;
  int threads = 1;
  const std::atomic<bool>* stop = nullptr;
  std::function<void(double share, const std::string& what)> on_progress;
};

struct Fit {
  std::string model;                 // UBJ, cut to the best round
  int rounds = 0;                    // that were trained
  int best_round = 0;                // rounds in the model
  std::string metric;                // that stopped it; empty without early stopping
  std::vector<double> history;       // the metric on validation, one a round
  Json parameters = Json::object();  // all that were set, but for threads
};

/// Errors: training.parameter (unknown, or not the user's to set), training.failed with XGBoost's message,
/// interrupted, library.*.
Result<Fit> fit(const FitInput& input);
/// "1.7.4"; after a fit.
std::string xgboost_version();

}  // namespace tidemill::training
