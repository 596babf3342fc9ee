#include "monitoring/alert.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace tidemill::monitoring {
namespace {

constexpr int64_t kHour = int64_t{3600} * 1'000'000;
constexpr int64_t kDay = 24 * kHour;

Finding measured(double pressure, Topic topic = Topic::Drift, std::string column = "dest") {
  Finding finding;
  finding.cause = {"late", topic == Topic::Quality ? "quality missing" : "drift psi", std::move(column), "",
                   3};
  finding.topic = topic;
  finding.value = pressure / 5;
  finding.limit = 0.2;
  finding.pressure = finding.sure_pressure = pressure;
  finding.text = "psi";
  return finding;
}
Finding without_number(Finding::State state) {
  Finding finding = measured(0);
  finding.state = state;
  return finding;
}

Evaluation evaluation_of(const Finding& finding, int64_t window, int fire_after) {
  return {finding.cause.deployment, finding.cause.monitor, {window}, fire_after, {finding}};
}

/// Alerts that are looked at every hour, one finding each time.
struct Watch {
  int fire_after = 1;
  int64_t hour = 1000;
  Alerts alerts = {};

  std::string look(const Finding& finding) {
    ++hour;
    return look_again(finding);
  }
  std::string look_again(const Finding& finding) {
    return take(step_alerts(alerts, {evaluation_of(finding, hour * kHour, fire_after)}, {hour * kHour}));
  }
  std::string take(AlertStep step) {
    alerts = std::move(step.alerts);
    std::string said;
    for (const AlertEvent& event : step.events)
      said += event.what == AlertEvent::What::Fired ? "fired " : "resolved ";
    return said;
  }
  std::string state(const Cause& cause = measured(0).cause) const {
    const auto found = alerts.by_cause.find(cause);
    return found == alerts.by_cause.end() ? "ok" : std::string(to_text(found->second.state));
  }
};

}  // namespace

TEST(Alert, waits_for_failures_in_a_row_and_clears_under_four_fifths_twice) {
  Watch watch{.fire_after = 3};
  EXPECT_EQ(watch.look(measured(1.5)), "");
  EXPECT_EQ(watch.state(), "pending");
  EXPECT_EQ(watch.look(measured(1.5)), "");
  EXPECT_EQ(watch.look(measured(0.9)), "");
  EXPECT_EQ(watch.state(), "ok");
  watch.look(measured(1.5));
  watch.look(measured(1.5));
  EXPECT_EQ(watch.look(measured(1.01)), "fired ");
  EXPECT_EQ(watch.look(measured(0.79)), "");
  EXPECT_EQ(watch.look(measured(0.85)), "");
  EXPECT_EQ(watch.look(measured(0.79)), "");
  EXPECT_EQ(watch.state(), "firing");
  EXPECT_EQ(watch.look(measured(0)), "resolved ");
  EXPECT_EQ(watch.state(), "resolved");
  EXPECT_EQ(watch.look(measured(2)), "");
  EXPECT_EQ(watch.state(), "pending");
}

TEST(Alert, takes_a_missing_number_for_a_failure_and_too_few_rows_for_neither) {
  Watch watch{.fire_after = 2};
  watch.look(without_number(Finding::State::Missing));
  EXPECT_EQ(watch.look(without_number(Finding::State::Missing)), "fired ");
  watch.look(measured(0));
  EXPECT_EQ(watch.look(without_number(Finding::State::NotEnoughData)), "");
  EXPECT_EQ(watch.look(measured(0)), "");
  EXPECT_EQ(watch.state(), "firing");
  EXPECT_EQ(watch.look(measured(0)), "resolved ");
  watch.look(measured(2));
  watch.look(without_number(Finding::State::NotEnoughData));
  EXPECT_EQ(watch.look(measured(2)), "");
}

TEST(Alert, needs_the_better_end_of_an_interval_past_the_limit) {
  Watch watch;
  Finding unsure = measured(1.4);
  unsure.sure_pressure = 0.95;
  EXPECT_EQ(watch.look(unsure), "");
  EXPECT_EQ(watch.state(), "ok");
  EXPECT_EQ(watch.look(measured(1.4)), "fired ");
  EXPECT_EQ(watch.look(unsure), "");
  EXPECT_EQ(watch.look(unsure), "");
  EXPECT_EQ(watch.state(), "firing");
}

TEST(Alert, counts_a_window_once_however_often_it_is_looked_at) {
  Watch watch{.fire_after = 2};
  watch.look(measured(2));
  for (int restart = 0; restart < 5; ++restart) EXPECT_EQ(watch.look_again(measured(2)), "");
  watch.hour -= 3;
  EXPECT_EQ(watch.look_again(measured(2)), "");
  watch.hour += 3;
  EXPECT_EQ(watch.look(measured(2)), "fired ");
}

TEST(Alert, starts_its_rows_anew_when_the_clock_was_set_back) {
  Watch watch{.fire_after = 3};
  watch.look(measured(2));
  watch.look(measured(2));
  watch.hour -= 24 * 400;
  EXPECT_EQ(watch.look(measured(2)), "");
  EXPECT_EQ(watch.look(measured(2)), "");
  EXPECT_EQ(watch.look(measured(2)), "fired ");
}

