#include "serving/feature_tensors.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "serving/row_clauses.hpp"

namespace tidemill::serving {

using engine::Reading;

FeatureTensors::FeatureTensors(const forest::Predictor& predictor, const std::vector<FeatureColumn>& columns,
                               const RequestPath& path, const std::vector<std::string>& keys)
    : predictor_(predictor),
      columns_(columns),
      path_(path),
      keys_(keys),
      seen_(keys.size()),
      numbers_(columns.size()),
      categories_(columns.size()),
      known_(path.holders.size()) {
  for (size_t f = 0; f < columns.size(); ++f) {
    if (predictor.package().features[f].category)
      categories_[f].resize(keys.size());
    else
      numbers_[f].assign(keys.size(), std::numeric_limits<double>::quiet_NaN());
  }
  for (auto& holder : known_) holder.resize(keys.size());
}

void FeatureTensors::take_feature(size_t feature, size_t row, const engine::Chunk& chunk, size_t from) {
  const size_t column = 1 + feature;
  if (chunk.is_null(column, from)) return;
  const bool category = predictor_.package().features[feature].category;
  if (columns_[feature].reading == Reading::Text) {
    const std::string_view text = chunk.varchar(column, from);
    forest::InputCounts unread;  // a text that is no number is missing, and will be counted so
    if (category)
      categories_[feature][row] = text;
    else
      numbers_[feature][row] =
          predictor_.encode(feature, {.kind = forest::Cell::Kind::Text, .text = text}, unread);
    return;
  }
  const double number = chunk.doubles(column)[from];
  if (category)
    categories_[feature][row] = forest::category_text(number);
  else
    numbers_[feature][row] = number;
}

Result<void> FeatureTensors::take(const engine::Chunk& chunk) {
  for (size_t from = 0; from < chunk.rows(); ++from) {
    if (chunk.is_null(0, from))
      return data_error("predict.foreign_row",
                        fmt::format("{} made a row whose key is no request's", path_.from), {},
                        "each row must carry the key of the one request it is made from, unchanged");
    const auto row = static_cast<size_t>(chunk.bigints(0)[from]);
    if (seen_[row] != 0)
      return data_error("predict.doubled_row",
                        fmt::format("{} made several rows of row {} ({}){}", path_.from, row + 1, keys_[row],
                                    those_that(Clause::Effect::Doubles, path_.transforms)),
                        {}, "join tables by a key that each of their rows has alone");
    seen_[row] = 1;
    for (size_t f = 0; f < columns_.size(); ++f) take_feature(f, row, chunk, from);
    for (size_t h = 0; h < known_.size(); ++h) known_[h][row] = chunk.bigints(1 + columns_.size() + h)[from];
  }
  return {};
}

Result<void> FeatureTensors::finish() const {
  const auto missing = std::ranges::find(seen_, 0);
  if (missing == seen_.end()) return {};
  const auto row = static_cast<size_t>(missing - seen_.begin());
  return data_error(
      "predict.no_row",
      fmt::format("{} made no row of row {} ({}){}", path_.from, row + 1, keys_[row],
                  those_that(Clause::Effect::Drops, path_.transforms)),
      {},
      "use LEFT JOIN, and let the model's `where` choose the rows to train on: every request must "
      "get an answer");
}

bool FeatureTensors::knows_more() const {
  return std::ranges::any_of(known_,
                             [](const auto& holder) { return std::ranges::find(holder, 1) != holder.end(); });
}

std::vector<Tensor> FeatureTensors::tensors() && {
  std::vector<Tensor> out;
  const auto rows = static_cast<int64_t>(keys_.size());
  for (size_t f = 0; f < columns_.size(); ++f) {
    const forest::Feature& feature = predictor_.package().features[f];
    Tensor& tensor = out.emplace_back(Tensor{feature.name, feature.category ? "BYTES" : "FP64", {rows}});
    tensor.numbers = std::move(numbers_[f]);
    for (const auto& text : categories_[f]) {
      if (text)
        tensor.texts.add(*text);
      else
        tensor.texts.add_missing();
    }
  }
  return out;
}

}  // namespace tidemill::serving
