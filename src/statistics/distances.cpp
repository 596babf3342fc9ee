#include "statistics/distances.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace tidemill::statistics {
namespace {

double sum(Numbers numbers) { return std::accumulate(numbers.begin(), numbers.end(), 0.0); }

struct Totals {
  double reference = 0, current = 0;
};
/// Nothing unless both sides can be compared.
std::optional<Totals> totals(Numbers reference, Numbers current) {
  if (reference.size() != current.size()) return {};
  for (const Numbers side : {reference, current})
    for (const double count : side)
      if (!(count >= 0) || !std::isfinite(count)) return {};
  const Totals t{sum(reference), sum(current)};
  if (!(t.reference > 0) || !(t.current > 0)) return {};
  return t;
}

std::vector<double> sorted_present(Numbers values) {
  std::vector<double> sorted;
  std::copy_if(values.begin(), values.end(), std::back_inserter(sorted),
               [](double x) { return !std::isnan(x); });
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

/// Upper incomplete gamma ratio Q(a, x): series (DLMF 8.11.4) below a+1, Legendre's continued fraction
/// (8.9.2, Lentz) above.
double gamma_q(double a, double x) {
  constexpr int kMaxTerms = 100'000;
  constexpr double kPrecision = 1e-16, kTiny = 1e-300;
  if (x <= 0) return 1;
  const double front = std::exp(-x + a * std::log(x) - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a, series = term;
    for (int n = 1; n < kMaxTerms && term > series * kPrecision; ++n) {
      term *= x / (a + n);
      series += term;
    }
    return 1 - front * series;
  }
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, fraction = d;
  for (int n = 1; n < kMaxTerms; ++n) {
    const double an = -n * (n - a);
    b += 2;
    d = an * d + b;
    if (std::abs(d) < kTiny) d = kTiny;
    c = b + an / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    fraction *= d * c;
    if (std::abs(d * c - 1) < kPrecision) break;
  }
  return front * fraction;
}

}  // namespace

Maybe psi(Numbers reference, Numbers current) {
  const std::optional<Totals> t = totals(reference, current);
  if (!t) return {};
  const double places = static_cast<double>(reference.size());
  double result = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double p = (reference[i] + 0.5) / (t->reference + 0.5 * places);
    const double q = (current[i] + 0.5) / (t->current + 0.5 * places);
    result += (q - p) * std::log(q / p);
  }
  return result;
}

Maybe jensen_shannon(Numbers reference, Numbers current) {
  const std::optional<Totals> t = totals(reference, current);
  if (!t) return {};
  double divergence = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double p = reference[i] / t->reference, q = current[i] / t->current, middle = (p + q) / 2;
    if (p > 0) divergence += p * std::log2(p / middle);
    if (q > 0) divergence += q * std::log2(q / middle);
  }
  return std::sqrt(std::max(0.0, divergence / 2));
}

Maybe ks_of_bins(Numbers reference, Numbers current) {
  const std::optional<Totals> t = totals(reference, current);
  if (!t) return {};
  double p = 0, q = 0, largest = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    p += reference[i];
    q += current[i];
    largest = std::max(largest, std::abs(p / t->reference - q / t->current));
  }
  return largest;
}

Maybe l_infinity(Numbers reference, Numbers current) {
  const std::optional<Totals> t = totals(reference, current);
  if (!t) return {};
  double largest = 0;
  for (size_t i = 0; i < reference.size(); ++i)
    largest = std::max(largest, std::abs(reference[i] / t->reference - current[i] / t->current));
  return largest;
}

std::optional<ChiSquare> chi_square(Numbers reference, Numbers current) {
  const std::optional<Totals> t = totals(reference, current);
  if (!t) return {};
  const double all = t->reference + t->current;
  ChiSquare result{.degrees = -1};
  for (size_t i = 0; i < reference.size(); ++i) {
    const double both = reference[i] + current[i];
    if (both == 0) continue;
    result.degrees += 1;
    const double p = both * (t->reference / all), q = both * (t->current / all);
    result.statistic += (reference[i] - p) * (reference[i] - p) / p + (current[i] - q) * (current[i] - q) / q;
  }
  if (result.degrees < 1) return {};
  result.p_value = chi_square_tail(result.statistic, result.degrees);
  return result;
}

Maybe ks(Numbers reference, Numbers current) {
  const std::vector<double> a = sorted_present(reference), b = sorted_present(current);
  if (a.empty() || b.empty()) return {};
  double largest = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    largest = std::max(largest, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                         static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return largest;
}

Maybe wasserstein(Numbers reference, Numbers current) {
  const std::vector<double> a = sorted_present(reference), b = sorted_present(current);
  if (a.empty() || b.empty()) return {};
  if (std::isinf(a.front()) || std::isinf(a.back()) || std::isinf(b.front()) || std::isinf(b.back()))
    return {};
  double distance = 0, previous = std::min(a.front(), b.front());
  for (size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    const double value = j == b.size() || (i < a.size() && a[i] <= b[j]) ? a[i] : b[j];
    distance += (value - previous) * std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                              static_cast<double>(j) / static_cast<double>(b.size()));
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    previous = value;
  }
  return distance;
}

Maybe wasserstein_over_sigma(Numbers reference, Numbers current) {
  const Maybe distance = wasserstein(reference, current);
  if (!distance) return {};
  double n = 0, mean = 0, squares = 0;  // Welford 1962
  for (const double x : reference) {
    if (std::isnan(x)) continue;
    n += 1;
    const double step = x - mean;
    mean += step / n;
    squares += step * (x - mean);
  }
  return squares > 0 ? Maybe(*distance / std::sqrt(squares / n)) : Maybe();
}

Maybe wasserstein_of_bins(Numbers edges, Numbers reference, Numbers current) {
  const std::optional<Totals> t = totals(reference, current);
  if (!t || edges.size() != reference.size() + 1) return {};
  double distance = 0, p = 0, q = 0;
  for (size_t i = 0; i + 1 < reference.size(); ++i) {
    p += reference[i] / t->reference;
    q += current[i] / t->current;
    distance += std::abs(p - q) * (edges[i + 2] - edges[i]) / 2;  // from this bin's middle to the next one's
  }
  return distance;
}

double chi_square_tail(double x, double degrees) { return gamma_q(degrees / 2, x / 2); }

}  // namespace tidemill::statistics
