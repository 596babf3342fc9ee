// When a schedule's runs begin: a pure function of the schedule, what was kept of it, and the clock. Ticks
// come from project/cron_ticks; whether one runs is decided here: what to make up for after downtime, and
// what happens while the last run is not over. The caller keeps the state, then starts the run, then says
// when it is over.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "project/cron_ticks.hpp"
#include "project/project.hpp"

namespace tidemill::pipeline {

/// A tick that is looked at later than this was missed.
inline constexpr Duration kOnTime{int64_t{60} * 1'000'000};
/// Ticks that wait, of those missed and of those that came during a run; the oldest beyond are given up.
inline constexpr size_t kMaxWaiting = 100;
/// A clock that is set back by less lets no tick come again; by more, its time is taken as the right one.
inline constexpr Duration kCorrection{int64_t{3} * 3'600'000'000};

struct ScheduleState {
  std::optional<Instant> looked_at;  // ticks up to here were dealt with; nothing: never
  std::vector<Instant> waiting;      // rising
  bool operator==(const ScheduleState&) const = default;
};

struct GivenUp {
  Instant tick;
  std::string reason;
};
struct ScheduleDecision {
  ScheduleState state;
  std::optional<Instant> start;  // the tick whose run begins now
  std::vector<GivenUp> given_up;
};
/// `running`: a run of this schedule is not over yet. A schedule that is seen for the first time has missed
/// nothing.
ScheduleDecision decide_schedule(const project::Schedule& schedule, const project::Cron& cron,
                                 const project::ZoneRules& zone, const ScheduleState& state, Instant now,
                                 bool running);

/// Of what a schedule watches.
struct WatchState {
  std::optional<Instant> looked_at;
  std::string ran_with;  // fingerprint of the data that the last run began with; empty: none began
  std::string seen;      // another one, when it was looked at last
  bool operator==(const WatchState&) const = default;
};
struct WatchDecision {
  WatchState state;
  bool start = false;
};
/// Whether it is time to look.
bool is_due(const project::Schedule& schedule, const WatchState& state, Instant now);
/// A run begins when the data are others than those of the last run, and as they were at the look before:
/// files that are still being written are not read half. A schedule that is seen for the first time runs.
WatchDecision decide_watch(const WatchState& state, const std::string& fingerprint, Instant now,
                           bool running);
Json to_json(const WatchState& state);
/// Error schedule.state.
Result<WatchState> watch_state_from_json(const Json& json);

Json to_json(const ScheduleState& state);
/// Error schedule.state.
Result<ScheduleState> schedule_state_from_json(const Json& json);

}  // namespace tidemill::pipeline
