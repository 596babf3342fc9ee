#include "statistics/attribution.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tidemill::statistics {
namespace {

bool all_finite_and_not_negative(Numbers numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](double x) { return x >= 0 && std::isfinite(x); });
}

std::vector<size_t> falling(Numbers numbers) {
  std::vector<size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return numbers[a] > numbers[b]; });
  return order;
}

/// Σ relevance/log₂(place + 1) by falling score, equal scores sharing their places.
double discounted_gain(Numbers relevance, Numbers scores) {
  const std::vector<size_t> order = falling(scores);
  double gain = 0;
  for (size_t first = 0, last = 0; first < order.size(); first = last) {
    double relevant = 0, discounts = 0;
    for (; last < order.size() && scores[order[last]] == scores[order[first]]; ++last) {
      relevant += relevance[order[last]];
      discounts += 1 / std::log2(static_cast<double>(last) + 2);
    }
    gain += relevant * discounts / static_cast<double>(last - first);
  }
  return gain;
}

}  // namespace

std::optional<std::vector<double>> mean_absolute_contributions(Numbers contributions, size_t outputs,
                                                               size_t features, Numbers weights) {
  const size_t row_size = outputs * (features + 1);
  if (row_size == 0 || contributions.size() % row_size != 0) return {};
  const size_t rows = contributions.size() / row_size;
  if ((!weights.empty() && weights.size() != rows) || !all_finite_and_not_negative(weights)) return {};
  std::vector<double> sums(features, 0.0);
  double total = 0;
  for (size_t row = 0; row < rows; ++row) {
    const double weight = weights.empty() ? 1.0 : weights[row];
    total += weight;
    for (size_t output = 0; output < outputs; ++output) {
      const Numbers here = contributions.subspan(row * row_size + output * (features + 1), features);
      for (size_t f = 0; f < features; ++f) sums[f] += weight * std::abs(here[f]);
    }
  }
  if (!(total > 0)) return {};
  for (double& sum : sums) sum /= total * static_cast<double>(outputs);
  if (!all_finite_and_not_negative(sums)) return {};
  return sums;
}

Maybe attribution_ndcg(Numbers reference, Numbers current) {
  if (reference.size() != current.size() || !all_finite_and_not_negative(reference) ||
      !all_finite_and_not_negative(current))
    return {};
  const double ideal = discounted_gain(reference, reference);
  if (!(ideal > 0)) return {};
  return discounted_gain(reference, current) / ideal;
}

}  // namespace tidemill::statistics
