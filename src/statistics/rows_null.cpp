#include "statistics/rows_null.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "statistics/distances.hpp"
#include "statistics/random.hpp"

namespace tidemill::statistics {
namespace {

constexpr double kFewExpected = 12;  // under it a binomial count is drawn exactly, above it as a normal one
constexpr double kLeastSkewness = 0.05;

/// One draw after the other from a counter.
class Stream {
 public:
  Stream(uint64_t seed, uint64_t stream) : random_(seed, stream) {}
  double unit() { return random_.unit(next_++); }
  double normal() {  // Box & Muller 1958
    const double radius = std::sqrt(-2 * std::log1p(-unit()));
    return radius * std::cos(2 * std::numbers::pi * unit());
  }

 private:
  CounterRandom random_;
  uint64_t next_ = 0;
};

double binomial(Stream& random, double rows, double share) {
  if (!(rows > 0) || !(share > 0)) return 0;
  if (share >= 1) return rows;
  if (share > 0.5) return rows - binomial(random, rows, 1 - share);
  const double expected = rows * share;
  if (expected >= kFewExpected)
    return std::clamp(std::round(expected + std::sqrt(expected * (1 - share)) * random.normal()), 0.0, rows);
  // By inversion: p(k + 1) = p(k)·(n − k)/(k + 1)·odds.
  double left = random.unit(), count = 0, probability = std::exp(rows * std::log1p(-share));
  const double odds = share / (1 - share);
  while (left > probability && count < rows && probability > 0) {
    left -= probability;
    probability *= (rows - count) / (count + 1) * odds;
    count += 1;
  }
  return count;
}

/// Each place's share of what the places from it on have.
std::vector<double> shares_of_rest(Numbers reference) {
  const double half = 0.5;
  double rest =
      std::accumulate(reference.begin(), reference.end(), 0.0) + half * static_cast<double>(reference.size());
  std::vector<double> shares;
  for (const double count : reference) {
    shares.push_back(std::min(1.0, (count + half) / rest));
    rest -= count + half;
  }
  shares.back() = 1;
  return shares;
}

void draw(Stream& random, double rows, Numbers shares, std::vector<double>& counts) {
  for (size_t i = 0; i < shares.size(); ++i) {
    counts[i] = binomial(random, rows, shares[i]);
    rows -= counts[i];
  }
}

}  // namespace

double pearson3_quantile(double mean, double deviation, double skewness, double level) {
  const double shape = 4 / std::pow(std::max(skewness, kLeastSkewness), 2);
  double low = 0, high = shape + 1;
  while (chi_square_tail(2 * high, 2 * shape) > 1 - level) high *= 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (chi_square_tail(2 * middle, 2 * shape) > 1 - level ? low : high) = middle;
  }
  return mean + deviation * (high - shape) / std::sqrt(shape);
}

Maybe rows_null_quantile(Numbers reference, double current_rows, const Distance& distance,
                         const RowsNullOptions& options) {
  const double rows = std::accumulate(reference.begin(), reference.end(), 0.0);
  if (reference.size() < 2 || !(rows > 0) || !(current_rows > 0) || !(options.level > 0 && options.level < 1))
    return {};
  const std::vector<double> shares = shares_of_rest(reference);
  std::vector<double> before(reference.size()), now(reference.size()), distances;
  for (size_t i = 0; i < options.draws; ++i) {
    Stream random(options.seed, i);
    draw(random, std::round(rows), shares, before);
    draw(random, std::round(current_rows), shares, now);
    if (const Maybe d = distance(before, now)) distances.push_back(*d);
  }
  if (distances.empty()) return {};
  const auto n = static_cast<double>(distances.size());
  const double mean = std::accumulate(distances.begin(), distances.end(), 0.0) / n;
  double squares = 0, cubes = 0;
  for (const double d : distances) {
    squares += (d - mean) * (d - mean);
    cubes += (d - mean) * (d - mean) * (d - mean);
  }
  const double deviation = std::sqrt(squares / n);
  if (!(deviation > 0)) return mean;
  return pearson3_quantile(mean, deviation, cubes / n / (deviation * deviation * deviation), options.level);
}

}  // namespace tidemill::statistics
