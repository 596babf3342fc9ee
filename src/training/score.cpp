// Batch scoring: rows of a relation through the same encoding and predictor that serve requests.
#include <fmt/format.h>

#include "engine/names.hpp"
#include "training/columns.hpp"
#include "training/training.hpp"

namespace tidemill::training {

Result<void> score(engine::Connection& connection, const std::string& relation,
                   const forest::Predictor& predictor, const std::vector<std::string>& key,
                   const std::function<Result<void>(const ScoredBatch&)>& callback) {
  TM_TRY(const std::vector<engine::Column> columns, connection.describe("SELECT * FROM " + relation));
  TM_TRY(const FeatureReader reader, FeatureReader::make(predictor, columns));
  std::string list;
  for (const std::string& name : key) {
    const engine::Column* column = engine::find_column(columns, name);
    if (!column)
      return user_error("training.missing_column",
                        fmt::format("the key {} of model {} is missing", name, predictor.package().model));
    list += (list.empty() ? "" : ", ") + expression(column->name, Reading::Text);
  }
  for (const std::string& one : reader.expressions()) list += (list.empty() ? "" : ", ") + one;
  const size_t features = predictor.forest().features;
  std::vector<double> rows;
  const auto take = [&](const engine::Chunk& chunk) -> Result<void> {
    const size_t count = chunk.rows();
    ScoredBatch batch{.keys = {},
                      .scores = std::vector<double>(count * predictor.outputs()),
                      .outputs = predictor.outputs(),
                      .counts = {}};
    rows.resize(count * features);
    for (size_t r = 0; r < count; ++r) {
      std::vector<std::string>& texts = batch.keys.emplace_back(key.size());
      for (size_t k = 0; k < key.size(); ++k)
        if (!chunk.is_null(k, r)) texts[k] = chunk.varchar(k, r);
      reader.read(chunk, key.size(), r, rows.data() + r * features, batch.counts);
    }
    predictor.predict(rows, batch.scores);
    return callback(batch);
  };
  TM_CHECK(connection.for_each_chunk(fmt::format("SELECT {} FROM {}", list, relation), take));
  return {};
}

}  // namespace tidemill::training
