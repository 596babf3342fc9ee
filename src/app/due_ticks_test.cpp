#include "app/due_ticks.hpp"

#include "registry/registry_test_support.hpp"

namespace tidemill::app {
namespace {

using registry::must;

constexpr const char* kDaily = "0 6 * * *";

class Due : public ::testing::Test {
 protected:
  Due() {
    home.clock->at = at("2026-03-01T05:00:00Z");
    project::Schedule daily;
    daily.name = daily.cron = kDaily;
    project::Schedule watching;
    watching.name = "watch orders";
    watching.watch = {"orders"};
    project.schedules = {daily, watching};
  }
  static Instant at(const char* text) { return must(parse_instant(text)); }
  void tick(const char* tick, const char* ended, const std::string& status) {
    home.clock->at = at(ended);
    must(store->keep_schedule(kDaily, {.tick = at(tick)}));
    must(store->end_tick({.tick = {kDaily, at(tick)}, .status = status}));
  }
  std::map<std::string, std::string> due() {
    DueTicks ticks;
    must(ticks.use(project));
    std::map<std::string, std::string> texts;
    for (const auto& [name, instant] : must(ticks.look(*store, must(store->schedules()), home.clock->at)))
      texts[name] = to_text(instant);
    return texts;
  }
  registry::TestHome home;
  std::unique_ptr<registry::Registry> store = home.open();
  project::Project project;
};

using Texts = std::map<std::string, std::string>;

}  // namespace

TEST_F(Due, is_the_first_tick_after_the_last_success) {
  tick("2026-03-01T06:00:00Z", "2026-03-01T06:10:00Z", "done");
  EXPECT_EQ(due(), (Texts{{kDaily, "2026-03-02T06:00:00Z"}}));
  tick("2026-03-02T06:00:00Z", "2026-03-02T06:10:00Z", "failed");
  tick("2026-03-03T06:00:00Z", "2026-03-03T06:10:00Z", "rejected");
  EXPECT_EQ(due(), (Texts{{kDaily, "2026-03-02T06:00:00Z"}}));
  tick("2026-03-04T06:00:00Z", "2026-03-04T06:10:00Z", "done");
  EXPECT_EQ(due(), (Texts{{kDaily, "2026-03-05T06:00:00Z"}}));
}

TEST_F(Due, is_the_first_tick_of_what_never_succeeded) {
  EXPECT_EQ(due(), (Texts{{kDaily, "2026-03-01T06:00:00Z"}}));
  home.clock->at = at("2026-03-01T07:00:00Z");
  EXPECT_EQ(due(), (Texts{{kDaily, "2026-03-02T06:00:00Z"}}));  // seen for the first time, it missed nothing
  tick("2026-03-02T06:00:00Z", "2026-03-02T06:10:00Z", "failed");
  tick("2026-03-03T06:00:00Z", "2026-03-03T06:10:00Z", "failed");
  EXPECT_EQ(due(), (Texts{{kDaily, "2026-03-02T06:00:00Z"}}));
}

TEST_F(Due, stays_the_first_tick_when_newer_ones_take_its_place_in_the_registry) {
  DueTicks ticks;
  must(ticks.use(project));
  const auto look = [&] {
    return to_text(must(ticks.look(*store, must(store->schedules()), home.clock->at)).at(kDaily));
  };
  tick("2026-03-02T06:00:00Z", "2026-03-02T06:10:00Z", "failed");
  EXPECT_EQ(look(), "2026-03-02T06:00:00Z");
  std::vector<registry::TickRecord> missed;
  for (int64_t day = 1; day <= registry::kMaxTicks; ++day)
    missed.push_back({.tick = {kDaily, {at("2026-03-02T06:00:00Z").micros + day * 86'400'000'000}},
                      .status = "given up",
                      .reason = "missed"});
  must(store->keep_schedule(kDaily, {}, missed));
  EXPECT_EQ(look(), "2026-03-02T06:00:00Z");
  tick("2029-01-01T06:00:00Z", "2029-01-01T06:10:00Z", "done");
  EXPECT_EQ(look(), "2029-01-02T06:00:00Z");
}

TEST_F(Due, follows_the_clocks_of_the_project) {
  project.timezone = "Europe/Berlin";
  EXPECT_EQ(due(), (Texts{{kDaily, "2026-03-02T05:00:00Z"}}));
}

}  // namespace tidemill::app
