#include "statistics/drift_null.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "statistics/distances.hpp"
#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

constexpr size_t kPlaces = 12;

/// Days whose shares lean to one side or the other; how far is a stationary series with this correlation from
/// one day to the next. Counts are those of `rows` rows a day.
class Days {
 public:
  Days(uint64_t seed, double correlation, double spread, int rows = 300)
      : random_(seed), correlation_(correlation), spread_(spread), rows_(rows), lean_(normal_(random_)) {}
  std::vector<double> next(size_t days) {
    std::vector<double> counts(days * kPlaces, 0.0);
    for (size_t day = 0; day < days; ++day) {
      lean_ = correlation_ * lean_ + std::sqrt(1 - correlation_ * correlation_) * normal_(random_);
      std::vector<double> shares(kPlaces);
      double left = 0;  // of the shares, and below of the rows
      for (size_t i = 0; i < kPlaces; ++i)
        left += shares[i] = std::exp(spread_ * lean_ * (static_cast<double>(i) / (kPlaces - 1) - 0.5));
      int rows = rows_;
      for (size_t i = 0; i < kPlaces; ++i) {
        const double share = i + 1 < kPlaces ? std::min(1.0, shares[i] / left) : 1.0;
        const int here = std::binomial_distribution<int>(rows, share)(random_);
        counts[day * kPlaces + i] = here;
        rows -= here;
        left -= shares[i];
      }
    }
    return counts;
  }

 private:
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  double correlation_, spread_;
  int rows_;
  double lean_;
};

std::vector<double> summed(Numbers counts) {
  std::vector<double> sums(kPlaces, 0.0);
  for (size_t i = 0; i < counts.size(); ++i) sums[i % kPlaces] += counts[i];
  return sums;
}

/// The share of 2 000 windows, of `references` references of `days` days, that pass the 99th percentile.
double share_that_passes(size_t references, size_t days, size_t length, double correlation,
                         const Distance& distance) {
  constexpr size_t kWindows = 2000;
  size_t passed = 0;
  for (size_t r = 0; r < references; ++r) {
    Days made(100 + r, correlation, 1.0);
    const std::vector<double> reference = made.next(days);
    const auto null =
        drift_null(reference, kPlaces, distance, {.window_blocks = length, .draws = 400, .seed = r});
    if (!null || !*null) return 1;
    const double limit = (*null)->quantile();
    made.next(60);  // the windows remember nothing of the reference
    const std::vector<double> all = summed(reference);
    for (size_t w = 0; w < kWindows / references; ++w)
      passed += *distance(all, summed(made.next(length))) > limit;
  }
  return static_cast<double>(passed) / static_cast<double>(kWindows);
}

TEST(DriftNull, one_in_a_hundred_windows_of_varying_days_passes_the_99th_percentile) {
  for (const auto& [name, distance] : std::map<std::string, Distance>{
           {"psi", psi}, {"jensen_shannon", jensen_shannon}, {"ks", ks_of_bins}}) {
    const double weeks = share_that_passes(50, 90, 7, 0, distance);
    EXPECT_GE(weeks, 0.002) << name;
    EXPECT_LE(weeks, 0.03) << name;
    const double days = share_that_passes(50, 90, 1, 0, distance);
    EXPECT_GE(days, 0.002) << name;
    EXPECT_LE(days, 0.03) << name;
  }
}

TEST(DriftNull, of_a_year_of_days_that_resemble_the_day_before_it_still_holds) {
  const double share = share_that_passes(40, 365, 7, 0.7, psi);
  EXPECT_GE(share, 0.002);
  EXPECT_LE(share, 0.03);
}

TEST(DriftNull, is_far_above_that_of_independent_rows_where_days_differ_and_near_it_where_they_do_not) {
  const auto differing = drift_null(Days(1, 0, 1.0).next(90), kPlaces, psi);
  const auto alike = drift_null(Days(1, 0, 0.0).next(90), kPlaces, psi);
  const auto independent = psi_of_independent_rows(kPlaces, 83 * 300, 7 * 300);
  EXPECT_GT((*differing)->quantile(), 5 * independent->quantile);
  EXPECT_NEAR((*alike)->quantile() / independent->quantile, 1, 0.25);
}

TEST(DriftNull, the_same_seed_gives_the_same_sample_and_another_another) {
  const std::vector<double> counts = Days(2, 0, 1.0).next(30);
  const auto a = drift_null(counts, kPlaces, psi), b = drift_null(counts, kPlaces, psi),
             c = drift_null(counts, kPlaces, psi, {.seed = 7});
  EXPECT_EQ((*a)->draws, (*b)->draws);
  EXPECT_EQ((*a)->spans, (*c)->spans);
  EXPECT_NE((*a)->draws, (*c)->draws);
  EXPECT_EQ((*a)->spans.size(), 24U);
  EXPECT_EQ((*a)->draws.size(), 1000U);
  EXPECT_TRUE(std::is_sorted((*a)->draws.begin(), (*a)->draws.end()));
}

