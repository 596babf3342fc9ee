// Schedules and their ticks as the registry keeps them. What a schedule's state says is for its owner to
// know; that a tick has one run is held here.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace tidemill::registry {

/// The newest of each schedule that are kept.
inline constexpr int64_t kMaxTicks = 1000;

/// An instant at which a schedule wants a run, whenever that really begins.
struct Tick {
  std::string schedule;
  Instant at;
  bool operator==(const Tick&) const = default;
};

struct TickRecord {
  Tick tick;
  /// "waiting", or as its run "running", "interrupted" …, until it is over: "done" | "failed" | "rejected" |
  /// "given up".
  std::string status;
  std::string run;  // the last that was begun for it; empty: none
  int runs = 0;     // that were begun for it: more than one only after interruptions
  std::string reason;
  Instant changed_at;
};

struct KeptSchedule {
  Json state = Json::object();
  std::optional<Instant> tick = std::nullopt;  // whose run is to begin, or is not over
  // Filled in by the registry:
  std::optional<Instant> ended_at = std::nullopt;      // of the last tick that was not given up
  std::optional<Instant> succeeded_at = std::nullopt;  // of the last that was done
};

}  // namespace tidemill::registry
