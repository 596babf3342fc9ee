#include "training/decide.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "statistics/calibration.hpp"

namespace tidemill::training {

namespace {

struct Rule {
  std::string metric;
  std::optional<double> at_least;
};
Rule parse(const std::string& rule) {
  const size_t bound = rule.find(">=");
  if (bound == std::string::npos) return {rule, std::nullopt};
  const auto trimmed = [](std::string text) {
    text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  const std::string number = trimmed(rule.substr(bound + 2));
  double value = NAN;
  std::from_chars(number.data(), number.data() + number.size(), value);
  return {trimmed(rule.substr(0, bound)), value};
}

/// How good a threshold is under the rule; nothing when it does not qualify.
statistics::Maybe quality(const Rule& rule, const statistics::Confusion& c) {
  if (rule.at_least) {
    const auto value = rule.metric == "precision" ? statistics::precision(c) : statistics::recall(c);
    if (!value || *value < *rule.at_least) return std::nullopt;
    // Of those that qualify, precision wants the least threshold (most positives), recall the largest.
    const double positives = c.true_positive + c.false_positive;
    return rule.metric == "precision" ? positives : -positives;
  }
  if (rule.metric == "f1") return statistics::f1(c);
  if (rule.metric == "accuracy") return statistics::accuracy(c);
  const double positives = c.true_positive + c.false_negative, negatives = c.false_positive + c.true_negative;
  if (positives <= 0 || negatives <= 0) return std::nullopt;
  return c.true_positive / positives - c.false_positive / negatives;  // Youden 1950
}

}  // namespace

Result<forest::Calibration> calibrate(const std::string& kind, Numbers labels, Numbers scores,
                                      Numbers weights) {
  if (kind == "isotonic") {
    const auto fitted = statistics::fit_isotonic(labels, scores, weights);
    if (!fitted)
      return data_error("training.calibration",
                        "isotonic calibration found no rows with weight in validation");
    return forest::Calibration{.kind = kind, .x = fitted->x, .y = fitted->y};
  }
  std::vector<double> odds;
  for (const double score : scores) odds.push_back(forest::Calibration::log_odds(score));
  const auto fitted = statistics::fit_platt(labels, odds, weights);
  if (!fitted)
    return data_error("training.calibration", "Platt calibration needs both classes in validation");
  return forest::Calibration{.kind = "platt", .a = fitted->a, .b = fitted->b};
}

Result<double> choose_threshold(const std::string& text, Numbers labels, Numbers scores, Numbers weights,
                                const Place& place) {
  const Rule rule = parse(text);
  std::vector<size_t> order(labels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  const auto weight = [&](size_t r) { return weights.empty() ? 1.0 : weights[r]; };
  statistics::Confusion c;
  for (size_t r = 0; r < labels.size(); ++r)
    (labels[r] == 1 ? c.false_negative : c.true_negative) += weight(r);
  statistics::Maybe best, threshold;
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t r = order[i];
    if (labels[r] == 1) {
      c.true_positive += weight(r);
      c.false_negative -= weight(r);
    } else {
      c.false_positive += weight(r);
      c.true_negative -= weight(r);
    }
    if (i + 1 < order.size() && scores[order[i + 1]] == scores[r]) continue;
    const auto value = quality(rule, c);
    if (value && (!best || *value > *best)) {
      best = value;
      threshold = scores[r];
    }
  }
  if (!threshold)
    return data_error("training.decision",
                      fmt::format("no threshold gives {} on the {} rows of validation", text, labels.size()),
                      place, "ask for less, or set decision.threshold");
  return *threshold;
}

Result<double> conformal_half_width(double coverage, Numbers targets, Numbers predictions,
                                    const Place& place) {
  std::vector<double> errors(targets.size());
  for (size_t r = 0; r < targets.size(); ++r) errors[r] = std::abs(targets[r] - predictions[r]);
  const double wanted = std::ceil(static_cast<double>(errors.size() + 1) * coverage - 1e-9);
  if (wanted < 1 || wanted > static_cast<double>(errors.size()))
    return data_error(
        "training.conformal",
        fmt::format("{} rows of validation are too few for a coverage of {}", errors.size(), coverage), place,
        "give validation more rows, or ask for less coverage");
  const auto nth = errors.begin() + static_cast<std::ptrdiff_t>(wanted) - 1;
  std::nth_element(errors.begin(), nth, errors.end());
  return *nth;
}

}  // namespace tidemill::training
