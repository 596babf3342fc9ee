#include "monitoring/evaluate.hpp"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "statistics/reference_test.hpp"

namespace tidemill::monitoring {
namespace {

using statistics::near;
using statistics::numbers;
using State = Finding::State;

const Cause kCause{"late", "monitor", "dest", "", 3};
constexpr statistics::BootstrapOptions kQuick{.resamples = 200};

Limits at_most(double limit) { return {.max = limit}; }
Limits at_least(double limit) { return {.min = limit}; }

/// The first of the binary cases that scikit-learn judged.
struct Judged {
  std::vector<double> labels, scores;
  double roc_auc = 0;
  statistics::Blocks blocks;
  Judged() {
    const Json& c = statistics::reference()["binary"][0];
    labels = numbers(c["labels"]);
    scores = numbers(c["scores"]);
    roc_auc = c["expected"]["roc_auc"].get<double>();
    blocks = statistics::blocks_of_single_rows(labels.size());
  }
  Finding look(const Limits& limits, std::string_view metric = "roc_auc") const {
    return evaluate_metric(kCause, limits, metric, {.labels = labels, .scores = scores}, blocks, kQuick)
        .value();
  }
};

}  // namespace

TEST(EvaluateDrift, is_past_its_limit_only_above_what_no_drift_gives) {
  const Limits limits{.warn = 0.1, .fail = 0.2};
  EXPECT_TRUE(evaluate_drift(kCause, limits, {.value = 0.3, .no_drift = 0.05, .rows = 1000}).fails());
  const Finding stormy = evaluate_drift(kCause, limits, {.value = 0.3, .no_drift = 0.4, .rows = 1000});
  EXPECT_FALSE(stormy.fails() || stormy.warned);
  EXPECT_EQ(stormy.limit, 0.4);
  const Finding some = evaluate_drift(kCause, limits, {.value = 0.15, .rows = 1000});
  EXPECT_TRUE(some.warned && !some.fails());
  EXPECT_EQ(evaluate_drift(kCause, limits, {.value = 9, .rows = 199}).state, State::NotEnoughData);
  EXPECT_EQ(evaluate_drift(kCause, limits, {.rows = 1000}).state, State::Missing);
}

TEST(EvaluateQuality, counts_what_is_above_training_and_is_not_chance) {
  const Limits limits{.fail = 0.01};
  EXPECT_FALSE(evaluate_quality(kCause, limits, {.failing = 4, .rows = 200}).fails()) << "2 %, or chance";
  EXPECT_TRUE(evaluate_quality(kCause, limits, {.failing = 400, .rows = 20'000}).fails());
  EXPECT_FALSE(evaluate_quality(kCause, limits, {.failing = 6'000, .rows = 20'000, .usual = 0.3}).fails());
  EXPECT_TRUE(evaluate_quality(kCause, limits, {.failing = 7'000, .rows = 20'000, .usual = 0.3}).fails());
  EXPECT_EQ(evaluate_quality(kCause, limits, {.failing = 100, .rows = 100}).state, State::NotEnoughData);
  EXPECT_EQ(evaluate_quality(kCause, {.fail = 0}, {.failing = 0, .rows = 1000}).pressure, 0);
  EXPECT_TRUE(evaluate_quality(kCause, {.fail = 0}, {.failing = 300, .rows = 1000}).fails());
}

TEST(EvaluateQuality, is_past_its_limit_only_above_what_chance_gives) {
  const Limits limits{.warn = 0.005, .fail = 0.01};
  const Finding by_chance =
      evaluate_quality(kCause, limits, {.failing = 320, .rows = 1'000, .usual = 0.25, .chance = 0.08});
  EXPECT_FALSE(by_chance.fails() || by_chance.warned) << by_chance.text;
  EXPECT_EQ(by_chance.limit, 0.08);
  EXPECT_TRUE(evaluate_quality(kCause, limits, {.failing = 340, .rows = 1'000, .usual = 0.25, .chance = 0.08})
                  .fails());
  const Finding unsure = evaluate_quality(kCause, limits, {.failing = 7, .rows = 400, .chance = 0.012});
  EXPECT_TRUE(unsure.warned && !unsure.fails()) << "more than chance, but perhaps not more than 1 %";
}

TEST(EvaluateMetric, is_judged_by_the_better_end_of_its_interval) {
  const Judged judged;
  const Finding well = judged.look(at_least(0.1));
  EXPECT_TRUE(near(well.value, judged.roc_auc));
  EXPECT_FALSE(well.fails());
  const Finding near_limit = judged.look(at_least(judged.roc_auc + 0.005));
  EXPECT_GT(near_limit.pressure, 1);
  EXPECT_FALSE(near_limit.fails()) << near_limit.text;
  EXPECT_TRUE(judged.look(at_least(0.999)).fails());
  EXPECT_TRUE(judged.look(at_most(0.001), "log_loss").fails());
  EXPECT_FALSE(judged.look(at_most(10), "log_loss").fails());
}

TEST(EvaluateMetric, says_nothing_of_few_rows_or_a_rare_class) {
  Judged judged;
  judged.labels.assign(judged.labels.size(), 0);
  std::fill_n(judged.labels.begin(), 49, 1.0);
  EXPECT_EQ(judged.look(at_least(0.9)).state, State::NotEnoughData);
  judged.labels[49] = 1;
  EXPECT_EQ(judged.look(at_least(0.9)).state, State::Measured);
  judged.labels.resize(150);
  judged.scores.resize(150);
  judged.blocks = statistics::blocks_of_single_rows(150);
  EXPECT_EQ(judged.look(at_least(0.9)).state, State::NotEnoughData);
  EXPECT_EQ(evaluate_metric(kCause, at_least(1), "sharpness", {}, {}).error().code, "metric.unknown");
}

TEST(EvaluateMetric, is_missing_where_it_is_not_defined) {
  Judged judged;
  judged.scores[7] = std::nan("");
  EXPECT_EQ(judged.look(at_least(0.9)).state, State::Missing);
}

TEST(EvaluateMetric, needs_as_many_days_as_an_interval_does) {
  Judged judged;
  std::vector<int64_t> days;
  for (size_t i = 0; i < judged.labels.size(); ++i) days.push_back(static_cast<int64_t>(i % 5));
  judged.blocks = statistics::make_blocks(days);
  EXPECT_EQ(judged.look(at_least(0.99)).state, State::NotEnoughData);
}

TEST(EvaluateEstimate, has_the_value_of_the_reference_and_says_that_it_is_estimated) {
  for (const Json& c : statistics::monitoring_reference()["estimated"]) {
    const std::vector<double> probabilities = numbers(c["probabilities"]), scores = numbers(c["scores"]);
    const auto seen = evaluate_estimate(kCause, at_least(0.01), "roc_auc",
                                        {.probabilities = probabilities, .scores = scores},
                                        statistics::blocks_of_single_rows(scores.size()), kQuick);
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_NE(seen->text.find("estimated roc_auc"), std::string::npos);
    const auto direct = statistics::estimate("roc_auc", {.probabilities = probabilities, .scores = scores});
    EXPECT_EQ(seen->value, **direct);
    EXPECT_FALSE(seen->fails());
  }
}

TEST(EvaluateFairness, judges_ratio_and_difference_of_groups_that_are_large_enough) {
  std::vector<double> decisions;
  std::vector<uint32_t> groups;
  const std::vector<std::string> names{"a", "b", "c"};
  const auto add = [&](uint32_t group, size_t rows, size_t selected) {
    for (size_t i = 0; i < rows; ++i) {
      decisions.push_back(i < selected ? 1 : 0);
      groups.push_back(group);
    }
  };
  add(0, 2000, 1000);
  add(1, 2000, 500);
  add(2, 50, 0);  // too few to be judged
  const auto judged =
      statistics::fairness({decisions, {}, {}, groups, names},
                           statistics::blocks_of_single_rows(decisions.size()), {.resamples = 100});
  ASSERT_TRUE(judged);
  const Finding ratio = evaluate_fairness(kCause, {}, "four_fifths", *judged).value();
  EXPECT_NEAR(ratio.value, 0.5, 1e-12);
  EXPECT_TRUE(ratio.fails());
  const statistics::Interval interval = judged->demographic_parity.ratio.interval.value();
  EXPECT_NE(ratio.text.find(fmt::format("({:.4g} to {:.4g})", interval.low, interval.high)),
            std::string::npos)
      << ratio.text;
  const Finding reached =
      evaluate_fairness(kCause, at_least((0.5 + interval.high) / 2), "demographic_parity", *judged).value();
  EXPECT_FALSE(reached.fails()) << "its interval reaches the limit";
  EXPECT_GT(reached.pressure, 1);
  EXPECT_FALSE(evaluate_fairness(kCause, at_least(0.4), "demographic_parity", *judged)->fails());
  const Finding difference = evaluate_fairness(kCause, at_most(0.1), "demographic_parity", *judged).value();
  EXPECT_NEAR(difference.value, 0.25, 1e-12);
  EXPECT_TRUE(difference.fails());
  EXPECT_EQ(evaluate_fairness(kCause, at_least(0.8), "equal_opportunity", *judged)->state,
            State::NotEnoughData)
      << "labels are not known";
  EXPECT_EQ(evaluate_fairness(kCause, {}, "niceness", *judged).error().code, "monitoring.fairness");
}

TEST(EvaluateAttribution, agrees_with_the_reference_and_fails_below_nine_tenths) {
  for (const Json& c : statistics::monitoring_reference()["ndcg"]) {
    const std::vector<double> training = numbers(c["reference"]), now = numbers(c["current"]);
    const Finding seen = evaluate_attribution(kCause, {}, training, now, 1000);
    ASSERT_EQ(seen.state, State::Measured) << c["name"];
    const double expected = c["expected"].get<double>();
    EXPECT_TRUE(near(seen.value, expected));
    EXPECT_EQ(seen.fails(), expected < 0.9);
  }
  EXPECT_EQ(evaluate_attribution(kCause, {}, {}, {}, 1000).state, State::Missing);
}

TEST(EvaluateTraffic, takes_none_for_too_little_and_unknown_for_missing) {
  const Duration week{int64_t{7} * 86'400'000'000};
  const TrafficLimits limits{.min = Rate{100}, .max = Rate{1000}};
  const auto of = [&](std::optional<double> predictions) {
    return evaluate_traffic(kCause, limits, {predictions, week, week});
  };
  EXPECT_FALSE(of(700).fails());
  EXPECT_TRUE(of(699).fails());
  EXPECT_TRUE(of(0).fails());
  EXPECT_TRUE(of(7001).fails());
  EXPECT_EQ(of(0).state, State::Measured);
  EXPECT_EQ(of({}).state, State::Missing);
}

TEST(EvaluateTraffic, waits_with_too_little_until_the_log_is_as_old_as_the_window) {
  const Duration week{int64_t{7} * 86'400'000'000}, day{86'400'000'000};
  const TrafficLimits limits{.min = Rate{100}, .max = Rate{1000}};
  const auto of = [&](double predictions, Duration logged) {
    return evaluate_traffic(kCause, limits, {predictions, week, logged});
  };
  EXPECT_EQ(of(0, {0}).state, State::NotEnoughData);
  EXPECT_NE(of(0, {0}).text.find("nothing was predicted yet"), std::string::npos);
  EXPECT_EQ(of(90, day).state, State::NotEnoughData);
  EXPECT_FALSE(of(90, day).fails());
  EXPECT_EQ(of(700, day).state, State::Measured) << "enough is enough, whatever comes";
  EXPECT_TRUE(of(7001, day).fails()) << "so is too much";
  EXPECT_TRUE(of(90, week).fails());
}

TEST(EvaluateLatency, is_held_against_its_limit) {
  EXPECT_TRUE(evaluate_latency(kCause, at_most(0.05), 0.06, 1000).fails());
  EXPECT_FALSE(evaluate_latency(kCause, at_most(0.05), 0.04, 1000).fails());
  EXPECT_EQ(evaluate_latency(kCause, at_most(0.05), {}, 1000).state, State::Missing);
}

TEST(EvaluateSchedule, fails_when_its_run_has_not_succeeded_since_it_was_due) {
  const Instant tick{int64_t{1'000'000'000'000}}, before{tick.micros - 1},
      later{tick.micros + int64_t{7'200'000'000}};
  const Duration hour{3'600'000'000};
  EXPECT_TRUE(evaluate_schedule(kCause, tick, before, hour, later).fails());
  EXPECT_TRUE(evaluate_schedule(kCause, tick, {}, hour, later).fails());
  EXPECT_FALSE(evaluate_schedule(kCause, tick, before, {hour.micros * 3}, later).fails())
      << "it may still run";
  EXPECT_FALSE(evaluate_schedule(kCause, tick, tick, hour, later).fails());
  EXPECT_FALSE(evaluate_schedule(kCause, {}, {}, hour, later).fails());
}

}  // namespace tidemill::monitoring
