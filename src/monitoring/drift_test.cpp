#include "monitoring/drift.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "statistics/reference_test.hpp"

namespace tidemill::monitoring {
namespace {

using statistics::near;
using statistics::numbers;

constexpr std::array kAll{Statistic::Psi,         Statistic::JensenShannon, Statistic::Ks,
                          Statistic::Wasserstein, Statistic::ChiSquare,     Statistic::LInfinity};

/// A column of numbers with these edges; counts have the places missing, under, bins, over.
Reference reference_of(const std::vector<double>& edges, const std::vector<double>& counts) {
  Json json{{"kind", "number"}, {"edges", edges}, {"counts", counts}, {"mean", 0}, {"std", 2.0}};
  return *read_reference(json);
}
Maybe distance(Statistic statistic, const Reference& reference, const std::vector<double>& window) {
  return distance_of(statistic, reference.baseline)(reference.baseline.counts, window);
}

/// Counts of `rows` values of a normal distribution, in bins of equal width from −2 to 2.
std::vector<double> normal_counts(std::mt19937_64& random, size_t rows, double mean = 0) {
  std::normal_distribution<double> normal(mean, 1);
  std::vector<double> counts(11, 0.0);
  for (size_t i = 0; i < rows; ++i) {
    const double x = normal(random);
    counts[x < -2 ? 1 : x >= 2 ? 10 : 2 + static_cast<size_t>((x + 2) * 2)] += 1;
  }
  return counts;
}
const std::vector<double> kEdges{-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2};

}  // namespace

TEST(Drift, agrees_with_the_references_of_its_distances) {
  for (const Json& c : statistics::reference()["distances"]) {
    std::vector<double> before{0}, now{0};  // nothing is missing
    for (const double count : numbers(c["reference_counts"])) before.push_back(count);
    for (const double count : numbers(c["current_counts"])) now.push_back(count);
    const Reference reference = reference_of(numbers(c["edges"]), before);
    EXPECT_TRUE(
        near(distance(Statistic::Ks, reference, now).value(), c["expected"]["ks_of_bins"].get<double>()));
    EXPECT_TRUE(near(distance(Statistic::JensenShannon, reference, now).value(),
                     c["expected"]["jensen_shannon"].get<double>()));
    EXPECT_TRUE(near(distance(Statistic::LInfinity, reference, now).value(),
                     c["expected"]["l_infinity"].get<double>()));
  }
}

TEST(Drift, of_the_same_counts_is_nothing_and_of_other_counts_is_something) {
  const std::vector<double> same{10, 20, 30, 40, 50, 60, 70, 80, 90, 80, 70},
      moved{10, 70, 80, 90, 80, 70, 60, 50, 40, 30, 20};
  const Reference reference = reference_of(kEdges, same);
  for (const Statistic statistic : kAll) {
    EXPECT_NEAR(distance(statistic, reference, same).value(), 0, 1e-12);
    EXPECT_GT(distance(statistic, reference, moved).value(), 0.05);
  }
}

TEST(Drift, in_standard_deviations_is_how_far_numbers_went) {
  // All of the rows go from the first bin's middle to the last one's: 3.5 of a standard deviation of 2.
  const Reference reference = reference_of(kEdges, {0, 0, 500, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_NEAR(distance(Statistic::Wasserstein, reference, {0, 0, 0, 0, 0, 0, 0, 0, 0, 500, 0}).value(),
              3.5 / 2, 1e-12);
  EXPECT_NEAR(distance(Statistic::Wasserstein, reference, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 500}).value(),
              3.75 / 2, 1e-12);
}

TEST(Drift, of_chi_square_lies_between_0_and_1_whatever_the_rows) {
  const Reference reference = reference_of(kEdges, {0, 1e6, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_NEAR(distance(Statistic::ChiSquare, reference, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1e6}).value(), 1,
              1e-12);
}

TEST(Drift, of_texts_has_no_order) {
  const Reference reference =
      *read_reference({{"kind", "level"}, {"levels", {"a", "b"}}, {"counts", {0, 50, 50, 0}}});
  const std::vector<double> window{0, 90, 10, 0};
  EXPECT_FALSE(distance(Statistic::Ks, reference, window));
  EXPECT_FALSE(distance(Statistic::Wasserstein, reference, window));
  EXPECT_NEAR(distance(Statistic::LInfinity, reference, window).value(), 0.4, 1e-12);
  EXPECT_FALSE(no_drift_of_rows(Statistic::Ks, reference.baseline, reference.baseline.counts, window));
}

TEST(Drift, says_of_independent_rows_what_one_window_in_a_hundred_passes) {
  std::mt19937_64 random(7);
  constexpr int kWindows = 600;
  std::map<Statistic, std::vector<double>> ratios;  // distance ÷ limit
  for (int i = 0; i < kWindows; ++i) {
    const Reference reference = reference_of(kEdges, normal_counts(random, 3000));
    Reference scaled = reference;
    scaled.baseline.standard_deviation = 1;
    const std::vector<double> window = normal_counts(random, 400);
    for (const Statistic statistic : kAll) {
      const Drift drift = measure_drift(statistic, scaled, window, {}, {});
      ratios[statistic].push_back(drift.value.value() / drift.no_drift.value());
    }
  }
  for (auto& [statistic, all] : ratios) {
    std::sort(all.begin(), all.end());
    const auto passed = std::count_if(all.begin(), all.end(), [](double ratio) { return ratio > 1; });
    EXPECT_LE(passed, kWindows * 25 / 1000) << static_cast<int>(statistic);
    EXPECT_GT(all[kWindows * 9 / 10], 0.3) << static_cast<int>(statistic) << ": the limit is far too high";
  }
}

TEST(Drift, knows_from_the_references_days_how_windows_differ) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> lean(0, 0.6);
  Json days = Json::array();
  std::vector<double> sums(11, 0.0);
  for (int day = 0; day < 60; ++day) {
    const std::vector<double> counts = normal_counts(random, 300, lean(random));
    days.push_back(counts);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += counts[i];
  }
  Json json{{"kind", "number"}, {"edges", kEdges}, {"counts", sums}, {"by_day", {{"counts", days}}}};
  const Reference reference = read_reference(json).value();
  const auto by_days = no_drift_by_days(Statistic::Psi, reference, 1);
  ASSERT_TRUE(by_days && *by_days);
  const std::vector<double> window = normal_counts(random, 300, 0.5);  // a day like others
  const Drift drift = measure_drift(Statistic::Psi, reference, window, {}, {.by_days = *by_days});
  EXPECT_GT(*drift.value, *no_drift_of_rows(Statistic::Psi, reference.baseline, sums, window));
  EXPECT_LT(*drift.value, *drift.no_drift);
  EXPECT_LT(*drift.p_value, 0.01) << "which is why p-values do not decide";
  EXPECT_FALSE(no_drift_by_days(Statistic::Psi, reference, 40).value())
      << "of windows longer than half of it";
}

TEST(Drift, may_be_measured_against_another_span) {
  const Reference reference = reference_of(kEdges, {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 80});
  const std::vector<double> window{0, 90, 80, 70, 60, 50, 40, 30, 20, 10, 5};
  EXPECT_GT(measure_drift(Statistic::Psi, reference, window, {}, {}).value, 0.5);
  EXPECT_NEAR(*measure_drift(Statistic::Psi, reference, window, window, {}).value, 0, 1e-12);
  EXPECT_FALSE(measure_drift(Statistic::Psi, reference, std::vector<double>{1, 2}, {}, {}).value);
}

TEST(Drift, refuses_a_reference_whose_days_do_not_fit) {
  const Json good{
      {"kind", "level"}, {"levels", {"a"}}, {"counts", {0, 5, 0}}, {"by_day", {{"counts", {{0, 5, 0}}}}}};
  EXPECT_TRUE(read_reference(good));
  for (const Json& days : {Json(3), Json::object(), Json{{"counts", 3}}, Json{{"counts", {{0, 5}}}},
                           Json{{"counts", {{0, -5, 0}}}}, Json{{"counts", {{0, "5", 0}}}}}) {
    Json bad = good;
    bad["by_day"] = days;
    const auto seen = read_reference(bad);
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().code, "baseline.malformed");
  }
}

}  // namespace tidemill::monitoring
