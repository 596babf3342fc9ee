#include "pipeline/predictors.hpp"

#include <fmt/format.h>

#include "engine/names.hpp"
#include "pipeline/columns.hpp"
#include "pipeline/outline.hpp"

namespace tidemill::pipeline {

namespace {

/// The column of the batch that each feature is.
Result<std::vector<size_t>> feature_places(const forest::Predictor& predictor,
                                           const engine::PredictBatch& batch) {
  std::vector<size_t> places;
  for (const forest::Feature& feature : predictor.package().features) {
    const auto found = std::find_if(
        batch.columns.begin(), batch.columns.end(),
        [&](const engine::Column& column) { return engine::same_name(column.name, feature.name); });
    if (found == batch.columns.end())
      return user_error("predict.missing_feature",
                        fmt::format("predict('{}'): the row has no column '{}'", batch.model, feature.name),
                        {}, did_you_mean(feature.name, names_of(batch.columns)));
    places.push_back(static_cast<size_t>(found - batch.columns.begin()));
  }
  return places;
}

/// T: float for XGBoost's models, double for LightGBM's.
template <class T>
std::vector<double> scores_of(const forest::Predictor& predictor, const engine::PredictBatch& batch,
                              const std::vector<size_t>& places) {
  std::vector<T> rows(batch.rows * places.size());
  forest::InputCounts counts;
  for (size_t f = 0; f < places.size(); ++f) {
    const engine::PredictColumn column = batch.read(places[f]);
    if (column.texts.empty())
      predictor.encode_numbers(f, column.numbers, rows.data() + f, counts);
    else
      predictor.encode_texts(f, column.texts, rows.data() + f, counts);
  }
  std::vector<double> scores(batch.rows * predictor.outputs());
  predictor.predict(std::span<const T>(rows), scores);
  return scores;
}

forest::ObjectReader reader_of(const registry::Registry& registry) {
  return [&registry](const std::string& object) { return registry.read_object(object); };
}

}  // namespace

Result<forest::Package> load_package(const registry::Registry& registry, const registry::Version& version) {
  return forest::load_package(version.package, reader_of(registry));
}

void Predictors::set_champion(const std::string& model, const registry::Version& version) {
  const std::lock_guard lock(mutex_);
  champions_[model] = version;
}

Result<registry::Version> Predictors::version(const std::string& reference) {
  const ModelReference parsed = parse_reference(reference.substr(0, reference.find('#')));
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = champions_.find(parsed.model);
        found != champions_.end() && parsed.version == "champion")
      return found->second;
  }
  return registry_.version(parsed.model, parsed.version);
}

Result<std::shared_ptr<const forest::Predictor>> Predictors::find(const std::string& reference) {
  TM_TRY(const registry::Version version, this->version(reference));
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = loaded_.find(version.package); found != loaded_.end()) return found->second;
  }
  TM_TRY(std::shared_ptr<const forest::Predictor> predictor,
         forest::load_predictor(version.package, reader_of(registry_)));
  const std::lock_guard lock(mutex_);
  return loaded_.emplace(version.package, std::move(predictor)).first->second;
}

Result<std::vector<double>> Predictors::predict(const engine::PredictBatch& batch) {
  TM_TRY(const std::shared_ptr<const forest::Predictor> predictor, find(batch.model));
  size_t output = 0;
  if (const size_t hash = batch.model.find('#'); hash != std::string::npos) {
    const std::string digits = batch.model.substr(hash + 1);
    if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos)
      return user_error("predict.output",
                        fmt::format("predict('{}'): '#' wants the number of an output", batch.model));
    output = std::stoul(digits);
  }
  const size_t outputs = predictor->outputs();
  if (output >= outputs)
    return user_error("predict.output",
                      fmt::format("predict('{}'): the model has {} outputs", batch.model, outputs));
  TM_TRY(std::vector<double> scores, score_batch(*predictor, batch));
  if (outputs == 1) return scores;
  std::vector<double> one(batch.rows);
  for (size_t row = 0; row < batch.rows; ++row) one[row] = scores[row * outputs + output];
  return one;
}

Result<std::vector<double>> score_batch(const forest::Predictor& predictor,
                                        const engine::PredictBatch& batch) {
  TM_TRY(const std::vector<size_t> places, feature_places(predictor, batch));
  if (predictor.forest().precision == forest::Precision::Double)
    return scores_of<double>(predictor, batch, places);
  return scores_of<float>(predictor, batch, places);
}

}  // namespace tidemill::pipeline
