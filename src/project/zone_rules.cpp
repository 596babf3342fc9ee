#include "project/zone_rules.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <system_error>

#include <fmt/format.h>

#include "base/file.hpp"
#include "project/posix_zone.hpp"

namespace tidemill::project {

namespace {

constexpr size_t kMaxZoneBytes = 1'000'000;
constexpr size_t kHeaderBytes = 44;
constexpr int64_t kMicros = 1'000'000;
constexpr int64_t kMostOffset = 26 * 3600;  // RFC 8536, 3.2: offsets lie between −25 h and +26 h

int64_t floor_seconds(Instant instant) {
  const int64_t seconds = instant.micros / kMicros;
  return instant.micros % kMicros < 0 ? seconds - 1 : seconds;
}

/// Big-endian numbers, one after the other; reading past the end is remembered and gives 0.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  int64_t number(size_t width) {
    const std::string_view taken = take(width);
    uint64_t value = !taken.empty() && (taken[0] & 0x80) != 0 ? ~uint64_t{0} : 0;
    for (const char c : taken) value = value << 8 | static_cast<unsigned char>(c);
    return static_cast<int64_t>(value);
  }
  std::string_view take(size_t count) {
    if (count > bytes_.size()) {
      short_ = true;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::string_view rest() const { return bytes_; }
  bool ended_early() const { return short_; }

 private:
  std::string_view bytes_;
  bool short_ = false;
};

struct Counts {
  size_t ut = 0, standard = 0, leaps = 0, times = 0, types = 0, letters = 0;
  size_t body_bytes(size_t time_width) const {
    return times * time_width + times + types * 6 + letters + leaps * (time_width + 4) + standard + ut;
  }
};
Counts read_counts(Bytes& header) {
  Counts counts;
  for (size_t* count :
       {&counts.ut, &counts.standard, &counts.leaps, &counts.times, &counts.types, &counts.letters})
    *count = static_cast<size_t>(header.number(4) & 0xFFFF);
  return counts;
}

}  // namespace

ZoneRules ZoneRules::utc() { return {}; }

Result<ZoneRules> ZoneRules::of(const std::string& name) { return name == "UTC" ? utc() : load(name); }

Result<ZoneRules> ZoneRules::load(const std::string& name, const Path& zones) {
  std::error_code ignored;
  if (!is_time_zone(name, zones) || (name != "UTC" && !std::filesystem::is_directory(zones, ignored)))
    return environment_error("project.zone_missing",
                             fmt::format("this machine's time zones in {} have no {}", zones.native(), name),
                             "install tzdata, or declare timezone: UTC");
  if (name == "UTC") return utc();
  TM_TRY(const std::string bytes, read_file(zones / name, kMaxZoneBytes));
  return read(bytes, name);
}

Result<ZoneRules> ZoneRules::read(std::string_view bytes, const std::string& name) {
  const auto malformed = [&] {
    return environment_error("project.zone_malformed",
                             fmt::format("the file of the time zone {} is not one that can be read", name),
                             "reinstall tzdata, or declare timezone: UTC");
  };
  Bytes file(bytes);
  const auto header_of = [&]() -> std::optional<std::pair<char, Counts>> {
    const std::string_view header = file.take(kHeaderBytes);
    if (!header.starts_with("TZif")) return std::nullopt;
    Bytes counts(header.substr(20));
    return std::pair(header[4], read_counts(counts));
  };
  auto header = header_of();
  if (!header) return malformed();
  size_t width = 4;
  if (header->first >= '2') {  // the same again in 64 bits follows
    file.take(header->second.body_bytes(4));
    header = header_of();
    if (!header) return malformed();
    width = 8;
  }
  const Counts& counts = header->second;
  std::vector<int64_t> times(counts.times), kinds(counts.times), offsets(counts.types);
  for (int64_t& time : times) time = file.number(width);
  for (int64_t& kind : kinds) kind = file.number(1) & 0xFF;
  for (int64_t& offset : offsets) {
    offset = file.number(4);
    file.take(2);
  }
  file.take(counts.letters + counts.leaps * (width + 4) + counts.standard + counts.ut);
  if (file.ended_early() || offsets.empty() || !std::is_sorted(times.begin(), times.end()))
    return malformed();
  for (const int64_t offset : offsets)
    if (offset < -kMostOffset || offset > kMostOffset) return malformed();
  ZoneRules rules;
  rules.first_offset_ = offsets[0];
  for (size_t i = 0; i < times.size(); ++i) {
    if (static_cast<size_t>(kinds[i]) >= offsets.size()) return malformed();
    rules.changes_.push_back({times[i], offsets[static_cast<size_t>(kinds[i])]});
  }
  if (width == 4) return rules;
  std::string_view footer = file.rest();
  if (footer.size() < 2 || footer.front() != '\n') return malformed();
  footer = footer.substr(1, footer.find('\n', 1) - 1);
  if (footer.empty()) return rules;
  const auto later = parse_posix_zone(footer);
  if (!later) return malformed();
  const int64_t last = rules.changes_.empty() ? INT64_MIN : rules.changes_.back().at;
  if (rules.changes_.empty()) rules.first_offset_ = later->offset;
  for (const auto& [at, offset] : later->changes(1970, kLastZoneYear))
    if (at > last) rules.changes_.push_back({at, offset});
  return rules;
}

int64_t ZoneRules::offset_at(Instant instant) const {
  const int64_t seconds = floor_seconds(instant);
  const auto after = std::upper_bound(changes_.begin(), changes_.end(), seconds,
                                      [](int64_t at, const Change& change) { return at < change.at; });
  return after == changes_.begin() ? first_offset_ : std::prev(after)->offset;
}

ZoneRules::OnTheWall ZoneRules::instants_of(int64_t local) const {
  OnTheWall found;
  const auto at = [](int64_t seconds) { return Instant{seconds * kMicros}; };
  const auto near = std::lower_bound(changes_.begin(), changes_.end(), local - 2 * kMostOffset,
                                     [](const Change& change, int64_t t) { return change.at < t; });
  // Between two changes one offset holds: the time is that of one instant or of none there.
  int64_t before = near == changes_.begin() ? first_offset_ : std::prev(near)->offset;
  int64_t from = INT64_MIN;
  for (auto change = near;; ++change) {
    const bool last = change == changes_.end() || change->at > local + 2 * kMostOffset;
    const int64_t instant = local - before;
    if (instant >= from && (last || instant < change->at)) found.instants.push_back(at(instant));
    if (last) break;
    if (local >= change->at + before && local < change->at + change->offset) found.gap_end = at(change->at);
    from = change->at;
    before = change->offset;
  }
  if (!found.instants.empty()) found.gap_end.reset();
  return found;
}

}  // namespace tidemill::project
