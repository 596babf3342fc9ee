#include "app/retraining_status.hpp"

#include "monitoring/kept.hpp"
#include "monitoring/retraining.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::app {
namespace {

using monitoring::Alert;
using registry::must;
using registry::TestHome;

/// A version that challenges in the shadow, and what its deployment's monitors found.
class StatusOfRollout : public ::testing::Test {
 protected:
  StatusOfRollout() {
    project.models["late"].name = "late";
    project.deployments["door"].name = "door";
    project.deployments["door"].model = "late";
    project.deployments["door"].version = "champion";
    project.monitors["door"] = {project::Monitor()};
    stand_at(monitoring::Stage::Shadow);
  }
  void stand_at(monitoring::Stage stage) {
    monitoring::Retraining state;
    state.stage = stage;
    state.attempt = 1;
    state.candidate = 2;
    must(store->keep_retraining({"late", monitoring::to_json(state)}));
  }
  void find(const std::string& column, Alert::State state,
            monitoring::Topic topic = monitoring::Topic::Quality) {
    const monitoring::Cause cause{.deployment = "door", .monitor = "quality missing", .column = column};
    Alert& alert = alerts.by_cause[cause];
    alert.cause = cause;
    alert.topic = topic;
    alert.state = state;
    must(store->set_memos(monitoring::kWatchMemos,
                          {{monitoring::kAlertsMemo, to_text(monitoring::to_json(alerts))}}));
  }
  Json waits_for() { return must(retraining_status(project, *store, "late", 5))["waits_for"]; }

  TestHome home;
  std::unique_ptr<registry::Registry> store = home.open();
  project::Project project;
  monitoring::Alerts alerts;
};

}  // namespace

TEST_F(StatusOfRollout, says_which_bad_data_hold_it_up) {
  EXPECT_EQ(waits_for(), "200 predictions");
  find("income", Alert::State::Pending);
  find("age", Alert::State::Firing, monitoring::Topic::Drift);
  EXPECT_EQ(waits_for(), "200 predictions");
  find("income", Alert::State::Firing);
  EXPECT_EQ(waits_for(),
            "live data to be as they should be (door, quality missing of income), then 200 predictions");
  for (const char* column : {"a", "b", "c"}) find(column, Alert::State::Firing);
  EXPECT_EQ(
      waits_for(),
      "live data to be as they should be (door, quality missing of a; door, quality missing of b; door, "
      "quality missing of c; and 1 more), then 200 predictions");
  stand_at(monitoring::Stage::Train);
  EXPECT_EQ(waits_for(), "a version to be trained");
}

}  // namespace tidemill::app
