#include "statistics/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tidemill::statistics {
namespace {

struct Point {
  double score = 0, label = 0, weight = 0;  // label: weighted mean
};

bool usable(Numbers labels, Numbers scores, Numbers weights) {
  if (labels.empty() || labels.size() != scores.size() ||
      (!weights.empty() && weights.size() != labels.size()))
    return false;
  const auto finite = [](double x) { return std::isfinite(x); };
  return std::all_of(labels.begin(), labels.end(), finite) &&
         std::all_of(scores.begin(), scores.end(), finite) &&
         std::all_of(weights.begin(), weights.end(), [](double w) { return w >= 0 && std::isfinite(w); });
}

/// One point per distinct score, by rising score; rows without weight are left out.
std::vector<Point> distinct_scores(Numbers labels, Numbers scores, Numbers weights) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  std::vector<Point> points;
  for (const size_t row : order) {
    const double weight = weights.empty() ? 1.0 : weights[row];
    if (weight == 0) continue;
    if (points.empty() || points.back().score != scores[row]) points.push_back({.score = scores[row]});
    points.back().label += weight * labels[row];  // a sum until all rows are in
    points.back().weight += weight;
  }
  for (Point& point : points) point.label /= point.weight;
  return points;
}

struct Loss {
  double value = 0, da = 0, db = 0, daa = 0, dab = 0, dbb = 0;
};
/// Cross entropy of targets t under 1/(1+exp(a·s+b)) with its derivatives; the forms of Lin, Lin & Weng that
/// don't overflow.
Loss platt_loss(const std::vector<Point>& points, double a, double b) {
  constexpr double kRidge = 1e-12;
  Loss loss{.daa = kRidge, .dbb = kRidge};
  for (const auto& [s, t, w] : points) {
    const double f = a * s + b;
    loss.value += w * (f >= 0 ? t * f + std::log1p(std::exp(-f)) : (t - 1) * f + std::log1p(std::exp(f)));
    const double p = f >= 0 ? std::exp(-f) / (1 + std::exp(-f)) : 1 / (1 + std::exp(f));
    const double first = w * (t - p), second = w * p * (1 - p);
    loss.da += first * s;
    loss.db += first;
    loss.daa += second * s * s;
    loss.dab += second * s;
    loss.dbb += second;
  }
  return loss;
}

}  // namespace

double Isotonic::operator()(double score) const {
  if (x.empty() || std::isnan(score)) return score;
  if (score <= x.front()) return y.front();
  if (score >= x.back()) return y.back();
  const size_t above = static_cast<size_t>(std::upper_bound(x.begin(), x.end(), score) - x.begin());
  const double slope = (y[above] - y[above - 1]) / (x[above] - x[above - 1]);
  return slope * (score - x[above - 1]) + y[above - 1];
}

std::optional<Isotonic> fit_isotonic(Numbers labels, Numbers scores, Numbers weights) {
  if (!usable(labels, scores, weights)) return {};
  const std::vector<Point> points = distinct_scores(labels, scores, weights);
  if (points.empty()) return {};

  struct Pool {
    double mean, weight;
    size_t first, last;
  };
  std::vector<Pool> pools;
  for (size_t i = 0; i < points.size(); ++i) {
    pools.push_back({points[i].label, points[i].weight, i, i});
    while (pools.size() > 1 && pools[pools.size() - 2].mean >= pools.back().mean) {
      const Pool high = pools.back();
      pools.pop_back();
      Pool& low = pools.back();
      const double weight = low.weight + high.weight;
      low.mean = (low.mean * low.weight + high.mean * high.weight) / weight;
      low.weight = weight;
      low.last = high.last;
    }
  }
  Isotonic result;
  for (const Pool& pool : pools) {
    result.x.push_back(points[pool.first].score);
    result.y.push_back(pool.mean);
    if (pool.last == pool.first) continue;
    result.x.push_back(points[pool.last].score);
    result.y.push_back(pool.mean);
  }
  return result;
}

double Platt::operator()(double score) const {
  const double f = a * score + b;
  return f >= 0 ? std::exp(-f) / (1 + std::exp(-f)) : 1 / (1 + std::exp(f));
}

std::optional<Platt> fit_platt(Numbers labels, Numbers scores, Numbers weights) {
  constexpr int kMaxSteps = 100, kMaxHalvings = 50;
  constexpr double kGradient = 1e-12;
  if (!usable(labels, scores, weights)) return {};
  double positives = 0, negatives = 0;
  std::vector<Point> points;
  for (size_t row = 0; row < labels.size(); ++row) {
    points.push_back({scores[row], labels[row], weights.empty() ? 1.0 : weights[row]});
    (labels[row] > 0 ? positives : negatives) += points.back().weight;
  }
  if (!(positives > 0) || !(negatives > 0)) return {};
  for (Point& point : points)
    point.label = point.label > 0 ? (positives + 1) / (positives + 2) : 1 / (negatives + 2);

  Platt fit{.a = 0, .b = std::log((negatives + 1) / (positives + 1))};
  Loss loss = platt_loss(points, fit.a, fit.b);
  for (int step = 0; step < kMaxSteps; ++step) {
    if (std::abs(loss.da) + std::abs(loss.db) < kGradient * (positives + negatives)) break;
    const double determinant = loss.daa * loss.dbb - loss.dab * loss.dab;
    const double move_a = -(loss.dbb * loss.da - loss.dab * loss.db) / determinant;
    const double move_b = -(loss.daa * loss.db - loss.dab * loss.da) / determinant;
    const double slope = loss.da * move_a + loss.db * move_b;
    double length = 1;
    bool moved = false;
    for (int halving = 0; halving < kMaxHalvings && !moved; ++halving, length /= 2) {
      const Platt next{fit.a + length * move_a, fit.b + length * move_b};
      const Loss next_loss = platt_loss(points, next.a, next.b);
      if (!(next_loss.value < loss.value + 1e-4 * length * slope)) continue;
      fit = next;
      loss = next_loss;
      moved = true;
    }
    if (!moved) break;  // as near as doubles allow
  }
  return fit;
}

}  // namespace tidemill::statistics
