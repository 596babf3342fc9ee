// Whether the model still leans on its features as it did in training: SHAP values of a sample of the
// window's rows.
#include <fmt/format.h>

#include "forest/shap.hpp"
#include "monitoring/watch_look.hpp"
#include "statistics/attribution.hpp"

namespace tidemill::monitoring {

namespace {

/// Of the package, by the features' order; nothing where it has none.
std::optional<std::vector<double>> in_training(const forest::Package& package) {
  const auto found = package.baseline.find("attribution");
  if (!package.baseline.is_object() || found == package.baseline.end() || !found->is_object())
    return std::nullopt;
  std::vector<double> values;
  for (const forest::Feature& feature : package.features) {
    const auto value = found->find(feature.name);
    if (value == found->end() || !value->is_number()) return std::nullopt;
    values.push_back(value->get<double>());
  }
  return values;
}

template <class T>
Result<std::vector<double>> contributions_of(const forest::Predictor& predictor, const std::vector<T>& rows) {
  TM_TRY(const forest::Explainer explainer, forest::Explainer::make(predictor.forest()));
  std::vector<double> contributions(rows.size() / predictor.package().features.size() *
                                    explainer.contributions_of_row());
  explainer.explain(rows, contributions);
  return contributions;
}

}  // namespace

Result<void> Look::attribution() {
  for (size_t v = 0; v < kept_.size(); ++v) TM_CHECK(attribution(input_.versions[v], kept_[v]->reference));
  return {};
}

Result<void> Look::attribution(const ServedVersion& version, const VersionReference& reference) {
  Cause of = cause("", reference.number);
  const auto training = in_training(*reference.package);
  if (!training) {
    add_missing(
        std::move(of), Topic::Drift,
        fmt::format("the package of version {} does not say how much each feature weighed in training: "
                    "it was trained elsewhere, or by an older release; train it again",
                    reference.number));
    return {};
  }
  std::string select;
  for (const WatchedColumn& column : reference.columns) {
    if (column.is_score) continue;
    if (!column.hidden.empty()) {
      add_missing(
          std::move(of), Topic::Drift,
          fmt::format("{}: {}, and the model cannot be explained without it", column.name, column.hidden));
      return {};
    }
    if (!has_column(column.stored)) {
      add_too_few(std::move(of), Topic::Drift, 0, "in the log");
      return {};
    }
    const std::string name = engine::quote_name(column.stored);
    select += column.texts ? fmt::format("CAST({} AS VARCHAR), ", name)
                           : fmt::format("coalesce(TRY_CAST({} AS DOUBLE), 'nan'::DOUBLE), ", name);
  }
  TM_TRY(const auto predictor, watch_.packages_.predictor(version));
  const size_t features = predictor->package().features.size();
  std::vector<double> rows;
  forest::InputCounts counts;
  TM_CHECK(connection_.for_each_chunk(
      fmt::format("SELECT {}1 FROM {} ORDER BY hash(prediction_id, \"row\"), prediction_id, \"row\" LIMIT {}",
                  select, rows_in(span_, reference.number), kMaxExplainedRows),
      [&](const engine::Chunk& chunk) -> Result<void> {
        for (size_t r = 0; r < chunk.rows(); ++r)
          for (size_t f = 0; f < features; ++f) {
            forest::Cell cell;
            if (predictor->package().features[f].category) {
              if (!chunk.is_null(f, r)) cell = {forest::Cell::Kind::Text, 0, chunk.varchar(f, r)};
            } else {
              cell = {forest::Cell::Kind::Number, chunk.doubles(f)[r], {}};
            }
            rows.push_back(predictor->encode(f, cell, counts));
          }
        return {};
      }));
  const double count = static_cast<double>(rows.size()) / static_cast<double>(std::max<size_t>(features, 1));
  if (count < static_cast<double>(monitor_.min_rows)) {
    add_too_few(std::move(of), Topic::Drift, count, "predicted");
    return {};
  }
  std::vector<double> contributions;
  if (predictor->forest().precision == forest::Precision::Double) {
    TM_TRY(contributions, contributions_of(*predictor, rows));
  } else {
    TM_TRY(contributions, contributions_of(*predictor, std::vector<float>(rows.begin(), rows.end())));
  }
  const auto now = statistics::mean_absolute_contributions(contributions, predictor->outputs(), features);
  if (!now) {
    add_missing(std::move(of), Topic::Drift, "contributions of the window's rows are not finite");
    return {};
  }
  add(evaluate_attribution(std::move(of), limits_of(monitor_), *training, *now, count));
  return {};
}

}  // namespace tidemill::monitoring
