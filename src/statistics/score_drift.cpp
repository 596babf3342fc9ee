#include "statistics/score_drift.hpp"

#include <algorithm>
#include <cmath>

#include "statistics/distances.hpp"

namespace tidemill::statistics {
namespace {

constexpr size_t kMostScores = 10'000;

std::vector<double> sorted_present(Numbers values) {
  std::vector<double> sorted;
  std::ranges::copy_if(values, std::back_inserter(sorted), [](double x) { return !std::isnan(x); });
  std::ranges::sort(sorted);
  return sorted;
}

/// Among `all`; both are sorted.
std::vector<double> ranks(Numbers sorted, Numbers all) {
  std::vector<double> ranks;
  ranks.reserve(sorted.size());
  for (const double value : sorted) {
    const auto [begin, end] = std::ranges::equal_range(all, value);
    ranks.push_back(static_cast<double>((begin - all.begin()) + (end - all.begin())) / 2);
  }
  return ranks;
}

}  // namespace

void NewestScores::add(double value) {
  if (values_.size() < kMostScores) {
    values_.push_back(value);
    return;
  }
  values_[oldest_] = value;
  oldest_ = (oldest_ + 1) % kMostScores;
}

Maybe score_drift(const NumberBins& bins, Numbers reference, Numbers current) {
  const Maybe in_bins = psi(count(bins, reference), count(bins, current));
  const std::vector<double> a = sorted_present(reference), b = sorted_present(current);
  std::vector<double> all;
  std::ranges::merge(a, b, std::back_inserter(all));
  const Maybe moved = wasserstein_over_sigma(ranks(a, all), ranks(b, all));
  if (!in_bins || !moved) return in_bins;
  return std::min(*in_bins, *moved * *moved);
}

}  // namespace tidemill::statistics
