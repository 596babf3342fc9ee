#include "statistics/metrics.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "statistics/additive.hpp"
#include "statistics/ranked.hpp"

namespace tidemill::statistics {
namespace {

constexpr std::array kBinary{Task::Binary};
constexpr std::array kMulticlass{Task::Multiclass};
constexpr std::array kClasses{Task::Binary, Task::Multiclass};
constexpr std::array kRegression{Task::Regression};

constexpr std::array kMetrics{
    Metric{"roc_auc", kBinary, true, Needs::Score},
    Metric{"pr_auc", kBinary, true, Needs::Score},
    Metric{"log_loss", kClasses, false, Needs::Score},
    Metric{"brier", kBinary, false, Needs::Score},
    Metric{"ece", kBinary, false, Needs::Score},
    Metric{"accuracy", kClasses, true, Needs::Decision},
    Metric{"precision", kBinary, true, Needs::Decision},
    Metric{"recall", kBinary, true, Needs::Decision},
    Metric{"f1", kBinary, true, Needs::Decision},
    Metric{"macro_precision", kMulticlass, true, Needs::Decision},
    Metric{"macro_recall", kMulticlass, true, Needs::Decision},
    Metric{"macro_f1", kMulticlass, true, Needs::Decision},
    Metric{"micro_precision", kMulticlass, true, Needs::Decision},
    Metric{"micro_recall", kMulticlass, true, Needs::Decision},
    Metric{"micro_f1", kMulticlass, true, Needs::Decision},
    Metric{"rmse", kRegression, false, Needs::Score},
    Metric{"mae", kRegression, false, Needs::Score},
    Metric{"r2", kRegression, true, Needs::Score},
    Metric{"wape", kRegression, false, Needs::Score},
    Metric{"mase", kRegression, false, Needs::Score},
    Metric{"mape", kRegression, false, Needs::Score},
};

bool finite(Numbers numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); });
}

/// What is wrong with the input, or nothing.
std::string mistake(const Evaluation& e) {
  const size_t rows = e.labels.size();
  const size_t outputs = e.task == Task::Multiclass ? e.outputs : 1;
  if (outputs == 0) return "a multiclass evaluation needs the number of classes";
  if (e.scores.size() != rows * outputs)
    return fmt::format("{} labels need {} scores, not {}", rows, rows * outputs, e.scores.size());
  if (!e.weights.empty() && e.weights.size() != rows)
    return fmt::format("{} labels need {} weights, not {}", rows, rows, e.weights.size());
  for (const double weight : e.weights)
    if (!(weight >= 0) || !std::isfinite(weight))
      return fmt::format("a weight must be 0 or more, not {}", weight);
  if (e.task == Task::Regression) return {};
  const double classes = e.task == Task::Binary ? 2 : static_cast<double>(outputs);
  for (const double label : e.labels)
    if (!(label >= 0 && label < classes && label == std::floor(label)))
      return fmt::format("a label must be a whole number from 0 to {}, not {}", classes - 1, label);
  return {};
}

/// For the functions that take plain numbers: nothing where the input is wrong.
Maybe named(std::string_view name, const Evaluation& e) {
  const Result<Maybe> value = compute(name, e);
  return value ? *value : Maybe();
}

Maybe binary(std::string_view name, Numbers labels, Numbers scores, Numbers weights) {
  return named(name, {.task = Task::Binary, .labels = labels, .scores = scores, .weights = weights});
}
Maybe regression(std::string_view name, Numbers targets, Numbers predictions, Numbers weights,
                 Maybe scale = {}) {
  return named(name, {.task = Task::Regression,
                      .labels = targets,
                      .scores = predictions,
                      .weights = weights,
                      .naive_error = scale});
}
Evaluation multiclass(Numbers labels, Numbers scores, size_t classes, Numbers weights) {
  return {
      .task = Task::Multiclass, .labels = labels, .scores = scores, .outputs = classes, .weights = weights};
}

}  // namespace

bool Metric::serves(Task task) const { return std::find(tasks.begin(), tasks.end(), task) != tasks.end(); }

std::span<const Metric> metrics() { return kMetrics; }

const Metric* find_metric(std::string_view name) {
  const auto found =
      std::find_if(kMetrics.begin(), kMetrics.end(), [&](const Metric& m) { return m.name == name; });
  return found == kMetrics.end() ? nullptr : &*found;
}

std::vector<std::string> metric_names(Task task) {
  std::vector<std::string> names;
  for (const Metric& metric : kMetrics)
    if (metric.serves(task)) names.emplace_back(metric.name);
  return names;
}

namespace {
Result<void> check_evaluation(std::string_view name, const Evaluation& e) {
  const Metric* metric = find_metric(name);
  const std::vector<std::string> possible = metric_names(e.task);
  if (metric == nullptr)
    return user_error("metric.unknown", fmt::format("there is no metric '{}'", name), {},
                      did_you_mean(name, possible));
  if (!metric->serves(e.task))
    return user_error("metric.wrong_task", fmt::format("metric '{}' does not fit this task", name), {},
                      fmt::format("possible: {}", fmt::join(possible, ", ")));
  if (std::string problem = mistake(e); !problem.empty())
    return data_error("metric.bad_input", std::move(problem));
  return {};
}
}  // namespace

