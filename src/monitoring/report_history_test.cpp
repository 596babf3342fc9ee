#include <fmt/format.h>

#include "monitoring/kept.hpp"
#include "monitoring/report_data.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::monitoring {

namespace {

using registry::must;

/// A deployment without a log of a model whose first version was made here.
class ReportOfHome : public ::testing::Test {
 protected:
  ReportOfHome() {
    registry::TestHome::begin(*store, "run1");
    add_version("late");
    add_version("other");
    project.home = home.path();
    deployment.name = "late";
    deployment.model = "late";
    deployment.version = "champion";
    project.monitors["late"] = {{}};
  }

  void add_version(const std::string& model) {
    forest::Package package;
    package.model = model;
    package.key = {"id"};
    package.target = "y";
    package.features = {{.name = "x", .sql_type = "DOUBLE"}};
    package.files["model.ubj"] = must(store->put_bytes("trees of " + model));
    registry::StepRecord step;
    step.run = "run1";
    step.step = "model:" + model;
    step.key = "key";
    step.version.emplace();
    step.version->model = model;
    step.version->package = must(store->put_bytes(tidemill::to_text(forest::to_json(package))));
    step.version->state = "accepted";
    must(store->record_step(step));
  }

  Report report() const {
    ReportInput input;
    input.project = &project;
    input.deployment = &deployment;
    input.registry = store.get();
    input.now = home.clock->now();
    return must(report_of(input));
  }

  registry::TestHome home;
  std::unique_ptr<registry::Registry> store = home.open();
  project::Project project;
  project::Deployment deployment;
};

}  // namespace

TEST_F(ReportOfHome, says_whether_anybody_watched_or_why_that_is_not_known) {
  must(store->promote("late", 1, "champion", ""));
  EXPECT_EQ(report().notes["alerts"], "No server has looked at the monitors yet.");
  must(keep(*store, {}, {}));
  EXPECT_TRUE(report().is_watched);
  must(store->set_memos(kWatchMemos, {{kAlertsMemo, "{\"format\": 99}"}}));
  const Report unread = report();
  EXPECT_FALSE(unread.is_watched);
  EXPECT_NE(unread.notes.at("alerts").find("cannot be read"), std::string::npos) << unread.notes.at("alerts");
  EXPECT_NE(unread.notes.at("alerts").find("[monitoring.state]"), std::string::npos);
}

TEST_F(ReportOfHome, tells_who_moved_its_own_alias) {
  must(store->promote("late", 1, "champion", ""));
  const auto others = must(registry::Registry::open({home.path(), home.clock, "bob@there"}));
  must(others->promote("other", 1, "champion", ""));
  const Report made = report();
  ASSERT_EQ(made.moves.size(), 1U);
  EXPECT_EQ(made.moves[0].who, "ann@here") << "bob moved another one at the same time";
}

}  // namespace tidemill::monitoring
