#include "statistics/score_drift.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "statistics/distances.hpp"

namespace tidemill::statistics {
namespace {

/// Of 2000 rows, which `score` knows by their place between 0 and 1.
std::vector<double> scores(const std::function<double(double)>& score) {
  constexpr int kRows = 2'000;
  std::vector<double> values;
  for (int i = 0; i < kRows; ++i) values.push_back(score((i + 0.5) / kRows));
  return values;
}
double step(double place, double steps) { return (std::floor(place * steps) + 0.5) / steps; }

struct Both {
  double psi = 0, drift = 0;
};
Both between(const std::vector<double>& reference, const std::vector<double>& current) {
  const NumberBins bins = quantile_bins(reference);
  return {psi(count(bins, reference), count(bins, current)).value(),
          score_drift(bins, reference, current).value()};
}

}  // namespace

TEST(ScoreDrift, of_two_step_functions_of_one_score_is_low_and_of_a_shift_high) {
  const auto champion = scores([](double place) { return step(place, 11); });
  const Both same = between(champion, scores([](double place) { return step(place, 13); }));
  EXPECT_GT(same.psi, 0.9) << "what the steps make of it";
  EXPECT_LT(same.drift, 0.03);
  EXPECT_GT(between(champion, scores([](double p) { return step(std::min(p + 0.25, 0.999), 13); })).drift,
            0.5);
  EXPECT_GT(between(champion, scores([](double p) { return step(p * 0.6, 13); })).drift, 0.4);
}

TEST(ScoreDrift, of_scores_without_steps_is_their_psi) {
  const auto logit = [](double place) { return std::log(place / (1 - place)); };
  const auto champion = scores(logit);
  for (const double shift : {0.3, 0.6, 1.0}) {
    const Both both = between(champion, scores([&](double place) { return logit(place) + shift; }));
    EXPECT_NEAR(both.drift, both.psi, 0.01 * both.psi) << shift;
  }
}

TEST(ScoreDrift, sees_small_scores_that_are_three_times_as_large) {
  const auto rare = [](double times) {
    return scores([times](double place) { return place > 0.98 ? 0.9 : 0.001 + 0.01 * times * place; });
  };
  EXPECT_GT(between(rare(1), rare(3)).drift, 2);
}

TEST(ScoreDrift, of_a_constant_is_its_psi_and_of_nothing_nothing) {
  const std::vector<double> constant(300, 0.3), other(300, 0.4);
  EXPECT_EQ(between(constant, constant).drift, 0);
  EXPECT_EQ(between(constant, other).drift, between(constant, other).psi);
  const NumberBins bins = quantile_bins(constant);
  EXPECT_FALSE(score_drift(bins, constant, {}));
  const std::vector<double> missing(300, std::numeric_limits<double>::quiet_NaN());
  EXPECT_GT(score_drift(bins, constant, missing).value(), 1);
}

TEST(NewestScores, are_the_newest_ten_thousand) {
  NewestScores scores;
  for (int i = 0; i < 25'000; ++i) scores.add(i);
  EXPECT_EQ(scores.values().size(), 10'000U);
  EXPECT_EQ(std::ranges::min(scores.values()), 15'000);
  EXPECT_EQ(std::ranges::max(scores.values()), 24'999);
}

}  // namespace tidemill::statistics
