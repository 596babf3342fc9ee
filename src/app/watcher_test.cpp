#include "app/watcher.hpp"

#include <gtest/gtest.h>

#include "app/monitor_metrics.hpp"
#include "monitoring/kept.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::app {

namespace {

using monitoring::Alert;
using monitoring::AlertEvent;

constexpr Duration kMinute{60'000'000};

/// A home whose champion's package cannot be read, and a deployment without a log.
class WatchedHome : public ::testing::Test {
 protected:
  WatchedHome() {
    project.home = home.path();
    project.deployments["late"] = deployment("late", "late");
    project.deployments["blind"] = deployment("blind", "late");
    project.deployments["blind"].log.reset();
    project.deployments["new"] = deployment("new", "none_yet");
    for (const char* name : {"late", "blind", "new"}) project.monitors[name] = {traffic()};
  }
  static project::Deployment deployment(const std::string& name, const std::string& model) {
    project::Deployment one;
    one.name = name;
    one.model = model;
    one.version = "champion";
    one.log.emplace();
    return one;
  }
  static project::Monitor traffic() {
    project::Monitor monitor;
    monitor.kind = project::Monitor::Kind::Traffic;
    monitor.name = "traffic";
    monitor.min_rate = {1, kMinute};
    monitor.window = kMinute;
    monitor.every = kMinute;
    return monitor;
  }
  std::unique_ptr<Watcher> watcher() {
    return std::make_unique<Watcher>(
        project, *registry,
        Watcher::Options{.settles = {0}, .told = [this](const AlertEvents& events, Instant) -> Result<void> {
                           if (is_deaf) return environment_error("io.disk_full", "no room");
                           told.insert(told.end(), events.begin(), events.end());
                           return {};
                         }});
  }
  Instant minute(int64_t n) const { return {(start / kMinute.micros + n) * kMinute.micros}; }

  registry::TestHome home;
  std::unique_ptr<registry::Registry> registry = home.open();
  project::Project project;
  const int64_t start = registry::TestClock().at.micros;
  AlertEvents told;
  bool is_deaf = false;
};

}  // namespace

TEST_F(WatchedHome, a_monitor_that_cannot_be_looked_at_is_an_alert_of_its_own) {
  registry::TestHome::publish(*registry, "run", {}, {{"late", "k1"}});
  const auto one = watcher();
  const auto step = one->watch_once(minute(1));
  ASSERT_TRUE(step) << to_text(step.error());
  ASSERT_EQ(step->events.size(), 2U);
  EXPECT_EQ(step->events[0].alert.cause.monitor, "traffic") << "what it finds";
  EXPECT_EQ(step->events[0].alert.cause.deployment, "blind");
  EXPECT_NE(step->events[0].alert.text.find("keeps no log"), std::string::npos);
  EXPECT_EQ(step->events[1].alert.cause.monitor, "evaluation of traffic");
  EXPECT_NE(step->events[1].alert.text.find("package.invalid"), std::string::npos)
      << step->events[1].alert.text;
  EXPECT_NE(one->metrics().find("tidemill_monitor_failures_total 1\n"), std::string::npos);
  EXPECT_NE(one->metrics().find("tidemill_alerts_firing{deployment=\"blind\",monitor=\"traffic\"} 1\n"),
            std::string::npos);
}

TEST_F(WatchedHome, a_window_counts_once_also_over_a_restart) {
  registry::TestHome::publish(*registry, "run", {}, {{"late", "k1"}});
  ASSERT_TRUE(watcher()->watch_once(minute(1)));
  EXPECT_EQ(told.size(), 2U);
  const auto again = watcher();
  const auto step = again->watch_once({minute(1).micros + 30'000'000});
  ASSERT_TRUE(step);
  EXPECT_TRUE(step->looked.empty());
  EXPECT_TRUE(step->events.empty());
  EXPECT_EQ(again->watch_once(minute(2))->looked.size(), 2U) << "of the deployments that can be looked at";
  EXPECT_EQ(told.size(), 2U) << "what fires is told once";
  EXPECT_EQ(monitoring::kept_looks(*registry)->size(), 2U);
}

TEST_F(WatchedHome, what_could_not_be_told_is_not_kept_and_told_the_next_time) {
  registry::TestHome::publish(*registry, "run", {}, {{"late", "k1"}});
  is_deaf = true;
  const auto one = watcher();
  EXPECT_EQ(one->watch_once(minute(1)).error().code, "io.disk_full");
  EXPECT_EQ(monitoring::kept_alerts(*registry).value(), std::nullopt);
  is_deaf = false;
  EXPECT_EQ(one->watch_once(minute(1))->events.size(), 2U);
  EXPECT_EQ(monitoring::kept_alerts(*registry).value()->by_cause.size(), 2U);
}

