#include "api/metrics.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace tidemill::api {

TEST(Answers, tell_of_one_role_and_of_the_time_between) {
  Metrics metrics;
  const auto request = [&](int code, double seconds, const char* role = "canary",
                           const char* protocol = "v2") {
    InferenceSeries& series = metrics.series("late", 2, role, protocol);
    series.begin();
    series.end({.code = code, .seconds = seconds});
  };
  request(200, 0.01);
  const auto before = metrics.answers("late", 2, "canary");
  EXPECT_EQ(before.requests, 1U);
  for (int i = 0; i < 98; ++i) request(200, 0.02, "canary", i % 2 == 0 ? "v2" : "grpc");
  request(400, 0.02);
  request(500, 0.2);
  request(503, 0.0001);
  request(200, 4, "shadow");
  const auto since = metrics.answers("late", 2, "canary") - before;
  EXPECT_EQ(since.requests, 101U);
  EXPECT_EQ(since.refused, 1U);
  EXPECT_EQ(since.failed, 1U);
  EXPECT_NEAR(*since.quantile_seconds(0.5), 0.0175, 0.001);
  EXPECT_LE(*since.quantile_seconds(0.99), 0.025);
  EXPECT_GT(*since.quantile_seconds(0.999), 0.1);
  EXPECT_EQ(metrics.answers("late", 3, "canary").requests, 0U);
  EXPECT_EQ((before - before).quantile_seconds(0.99), std::nullopt);
}

TEST(MetricsText, has_labels_and_numbers_that_nothing_breaks_out_of) {
  EXPECT_EQ(label_value("a\\b \"c\"\nd é"), "a\\\\b \\\"c\\\"\\nd é");
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(number_text(kInfinity), "+Inf");
  EXPECT_EQ(number_text(-kInfinity), "-Inf");
  EXPECT_EQ(number_text(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(std::stod(number_text(0.1 + 0.2)), 0.1 + 0.2);
  EXPECT_EQ(number_text(3), "3");
}

TEST(Metrics, give_a_thread_the_series_that_it_asks_for) {
  Metrics one, other;
  InferenceSeries& first = one.series("late", 1, "champion", "v2");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(&one.series("late", 1, "champion", "v2"), &first);
    EXPECT_NE(&one.series("late", 2, "champion", "v2"), &first);
    EXPECT_NE(&one.series("late", 1, "canary", "v2"), &first);
    EXPECT_NE(&one.series("late", 1, "champion", "grpc"), &first);
    EXPECT_NE(&one.series("", 0, "", "v2"), &first);
    EXPECT_NE(&other.series("late", 1, "champion", "v2"), &first);
  }
}

}  // namespace tidemill::api
