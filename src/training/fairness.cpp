#include "training/fairness.hpp"

#include <algorithm>

#include "engine/names.hpp"

namespace tidemill::training {

namespace {

struct Group {
  std::string value;
  size_t rows = 0;
  statistics::Confusion decisions;
};

statistics::Maybe share(double part, double whole) {
  if (!(whole > 0)) return std::nullopt;
  return part / whole;
}
statistics::Maybe selection_rate(const statistics::Confusion& c) {
  return share(c.true_positive + c.false_positive,
               c.true_positive + c.false_positive + c.true_negative + c.false_negative);
}
statistics::Maybe true_positive_rate(const statistics::Confusion& c) { return statistics::recall(c); }
statistics::Maybe false_positive_rate(const statistics::Confusion& c) {
  return share(c.false_positive, c.false_positive + c.true_negative);
}
Json or_null(const statistics::Maybe& value) { return value ? Json(*value) : Json(nullptr); }

/// The groups of a column among the test rows, the largest first, and how many rows have none.
std::vector<Group> groups_of(const EvaluateInput& input, const TextColumn& column, size_t& rows_null) {
  const Dataset& data = *input.data;
  const auto labels = data.labels_of(Part::Test), weights = data.weights_of(Part::Test);
  const double threshold = input.predictor->package().threshold.value_or(0.5);
  std::vector<Group> groups(column.texts.size());
  for (size_t r = 0; r < labels.size(); ++r) {
    const uint32_t code = column.codes[data.begin_of(Part::Test) + r];
    if (code == TextColumn::kNull) {
      ++rows_null;
      continue;
    }
    Group& group = groups[code];
    statistics::Confusion& c = group.decisions;
    ++group.rows;
    const bool selected = input.test_scores[r] >= threshold;
    double& count = labels[r] == 1 ? (selected ? c.true_positive : c.false_negative)
                                   : (selected ? c.false_positive : c.true_negative);
    count += weights.empty() ? 1 : weights[r];
  }
  for (uint32_t code = 0; code < groups.size(); ++code) groups[code].value = column.texts.text(code);
  std::erase_if(groups, [](const Group& group) { return group.rows == 0; });
  std::ranges::sort(groups, [](const Group& a, const Group& b) {
    return a.rows != b.rows ? a.rows > b.rows : a.value < b.value;
  });
  return groups;
}

/// How far a rate differs between the groups that are judged.
Json spread(const std::vector<Group>& groups, statistics::Maybe (*rate)(const statistics::Confusion&)) {
  std::vector<double> rates;
  for (const Group& group : groups)
    if (const auto value = rate(group.decisions); group.rows >= kMinRowsOfGroup && value)
      rates.push_back(*value);
  if (rates.size() < 2) return {{"difference", nullptr}, {"ratio", nullptr}};
  const auto [low, high] = std::ranges::minmax(rates);
  return {{"difference", high - low}, {"ratio", or_null(share(low, high))}};
}

}  // namespace

Json fairness_of(const EvaluateInput& input) {
  Json result = Json::array();
  if (input.data->task != forest::Task::Binary) return result;
  for (const TextColumn& column : input.data->texts) {
    const bool wanted = std::ranges::any_of(input.model->fairness_groups, [&](const std::string& name) {
      return engine::same_name(name, column.name);
    });
    if (!wanted) continue;
    size_t rows_null = 0;
    std::vector<Group> groups = groups_of(input, column, rows_null);
    const size_t left_out = groups.size() - std::min(groups.size(), kMaxGroups);
    groups.resize(groups.size() - left_out);
    Json list = Json::array();
    for (const Group& group : groups)
      list.push_back({{"value", group.value},
                      {"rows", group.rows},
                      {"judged", group.rows >= kMinRowsOfGroup},
                      {"selection_rate", or_null(selection_rate(group.decisions))},
                      {"true_positive_rate", or_null(true_positive_rate(group.decisions))},
                      {"false_positive_rate", or_null(false_positive_rate(group.decisions))}});
    result.push_back({{"column", column.name},
                      {"rows_null", rows_null},
                      {"groups_left_out", left_out},
                      {"groups", std::move(list)},
                      {"demographic_parity", spread(groups, selection_rate)},
                      {"equal_opportunity", spread(groups, true_positive_rate)}});
  }
  return result;
}

}  // namespace tidemill::training
