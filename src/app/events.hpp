// What happened while nobody looked: what a scheduler tells whoever wants to know. Told once, in order, on
// the scheduler's thread; who takes an event must not block it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace tidemill::app {

struct Event {
  enum class Kind {
    Done,        // a scheduled run
    Failed,      // a scheduled run, or one that could not be begun
    Rejected,    // by a gate, or while it challenged
    Promoted,    // a version is champion, or what else a deployment serves
    RolledBack,  // a version is so no longer
    Refused,     // no retraining begins, although it was asked for
  };
  Kind kind = Kind::Done;
  Instant at;
  std::string text;               // a sentence
  Json details = Json::object();  // "schedule", "run", "model", "version", "attempt", "reason": what applies
  std::string key = {};  // tells it from every other, if it may be told twice; empty: its time and text do
};
using EventSink = std::function<void(const Event&)>;

/// As `notify: {on: […]}` has it: "done", "failed", "rejected", "promoted", "rolled_back", "refused".
std::string_view to_text(Event::Kind kind);

}  // namespace tidemill::app
