#include "statistics/curves.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tidemill::statistics {

namespace {

constexpr double kLeastStep = 0.01;

bool is_drawable(Numbers labels, Numbers scores, Numbers weights) {
  const auto is_finite = [](double x) { return std::isfinite(x); };
  return !labels.empty() && labels.size() == scores.size() &&
         (weights.empty() || weights.size() == labels.size()) && std::ranges::all_of(labels, is_finite) &&
         std::ranges::all_of(scores, is_finite) &&
         std::ranges::all_of(weights, [&](double weight) { return is_finite(weight) && weight >= 0; });
}

std::vector<size_t> by_score(Numbers scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  return order;
}

double weight_of(Numbers weights, size_t row) { return weights.empty() ? 1 : weights[row]; }

}  // namespace

std::vector<RocPoint> roc_curve(Numbers labels, Numbers scores, Numbers weights) {
  if (!is_drawable(labels, scores, weights)) return {};
  double positives = 0, negatives = 0;
  for (size_t r = 0; r < labels.size(); ++r)
    (labels[r] == 1 ? positives : negatives) += weight_of(weights, r);
  if (!(positives > 0 && negatives > 0)) return {};
  const std::vector<size_t> order = by_score(scores);
  std::vector<RocPoint> curve{{}};
  double true_positives = 0, false_positives = 0;
  for (size_t i = order.size(); i-- > 0;) {
    const size_t row = order[i];
    (labels[row] == 1 ? true_positives : false_positives) += weight_of(weights, row);
    if (i > 0 && scores[order[i - 1]] == scores[row]) continue;
    const RocPoint point{std::min(false_positives / negatives, 1.0),
                         std::min(true_positives / positives, 1.0)};
    if (i == 0) break;
    const RocPoint& last = curve.back();
    if (point.false_positive_rate - last.false_positive_rate + point.true_positive_rate -
            last.true_positive_rate >=
        kLeastStep)
      curve.push_back(point);
  }
  curve.push_back({1, 1});
  return curve;
}

std::vector<CalibrationBin> calibration_curve(Numbers labels, Numbers scores, Numbers weights, int bins) {
  if (bins < 1 || !is_drawable(labels, scores, weights)) return {};
  const std::vector<size_t> order = by_score(scores);
  double all = 0;
  for (size_t r = 0; r < labels.size(); ++r) all += weight_of(weights, r);
  if (!(all > 0)) return {};
  std::vector<CalibrationBin> sums(static_cast<size_t>(bins));
  double before = 0;
  for (size_t i = 0; i < order.size();) {
    double tied = 0, label = 0;
    size_t end = i;
    for (; end < order.size() && scores[order[end]] == scores[order[i]]; ++end) {
      tied += weight_of(weights, order[end]);
      label += weight_of(weights, order[end]) * labels[order[end]];
    }
    const double middle = (before + tied / 2) / all * bins;
    CalibrationBin& bin = sums[std::min(static_cast<size_t>(middle), sums.size() - 1)];
    bin.score += tied * scores[order[i]];
    bin.label += label;
    bin.rows += tied;
    before += tied;
    i = end;
  }
  std::erase_if(sums, [](const CalibrationBin& bin) { return !(bin.rows > 0); });
  for (CalibrationBin& bin : sums) {
    bin.score /= bin.rows;
    bin.label /= bin.rows;
  }
  return sums;
}

}  // namespace tidemill::statistics
