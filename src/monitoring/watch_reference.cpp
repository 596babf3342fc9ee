#include "monitoring/watch_reference.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "monitoring/column_rules.hpp"
#include "monitoring/log_table.hpp"

namespace tidemill::monitoring {

namespace {

using Rule = project::PredictionLog::Column::Rule;

/// The package's baseline of it, null where it has none.
const Json* baseline_in(const Json& json, const std::string& name) {
  const auto found = json.find(name);
  return json.is_object() && found != json.end() && found->is_object() ? &*found : nullptr;
}

/// Why a feature cannot be watched by what the log keeps of it; empty: it can.
std::string hidden_by(const project::PredictionLog::Column& said, const forest::Feature& feature) {
  switch (said.rule) {
    case Rule::Drop:
      return "the log does not keep it (drop)";
    case Rule::Bucket:
      return feature.category
                 ? "the log does not keep it (a bucket of a text)"
                 : fmt::format("the log keeps it in buckets of {}, training had its values", said.width);
    case Rule::Hash:
      return feature.category ? "" : "the log keeps only hashes of it";
    case Rule::Known:
    case Rule::Keep:
      break;
  }
  return "";
}

/// The texts that the log may have of a category, and where each is counted.
TextPlaces places_of(const forest::Feature& feature, const statistics::LevelBins& bins, Rule rule,
                     const Secret& key) {
  TextPlaces places(bins);
  const auto know = [&](const std::string& text, size_t place) {
    places.know(rule == Rule::Hash ? hashed(key, text) : text, place);
  };
  for (const std::string& level : feature.levels) know(level, bins.place_of(level));
  for (const std::string& rare : feature.folded) know(rare, bins.place_of(feature.other_level));
  // An empty text that is no category is missing, as the model takes it.
  know("", 0);
  if (rule == Rule::Known) places.know(hashed(key, ""), 0);
  return places;
}

Result<WatchedColumn> feature_column(const forest::Feature& feature, const Json* baseline,
                                     const project::PredictionLog::Column& said, const Secret& key) {
  WatchedColumn column;
  column.name = feature.name;
  column.hidden = hidden_by(said, feature);
  column.tells_missing = said.rule == Rule::Bucket && !feature.category;
  statistics::Baseline& bins = column.reference.baseline;
  if (baseline != nullptr) {
    TM_TRY(column.reference, read_reference(*baseline));
    column.has_reference = true;
    const auto kind =
        feature.category ? statistics::Baseline::Kind::Level : statistics::Baseline::Kind::Number;
    if (bins.kind != kind)
      return data_error("baseline.malformed", fmt::format("{}: not of its feature's kind", feature.name));
  } else if (feature.category) {
    bins.kind = statistics::Baseline::Kind::Level;
    bins.levels.levels.assign(feature.levels.begin(),
                              feature.levels.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                           feature.levels.size(), statistics::kMaxLevels)));
  }
  if (feature.category)
    column.texts = places_of(feature, bins.levels, said.rule, key);
  else
    column.numbers.emplace(bins.numbers);
  return column;
}

Result<WatchedColumn> score_column(std::string name, std::string stored, const Json* baseline) {
  WatchedColumn column;
  column.name = std::move(name);
  column.stored = std::move(stored);
  column.is_score = true;
  if (baseline != nullptr) {
    TM_TRY(column.reference, read_reference(*baseline));
    column.has_reference = true;
  }
  column.numbers.emplace(column.reference.baseline.numbers);
  return column;
}

}  // namespace

CountedColumn WatchedColumn::counted() const {
  const statistics::Baseline& bins = reference.baseline;
  return {stored, numbers ? &*numbers : nullptr, texts ? &*texts : nullptr,
          texts ? bins.levels.places() : bins.numbers.places()};
}

const WatchedColumn* VersionReference::find(const std::string& name) const {
  const WatchedColumn* by_case = nullptr;
  for (const WatchedColumn& column : columns) {
    if (column.name == name) return &column;
    if (engine::same_name(column.name, name)) by_case = &column;
  }
  return by_case;
}

std::vector<std::string> answer_names(const forest::Package& package) {
  switch (package.task) {
    case forest::Task::Binary:
      return {"score", "decision"};
    case forest::Task::Regression:
      return package.conformal_half_width ? std::vector<std::string>{"prediction", "low", "high"}
                                          : std::vector<std::string>{"prediction"};
    case forest::Task::Multiclass:
      break;
  }
  std::vector<std::string> names;
  for (const std::string& label : package.classes) names.push_back("score_" + label);
  names.emplace_back("label");
  return names;
}

std::vector<std::string> stored_names(const forest::Package& package) {
  std::set<std::string> taken;
  for (const engine::GivenColumn& column : own_columns()) taken.insert(engine::folded_name(column.name));
  for (const std::string& name : answer_names(package)) taken.insert(engine::folded_name(name));
  std::vector<std::string> names;
  for (const forest::Feature& feature : package.features) {
    std::string name = feature.name;
    while (!taken.insert(engine::folded_name(name)).second) name.insert(0, "input_");
    names.push_back(std::move(name));
  }
  return names;
}

Result<VersionReference> reference_of(int number, std::shared_ptr<const forest::Package> package,
                                      const project::PredictionLog& log, const Path& home) {
  VersionReference reference{number, std::move(package), {}};
  const forest::Package& of = *reference.package;
  Secret key;
  if (std::ranges::any_of(of.features, &forest::Feature::category)) {
    TM_TRY(key, hash_key(home));
  }
  const Json* inputs = baseline_in(of.baseline, "inputs");
  const std::vector<std::string> stored = stored_names(of);
  for (size_t f = 0; f < of.features.size(); ++f) {
    const forest::Feature& feature = of.features[f];
    TM_TRY(WatchedColumn column,
           feature_column(feature, inputs == nullptr ? nullptr : baseline_in(*inputs, feature.name),
                          log.column(feature.name), key));
    column.stored = stored[f];
    reference.columns.push_back(std::move(column));
  }
  const Json* score = baseline_in(of.baseline, "score");
  if (of.task != forest::Task::Multiclass) {
    TM_TRY(WatchedColumn column, score_column("score", answer_names(of)[0], score));
    reference.columns.push_back(std::move(column));
    return reference;
  }
  for (const std::string& label : of.classes) {
    TM_TRY(WatchedColumn column, score_column("score_" + label, "score_" + label,
                                              score == nullptr ? nullptr : baseline_in(*score, label)));
    reference.columns.push_back(std::move(column));
  }
  return reference;
}

}  // namespace tidemill::monitoring
