#include "training/baseline.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "forest/shap.hpp"
#include "statistics/attribution.hpp"
#include "statistics/bins.hpp"
#include "statistics/curves.hpp"
#include "training/parallel.hpp"

namespace tidemill::training {

namespace {

std::string day_text(int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

/// The days of a part's rows, each row's place among them (SIZE_MAX: too old to keep).
struct Days {
  std::vector<int64_t> days;
  std::vector<size_t> of_row;
};
Days days_of(const Dataset& data, Part part) {
  Days result;
  if (data.days.empty()) return result;
  const auto rows = std::span(data.days).subspan(data.begin_of(part), data.rows_of(part));
  const std::set<int64_t> all(rows.begin(), rows.end());
  auto first = all.begin();
  std::advance(first, static_cast<std::ptrdiff_t>(all.size() - std::min(all.size(), kMaxBaselineDays)));
  result.days.assign(first, all.end());
  for (const int64_t day : rows) {
    const auto at = std::lower_bound(result.days.begin(), result.days.end(), day);
    result.of_row.push_back(
        at != result.days.end() && *at == day ? static_cast<size_t>(at - result.days.begin()) : SIZE_MAX);
  }
  return result;
}

Json by_day(const Days& days, size_t places, const std::function<size_t(size_t row)>& place_of) {
  std::vector<std::vector<int64_t>> counts(days.days.size(), std::vector<int64_t>(places));
  for (size_t r = 0; r < days.of_row.size(); ++r)
    if (days.of_row[r] != SIZE_MAX) ++counts[days.of_row[r]][place_of(r)];
  Json names = Json::array();
  for (const int64_t day : days.days) names.push_back(day_text(day));
  return {{"days", std::move(names)}, {"counts", counts}};
}

Json numbers(const std::vector<double>& values, const Days& days) {
  Json json = statistics::number_baseline(values);
  if (days.days.empty()) return json;
  const auto baseline = statistics::read_baseline(json);
  if (!baseline) return json;
  json["by_day"] = by_day(days, baseline->numbers.places(),
                          [&](size_t r) { return baseline->numbers.place_of(values[r]); });
  return json;
}

/// codes: NaN is missing, else an index into levels.
Json levels(const std::vector<double>& codes, const std::vector<std::string>& names, const Days& days) {
  std::vector<statistics::LevelCount> counts;
  for (const std::string& name : names) counts.push_back({name, 0});
  double missing = 0;
  for (const double code : codes) (std::isnan(code) ? missing : counts[static_cast<size_t>(code)].count) += 1;
  Json json = statistics::level_baseline(counts, missing);
  if (days.days.empty()) return json;
  const auto baseline = statistics::read_baseline(json);
  if (!baseline) return json;
  std::vector<size_t> places;
  for (const std::string& name : names) places.push_back(baseline->levels.place_of(name));
  const size_t missing_place = baseline->levels.place_of(std::nullopt);
  json["by_day"] = by_day(days, baseline->levels.places(), [&](size_t r) {
    return std::isnan(codes[r]) ? missing_place : places[static_cast<size_t>(codes[r])];
  });
  return json;
}

/// Mean |SHAP| of each feature over rows that are spread evenly over training's; null where the trees do not
/// say how many rows went where.
Json attribution(const Dataset& data, const forest::Predictor& predictor) {
  const auto explainer = forest::Explainer::make(predictor.forest());
  const size_t rows = std::min(data.rows_of(Part::Train), kMaxExplainedRows);
  if (!explainer || rows == 0) return {};
  const auto matrix = data.matrix_of(Part::Train);
  std::vector<float> sample;
  for (size_t i = 0; i < rows; ++i) {
    const auto row = matrix.subspan(i * data.rows_of(Part::Train) / rows * data.columns, data.columns);
    sample.insert(sample.end(), row.begin(), row.end());
  }
  std::vector<double> contributions(rows * explainer->contributions_of_row());
  explainer->explain(sample, contributions);
  const auto means =
      statistics::mean_absolute_contributions(contributions, predictor.outputs(), data.columns);
  if (!means) return {};
  Json json = Json::object();
  for (size_t f = 0; f < data.columns; ++f) json[data.features[f].name] = (*means)[f];
  return json;
}

Json target_baseline(const Dataset& data, const Days& days) {
  const auto labels = data.labels_of(Part::Train);
  const std::vector<double> values(labels.begin(), labels.end());
  if (data.task == forest::Task::Regression) return numbers(values, days);
  return levels(values, data.classes.empty() ? std::vector<std::string>{"0", "1"} : data.classes, days);
}

/// Of the test rows; null for a task whose curves nobody draws.
Json curves_of(const Dataset& data, const std::vector<double>& scores) {
  if (data.task == forest::Task::Multiclass) return {};
  const auto labels = data.labels_of(Part::Test), weights = data.weights_of(Part::Test);
  Json calibration = Json::array();
  for (const statistics::CalibrationBin& bin : statistics::calibration_curve(labels, scores, weights))
    calibration.push_back({{"score", bin.score}, {"label", bin.label}, {"rows", bin.rows}});
  Json curves = {{"calibration", std::move(calibration)}};
  if (data.task == forest::Task::Regression) return curves;
  Json roc = Json::array();
  for (const statistics::RocPoint& point : statistics::roc_curve(labels, scores, weights))
    roc.push_back({point.false_positive_rate, point.true_positive_rate});
  curves["roc"] = std::move(roc);
  return curves;
}

}  // namespace

Json baseline_of(const Dataset& data, const forest::Predictor& predictor, const std::vector<double>& scores,
                 int threads) {
  const Days train_days = days_of(data, Part::Train), test_days = days_of(data, Part::Test);
  const auto matrix = data.matrix_of(Part::Train);
  const size_t rows = data.rows_of(Part::Train);
  std::vector<Json> inputs(data.columns);
  in_parallel(threads, data.columns, [&](size_t f) {
    std::vector<double> values(rows);
    for (size_t r = 0; r < rows; ++r) values[r] = double{matrix[r * data.columns + f]};
    inputs[f] = data.features[f].category ? levels(values, data.features[f].levels, train_days)
                                          : numbers(values, train_days);
  });
  Json result = {{"inputs", Json::object()}};
  for (size_t f = 0; f < data.columns; ++f) result["inputs"][data.features[f].name] = std::move(inputs[f]);

  const size_t outputs = predictor.outputs(), tested = data.rows_of(Part::Test);
  std::vector<double> decisions(tested);
  if (outputs == 1) {
    result["score"] = numbers(scores, test_days);
    const double threshold = predictor.package().threshold.value_or(0.5);
    for (size_t r = 0; r < tested; ++r) decisions[r] = scores[r] >= threshold ? 1 : 0;
  } else {
    result["score"] = Json::object();
    for (size_t k = 0; k < outputs; ++k) {
      std::vector<double> values(tested);
      for (size_t r = 0; r < tested; ++r) values[r] = scores[r * outputs + k];
      result["score"][data.classes[k]] = numbers(values, test_days);
    }
    for (size_t r = 0; r < tested; ++r) {
      const auto row = scores.begin() + static_cast<std::ptrdiff_t>(r * outputs);
      decisions[r] =
          static_cast<double>(std::max_element(row, row + static_cast<std::ptrdiff_t>(outputs)) - row);
    }
  }
  if (data.task != forest::Task::Regression)
    result["decision"] = levels(
        decisions, data.classes.empty() ? std::vector<std::string>{"0", "1"} : data.classes, test_days);
  result["target"] = target_baseline(data, train_days);
  if (Json means = attribution(data, predictor); !means.is_null()) result["attribution"] = std::move(means);
  if (Json curves = curves_of(data, scores); !curves.is_null()) result["curves"] = std::move(curves);
  return result;
}

}  // namespace tidemill::training