TEST(Alert, keeps_drift_silent_while_the_columns_data_are_bad) {
  Watch watch;
  EXPECT_EQ(watch.look(measured(2, Topic::Quality)), "fired ");
  EXPECT_EQ(watch.look(measured(2)), "");
  EXPECT_TRUE(watch.alerts.by_cause.at(measured(0).cause).silent);
  Finding other = measured(2, Topic::Drift, "carrier");
  other.cause.monitor = "drift js";
  EXPECT_EQ(watch.look(other), "fired ");
  watch.look(measured(0, Topic::Quality));
  EXPECT_EQ(watch.look(measured(0, Topic::Quality)), "resolved fired ");
  EXPECT_EQ(watch.look(measured(2)), "");
}

TEST(Alert, ends_with_what_it_watched) {
  Watch watch;
  watch.look(measured(2));
  Evaluation next{"late", "drift psi", {++watch.hour * kHour}, 1, {}};
  EXPECT_EQ(watch.take(step_alerts(watch.alerts, {next}, next.window_end)), "resolved ");
  EXPECT_EQ(watch.look(measured(2)), "fired ");
  EXPECT_EQ(watch.take(drop_monitors(watch.alerts, {{"late", "drift psi"}}, {watch.hour * kHour})), "");
  EXPECT_EQ(watch.take(drop_monitors(watch.alerts, {{"late", "drift js"}}, {watch.hour * kHour})),
            "resolved ");
  EXPECT_TRUE(watch.alerts.judged.empty());
}

TEST(Alert, is_forgotten_a_week_after_it_was_resolved) {
  Watch watch;
  watch.look(measured(2));
  watch.look(measured(0));
  watch.look(measured(0));
  EXPECT_EQ(watch.alerts.by_cause.size(), 1u);
  watch.hour += 24 * 8;
  watch.look(measured(0));
  EXPECT_TRUE(watch.alerts.by_cause.empty());
}

TEST(Alert, tracks_so_many_causes_and_says_how_many_more_there_are) {
  Evaluation evaluation{"late", "drift psi", {kHour}, 1, {}};
  for (size_t i = 0; i < kMaxAlerts + 5; ++i)
    evaluation.findings.push_back(measured(2, Topic::Drift, fmt::format("column {}", i)));
  const AlertStep step = step_alerts({}, {evaluation}, {kHour});
  EXPECT_EQ(step.alerts.by_cause.size(), kMaxAlerts);
  EXPECT_EQ(step.untracked, 5u);
}

TEST(Alert, refuses_a_state_that_is_not_its_own) {
  EXPECT_EQ(alerts_from_json(Json::array()).error().code, "monitoring.state");
  Json json = to_json(step_alerts({}, {evaluation_of(measured(2), kHour, 1)}, {kHour}).alerts);
  ASSERT_TRUE(alerts_from_json(json));
  for (const auto& [member, value] : std::map<std::string, Json>{
           {"state", "burning"}, {"topic", 3}, {"since", "now"}, {"failures", 1e30}, {"silent", 0}}) {
    Json wrong = json;
    wrong["alerts"][0][member] = value;
    EXPECT_FALSE(alerts_from_json(wrong)) << member;
  }
  json["format"] = 2;
  EXPECT_FALSE(alerts_from_json(json));
}

namespace {

struct Look {
  double pressure;
  Finding::State state;
  int64_t hours;  // since the last look; may be negative
};

std::vector<Look> some_looks() {
  return *rc::gen::container<std::vector<Look>>(rc::gen::build<Look>(
      rc::gen::set(&Look::pressure, rc::gen::element(0.0, 0.5, 0.79, 0.8, 0.9, 1.0, 1.001, 3.0)),
      rc::gen::set(&Look::state, rc::gen::weightedElement<Finding::State>({{8, Finding::State::Measured},
                                                                           {1, Finding::State::NotEnoughData},
                                                                           {1, Finding::State::Missing}})),
      rc::gen::set(&Look::hours,
                   rc::gen::weightedElement<int64_t>({{9, 1}, {1, 0}, {1, -2}, {1, -100}, {1, 30}}))));
}
Finding finding_of(const Look& look) {
  Finding finding = measured(look.pressure);
  finding.state = look.state;
  return finding;
}

}  // namespace

