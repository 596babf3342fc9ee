// Versions made ready to predict: loaded from the registry once, shared by all who score with them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/database.hpp"
#include "registry/registry.hpp"
#include "training/training.hpp"

namespace tidemill::pipeline {

inline constexpr size_t kMostTextShown = 60;  // bytes of a value that an error has `seen`

/// A version's package, read and checked.
Result<forest::Package> load_package(const registry::Registry& registry, const registry::Version& version);

/// Features that a table lacks, in the model's order, and which of its other columns may be meant.
struct MissingFeatures {
  std::vector<std::string> names;
  std::string hint;
};
MissingFeatures missing_features(const forest::Package& package, const std::vector<engine::Column>& columns);

/// Which columns hold numbers to the model, as engine::FileScan asks.
std::function<bool(const std::string& column)> numbers_of(const forest::Package& package);

/// Thread-safe. References are "late@champion", "late@7", "late"; with "#2" behind it, the third output.
class Predictors {
 public:
  explicit Predictors(registry::Registry& registry) : registry_(registry) {}
  /// From now on this version answers to late@champion: it will be when the run ends.
  void set_champion(const std::string& model, const registry::Version& version);
  Result<registry::Version> version(const std::string& reference);
  Result<std::shared_ptr<const forest::Predictor>> find(const std::string& reference);
  /// predict() of SQL. A column that is a feature of the model and not in the row is an error; others are not
  /// looked at.
  Result<std::vector<double>> predict(const engine::PredictBatch& batch);

 private:
  registry::Registry& registry_;
  std::mutex mutex_;
  std::map<std::string, registry::Version> champions_;
  std::map<std::string, std::shared_ptr<const forest::Predictor>> loaded_;  // package → predictor
};

/// Scores of a batch of rows, rows × outputs. Errors: predict.missing_feature, with all that are missing;
/// predict.not_a_number, with column and value: a text that is no number where the model takes one;
/// predict.range: a number that is infinite as a float, to a model of floats;
/// predict.unknown_category, of a feature that refuses what it was not trained with. NULL, NaN and
/// an empty text that is no category are missing.
Result<std::vector<double>> score_batch(const forest::Predictor& predictor,
                                        const engine::PredictBatch& batch);

}  // namespace tidemill::pipeline
