// What the clocks of a time zone show: offsets from UTC by the machine's tz database (TZif, RFC 8536), and
// which instants a time on the wall can be. Clocks that are put forward skip times (a gap), clocks that are
// put back show them twice.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "project/time_zone.hpp"

namespace tidemill::project {

/// Rules are worked out until here; later the last offset stays.
inline constexpr int kLastZoneYear = 2200;

class ZoneRules {
 public:
  /// Needs no database.
  static ZoneRules utc();
  /// Errors: project.zone_missing (no database, or no such zone), project.zone_malformed.
  static Result<ZoneRules> load(const std::string& name, const Path& zones = kZoneFolder);
  /// Of a project's time zone: load()'s, but UTC's needs no database.
  static Result<ZoneRules> of(const std::string& name);
  /// From the bytes of a TZif file, of version 1 to 4.
  static Result<ZoneRules> read(std::string_view bytes, const std::string& name);

  /// Seconds east of UTC.
  int64_t offset_at(Instant instant) const;
  struct OnTheWall {
    std::vector<Instant> instants;   // rising: none in a gap, two where the time comes twice
    std::optional<Instant> gap_end;  // in a gap: when the clocks were put forward
  };
  /// `local`: seconds since 1970-01-01 00:00 on the wall.
  OnTheWall instants_of(int64_t local) const;

 private:
  struct Change {
    int64_t at = 0;  // seconds UTC
    int64_t offset = 0;
  };
  int64_t first_offset_ = 0;
  std::vector<Change> changes_;  // rising
};

}  // namespace tidemill::project
