// What SQL gave for the rows of a request, put in their order: exactly one row for each, told by its number.
#pragma once

#include <string>
#include <vector>

#include "serving/infer.hpp"
#include "serving/request_path.hpp"
#include "serving/request_sql.hpp"

namespace tidemill::serving {

class FeatureTensors {
 public:
  /// All must outlive it. keys: of the request's rows.
  FeatureTensors(const forest::Predictor& predictor, const std::vector<FeatureColumn>& columns,
                 const RequestPath& path, const std::vector<std::string>& keys);
  /// A chunk of features_select(). Errors: predict.foreign_row, predict.doubled_row.
  Result<void> take(const engine::Chunk& chunk);
  /// Error predict.no_row.
  Result<void> finish() const;
  /// Whether any value that is dated was known at its row's as_of.
  bool knows_more() const;
  const std::vector<int64_t>& known(size_t holder) const { return known_[holder]; }
  std::vector<Tensor> tensors() &&;

 private:
  void take_feature(size_t feature, size_t row, const engine::Chunk& chunk, size_t from);

  const forest::Predictor& predictor_;
  const std::vector<FeatureColumn>& columns_;
  const RequestPath& path_;
  const std::vector<std::string>& keys_;
  std::vector<uint8_t> seen_;
  std::vector<std::vector<double>> numbers_;                         // by feature, unless it is a category
  std::vector<std::vector<std::optional<std::string>>> categories_;  // by feature
  std::vector<std::vector<int64_t>> known_;                          // by holder
};

}  // namespace tidemill::serving