Result<Maybe> compute(std::string_view name, const Evaluation& e) {
  TM_CHECK(check_evaluation(name, e));
  if (!finite(e.scores) || !finite(e.labels)) return Maybe();
  if (is_ranked(name)) {
    const double once = 1;
    return Ranked(e.labels, e.scores, e.weights, {}).compute(name, {&once, 1});
  }
  const std::optional<Additive> metric = additive_metric(name, e);
  if (!metric) return internal_error("metric.unknown", fmt::format("metric '{}' has no definition", name));
  return total(*metric, e.labels.size());
}

Maybe roc_auc(Numbers labels, Numbers scores, Numbers weights) {
  return binary("roc_auc", labels, scores, weights);
}
Maybe pr_auc(Numbers labels, Numbers scores, Numbers weights) {
  return binary("pr_auc", labels, scores, weights);
}
Maybe log_loss(Numbers labels, Numbers scores, Numbers weights) {
  return binary("log_loss", labels, scores, weights);
}
Maybe brier(Numbers labels, Numbers scores, Numbers weights) {
  return binary("brier", labels, scores, weights);
}

Maybe ece(Numbers labels, Numbers scores, Numbers weights, int bins) {
  const Evaluation e{.labels = labels, .scores = scores, .weights = weights};
  if (!mistake(e).empty() || !finite(scores)) return {};
  const double once = 1;
  return Ranked(labels, scores, weights, {}).ece({&once, 1}, bins);
}

std::optional<Confusion> confusion(Numbers labels, Numbers scores, double threshold, Numbers weights) {
  const Evaluation e{.labels = labels, .scores = scores, .weights = weights};
  if (!mistake(e).empty() || !finite(scores)) return {};
  Confusion c;
  for (size_t row = 0; row < labels.size(); ++row) {
    const double weight = weights.empty() ? 1.0 : weights[row];
    if (scores[row] >= threshold)
      (labels[row] == 1.0 ? c.true_positive : c.false_positive) += weight;
    else
      (labels[row] == 1.0 ? c.false_negative : c.true_negative) += weight;
  }
  return c;
}

namespace {
Maybe share(double part, double whole) { return whole > 0 ? Maybe(part / whole) : Maybe(); }
}  // namespace

Maybe accuracy(const Confusion& c) {
  return share(c.true_positive + c.true_negative,
               c.true_positive + c.true_negative + c.false_positive + c.false_negative);
}
Maybe precision(const Confusion& c) { return share(c.true_positive, c.true_positive + c.false_positive); }
Maybe recall(const Confusion& c) { return share(c.true_positive, c.true_positive + c.false_negative); }
Maybe f1(const Confusion& c) {
  return share(2 * c.true_positive, 2 * c.true_positive + c.false_positive + c.false_negative);
}

std::optional<PrecisionRecall> precision_recall(Numbers labels, Numbers scores, size_t classes,
                                                Average average, Numbers weights) {
  const Evaluation e = multiclass(labels, scores, classes, weights);
  const std::string prefix = average == Average::Macro ? "macro_" : "micro_";
  const Maybe p = named(prefix + "precision", e), r = named(prefix + "recall", e),
              f = named(prefix + "f1", e);
  if (!p || !r || !f) return {};
  return PrecisionRecall{*p, *r, *f};
}
Maybe multiclass_accuracy(Numbers labels, Numbers scores, size_t classes, Numbers weights) {
  return named("accuracy", multiclass(labels, scores, classes, weights));
}
Maybe multiclass_log_loss(Numbers labels, Numbers scores, size_t classes, Numbers weights) {
  return named("log_loss", multiclass(labels, scores, classes, weights));
}

Maybe rmse(Numbers targets, Numbers predictions, Numbers weights) {
  return regression("rmse", targets, predictions, weights);
}
Maybe mae(Numbers targets, Numbers predictions, Numbers weights) {
  return regression("mae", targets, predictions, weights);
}
Maybe r2(Numbers targets, Numbers predictions, Numbers weights) {
  return regression("r2", targets, predictions, weights);
}
Maybe wape(Numbers targets, Numbers predictions, Numbers weights) {
  return regression("wape", targets, predictions, weights);
}
Maybe mape(Numbers targets, Numbers predictions, Numbers weights) {
  return regression("mape", targets, predictions, weights);
}
Maybe mase(Numbers targets, Numbers predictions, double scale, Numbers weights) {
  return regression("mase", targets, predictions, weights, scale);
}

Maybe naive_error(Numbers series, size_t season) {
  if (season == 0 || series.size() <= season || !finite(series)) return {};
  double sum = 0;
  for (size_t t = season; t < series.size(); ++t) sum += std::abs(series[t] - series[t - season]);
  return sum / static_cast<double>(series.size() - season);
}

}  // namespace tidemill::statistics
