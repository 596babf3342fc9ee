#include "pipeline/predictors.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "pipeline/columns.hpp"
#include "pipeline/outline.hpp"

namespace tidemill::pipeline {

namespace {

constexpr size_t kRowsAtOnce = 64;

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The column of the batch that each feature is.
Result<std::vector<size_t>> feature_places(const forest::Predictor& predictor,
                                           const engine::PredictBatch& batch) {
  // Asked of every two thousand rows: not each feature against each column.
  std::unordered_map<std::string, size_t> known;
  for (size_t i = 0; i < batch.columns.size(); ++i)
    known.try_emplace(engine::folded_name(batch.columns[i].name), i);
  std::vector<size_t> places;
  for (const forest::Feature& feature : predictor.package().features)
    if (const auto found = known.find(engine::folded_name(feature.name)); found != known.end())
      places.push_back(found->second);
  if (places.size() == predictor.package().features.size()) return places;
  const MissingFeatures missing = missing_features(predictor.package(), batch.columns);
  return user_error("predict.missing_feature",
                    fmt::format("predict('{}'): the row has no column{} {}", batch.model,
                                missing.names.size() > 1 ? "s" : "", quoted_list(missing.names)),
                    {}, missing.hint);
}

/// Of a column of numbers, as texts.
std::vector<std::string> texts_of(std::span<const double> numbers) {
  std::vector<std::string> out;
  for (const double number : numbers) out.push_back(std::isnan(number) ? "" : forest::category_text(number));
  return out;
}

/// The first of these texts that encoding counts so, as far as it is shown.
std::string first_counted(const forest::Predictor& predictor, size_t feature,
                          std::span<const std::string_view> texts, int64_t forest::InputCounts::* kind) {
  for (const std::string_view text : texts) {
    forest::InputCounts counts;
    if (text.data() != nullptr)
      predictor.encode(feature, {.kind = forest::Cell::Kind::Text, .text = text}, counts);
    if (counts.*kind > 0) return std::string(text.substr(0, kMostTextShown));
  }
  return "";
}

std::unexpected<Error> unknown_category(const forest::Predictor& predictor, size_t feature,
                                        const engine::Column& column,
                                        std::span<const std::string_view> texts) {
  const forest::Package& package = predictor.package();
  const std::vector<std::string>& levels = package.features[feature].levels;
  const std::string seen = first_counted(predictor, feature, texts, &forest::InputCounts::refused);
  std::string hint = did_you_mean(seen, levels);
  hint += fmt::format("{}NULL is taken as missing", hint.empty() ? "" : " ");
  return std::unexpected(
      Error{.kind = ErrorKind::Data,
            .code = "predict.unknown_category",
            .message = fmt::format("column {} holds '{}', which is none of the categories that "
                                   "{} was trained with",
                                   engine::quote_name(column.name), seen, package.model),
            .where = {.what = "column " + column.name},
            .seen = seen,
            .expected = quoted_list(levels),
            .hint = std::move(hint)});
}

std::unexpected<Error> not_a_number(const forest::Predictor& predictor, size_t feature,
                                    const engine::Column& column, std::span<const std::string_view> texts) {
  const std::string seen = first_counted(predictor, feature, texts, &forest::InputCounts::unreadable);
  return std::unexpected(Error{
      .kind = ErrorKind::Data,
      .code = "predict.not_a_number",
      .message = fmt::format("column {} ({}) holds '{}', which is no number, and {} takes numbers there",
                             engine::quote_name(column.name), column.type, seen, predictor.package().model),
      .where = {.what = "column " + column.name},
      .seen = seen,
      .hint = fmt::format("mend the value, or leave it empty where it is not known; in SQL, "
                          "TRY_CAST({} AS DOUBLE) makes what is no number NULL",
                          engine::quote_name(column.name))});
}

std::unexpected<Error> beyond_floats(const forest::Predictor& predictor, const engine::Column& column,
                                     std::string seen) {
  return std::unexpected(Error{
      .kind = ErrorKind::Data,
      .code = "predict.range",
      .message = fmt::format("column {} ({}) holds {}, which the floats of {} cannot hold",
                             engine::quote_name(column.name), column.type, seen, predictor.package().model),
      .where = {.what = "column " + column.name},
      .seen = std::move(seen),
      .hint = "floats end at 3.4e38: leave the value empty where it is not known, or scale the column"});
}

/// The first of these numbers that a model of floats cannot hold.
std::string first_beyond_floats(const forest::Predictor& predictor, size_t feature,
                                std::span<const double> numbers) {
  for (const double number : numbers) {
    forest::InputCounts counts;
    predictor.encode(feature, {.kind = forest::Cell::Kind::Number, .number = number, .text = {}}, counts);
    if (counts.beyond_floats > 0) return fmt::format("{}", number);
  }
  return "";
}

/// T: float for XGBoost's models, double for LightGBM's.
template <class T>
Result<std::vector<double>> scores_of(const forest::Predictor& predictor, const engine::PredictBatch& batch,
                                      const std::vector<size_t>& places) {
  std::vector<engine::PredictColumn> columns;
  columns.reserve(places.size());
  for (const size_t place : places) columns.push_back(batch.read(place));
  std::vector<T> rows(batch.rows * places.size());
  forest::InputCounts counts;
  // A few rows at a time, which stay in the nearest cache until all their columns are there.
  for (size_t at = 0; at < batch.rows; at += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, batch.rows - at);
    T* out = rows.data() + at * places.size();
    for (size_t f = 0; f < places.size(); ++f) {
      const engine::PredictColumn& column = columns[f];
      if (column.texts.empty()) {
        const auto numbers = std::span(column.numbers).subspan(at, count);
        predictor.encode_numbers(f, numbers, out + f, counts);
        if (counts.beyond_floats > 0)
          return beyond_floats(predictor, batch.columns[places[f]],
                               first_beyond_floats(predictor, f, numbers));
        if (counts.refused == 0) continue;
        const std::vector<std::string> texts = texts_of(numbers);
        std::vector<std::string_view> views;
        for (const std::string& text : texts)
          views.push_back(text.empty() ? std::string_view() : std::string_view(text));
        return unknown_category(predictor, f, batch.columns[places[f]], views);
      }
      const auto texts = std::span(column.texts).subspan(at, count);
      predictor.encode_texts(f, texts, out + f, counts);
      if (counts.refused > 0) return unknown_category(predictor, f, batch.columns[places[f]], texts);
      if (counts.unreadable > 0) return not_a_number(predictor, f, batch.columns[places[f]], texts);
      if (counts.beyond_floats > 0)
        return beyond_floats(predictor, batch.columns[places[f]],
                             first_counted(predictor, f, texts, &forest::InputCounts::beyond_floats));
    }
  }
  std::vector<double> scores(batch.rows * predictor.outputs());
  predictor.predict(std::span<const T>(rows), scores);
  return scores;
}

forest::ObjectReader reader_of(const registry::Registry& registry) {
  return [&registry](const std::string& object) { return registry.read_object(object); };
}

}  // namespace

