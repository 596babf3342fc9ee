#include "monitoring/drift.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "statistics/distances.hpp"
#include "statistics/rows_null.hpp"

namespace tidemill::monitoring {

namespace {

constexpr std::array<std::string_view, 6> kWords{"psi", "js", "ks", "wasserstein", "chi2", "linf"};
constexpr double kDrawsPastLevel = 4;  // of drawn windows: so many are past the level that is asked for
constexpr double kLeastDraws = 1'000, kMostDraws = 20'000;
constexpr double kFalseLooks = 0.005;   // of looks in which nothing drifted
constexpr double kRowsOfNullSteps = 8;  // a doubling
constexpr size_t kMaxDays = 10'000;

double sum(Numbers counts) { return std::accumulate(counts.begin(), counts.end(), 0.0); }

/// The bins' edges with a place of no width at either end, for what lies under and over.
std::vector<double> edges_with_ends(const statistics::Baseline& baseline) {
  std::vector<double> edges = baseline.numbers.edges;
  if (edges.empty()) return edges;
  edges.insert(edges.begin(), edges.front());
  edges.push_back(edges.back());
  return edges;
}
Maybe spread_of(const statistics::Baseline& baseline) {
  const Maybe deviation = baseline.standard_deviation;
  return deviation && *deviation > 0 && !baseline.numbers.edges.empty() ? deviation : Maybe();
}

/// What is above the reference's share of missing values in a window of m rows with the same share. How large
/// that is, both together tell best: at the limit that is sought, which is found in a few steps.
double no_missing_above(Numbers reference, double m, double level) {
  constexpr int kSteps = 5;
  const double n = sum(reference), usual = reference[0] / n, least = 0.5 / (n + m + 1);
  const double deviation = std::sqrt(1 / n + 1 / m), asymmetry = 1 / (m * m) - 1 / (n * n);
  double above = 0;
  for (int i = 0; i < kSteps; ++i) {
    const double of_both = (reference[0] + m * (usual + above) + 0.5) / (n + m + 1);
    const double share = std::min(of_both, 1 - least);
    const double of_one = std::sqrt(share * (1 - share));
    const double skewness = (1 - 2 * share) * asymmetry / (of_one * std::pow(deviation, 3));
    above = statistics::pearson3_quantile(0, of_one * deviation, skewness, level);
  }
  return above;
}

/// The quantile z of the normal distribution with this upper tail, by bisection of erfc.
double normal_quantile(double tail) {
  double low = 0, high = 40;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::sqrt(2.0)) / 2 > tail ? low : high) = middle;
  }
  return low;
}

}  // namespace

std::optional<Statistic> statistic_of(std::string_view word) {
  const auto found = std::find(kWords.begin(), kWords.end(), word);
  if (found == kWords.end()) return std::nullopt;
  return static_cast<Statistic>(found - kWords.begin());
}

Result<Reference> read_reference(const Json& json) {
  Reference reference;
  TM_TRY(reference.baseline, statistics::read_baseline(json));
  if (!json.contains("by_day")) return reference;
  const size_t places = reference.baseline.counts.size();
  const auto bad = [](std::string what) {
    return data_error("baseline.malformed", "by_day: " + std::move(what));
  };
  const Json& days = json["by_day"];
  if (!days.is_object() || !days.contains("counts") || !days["counts"].is_array() ||
      days["counts"].size() > kMaxDays)
    return bad(fmt::format("no list 'counts' of at most {} days", kMaxDays));
  for (const Json& day : days["counts"]) {
    if (!day.is_array() || day.size() != places) return bad(fmt::format("a day needs {} counts", places));
    for (const Json& count : day) {
      if (!count.is_number() || !(count.get<double>() >= 0)) return bad("a count must be 0 or more");
      reference.by_day.push_back(count.get<double>());
    }
  }
  return reference;
}

statistics::Distance distance_of(Statistic statistic, const statistics::Baseline& baseline) {
  const bool numbers = baseline.kind == statistics::Baseline::Kind::Number;
  constexpr auto none = [](Numbers, Numbers) { return Maybe(); };
  switch (statistic) {
    case Statistic::Psi:
      return statistics::psi;
    case Statistic::JensenShannon:
      return statistics::jensen_shannon;
    case Statistic::LInfinity:
      return statistics::l_infinity;
    case Statistic::ChiSquare:
      return [](Numbers reference, Numbers current) {
        const auto test = statistics::chi_square(reference, current);
        return test ? Maybe(std::sqrt(test->statistic / (sum(reference) + sum(current)))) : Maybe();
      };
    case Statistic::Ks:
      if (!numbers) return none;
      return [](Numbers reference, Numbers current) {
        if (reference.empty() || current.size() != reference.size()) return Maybe();
        return statistics::ks_of_bins(reference.subspan(1), current.subspan(1));
      };
    case Statistic::MissingShare:
      return [](Numbers reference, Numbers current) {
        const double n = sum(reference), m = sum(current);
        if (!(n > 0) || !(m > 0)) return Maybe();
        return Maybe(std::max(0.0, current[0] / m - reference[0] / n));
      };
    case Statistic::Wasserstein:
      break;
  }
  const Maybe spread = numbers ? spread_of(baseline) : Maybe();
  if (!spread) return none;
  return [edges = edges_with_ends(baseline), spread = *spread](Numbers reference, Numbers current) {
    if (reference.empty() || current.size() != reference.size()) return Maybe();
    const Maybe distance = statistics::wasserstein_of_bins(edges, reference.subspan(1), current.subspan(1));
    return distance ? Maybe(*distance / spread) : Maybe();
  };
}

