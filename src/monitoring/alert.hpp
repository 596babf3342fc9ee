// From what monitors found, one window after the other, to alerts: ok → pending → firing → resolved, one
// alert a cause. Pure: the caller keeps the state over restarts and sends the events. What is ok has no row.
//
// Holds: nothing fires without `fire_after` failures in a row; what fires ends only after two looks under 80
// % of the limit; a window counts once; events of a cause are fired, resolved, fired, … in turn.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitoring/finding.hpp"

namespace tidemill::monitoring {

inline constexpr double kClearsUnder = 0.8;  // of the limit
inline constexpr int kClearsAfter = 2;       // looks in a row
inline constexpr size_t kMaxAlerts = 10'000;
inline constexpr Duration kKeepsResolved{int64_t{7} * 86'400'000'000};
/// A window that ends this long before the last one says that the clock was set back, not that a window is
/// looked at again.
inline constexpr Duration kSetBack{int64_t{86'400} * 1'000'000};

struct Alert {
  enum class State { Pending, Firing, Resolved };
  Cause cause;
  Topic topic = Topic::Other;
  State state = State::Pending;
  Instant since;        // with this state
  int failures = 0;     // in a row, while pending
  int clears = 0;       // in a row, while firing
  bool silent = false;  // a column's drift while the quality of the column's data fires
  bool told = false;    // that it fires
  double value = 0, limit = 0;
  std::string text;
  bool operator==(const Alert&) const = default;
};
std::string_view to_text(Alert::State state);

struct Alerts {
  std::map<Cause, Alert> by_cause;
  /// (deployment, monitor) → the end of the last window that counted.
  std::map<std::pair<std::string, std::string>, Instant> judged;
  bool operator==(const Alerts&) const = default;
  bool fires(const Cause& cause) const;
};

struct AlertEvent {
  enum class What { Fired, Resolved };
  What what = What::Fired;
  Alert alert;  // as it is now
  std::string reason;
};

struct AlertStep {
  Alerts alerts;
  std::vector<AlertEvent> events;
  size_t untracked = 0;  // causes beyond kMaxAlerts, which have no alert
};
/// `evaluations` are those made since the last step, in any order. Of each monitor among them all causes are
/// given: an alert of it that is not named (a version that serves no longer, a column that is gone) ends.
AlertStep step_alerts(Alerts alerts, const std::vector<Evaluation>& evaluations, Instant now);
/// Ends the alerts of monitors that the project no longer declares.
AlertStep drop_monitors(Alerts alerts, const std::vector<std::pair<std::string, std::string>>& declared,
                        Instant now);

/// Numbers are written so that they read back to the same bits; infinity is the text "infinity".
Json to_json(const Alerts& alerts);
/// Error monitoring.state.
Result<Alerts> alerts_from_json(const Json& json);

}  // namespace tidemill::monitoring
