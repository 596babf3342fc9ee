// Time as a value: instants are microseconds since 1970 UTC, durations microseconds. A Clock is passed in, so
// that --as-of and tests drive it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidemill {

struct Instant {
  int64_t micros = 0;
  auto operator<=>(const Instant&) const = default;
};
struct Duration {
  int64_t micros = 0;
  auto operator<=>(const Duration&) const = default;
  double seconds() const { return static_cast<double>(micros) / 1e6; }
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
};
/// The system's clock.
std::shared_ptr<const Clock> system_clock();
/// Always the same instant (--as-of).
std::shared_ptr<const Clock> fixed_clock(Instant instant);

/// "2013-11-03T05:30:00Z", with micros only where they are not zero.
std::string to_text(Instant instant);
/// RFC 3339, or a date alone (midnight UTC), or a time without zone (UTC).
Result<Instant> parse_instant(std::string_view text);
/// "90s", "15m", "1h", "28d", "2w", "500ms"; no spaces, no negative values.
Result<Duration> parse_duration(std::string_view text);
/// "28d", "1h30m", "250ms": what parse_duration reads back, largest whole units first.
std::string to_text(Duration duration);

}  // namespace tidemill
