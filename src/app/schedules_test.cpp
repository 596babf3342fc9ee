#include "app/schedules.hpp"

#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/log.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::app {
namespace {

using registry::must;
using registry::Registry;
using registry::TestHome;

constexpr int64_t kMinute = int64_t{60} * 1'000'000;

/// A scheduler, its runs and its home, of which each can die at any moment.
class World {
 public:
  explicit World(const std::string& cron) {
    log::set_level(log::Level::Off);
    project::Schedule schedule;
    schedule.name = schedule.cron = cron;
    schedule.catch_up = project::Schedule::CatchUp::All;
    schedule.overlap = project::Schedule::Overlap::Queue;
    project_.schedules.push_back(schedule);
    store_ = home_.open();
    scheduler_dies();
    look();
    begun_ = home_.clock->at;
  }
  void pass(int minutes) { home_.clock->at.micros += minutes * kMinute; }
  void look() { schedules_->look(home_.clock->at); }
  /// Its run, if there is one, goes on.
  void scheduler_dies() {
    ours_ = false;
    schedules_ = std::make_unique<Schedules>(Schedules::Options{*store_, {}, {}});
    must(schedules_->use(project_));
  }
  /// As a child process would: it may find the home in use, or the tick taken.
  void begin() {
    const auto due = schedules_->due();
    if (!due || ours_) return;
    schedules_->began(due->tick);
    auto lock = store_->lock_for_run(next_run());
    if (!lock)
      return schedules_->ended(due->tick, {.code = 5, .stopped = false, .output = {}}, home_.clock->at);
    registry::Run run;
    run.id = run_ = next_run();
    const auto begun = store_->begin_run(run, {.tick = due->tick});
    if (!begun)
      return schedules_->ended(due->tick, {.code = 1, .stopped = false, .output = {}}, home_.clock->at);
    ++runs_;
    lock_ = *std::move(lock);
    tick_ = due->tick;
    ours_ = true;
  }
  void run_ends(const std::string& status, int code) {
    if (!lock_) return;
    must(store_->end_run({run_, status}));
    over({.code = code, .stopped = false, .output = {}});
  }
  /// Nobody marks it: its row says that it runs.
  void run_dies() {
    if (lock_) over({.code = 137, .stopped = false, .output = {}});
  }
  /// What was done of each tick that came.
  void settle() {
    for (int turn = 0; turn < 300; ++turn) {
      look();
      begin();
      run_ends("done", 0);
    }
  }
  std::vector<registry::TickRecord> ticks() { return must(store_->ticks(project_.schedules[0].name, 1000)); }
  int64_t hours() const { return home_.clock->at.micros / (60 * kMinute) - begun_.micros / (60 * kMinute); }
  std::map<std::string, int64_t> runs() { return must(store_->run_counts()); }
  bool is_free() { return !must(store_->schedules()).at(project_.schedules[0].name).tick; }

 private:
  std::string next_run() const { return fmt::format("run{}", runs_ + 1); }
  void over(const ChildRun::End& end) {
    lock_.reset();
    if (ours_) schedules_->ended(tick_, end, home_.clock->at);
    ours_ = false;
  }

  TestHome home_;
  project::Project project_;
  std::unique_ptr<Registry> store_;
  std::unique_ptr<Schedules> schedules_;
  std::unique_ptr<Registry::RunLock> lock_;
  registry::Tick tick_;
  std::string run_;
  bool ours_ = false;  // this scheduler began the run that goes on
  int runs_ = 0;
  Instant begun_;
};

}  // namespace

TEST(Schedules, run_a_tick_whose_run_died_again_but_not_for_ever) {
  World world("0 * * * *");
  world.pass(60);
  for (int i = 0; i < 5; ++i) {
    world.look();
    world.begin();
    world.run_dies();
  }
  world.look();
  const auto ticks = world.ticks();
  ASSERT_EQ(ticks.size(), 1U);
  EXPECT_EQ(ticks[0].status, "failed");
  EXPECT_EQ(ticks[0].runs, 3);
  EXPECT_EQ(ticks[0].reason, "its run was interrupted 3 times");
  EXPECT_TRUE(world.is_free());
}

TEST(Schedules, do_not_run_again_what_took_too_long) {
  World world("0 * * * *");
  world.pass(60);
  world.look();
  world.begin();
  world.run_ends("interrupted", 6);
  EXPECT_EQ(world.ticks().at(0).status, "failed");
}

// Whoever dies, and whenever: each tick is over at last, and has at most one run that came to its end.
RC_GTEST_PROP(Schedules, neither_lose_a_tick_nor_run_it_twice, ()) {
  World world("0 * * * *");
  for (const int act : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 8))) {
    if (act == 0) world.pass(*rc::gen::inRange(1, 150));
    if (act == 1) world.scheduler_dies();
    if (act == 2 || act == 3) world.look();
    if (act == 4) world.begin();
    if (act == 5) world.run_ends("done", 0);
    if (act == 6) world.run_ends("failed", 1);
    if (act == 7) world.run_dies();
  }
  world.settle();
  const auto ticks = world.ticks();
  RC_ASSERT(static_cast<int64_t>(ticks.size()) == world.hours());
  int64_t ended = 0;
  for (const registry::TickRecord& tick : ticks) {
    RC_ASSERT(tick.status == "done" || tick.status == "failed");
    RC_ASSERT(tick.runs >= 1 && tick.runs <= 3);
    ended += tick.status == "done" || tick.reason.empty() ? 1 : 0;
  }
  auto runs = world.runs();
  RC_ASSERT(runs["done"] + runs["failed"] == ended);
  RC_ASSERT(runs["running"] == 0);
  RC_ASSERT(world.is_free());
}

}  // namespace tidemill::app
