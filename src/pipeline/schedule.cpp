#include "pipeline/schedule.hpp"

#include <algorithm>

namespace tidemill::pipeline {

namespace {

using project::Schedule;

/// Ticks after `since`, up to `now`, rising: the newest kMaxWaiting + 1 of them.
std::vector<Instant> ticks_between(const project::Cron& cron, const project::ZoneRules& zone, Instant since,
                                   Instant now) {
  std::vector<Instant> ticks;
  for (Instant until = now; ticks.size() <= kMaxWaiting;) {
    const auto tick = project::last_until(cron, until, zone);
    if (!tick || *tick <= since) break;
    ticks.push_back(*tick);
    until = {tick->micros - 1};
  }
  std::reverse(ticks.begin(), ticks.end());
  return ticks;
}

std::unexpected<Error> bad_state() {
  return data_error("schedule.state", "what was kept of a schedule cannot be read", {},
                    "it is written by this program alone; put the home back from a backup");
}

}  // namespace

ScheduleDecision decide_schedule(const Schedule& schedule, const project::Cron& cron,
                                 const project::ZoneRules& zone, const ScheduleState& state, Instant now,
                                 bool running) {
  ScheduleDecision out{state, {}, {}};
  const bool set_back = state.looked_at && now.micros < state.looked_at->micros - kCorrection.micros;
  const Instant since = !state.looked_at || set_back ? now : *state.looked_at;
  out.state.looked_at = std::max(since, now);
  const auto give_up = [&](Instant tick, std::string reason) {
    out.given_up.push_back({tick, std::move(reason)});
  };

  const std::vector<Instant> ticks = ticks_between(cron, zone, since, now);
  for (size_t i = 0; i < ticks.size(); ++i) {
    const bool missed = now.micros - ticks[i].micros > kOnTime.micros;
    if (missed && schedule.catch_up == Schedule::CatchUp::None)
      give_up(ticks[i], "missed, and catchup is none");
    else if (missed && schedule.catch_up == Schedule::CatchUp::Latest && i + 1 < ticks.size())
      give_up(ticks[i], "missed, and a later one came");
    else if (!missed && running && schedule.overlap == Schedule::Overlap::Skip)
      give_up(ticks[i], "the last run is not over, and overlap is skip");
    else
      out.state.waiting.push_back(ticks[i]);
  }
  std::vector<Instant>& waiting = out.state.waiting;
  while (waiting.size() > kMaxWaiting) {
    give_up(waiting.front(), "too many wait");
    waiting.erase(waiting.begin());
  }
  if (!running && !waiting.empty()) {
    out.start = waiting.front();
    waiting.erase(waiting.begin());
  }
  return out;
}

bool is_due(const Schedule& schedule, const WatchState& state, Instant now) {
  // What changed is looked at again at once, to see whether it is still changing.
  if (!state.looked_at || !state.seen.empty()) return true;
  const int64_t since = now.micros - state.looked_at->micros;
  return since >= schedule.every.micros || since < -kCorrection.micros;
}

WatchDecision decide_watch(const WatchState& state, const std::string& fingerprint, Instant now,
                           bool running) {
  WatchDecision out{state, false};
  out.state.looked_at = now;
  if (fingerprint == state.ran_with) {
    out.state.seen.clear();
  } else if (fingerprint != state.seen) {
    out.state.seen = fingerprint;
  } else if (!running) {
    out.start = true;
    out.state.ran_with = fingerprint;
    out.state.seen.clear();
  }
  return out;
}

Json to_json(const WatchState& state) {
  return {{"looked_at", state.looked_at ? Json(state.looked_at->micros) : Json()},
          {"ran_with", state.ran_with},
          {"seen", state.seen}};
}

Json to_json(const ScheduleState& state) {
  Json waiting = Json::array();
  for (const Instant tick : state.waiting) waiting.push_back(tick.micros);
  return {{"looked_at", state.looked_at ? Json(state.looked_at->micros) : Json()},
          {"waiting", std::move(waiting)}};
}

Result<WatchState> watch_state_from_json(const Json& json) {
  WatchState state;
  const auto text = [&](const char* name) { return json.contains(name) && json[name].is_string(); };
  if (!json.is_object() || !json.contains("looked_at") || !text("ran_with") || !text("seen"))
    return bad_state();
  const Json& looked_at = json["looked_at"];
  if (!looked_at.is_null() && !looked_at.is_number_integer()) return bad_state();
  if (looked_at.is_number_integer()) state.looked_at = Instant{looked_at.get<int64_t>()};
  state.ran_with = json["ran_with"].get<std::string>();
  state.seen = json["seen"].get<std::string>();
  return state;
}

Result<ScheduleState> schedule_state_from_json(const Json& json) {
  const auto bad = bad_state;
  ScheduleState state;
  if (!json.is_object() || !json.contains("looked_at") || !json.contains("waiting")) return bad();
  const Json &looked_at = json["looked_at"], &waiting = json["waiting"];
  if (!looked_at.is_null() && !looked_at.is_number_integer()) return bad();
  if (looked_at.is_number_integer()) state.looked_at = Instant{looked_at.get<int64_t>()};
  if (!waiting.is_array() || waiting.size() > kMaxWaiting) return bad();
  for (const Json& tick : waiting) {
    if (!tick.is_number_integer()) return bad();
    state.waiting.push_back({tick.get<int64_t>()});
  }
  return state;
}

}  // namespace tidemill::pipeline
