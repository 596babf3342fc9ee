#include "pipeline/schedule.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace tidemill::pipeline {
namespace {

using project::Schedule;
using CatchUp = Schedule::CatchUp;

Instant at(std::string_view text) { return *parse_instant(text); }

/// A schedule of every hour, in UTC.
struct Hourly {
  Schedule schedule = {};
  ScheduleState state = {};
  std::vector<std::string> given_up = {};

  explicit Hourly(CatchUp catch_up = CatchUp::Latest, Schedule::Overlap overlap = Schedule::Overlap::Skip) {
    schedule.catch_up = catch_up;
    schedule.overlap = overlap;
  }
  std::string look(std::string_view now, bool running = false) {
    static const project::Cron cron = *project::parse_cron("0 * * * *");
    ScheduleDecision decision =
        decide_schedule(schedule, cron, project::ZoneRules::utc(), state, at(now), running);
    state = std::move(decision.state);
    given_up.clear();
    for (const GivenUp& each : decision.given_up) given_up.push_back(to_text(each.tick).substr(11, 5));
    return decision.start ? to_text(*decision.start).substr(11, 5) : "";
  }
};
using Texts = std::vector<std::string>;

}  // namespace

TEST(Schedule, begins_at_its_tick_and_once) {
  Hourly hourly;
  EXPECT_EQ(hourly.look("2026-01-01T05:59:59Z"), "");
  EXPECT_EQ(hourly.look("2026-01-01T06:00:00Z"), "06:00");
  EXPECT_EQ(hourly.look("2026-01-01T06:00:01Z"), "");
  EXPECT_EQ(hourly.look("2026-01-01T07:00:30Z"), "07:00");
}

TEST(Schedule, that_is_new_has_missed_nothing) {
  EXPECT_EQ(Hourly(CatchUp::All).look("2026-01-01T06:30:00Z"), "");
}

TEST(Schedule, makes_up_for_what_was_missed_as_it_says) {
  for (const auto& [catch_up, starts, given_up] :
       {std::tuple(CatchUp::None, Texts{"", "", ""}, Texts{"06:00", "07:00", "08:00"}),
        std::tuple(CatchUp::Latest, Texts{"08:00", "", ""}, Texts{"06:00", "07:00"}),
        std::tuple(CatchUp::All, Texts{"06:00", "07:00", "08:00"}, Texts{})}) {
    Hourly hourly(catch_up);
    hourly.look("2026-01-01T05:30:00Z");
    EXPECT_EQ(hourly.look("2026-01-01T08:30:00Z"), starts[0]);
    EXPECT_EQ(hourly.given_up, given_up);
    EXPECT_EQ(hourly.look("2026-01-01T08:31:00Z"), starts[1]);
    EXPECT_EQ(hourly.look("2026-01-01T08:32:00Z"), starts[2]);
    EXPECT_EQ(hourly.look("2026-01-01T08:33:00Z"), "");
  }
}

TEST(Schedule, skips_or_queues_while_the_last_run_is_not_over) {
  Hourly skips, queues(CatchUp::Latest, Schedule::Overlap::Queue);
  for (Hourly* each : {&skips, &queues}) {
    each->look("2026-01-01T05:30:00Z");
    EXPECT_EQ(each->look("2026-01-01T06:00:00Z"), "06:00");
    EXPECT_EQ(each->look("2026-01-01T07:00:00Z", true), "");
    EXPECT_EQ(each->look("2026-01-01T08:00:00Z", true), "");
  }
  EXPECT_EQ(skips.given_up, Texts{"08:00"});
  EXPECT_EQ(skips.look("2026-01-01T08:30:00Z"), "");
  EXPECT_EQ(queues.look("2026-01-01T08:30:00Z"), "07:00");
  EXPECT_EQ(queues.look("2026-01-01T08:45:00Z", true), "");
  EXPECT_EQ(queues.look("2026-01-01T08:50:00Z"), "08:00");
}

TEST(Schedule, makes_up_for_a_bounded_number) {
  Hourly hourly(CatchUp::All);
  hourly.look("2020-01-01T00:30:00Z");
  hourly.look("2026-01-01T00:30:00Z");
  EXPECT_EQ(hourly.state.waiting.size(), kMaxWaiting - 1);
  EXPECT_EQ(hourly.given_up.size(), 1u);
}

