#include "statistics/estimated_performance.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tidemill::statistics {
namespace {

bool is_probability(double p) { return p >= 0 && p <= 1; }

/// Every row once for each label that it may have, weighing as much as the label is likely.
struct Expanded {
  std::vector<double> labels, scores, weights;
  Evaluation evaluation(const Unlabelled& rows) const {
    return {.task = rows.task,
            .labels = labels,
            .scores = scores,
            .outputs = rows.outputs,
            .weights = weights,
            .threshold = rows.threshold,
            .naive_error = {}};
  }
};

Result<void> check(std::string_view name, const Unlabelled& rows) {
  if (rows.task == Task::Regression)
    return user_error("metric.wrong_task", "only what decides between classes can be estimated");
  if (name == "ece")
    return user_error("metric.not_estimated", "ece cannot be estimated: the estimate believes that it is 0");
  const size_t classes = rows.task == Task::Binary ? 1 : rows.outputs;
  const size_t count = classes > 0 ? rows.probabilities.size() / classes : 0;
  if (rows.outputs != classes || count * classes != rows.probabilities.size() ||
      rows.scores.size() != rows.probabilities.size() ||
      (!rows.weights.empty() && rows.weights.size() != count))
    return data_error(
        "metric.bad_input",
        fmt::format("{} probabilities, {} scores and {} weights of {} outputs do not belong "
                    "together",
                    rows.probabilities.size(), rows.scores.size(), rows.weights.size(), rows.outputs));
  const auto wrong = std::find_if_not(rows.probabilities.begin(), rows.probabilities.end(), is_probability);
  if (wrong != rows.probabilities.end())
    return data_error("metric.bad_input", fmt::format("{} is no probability", *wrong));
  return {};
}

Expanded expand(const Unlabelled& rows) {
  const bool binary = rows.task == Task::Binary;
  const size_t classes = binary ? 2 : rows.outputs, count = rows.probabilities.size() / rows.outputs;
  Expanded out;
  out.labels.reserve(count * classes);
  out.weights.reserve(count * classes);
  out.scores.reserve(count * classes * rows.outputs);
  for (size_t row = 0; row < count; ++row) {
    const Numbers likely = rows.probabilities.subspan(row * rows.outputs, rows.outputs);
    const Numbers scores = rows.scores.subspan(row * rows.outputs, rows.outputs);
    double sum = 0;
    for (const double p : likely) sum += p;
    const double weight = rows.weights.empty() ? 1.0 : rows.weights[row];
    for (size_t label = 0; label < classes; ++label) {
      const double p = binary ? (label == 1 ? likely[0] : 1 - likely[0]) : sum > 0 ? likely[label] / sum : 0;
      out.labels.push_back(static_cast<double>(label));
      out.weights.push_back(weight * p);
      out.scores.insert(out.scores.end(), scores.begin(), scores.end());
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> estimated_metric_names(Task task) {
  std::vector<std::string> names;
  if (task != Task::Regression) names = metric_names(task);
  std::erase(names, "ece");
  return names;
}

std::optional<Confusion> expected_confusion(Numbers probabilities, Numbers decisions, Numbers weights) {
  if (decisions.size() != probabilities.size() ||
      (!weights.empty() && weights.size() != probabilities.size()))
    return {};
  Confusion sums;
  for (size_t row = 0; row < probabilities.size(); ++row) {
    const double p = probabilities[row], weight = weights.empty() ? 1.0 : weights[row];
    if (!is_probability(p) || (decisions[row] != 0 && decisions[row] != 1) || !(weight >= 0)) return {};
    (decisions[row] == 1 ? sums.true_positive : sums.false_negative) += weight * p;
    (decisions[row] == 1 ? sums.false_positive : sums.true_negative) += weight * (1 - p);
  }
  return sums;
}

Result<Maybe> estimate(std::string_view name, const Unlabelled& rows) {
  TM_CHECK(check(name, rows));
  const Expanded expanded = expand(rows);
  return compute(name, expanded.evaluation(rows));
}

Result<std::optional<Interval>> estimate_interval(std::string_view name, const Unlabelled& rows,
                                                  const Blocks& blocks, const BootstrapOptions& options) {
  TM_CHECK(check(name, rows));
  const Expanded expanded = expand(rows);
  const size_t copies = rows.task == Task::Binary ? 2 : rows.outputs;
  Blocks of_copies{.of_row = {}, .count = blocks.count};
  of_copies.of_row.reserve(blocks.of_row.size() * copies);
  for (const uint32_t block : blocks.of_row) of_copies.of_row.insert(of_copies.of_row.end(), copies, block);
  return bootstrap(name, expanded.evaluation(rows), of_copies, options);
}

}  // namespace tidemill::statistics