TEST(DriftNull, spans_are_runs_of_days_against_the_rest) {
  std::vector<double> counts;
  for (int day = 0; day < 10; ++day)
    counts.insert(counts.end(), {day < 5 ? 10.0 : 0.0, day < 5 ? 0.0 : 10.0});
  const auto null = drift_null(counts, 2, l_infinity, {.window_blocks = 5});
  ASSERT_TRUE(null && *null);
  // The halves are apart; a run that begins at day k has 5 − k (or its mirror) of the first half.
  EXPECT_EQ((*null)->spans.size(), 6U);
  EXPECT_NEAR((*null)->spans.back(), 1.0, 1e-12);
  EXPECT_NEAR((*null)->spans.front(), 0.2, 1e-12);
  EXPECT_NEAR((*null)->quantile(1.0), 1.0, 1e-12);
}

TEST(DriftNull, days_without_rows_are_days_and_windows_without_rows_are_left_out) {
  std::vector<double> counts = Days(3, 0, 1.0).next(20);
  std::fill(counts.begin(), counts.begin() + 3 * kPlaces, 0.0);
  const auto null = drift_null(counts, kPlaces, psi, {.window_blocks = 2});
  ASSERT_TRUE(null && *null);
  EXPECT_EQ((*null)->spans.size(), 17U);  // of 19 two have none
}

TEST(DriftNull, nothing_with_few_days_or_less_than_two_windows_of_them) {
  const std::vector<double> nine = Days(3, 0, 1.0).next(9), twenty = Days(3, 0, 1.0).next(20);
  EXPECT_FALSE(*drift_null(nine, kPlaces, psi, {.window_blocks = 1}));
  EXPECT_FALSE(*drift_null(twenty, kPlaces, psi, {.window_blocks = 11}));
  EXPECT_TRUE(*drift_null(twenty, kPlaces, psi, {.window_blocks = 10}));
  EXPECT_FALSE(*drift_null(std::vector<double>(240, 0.0), kPlaces, psi, {.window_blocks = 2}));
}

TEST(DriftNull, shapes_and_options_that_make_no_sense_are_errors) {
  const std::vector<double> counts(120, 1.0);
  std::vector<double> negative = counts;
  negative[7] = -1;
  for (const auto& null :
       {drift_null(counts, 0, psi), drift_null(counts, 7, psi), drift_null(negative, 12, psi),
        drift_null(counts, 12, psi, {.window_blocks = 0}), drift_null(counts, 12, psi, {.draws = 0}),
        drift_null(counts, 12, psi, {.draws = kMaxNullDraws + 1})}) {
    ASSERT_FALSE(null);
    EXPECT_EQ(null.error().code, "drift.bad_null");
  }
}

TEST(IndependentPsi, is_what_rows_drawn_from_one_distribution_give) {
  constexpr int kTimes = 4000;
  std::vector<double> seen;
  double sum = 0;
  for (uint64_t i = 0; i < kTimes; ++i) {
    seen.push_back(
        *psi(summed(Days(2 * i, 0, 0, 20'000).next(1)), summed(Days(2 * i + 1, 0, 0, 3'000).next(1))));
    sum += seen.back();
  }
  const auto expected = psi_of_independent_rows(kPlaces, 20'000, 3'000);
  const double passed = static_cast<double>(
      std::count_if(seen.begin(), seen.end(), [&](double x) { return x > expected->quantile; }));
  EXPECT_NEAR(sum / kTimes / expected->mean, 1, 0.03);
  EXPECT_NEAR(passed / kTimes, 0.01, 0.005);
}

TEST(IndependentPsi, agrees_with_scipy_and_needs_two_places_and_rows) {
  for (const Json& c : monitoring_reference()["independent_psi"]) {
    const auto seen = psi_of_independent_rows(c["places"].get<size_t>(), c["reference_rows"].get<double>(),
                                              c["current_rows"].get<double>(), c["level"].get<double>());
    ASSERT_TRUE(seen);
    EXPECT_NEAR(seen->mean / c["mean"].get<double>(), 1, 1e-12);
    EXPECT_NEAR(seen->quantile / c["quantile"].get<double>(), 1, 1e-9);
  }
  EXPECT_FALSE(psi_of_independent_rows(1, 10, 10));
  EXPECT_FALSE(psi_of_independent_rows(2, 0, 10));
  EXPECT_FALSE(psi_of_independent_rows(2, 10, 10, 1));
}

}  // namespace
}  // namespace tidemill::statistics
