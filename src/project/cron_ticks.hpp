// When a cron expression comes, on the clocks of a time zone. Where clocks are put forward, a time that is
// skipped comes when they are; where they are put back, a time that is shown twice comes the first time. An
// expression whose hour begins with * follows elapsed time instead: it has no tick in a gap, and both where
// the hour comes twice. (What cron of Debian and of most Unix systems does.)
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "project/cron.hpp"
#include "project/zone_rules.hpp"

namespace tidemill::project {

/// Farther than from one February 29th to the next across a year like 2100.
inline constexpr int kMaxTickDays = 366 * 9;

/// The first tick after, not at, the instant; nothing when there is none within kMaxTickDays.
std::optional<Instant> next_after(const Cron& cron, Instant instant, const ZoneRules& zone);
/// The last tick before or at the instant.
std::optional<Instant> last_until(const Cron& cron, Instant instant, const ZoneRules& zone);

}  // namespace tidemill::project