TEST(Schedule, runs_no_tick_again_when_the_clock_is_set_back_a_little_and_goes_on_when_it_is_set_back_a_lot) {
  Hourly hourly;
  hourly.look("2026-01-01T05:30:00Z");
  EXPECT_EQ(hourly.look("2026-01-01T06:00:00Z"), "06:00");
  EXPECT_EQ(hourly.look("2026-01-01T05:59:00Z"), "");
  EXPECT_EQ(hourly.look("2026-01-01T06:00:30Z"), "");
  EXPECT_EQ(hourly.look("2025-06-01T09:30:00Z"), "");
  EXPECT_EQ(hourly.look("2025-06-01T10:00:00Z"), "10:00");
}

RC_GTEST_PROP(Schedule, starts_or_gives_up_every_tick_once_across_restarts, ()) {
  Hourly hourly(*rc::gen::element(CatchUp::None, CatchUp::Latest, CatchUp::All),
                *rc::gen::element(Schedule::Overlap::Skip, Schedule::Overlap::Queue));
  Instant now = at("2026-01-01T00:30:00Z");
  hourly.look(to_text(now));
  std::vector<std::string> seen;
  int64_t minutes = 0;
  for (int i = 0; i < 30; ++i) {
    const int64_t step = *rc::gen::inRange(1, 100);
    minutes += step;
    now.micros += step * 60'000'000;
    const std::string start = hourly.look(to_text(now), *rc::gen::arbitrary<bool>());
    if (!start.empty()) seen.push_back(start);
    seen.insert(seen.end(), hourly.given_up.begin(), hourly.given_up.end());
    const auto read = schedule_state_from_json(*parse_json(to_json(hourly.state).dump()));
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == hourly.state);
    hourly.state = *read;
  }
  const auto due = static_cast<size_t>((minutes + 30) / 60);
  RC_ASSERT(seen.size() + hourly.state.waiting.size() == due);
}

TEST(Schedule, refuses_a_state_that_is_not_its_own) {
  for (const char* json :
       {"[]", "{}", R"({"looked_at": "x", "waiting": []})", R"({"looked_at": 1, "waiting": [1.5]})"})
    EXPECT_FALSE(schedule_state_from_json(*parse_json(json))) << json;
}

TEST(Watch, runs_once_with_data_that_stay_as_they_are) {
  const Instant now = at("2026-01-01T06:00:00Z");
  WatchState state;
  const auto look = [&](const std::string& data, bool running = false) {
    WatchDecision decision = decide_watch(state, data, now, running);
    state = std::move(decision.state);
    return decision.start;
  };
  EXPECT_FALSE(look("a"));
  EXPECT_TRUE(look("a"));
  EXPECT_FALSE(look("a"));
  EXPECT_FALSE(look("b"));
  EXPECT_FALSE(look("c"));  // still being written
  EXPECT_FALSE(look("c", true));
  EXPECT_TRUE(look("c"));
  EXPECT_FALSE(look("d"));
  EXPECT_FALSE(look("c"));  // back to what there was
  EXPECT_FALSE(look("d"));
  EXPECT_EQ(watch_state_from_json(to_json(state)).value(), state);
  for (const char* broken : {"{}", "[]", R"({"looked_at": "x", "ran_with": "", "seen": ""})",
                             R"({"looked_at": 1, "ran_with": 2, "seen": ""})"})
    EXPECT_EQ(watch_state_from_json(Json::parse(broken)).error().code, "schedule.state") << broken;
}

TEST(Watch, looks_as_often_as_it_says_and_at_once_when_something_is_changing) {
  Schedule schedule;
  schedule.every = Duration{600'000'000};
  EXPECT_TRUE(is_due(schedule, {}, at("2026-01-01T06:00:00Z")));
  WatchState state{at("2026-01-01T06:00:00Z"), "a", ""};
  EXPECT_FALSE(is_due(schedule, state, at("2026-01-01T06:09:59Z")));
  EXPECT_TRUE(is_due(schedule, state, at("2026-01-01T06:10:00Z")));
  EXPECT_TRUE(is_due(schedule, state, at("2025-12-31T06:00:00Z")));  // the clock was put right
  state.seen = "b";
  EXPECT_TRUE(is_due(schedule, state, at("2026-01-01T06:00:00Z")));
}

}  // namespace tidemill::pipeline
