#include "training/decide.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace tidemill::training {
namespace {

const std::vector<double> kLabels = {0, 0, 1, 0, 1, 1, 0, 1};
const std::vector<double> kScores = {.1, .2, .3, .4, .5, .6, .7, .8};

double chosen(const std::string& rule, const std::vector<double>& weights = {}) {
  const auto threshold = choose_threshold(rule, kLabels, kScores, weights, {});
  EXPECT_TRUE(threshold) << rule;
  return threshold ? *threshold : NAN;
}

TEST(choose_threshold, maximises_what_the_rule_names) {
  EXPECT_EQ(chosen("f1"), .3);        // 4 of 6: f1 0.8
  EXPECT_EQ(chosen("accuracy"), .5);  // 6 of 8, as at .3 too: the larger of two that tie
  EXPECT_EQ(chosen("youden"), .5);
  EXPECT_EQ(chosen("precision>=0.75"), .5);
  EXPECT_EQ(chosen("precision >= 1"), .8);
  EXPECT_EQ(chosen("recall>=0.75"), .5);
  EXPECT_EQ(chosen("recall>=1"), .3);
}

TEST(choose_threshold, minds_weights_and_ties) {
  std::vector<double> weights(8, 1.0);
  weights[6] = 100;  // a negative at .7 that must not be called positive
  EXPECT_EQ(chosen("accuracy", weights), .8);
  const auto one = choose_threshold("f1", std::vector<double>{0, 1}, std::vector<double>{.5, .5}, {}, {});
  ASSERT_TRUE(one);
  EXPECT_EQ(*one, .5);
}

TEST(choose_threshold, says_when_no_threshold_qualifies) {
  const auto none = choose_threshold("precision>=0.9", std::vector<double>{0, 1, 0},
                                     std::vector<double>{.9, .5, .4}, {}, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "training.decision");
}

// Barber's guarantee, by simulation: the average coverage of fresh rows is at least what was asked, and not
// by much more.
TEST(conformal_half_width, covers_what_was_asked_on_average) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> noise;
  double covered = 0;
  constexpr int kTrials = 2000, kRows = 49;
  const std::vector<double> predictions(kRows);
  for (int t = 0; t < kTrials; ++t) {
    std::vector<double> targets(kRows);
    for (double& y : targets) y = noise(random);
    const auto width = conformal_half_width(0.8, targets, predictions, {});
    ASSERT_TRUE(width);
    covered += std::erf(*width / std::sqrt(2.0));  // the chance that a fresh |noise| lies within
  }
  covered /= kTrials;
  EXPECT_NEAR(covered, 0.8, 0.005);
}

TEST(conformal_half_width, needs_enough_rows) {
  EXPECT_FALSE(conformal_half_width(0.9, std::vector<double>(8), std::vector<double>(8), {}));
  EXPECT_TRUE(conformal_half_width(0.9, std::vector<double>(9), std::vector<double>(9), {}));
}

TEST(calibrate, makes_scores_probabilities) {
  std::mt19937_64 random(12);
  std::vector<double> labels, scores;
  for (int i = 0; i < 20'000; ++i) {
    const double p = static_cast<double>(random() % 10'000) / 10'000;
    labels.push_back(
        static_cast<double>(random() % 10'000) / 10'000 < p * p ? 1 : 0);  // the truth is the score squared
    scores.push_back(p);
  }
  for (const std::string kind : {"isotonic", "platt"}) {
    const auto calibration = calibrate(kind, labels, scores, {});
    ASSERT_TRUE(calibration);
    for (const double p : {0.2, 0.5, 0.8})
      EXPECT_NEAR(calibration->apply(p), p * p, kind == "platt" ? 0.06 : 0.03) << kind;
  }
  EXPECT_FALSE(calibrate("platt", std::vector<double>(5), std::vector<double>(5, 0.5), {}));
}

}  // namespace
}  // namespace tidemill::training