RC_GTEST_PROP(Alert, never_fires_without_failures_in_a_row_and_ends_only_well_under_the_limit, ()) {
  Watch watch{.fire_after = *rc::gen::inRange(1, 5)};
  std::vector<Look> counted;  // those whose window is new
  int64_t newest = INT64_MIN;
  bool firing = false;
  for (const Look& look : some_looks()) {
    watch.hour += look.hours;
    const bool set_back = newest != INT64_MIN && watch.hour * kHour <= newest - kDay;
    if (set_back) counted.clear();
    const bool counts = set_back || watch.hour * kHour > newest;
    if (counts) {
      newest = watch.hour * kHour;
      counted.push_back(look);
    }
    const std::string said = watch.look_again(finding_of(look));
    RC_ASSERT(said.empty() || counts);
    if (said == "fired ") {
      RC_ASSERT(!std::exchange(firing, true));
      RC_ASSERT(counted.size() >= static_cast<size_t>(watch.fire_after));
      for (size_t i = counted.size() - static_cast<size_t>(watch.fire_after); i < counted.size(); ++i)
        RC_ASSERT(finding_of(counted[i]).fails());
    } else if (said == "resolved ") {
      RC_ASSERT(std::exchange(firing, false));
      RC_ASSERT(counted.size() >= 2u);
      for (size_t i = counted.size() - 2; i < counted.size(); ++i)
        RC_ASSERT(counted[i].state == Finding::State::Measured && counted[i].pressure < kClearsUnder);
    } else {
      RC_ASSERT(said.empty());
    }
  }
}

RC_GTEST_PROP(Alert, does_not_flap_between_four_fifths_and_the_limit, (bool fires, uint8_t length)) {
  Watch watch;
  if (fires) watch.look(measured(2));
  const std::string before = watch.state();
  for (int i = 0; i < length; ++i) {
    RC_ASSERT(watch.look(measured(*rc::gen::element(0.8, 0.85, 0.95, 1.0))).empty());
    RC_ASSERT(watch.state() == before);
  }
}

RC_GTEST_PROP(Alert, goes_on_after_a_restart_as_if_there_had_been_none, ()) {
  Watch steady{.fire_after = 2}, restarted{.fire_after = 2};
  for (const Look& look : some_looks()) {
    steady.hour += look.hours;
    restarted.hour += look.hours;
    if (*rc::gen::arbitrary<bool>()) {
      const auto text = to_json(restarted.alerts).dump();
      const auto read = alerts_from_json(*parse_json(text));
      RC_ASSERT(read.has_value());
      RC_ASSERT(*read == restarted.alerts);
      restarted.alerts = *read;
      restarted.look_again(finding_of(look));  // an evaluation that was cut short is made again
      steady.look_again(finding_of(look));
    }
    RC_ASSERT(steady.look_again(finding_of(look)) == restarted.look_again(finding_of(look)));
    RC_ASSERT(steady.alerts == restarted.alerts);
  }
}

RC_GTEST_PROP(Alert, tells_no_drift_of_a_column_whose_data_are_bad, ()) {
  Watch watch;
  for (const auto& [drift, quality] : *rc::gen::arbitrary<std::vector<std::pair<bool, bool>>>()) {
    ++watch.hour;
    const Finding a = measured(drift ? 2 : 0), b = measured(quality ? 2 : 0, Topic::Quality);
    AlertStep step = step_alerts(
        watch.alerts, {evaluation_of(a, watch.hour * kHour, 1), evaluation_of(b, watch.hour * kHour, 1)},
        {watch.hour * kHour});
    for (const AlertEvent& event : step.events)
      if (event.what == AlertEvent::What::Fired && event.alert.topic == Topic::Drift)
        RC_ASSERT(!step.alerts.fires(b.cause));
    watch.alerts = std::move(step.alerts);
    if (watch.alerts.fires(a.cause) && !watch.alerts.fires(b.cause))
      RC_ASSERT(watch.alerts.by_cause.at(a.cause).told);
  }
}

TEST(Pressure, is_one_at_the_limit_whichever_way_it_lies) {
  EXPECT_DOUBLE_EQ(pressure_above(0.1, 0.2), 0.5);
  EXPECT_DOUBLE_EQ(pressure_above(0.2, 0.2), 1);
  EXPECT_EQ(pressure_above(-1, 0.2), 0);
  EXPECT_EQ(pressure_above(0, 0), 0);
  EXPECT_GT(pressure_above(1e-9, 0), 1e9);
  EXPECT_DOUBLE_EQ(pressure_below(0.68, 0.6, 1), 0.8);
  EXPECT_DOUBLE_EQ(pressure_below(0.6, 0.6, 1), 1);
  EXPECT_GT(pressure_below(0.59, 0.6, 1), 1);
  EXPECT_EQ(pressure_below(1, 1, 1), 0);
  EXPECT_GT(pressure_below(0.999, 1, 1), 1);
  EXPECT_DOUBLE_EQ(pressure_below(125, 100, {}), 0.8);
  EXPECT_GT(pressure_below(0, 100, {}), 1e9);
  EXPECT_EQ(pressure_below(0.1, -0.2, {}), 0);
}

TEST(WindowEnd, is_the_same_for_every_look_until_the_next) {
  const Duration hour{kHour};
  EXPECT_EQ(window_end({5 * kHour + 1}, hour).micros, 5 * kHour);
  EXPECT_EQ(window_end({5 * kHour}, hour).micros, 5 * kHour);
  EXPECT_EQ(window_end({-1}, hour).micros, -kHour);
  EXPECT_EQ(window_end({7}, {0}).micros, 0);
}

}  // namespace tidemill::monitoring