MissingFeatures missing_features(const forest::Package& package, const std::vector<engine::Column>& columns) {
  MissingFeatures missing;
  std::set<std::string> taken;
  for (const forest::Feature& feature : package.features) {
    if (has_column(columns, feature.name))
      taken.insert(engine::folded_name(feature.name));
    else
      missing.names.push_back(feature.name);
  }
  std::vector<std::string> free;
  for (const engine::Column& column : columns)
    if (!taken.contains(engine::folded_name(column.name))) free.push_back(column.name);
  missing.hint = did_you_mean_each(missing.names, free);
  return missing;
}

std::function<bool(const std::string& column)> numbers_of(const forest::Package& package) {
  std::set<std::string> names;
  for (const forest::Feature& feature : package.features)
    if (!feature.category) names.insert(engine::folded_name(feature.name));
  return [names = std::move(names)](const std::string& column) {
    return names.contains(engine::folded_name(column));
  };
}

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
  // late@7 is the same for ever and is kept under its own name, which no package has. What late@champion is,
  // the registry knows: a statement of SQLite for every two thousand rows, one thread at a time.
  const std::string name = reference.substr(0, reference.find('#'));
  const bool numbered = is_number(parse_reference(name).version);
  if (numbered) {
    const std::lock_guard lock(mutex_);
    if (const auto found = loaded_.find(name); found != loaded_.end()) return found->second;
  }
  TM_TRY(const registry::Version version, this->version(reference));
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = loaded_.find(version.package); found != loaded_.end())
      return numbered ? loaded_.emplace(name, found->second).first->second : found->second;
  }
  TM_TRY(std::shared_ptr<const forest::Predictor> predictor,
         forest::load_predictor(version.package, reader_of(registry_)));
  const std::lock_guard lock(mutex_);
  if (numbered) loaded_.emplace(name, predictor);
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
