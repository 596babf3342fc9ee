#include "statistics/curves.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "statistics/random.hpp"

namespace tidemill::statistics {

namespace {

struct Scored {
  std::vector<double> labels, scores;
};
Scored many(size_t rows) {
  Scored made;
  const CounterRandom random(7, 1);
  for (size_t r = 0; r < rows; ++r) {
    const double score = std::round(random.unit(2 * r) * 500) / 500;
    made.scores.push_back(score);
    made.labels.push_back(random.unit(2 * r + 1) < score ? 1 : 0);
  }
  return made;
}

double area(const std::vector<RocPoint>& curve) {
  double sum = 0;
  for (size_t i = 1; i < curve.size(); ++i)
    sum += (curve[i].false_positive_rate - curve[i - 1].false_positive_rate) *
           (curve[i].true_positive_rate + curve[i - 1].true_positive_rate) / 2;
  return sum;
}

}  // namespace

TEST(RocCurve, takes_equal_scores_as_one_step) {
  const std::vector<double> labels{1, 0, 1, 0}, scores{0.9, 0.5, 0.5, 0.1};
  EXPECT_EQ(roc_curve(labels, scores), (std::vector<RocPoint>{{0, 0}, {0, 0.5}, {0.5, 1}, {1, 1}}));
}

TEST(RocCurve, of_many_rows_has_few_points_and_the_area_of_roc_auc) {
  const Scored rows = many(20'000);
  const auto curve = roc_curve(rows.labels, rows.scores);
  EXPECT_GT(curve.size(), 50U);
  EXPECT_LE(curve.size(), kMaxRocPoints);
  EXPECT_NEAR(area(curve), *roc_auc(rows.labels, rows.scores), 1e-3);
}

TEST(RocCurve, weighs_rows) {
  const std::vector<double> labels{1, 0, 0}, scores{0.5, 0.7, 0.1}, weights{2, 1, 3};
  EXPECT_EQ(roc_curve(labels, scores, weights),
            (std::vector<RocPoint>{{0, 0}, {0.25, 0}, {0.25, 1}, {1, 1}}));
}

TEST(RocCurve, is_empty_where_it_is_not_defined) {
  const std::vector<double> ones{1, 1}, scores{0.2, 0.4},
      broken{0.2, std::numeric_limits<double>::quiet_NaN()}, both{0, 1}, one{0.1};
  EXPECT_TRUE(roc_curve(ones, scores).empty());
  EXPECT_TRUE(roc_curve(both, broken).empty());
  EXPECT_TRUE(roc_curve(both, one).empty());
  EXPECT_TRUE(roc_curve({}, {}).empty());
}

TEST(CalibrationCurve, has_the_gaps_of_ece) {
  const Scored rows = many(5'000);
  const auto bins = calibration_curve(rows.labels, rows.scores);
  ASSERT_EQ(bins.size(), 10U);
  double gaps = 0;
  for (const CalibrationBin& bin : bins) gaps += bin.rows / 5'000 * std::abs(bin.score - bin.label);
  EXPECT_NEAR(gaps, *ece(rows.labels, rows.scores), 1e-12);
}

TEST(CalibrationCurve, leaves_out_bins_without_rows) {
  const std::vector<double> targets{10, 20, 30}, predictions{12, 12, 40};
  EXPECT_EQ(calibration_curve(targets, predictions, {}, 4),
            (std::vector<CalibrationBin>{{12, 15, 2}, {40, 30, 1}}));
  EXPECT_TRUE(calibration_curve(targets, predictions, {}, 0).empty());
}

}  // namespace tidemill::statistics
