#include "quality/anomaly.hpp"

#include <cmath>

#include "quality/tables_test.hpp"

namespace tidemill::quality {
namespace {

constexpr int64_t kDay = 86'400'000'000;

/// One value a day, the last one yesterday.
std::vector<SeriesPoint> daily(Instant now, const std::vector<double>& values) {
  std::vector<SeriesPoint> series;
  for (size_t i = 0; i < values.size(); ++i)
    series.push_back({{now.micros - static_cast<int64_t>(values.size() - i) * kDay}, values[i]});
  return series;
}

const Instant kNow = *parse_instant("2013-06-03T06:00:00Z");  // a Monday

TEST(Anomaly, too_short_a_history_is_a_state_of_its_own) {
  const AnomalyAnswer answer =
      judge_history({.history = daily(kNow, {1, 2, 3, 4, 5, 6, 7}), .today = 1000, .now = kNow});
  EXPECT_FALSE(answer.enough);
  EXPECT_EQ(answer.points, 7U);
  EXPECT_EQ(answer.needed, 8U);
}

TEST(Anomaly, z_is_robust_against_an_outlier_in_the_past) {
  const std::vector<double> values{100, 104, 96, 102, 98, 101, 99, 103, 97, 5000};
  const AnomalyAnswer usual = judge_history({.history = daily(kNow, values), .today = 105, .now = kNow});
  ASSERT_TRUE(usual.enough);
  EXPECT_LT(std::abs(usual.z), 3);
  const AnomalyAnswer odd = judge_history({.history = daily(kNow, values), .today = 130, .now = kNow});
  EXPECT_GT(odd.z, 3);
  EXPECT_NEAR(odd.expected, 100.5, 1e-9);
}

TEST(Anomaly, mondays_are_compared_with_mondays) {
  std::vector<double> values;
  for (int week = 0; week < 8; ++week)
    for (int day = 0; day < 7; ++day)
      values.push_back(day == 0 || day == 6 ? 100 + week % 3
                                            : 1000 + week % 3);  // Monday first in each seven
  // Today, a Monday, has the 1000 of a Tuesday.
  const AnomalyAnswer by_week =
      judge_history({.history = daily(kNow, values), .today = 1000, .now = kNow, .season = "week"});
  ASSERT_TRUE(by_week.enough);
  EXPECT_EQ(by_week.points, 8U);
  EXPECT_GT(by_week.z, 3);
  EXPECT_LT(std::abs(judge_history({.history = daily(kNow, values), .today = 1000, .now = kNow}).z), 3);
  EXPECT_LT(
      std::abs(
          judge_history({.history = daily(kNow, values), .today = 101, .now = kNow, .season = "week"}).z),
      3);
}

TEST(Anomaly, season_of_few_weeks_is_not_enough) {
  EXPECT_FALSE(
      judge_history(
          {.history = daily(kNow, std::vector<double>(28, 5.0)), .today = 5, .now = kNow, .season = "week"})
          .enough);
  EXPECT_TRUE(
      judge_history(
          {.history = daily(kNow, std::vector<double>(35, 5.0)), .today = 5, .now = kNow, .season = "week"})
          .enough);
}

TEST(Anomaly, a_constant_history_allows_a_small_change_but_not_a_large_one) {
  const auto history = daily(kNow, std::vector<double>(10, 1000.0));
  EXPECT_EQ(judge_history({.history = history, .today = 1000, .now = kNow}).z, 0);
  EXPECT_LT(judge_history({.history = history, .today = 1020, .now = kNow}).z, 3);
  EXPECT_GT(judge_history({.history = history, .today = 1100, .now = kNow}).z, 3);
  // Nothing was ever missing: 1 % is news, 0.1 % is not.
  const auto none = daily(kNow, std::vector<double>(10, 0.0));
  EXPECT_GT(judge_history({.history = none, .today = 0.01, .now = kNow, .least_scale = kLeastShareScale}).z,
            3);
  EXPECT_LT(judge_history({.history = none, .today = 0.001, .now = kNow, .least_scale = kLeastShareScale}).z,
            3);
  EXPECT_TRUE(std::isinf(judge_history({.history = none, .today = 1, .now = kNow}).z));
}

TEST(Anomaly, points_that_are_not_past_or_not_numbers_do_not_count) {
  auto history = daily(kNow, std::vector<double>(8, 5.0));
  history.push_back({kNow, 5});
  history[0].value = std::nan("");
  EXPECT_EQ(judge_history({.history = history, .today = 5, .now = kNow}).points, 7U);
}

class AnomalyChecks : public Tables {};

TEST_F(AnomalyChecks, todays_values_are_observed_and_judged_by_history) {
  execute(
      "CREATE TABLE t AS SELECT i AS id, CASE WHEN i % 10 = 0 THEN NULL ELSE i END AS v FROM range(100) "
      "r(i)");
  CheckContext context = this->context("t");
  std::vector<std::string> asked;
  context.history = [&](const std::string& metric) -> Result<std::vector<SeriesPoint>> {
    asked.push_back(metric);
    return daily(context.now, metric == "null_share(v)"
                                  ? std::vector<double>(10, 0.0)
                                  : std::vector<double>{100, 101, 99, 100, 100, 98, 102, 100});
  };
  const auto rule = [&](const char* metric, bool column) {
    return check("anomaly", {},
                 column ? Json{{"metric", metric}, {"column", "v"}, {"z", 3}, {"season", "none"}}
                        : Json{{"metric", metric}, {"z", 3}});
  };
  const CheckReport report =
      run(context, {rule("row_count", false), rule("null_share", true), rule("mean", true),
                    rule("distinct_count", true), rule("min", true), rule("max", true), rule("sum", true),
                    rule("stddev", true)});
  EXPECT_EQ(report.results[0].status, CheckStatus::Passed);
  EXPECT_EQ(report.results[1].status, CheckStatus::Failed);
  EXPECT_EQ(report.results[1].message,
            "null_share(v) is 0.1, expected -0.003 to 0.003 from 10 earlier values");
  EXPECT_EQ(asked[1], "null_share(v)");
  EXPECT_EQ(report.observed.at("row_count"), 100);
  EXPECT_EQ(report.observed.at("null_share(v)"), 0.1);
  EXPECT_EQ(report.observed.at("distinct_count(v)"), 90);
  EXPECT_EQ(report.observed.at("sum(v)"), 4500);
  EXPECT_EQ(report.observed.at("mean(v)"), 50);
  EXPECT_EQ(report.observed.at("min(v)"), 1);
  EXPECT_EQ(report.observed.at("max(v)"), 99);
  EXPECT_NEAR(report.observed.at("stddev(v)"), 29.0001937, 1e-6);
}

TEST_F(AnomalyChecks, where_and_an_empty_table_are_understood) {
  execute("CREATE TABLE t AS SELECT i AS id, CASE WHEN i < 5 THEN i END AS v FROM range(20) r(i)");
  project::Check shares = check("anomaly", {"v"}, {{"metric", "null_share"}, {"column", "v"}, {"z", 3}});
  shares.where = "id < 10";
  EXPECT_EQ(run("t", {shares}).observed.at("null_share(v) where id < 10"), 0.5);
  EXPECT_EQ(run("t", {shares}).results[0].status, CheckStatus::NotEnoughHistory);
  execute("DELETE FROM t");
  const CheckReport empty =
      run("t", {check("anomaly", {"v"}, {{"metric", "mean"}, {"column", "v"}, {"z", 3}})});
  EXPECT_EQ(empty.results[0].status, CheckStatus::NotEnoughHistory);
  EXPECT_FALSE(empty.observed.contains("mean(v)"));
  CheckContext known = context("t");
  known.history = [&](const std::string&) -> Result<std::vector<SeriesPoint>> {
    return daily(known.now, std::vector<double>(10, 5.0));
  };
  const CheckResult lost =
      run(known, {check("anomaly", {"v"}, {{"metric", "mean"}, {"column", "v"}, {"z", 3}})}).results[0];
  EXPECT_EQ(lost.status, CheckStatus::Failed);
  EXPECT_EQ(lost.message, "mean(v) has no value today; it had 10 earlier");
}

}  // namespace
}  // namespace tidemill::quality