double no_drift_level(size_t judged) {
  return 1 - kFalseLooks / static_cast<double>(std::max<size_t>(judged, 1));
}

Result<Maybe> no_drift_by_days(Statistic statistic, const Reference& reference, double window_days,
                               double level) {
  if (reference.by_day.empty()) return Maybe();
  const auto days = static_cast<size_t>(std::ceil(std::clamp(window_days, 1.0, double{kMaxDays})));
  const double draws = std::clamp(kDrawsPastLevel / (1 - level), kLeastDraws, kMostDraws);
  TM_TRY(const auto null,
         statistics::drift_null(reference.by_day, reference.baseline.counts.size(),
                                distance_of(statistic, reference.baseline),
                                {.window_blocks = days, .draws = static_cast<size_t>(draws)}));
  return null ? Maybe(null->quantile(level)) : Maybe();
}

bool is_drawn(Statistic statistic) {
  return statistic != Statistic::Ks && statistic != Statistic::Wasserstein &&
         statistic != Statistic::MissingShare;
}
double rows_of_null(double rows) {
  if (!(rows > 1)) return rows;
  return std::ceil(std::exp2(std::floor(std::log2(rows) * kRowsOfNullSteps) / kRowsOfNullSteps));
}

Maybe no_drift_of_rows(Statistic statistic, const statistics::Baseline& baseline, Numbers reference,
                       Numbers window, double level) {
  if (reference.empty() || reference.size() != window.size()) return {};
  if (is_drawn(statistic)) {
    // Jensen–Shannon's and Cramér's are roots of sums over places.
    const bool is_root = statistic == Statistic::JensenShannon || statistic == Statistic::ChiSquare;
    const auto distance = distance_of(statistic, baseline);
    const auto sum_of_places = [&](Numbers before, Numbers now) {
      const Maybe d = distance(before, now);
      return d && is_root ? Maybe(*d * *d) : d;
    };
    const Maybe quantile =
        statistics::rows_null_quantile(reference, rows_of_null(sum(window)), sum_of_places, {.level = level});
    return quantile && is_root ? Maybe(std::sqrt(std::max(*quantile, 0.0))) : quantile;
  }
  if (statistic == Statistic::MissingShare) {
    const bool has_rows = sum(reference) > 0 && sum(window) > 0;
    return has_rows ? Maybe(no_missing_above(reference, sum(window), level)) : Maybe();
  }
  const double n = sum(reference) - reference[0], m = sum(window) - window[0];
  if (!(n > 0) || !(m > 0)) return {};
  const double both = 1 / n + 1 / m, two_sided = (1 - level) / 2;
  if (baseline.kind != statistics::Baseline::Kind::Number) return {};
  if (statistic == Statistic::Ks) return std::sqrt(-std::log(two_sided) / 2 * both);
  const Maybe spread = spread_of(baseline);
  if (!spread || reference.size() != baseline.numbers.places()) return {};
  const std::vector<double> edges = edges_with_ends(baseline);
  double below = 0, integral = 0;
  for (size_t i = 0; i + 2 < edges.size(); ++i) {
    below += reference[i + 1] / n;
    integral += std::sqrt(std::max(below * (1 - below), 0.0)) * (edges[i + 2] - edges[i]) / 2;
  }
  return normal_quantile(two_sided) * integral * std::sqrt(both) / *spread;
}

Drift measure_drift(Statistic statistic, const Reference& reference, Numbers window, Numbers against,
                    const Chance& chance) {
  const Numbers compared = against.empty() ? Numbers(reference.baseline.counts) : against;
  Drift drift;
  drift.rows = sum(window);
  drift.value = distance_of(statistic, reference.baseline)(compared, window);
  if (!drift.value) return drift;
  drift.no_drift = chance.of_rows;
  if (!drift.no_drift)
    drift.no_drift = no_drift_of_rows(statistic, reference.baseline, compared, window, chance.level);
  if (chance.by_days) drift.no_drift = std::max(*chance.by_days, drift.no_drift.value_or(0));
  if (const auto test = statistics::chi_square(compared, window)) drift.p_value = test->p_value;
  return drift;
}

}  // namespace tidemill::monitoring