TEST_F(WatchedHome, alerts_of_a_monitor_that_is_gone_end) {
  registry::TestHome::publish(*registry, "run", {}, {{"late", "k1"}});
  ASSERT_TRUE(watcher()->watch_once(minute(1)));
  project.monitors.erase("blind");
  const auto step = watcher()->watch_once(minute(1));
  ASSERT_EQ(step->events.size(), 1U);
  EXPECT_EQ(step->events[0].what, AlertEvent::What::Resolved);
  EXPECT_EQ(monitoring::kept_looks(*registry)->count({"blind", "traffic"}), 0U);
}

TEST_F(WatchedHome, a_state_that_cannot_be_read_stops_watching_and_stays) {
  ASSERT_TRUE(registry->set_memos(monitoring::kWatchMemos, {{monitoring::kAlertsMemo, "{\"format\": 99}"}}));
  EXPECT_EQ(watcher()->watch_once(minute(1)).error().code, "monitoring.state");
  EXPECT_EQ(registry->memo(monitoring::kWatchMemos, monitoring::kAlertsMemo)->value(), "{\"format\": 99}");
}

TEST(LastLooks, come_back_from_what_is_kept_to_the_same_bits) {
  monitoring::Finding finding;
  finding.cause = {"late", "drift psi", "x", "carrier=UA", 3};
  finding.topic = monitoring::Topic::Drift;
  finding.value = 0.1 + 0.2;
  finding.pressure = finding.sure_pressure = std::numeric_limits<double>::infinity();
  finding.p_value = 1e-300;
  finding.text = "distance";
  monitoring::LastLooks looks;
  looks[{"late", "drift psi"}] = {{7}, {"late", "drift psi", {5}, 3, {finding}}};
  const Json state = monitoring::state_of(looks);
  const auto back = monitoring::last_looks(Json::parse(to_text(state)));
  ASSERT_TRUE(back) << to_text(back.error());
  EXPECT_EQ(monitoring::state_of(*back), state);
  const monitoring::Finding& read = back->begin()->second.evaluation.findings.at(0);
  EXPECT_EQ(read.value, finding.value);
  EXPECT_TRUE(read.fails());
}

TEST(LastLooks, keep_what_presses_most_of_very_many) {
  monitoring::LastLooks looks;
  monitoring::LastLook& look = looks[{"late", "drift psi"}];
  look.evaluation.deployment = "late";
  look.evaluation.monitor = "drift psi";
  for (size_t i = 0; i < monitoring::kMaxKeptFindings + 10; ++i) {
    monitoring::Finding finding;
    finding.pressure = finding.sure_pressure = static_cast<double>(i) / 1e4;
    look.evaluation.findings.push_back(finding);
  }
  const auto back = monitoring::last_looks(monitoring::state_of(looks));
  ASSERT_TRUE(back) << to_text(back.error());
  EXPECT_EQ(back->begin()->second.evaluation.findings.size(), monitoring::kMaxKeptFindings);
  EXPECT_EQ(back->begin()->second.evaluation.findings[0].pressure, 0.2009);
}

TEST(MonitorMetrics, labels_are_escaped_and_series_bounded) {
  project::Project project;
  project.monitors["late"] = {{}};
  monitoring::LastLooks looks;
  monitoring::LastLook& look = looks[{"late", "drift psi"}];
  for (size_t i = 0; i < kMaxMonitorSeries + 5; ++i) {
    monitoring::Finding finding;
    finding.cause = {"late", "drift psi", "a \"b\"\n", i % 2 == 0 ? "s=1" : "", static_cast<int>(i)};
    look.evaluation.findings.push_back(finding);
  }
  const std::string text = metrics_of(project, {}, looks, 0);
  size_t series = 0;
  for (size_t at = text.find("\ntidemill_monitor_value{"); at != std::string::npos;
       at = text.find("\ntidemill_monitor_value{", at + 1))
    ++series;
  EXPECT_EQ(series, kMaxMonitorSeries);
  EXPECT_NE(text.find("column=\"a \\\"b\\\"\\n\",slice=\"\",version=\"1\""), std::string::npos);
  EXPECT_TRUE(metrics_of({}, {}, looks, 0).empty());
}

}  // namespace tidemill::app
