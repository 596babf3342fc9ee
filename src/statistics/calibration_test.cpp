#include "statistics/calibration.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

TEST(Calibration, isotonic_agrees_with_scikit_learn) {
  for (const Json& c : reference()["isotonic"]) {
    const auto fit = fit_isotonic(numbers(c["labels"]), numbers(c["scores"]), numbers(c["weights"]));
    ASSERT_TRUE(fit);
    const auto at = numbers(c["at"]), expected = numbers(c["expected"]);
    for (size_t i = 0; i < at.size(); ++i)
      EXPECT_TRUE(near((*fit)(at[i]), expected[i])) << c["name"] << " at " << at[i];
  }
}

TEST(Calibration, platt_finds_the_minimum_that_scipy_finds) {
  const Json& c = reference()["platt"];
  const auto fit = fit_platt(numbers(c["labels"]), numbers(c["scores"]));
  ASSERT_TRUE(fit);
  const auto expected = numbers(c["expected"]);
  EXPECT_TRUE(near(fit->a, expected[0])) << fit->a << " not " << expected[0];
  EXPECT_TRUE(near(fit->b, expected[1])) << fit->b << " not " << expected[1];
}

TEST(Calibration, isotonic_rises_and_keeps_the_mean) {
  rc::check([] {
    const auto rows = *rc::gen::inRange<size_t>(1, 60);
    std::vector<double> labels, scores, weights;
    double labelled = 0, weight = 0;
    for (size_t i = 0; i < rows; ++i) {
      labels.push_back(*rc::gen::inRange(0, 2));
      scores.push_back(*rc::gen::inRange(0, 30));
      weights.push_back(*rc::gen::inRange(1, 4));
      labelled += weights[i] * labels[i];
      weight += weights[i];
    }
    const auto fit = fit_isotonic(labels, scores, weights);
    RC_ASSERT(fit.has_value());
    for (size_t i = 1; i < fit->x.size(); ++i)
      RC_ASSERT(fit->x[i - 1] < fit->x[i] && fit->y[i - 1] <= fit->y[i]);
    double predicted = 0;
    for (size_t i = 0; i < rows; ++i) predicted += weights[i] * (*fit)(scores[i]);
    RC_ASSERT(near(predicted / weight, labelled / weight));
  });
}

TEST(Calibration, separable_scores_give_a_finite_platt) {
  const std::vector<double> labels{0, 0, 1, 1}, scores{-1000, -1, 1, 1000};
  const auto fit = fit_platt(labels, scores);
  ASSERT_TRUE(fit);
  EXPECT_LT(fit->a, 0);
  EXPECT_LT((*fit)(-1000), 0.5);
  EXPECT_GT((*fit)(1000), 0.5);
}

TEST(Calibration, nothing_without_rows_or_with_one_class) {
  const std::vector<double> ones{1, 1}, scores{0.2, 0.3}, zero{0, 0};
  EXPECT_FALSE(fit_isotonic({}, {}));
  EXPECT_FALSE(fit_isotonic(ones, scores, zero));
  EXPECT_FALSE(fit_isotonic(ones, {}));
  EXPECT_FALSE(fit_platt(ones, scores));
  EXPECT_EQ((*fit_isotonic(ones, scores))(7), 1);
}

}  // namespace
}  // namespace tidemill::statistics
