// The target: read as it is, then understood: regression, binary or multiclass, by what is declared or else
// by the values.
#pragma once

#include <string>
#include <vector>

#include "training/dataset.hpp"

namespace tidemill::training {

/// The task and XGBoost objective that `train.objective` says; nothing when it is empty. Errors:
/// training.objective.
struct Objective {
  forest::Task task = forest::Task::Regression;
  std::string name;  // XGBoost's
};
Result<std::optional<Objective>> declared_objective(const project::Model& model);
/// XGBoost's objective for a task when only the task is known.
std::string default_objective(forest::Task task);

/// "'no', 'yes'", at most so many of them and how many more there are.
std::string listed(std::vector<std::string> values, size_t most = 5);

/// "where: x IS NOT NULL", with what is there already.
std::string where_hint(const project::Model& model, const std::string& column);

class LabelReader {
 public:
  LabelReader(const engine::Column& target, const project::Model& model);
  Reading reading() const { return reading_; }
  /// Errors: training.null_target (at the end, counted), training.infinite.
  Result<void> take(const engine::Chunk& chunk, size_t column);
  /// Sets labels, task and classes. Errors: training.null_target, training.one_class, training.target_type,
  /// training.too_few_rows …
  Result<void> finish(Dataset& data);
  /// After the rows are ordered: the training part holds what the task needs.
  Result<void> check_parts(const Dataset& data, const project::Model& model) const;

 private:
  Result<void> finish_texts(Dataset& data);
  Result<void> finish_numbers(Dataset& data);
  Result<void> classes_from(const std::vector<double>& sorted_values, Dataset& data);

  const engine::Column target_;
  const project::Model& model_;
  Reading reading_;
  Interner texts_;
  std::vector<double> values_;  // numbers, or codes of texts_
  size_t nulls_ = 0;
};

}  // namespace tidemill::training
