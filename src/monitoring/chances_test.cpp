#include "monitoring/chances.hpp"

#include <gtest/gtest.h>

namespace tidemill::monitoring {

namespace {

/// A category that is one of two, by turns of a day: nearly all "a", then nearly all "b".
WatchedColumn column_of(int days) {
  Json by_day = Json::array();
  for (int day = 0; day < days; ++day) by_day.push_back(day % 2 == 0 ? Json{0, 95, 5, 0} : Json{0, 5, 95, 0});
  WatchedColumn column;
  column.name = "dest";
  column.reference = read_reference(Json{{"kind", "level"},
                                         {"levels", Json::array({"a", "b"})},
                                         {"counts", {0, 50 * days, 50 * days, 0}},
                                         {"by_day", {{"counts", by_day}}}})
                         .value();
  return column;
}

Chance chance_of(const WatchedColumn& column, double days) {
  Chances chances;
  const std::vector<double> counts{0, 500, 500, 0};
  return chances.of(column, Statistic::Psi, no_drift_level(1), {days, counts}).value();
}

}  // namespace

TEST(Chances, of_longer_windows_are_smaller) {
  const WatchedColumn column = column_of(60);
  EXPECT_GT(*chance_of(column, 1).by_days, 1.5 * *chance_of(column, 20).by_days);
}

TEST(Chances, of_windows_longer_than_half_of_training_are_those_of_the_half) {
  const WatchedColumn column = column_of(20);
  ASSERT_TRUE(chance_of(column, 10).by_days);
  EXPECT_EQ(chance_of(column, 28).by_days, chance_of(column, 10).by_days);
  EXPECT_FALSE(chance_of(column_of(8), 1).by_days) << "of so few days nothing can be told";
}

TEST(Chances, of_missing_values_are_those_of_training_s_days) {
  Json by_day = Json::array();
  for (int day = 0; day < 40; ++day) by_day.push_back(day % 2 == 0 ? Json{0, 100, 0} : Json{20, 80, 0});
  WatchedColumn column;
  column.name = "temp";
  column.reference = read_reference(Json{{"kind", "level"},
                                         {"levels", Json::array({"a"})},
                                         {"counts", {400, 3600, 0}},
                                         {"by_day", {{"counts", by_day}}}})
                         .value();
  Chances chances;
  const std::vector<double> counts{2'000, 8'000, 0};
  const Chance chance = chances.of(column, Statistic::MissingShare, no_drift_level(1), {1, counts}).value();
  EXPECT_GT(*chance.by_days, 0.1) << "every other day has a tenth more than all of them";
  const Drift drift = measure_drift(Statistic::MissingShare, column.reference, counts, {}, chance);
  EXPECT_EQ(drift.no_drift, chance.by_days) << "independent rows would differ by less";
  EXPECT_LT(*no_drift_of_rows(Statistic::MissingShare, column.reference.baseline,
                              column.reference.baseline.counts, counts, no_drift_level(1)),
            0.03);
}

TEST(Chances, are_the_same_when_they_are_asked_for_again) {
  const WatchedColumn column = column_of(30);
  Chances chances;
  const std::vector<double> counts{0, 300, 700, 0};
  const Chance first = chances.of(column, Statistic::Psi, 0.995, {3, counts}).value();
  const Chance again = chances.of(column, Statistic::Psi, 0.995, {3, counts}).value();
  EXPECT_EQ(first.by_days, again.by_days);
  EXPECT_EQ(first.of_rows, again.of_rows);
  EXPECT_EQ(first.by_days, no_drift_by_days(Statistic::Psi, column.reference, 3, 0.995).value());
}

}  // namespace tidemill::monitoring
