// What one look of a monitor found about one thing that it watches: a plain value, made by evaluate.hpp and
// taken by alert.hpp, which knows nothing of distances or metrics. How bad a number is stands in its
// pressure: 0 at its best, 1 at its limit, more past it, whichever way the limit lies.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace tidemill::monitoring {

/// What an alert is about: there is one alert a cause.
struct Cause {
  std::string deployment;
  std::string monitor;  // "drift psi", "metric roc_auc": unique within the deployment
  std::string column;   // empty: not about a column
  std::string slice;    // "carrier=UA"; empty: all rows
  int version = 0;      // 0: whichever is live
  auto operator<=>(const Cause&) const = default;
};
/// "late, drift psi of dep_delay, carrier=UA, version 3"
std::string to_text(const Cause& cause);
Json to_json(const Cause& cause);

enum class Topic { Quality, Drift, Performance, Other };
std::string_view to_text(Topic topic);
std::optional<Topic> topic_of(std::string_view text);

struct Finding {
  enum class State { Measured, NotEnoughData, Missing };
  Cause cause;
  Topic topic = Topic::Other;
  State state = State::Measured;
  double value = 0;
  double limit = 0;     // that `fail`, `min` or `max` set, or what chance gives where that is more
  double pressure = 0;  // of the value
  /// Of the better end of the value's interval, which is what must be past the limit; the value's own without
  /// one.
  double sure_pressure = 0;
  bool warned = false;  // past `warn`, whatever the limit says
  std::string text;     // "psi 0.31, limit 0.2"
  std::optional<double> p_value =
      std::nullopt;  // among those of its look (Benjamini–Hochberg): informs, never decides

  /// A missing number is a failure, not a zero.
  bool fails() const { return state == State::Missing || (state == State::Measured && sure_pressure > 1); }
};

/// How near the value is to a limit that it must not be above. `best` is the least it can be. Never negative.
double pressure_above(double value, double limit, double best = 0);
/// … that it must not be below. `best` is the most it can be, 1 for a share; nothing: it has no bound, and
/// the pressure is limit ÷ value.
double pressure_below(double value, double limit, std::optional<double> best);

/// All that one monitor found in one window.
struct Evaluation {
  std::string deployment;
  std::string monitor;
  Instant window_end;
  int fire_after = 1;  // evaluations in a row that must fail
  std::vector<Finding> findings;
};
/// Where the newest window ends that is over: windows end at whole multiples of `every` since 1970, so that a
/// restart looks at the same one again and is not counted twice. `every` is at least a second.
Instant window_end(Instant now, Duration every);

}  // namespace tidemill::monitoring
