// The columns of a table in one of MLflow's forms, filled row by row or one after the other: a tensor a
// feature of the model, each value of the kind that the signature says.
#pragma once

#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/json_reading.hpp"
#include "serving/infer.hpp"

namespace tidemill::api {

class MlflowColumns {
 public:
  /// Columns of the key that are no features are behind them, as texts. The package must outlive it.
  explicit MlflowColumns(const forest::Package& package, const std::vector<std::string>& key = {});
  size_t features() const { return features_.size(); }
  /// Error infer.unknown_input, with the nearest.
  Result<size_t> find(std::string_view name) const;

  /// A value of the row that is being filled. Errors: mlflow.malformed when it has one, infer.datatype.
  Result<void> add(size_t feature, od::value value);
  /// … as CSV has it: a number or true or false where the signature says so.
  Result<void> add_text(size_t feature, std::string_view text);
  Result<void> add_nothing(size_t feature);
  /// What was not added is missing. Errors: infer.too_many_rows, infer.too_large.
  Result<void> end_row();
  /// A whole column; all given ones must be of one length. Errors: those of add() and end_row().
  Result<void> column(size_t feature, od::array values);

  serving::InferRequest request() &&;

 private:
  Result<void> once_a_row(size_t feature) const;
  Result<void> count(size_t rows);
  Result<void> append(size_t feature, od::value value);

  const forest::Feature& named(size_t feature) const {
    return feature < features_.size() ? features_[feature] : key_[feature - features_.size()];
  }

  const std::vector<forest::Feature>& features_;
  std::vector<forest::Feature> key_;
  std::unordered_map<std::string_view, size_t> index_;
  std::vector<serving::Tensor> tensors_;
  std::set<size_t> filled_;  // by column()
  size_t rows_ = 0;
};

}  // namespace tidemill::api
