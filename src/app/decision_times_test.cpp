#include "app/decision_times.hpp"

#include "monitoring/retraining.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::app {
namespace {

using Again = Retrainer::Again;
using registry::must;

/// Looks a fifth of a second after each other.
class Decided : public ::testing::Test {
 protected:
  bool look(Again again) {
    now.micros += 200'000;
    return times.is_time(now, generation, again, [this] { return may_begin; });
  }
  /// In the next so many seconds.
  int looks(int seconds, Again again) {
    int decided = 0;
    for (int i = 0; i < seconds * 5; ++i) decided += look(again) ? 1 : 0;
    return decided;
  }
  DecisionTimes times;
  Instant now{1'383'456'600'000'000};
  int64_t generation = 7;
  bool may_begin = false;
};

/// A retraining that was triggered, and no run of it.
class Waiting : public ::testing::Test {
 protected:
  Waiting() {
    project.models["late"].name = "late";
    project.models["late"].from = "orders";
    monitoring::Retraining state;
    state.stage = monitoring::Stage::Triggered;
    state.attempt = 1;
    must(store->keep_retraining({"late", monitoring::to_json(state)}));
    retrainer.use(project);
  }
  registry::TestHome home;
  std::unique_ptr<registry::Registry> store = home.open();
  project::Project project;
  Retrainer retrainer{{*store, {}, {}}};
};

}  // namespace

TEST_F(Decided, every_minute_and_when_something_moved) {
  EXPECT_EQ(looks(1, Again::Later), 1);
  EXPECT_EQ(looks(59, Again::Later), 0);
  EXPECT_EQ(looks(60, Again::Later), 1);
  generation = 8;
  EXPECT_EQ(looks(1, Again::Later), 1);
  times.decide_now();
  EXPECT_EQ(looks(1, Again::Later), 1);
  now.micros -= int64_t{3'600} * 1'000'000;  // the clock was set back
  EXPECT_EQ(looks(1, Again::Later), 1);
}

TEST_F(Decided, at_each_look_while_that_is_asked_for) { EXPECT_EQ(looks(2, Again::Soon), 10); }

TEST_F(Decided, while_a_run_waits_for_its_turn_as_usual_until_it_may_begin) {
  EXPECT_EQ(looks(50, Again::WhenARunMayBegin), 1);
  may_begin = true;
  EXPECT_TRUE(look(Again::WhenARunMayBegin));
}

TEST_F(Waiting, asks_to_decide_once_its_run_may_begin) {
  retrainer.look(home.clock->at, Retrainer::Slot::Taken);
  EXPECT_EQ(retrainer.again(), Again::WhenARunMayBegin);
  EXPECT_FALSE(retrainer.due());
  retrainer.look(home.clock->at, Retrainer::Slot::Free);
  EXPECT_TRUE(retrainer.due());
  EXPECT_NE(retrainer.again(), Again::WhenARunMayBegin);
}

}  // namespace tidemill::app
