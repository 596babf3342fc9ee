#include "base/clock.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <limits>

#include <fmt/format.h>

namespace tidemill {

namespace {

class SystemClock final : public Clock {
 public:
  Instant now() const override {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
  }
};

class FixedClock final : public Clock {
 public:
  explicit FixedClock(Instant instant) : instant_(instant) {}
  Instant now() const override { return instant_; }

 private:
  Instant instant_;
};

struct Unit {
  std::string_view name;
  int64_t micros;
};
constexpr std::array kUnits{Unit{"w", 604'800'000'000},
                            Unit{"d", 86'400'000'000},
                            Unit{"h", 3'600'000'000},
                            Unit{"m", 60'000'000},
                            Unit{"s", 1'000'000},
                            Unit{"ms", 1'000},
                            Unit{"us", 1}};

bool digits(std::string_view& text, size_t count, int& value) {
  if (text.size() < count) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc{} || end != text.data() + count || text[0] == '-') return false;
  text.remove_prefix(count);
  return true;
}
bool literal(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

std::unexpected<Error> bad_instant(std::string_view text) {
  return user_error("usage.time", fmt::format("'{}' is not a time", text), {},
                    "write it as 2013-11-03T05:30:00Z, 2013-11-03 05:30:00+02:00 or 2013-11-03");
}

}  // namespace

std::shared_ptr<const Clock> system_clock() { return std::make_shared<SystemClock>(); }
std::shared_ptr<const Clock> fixed_clock(Instant instant) { return std::make_shared<FixedClock>(instant); }

std::string to_text(Instant instant) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds{instant.micros}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<seconds>(time - day)};
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  const int64_t fraction = (instant.micros % 1'000'000 + 1'000'000) % 1'000'000;
  if (fraction != 0) text += fmt::format(".{:06}", fraction);
  return text + "Z";
}

Result<Instant> parse_instant(std::string_view text) {
  using namespace std::chrono;
  std::string_view rest = text;
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
  if (!digits(rest, 4, y) || !literal(rest, '-') || !digits(rest, 2, mo) || !literal(rest, '-') ||
      !digits(rest, 2, d))
    return bad_instant(text);
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
  if (!date.ok()) return bad_instant(text);
  int64_t micros = sys_days{date}.time_since_epoch().count() * int64_t{86'400'000'000};
  if (rest.empty()) return Instant{micros};
  if (!literal(rest, 'T') && !literal(rest, ' ')) return bad_instant(text);
  if (!digits(rest, 2, h) || !literal(rest, ':') || !digits(rest, 2, mi)) return bad_instant(text);
  if (literal(rest, ':') && !digits(rest, 2, s)) return bad_instant(text);
  if (h > 23 || mi > 59 || s > 60) return bad_instant(text);
  micros += (int64_t{h} * 3600 + mi * 60 + s) * 1'000'000;
  if (literal(rest, '.')) {
    int64_t scale = 100'000;
    size_t count = 0;
    for (; !rest.empty() && rest[0] >= '0' && rest[0] <= '9'; rest.remove_prefix(1), ++count, scale /= 10)
      micros += (rest[0] - '0') * scale;
    if (count == 0) return bad_instant(text);
  }
  if (rest.empty() || rest == "Z" || rest == "z") return Instant{micros};
  const int sign = rest[0] == '+' ? 1 : rest[0] == '-' ? -1 : 0;
  int zone_h = 0, zone_m = 0;
  rest.remove_prefix(1);
  if (sign == 0 || !digits(rest, 2, zone_h)) return bad_instant(text);
  literal(rest, ':');
  if (!rest.empty() && !digits(rest, 2, zone_m)) return bad_instant(text);
  if (!rest.empty() || zone_h > 14 || zone_m > 59) return bad_instant(text);
  return Instant{micros - sign * (int64_t{zone_h} * 3600 + zone_m * 60) * 1'000'000};
}

Result<Duration> parse_duration(std::string_view text) {
  const auto bad = [&] {
    return user_error("usage.duration", fmt::format("'{}' is not a duration", text), {},
                      "write a number and a unit: 500ms, 90s, 15m, 24h, 28d, 2w");
  };
  std::string_view rest = text;
  int64_t total = 0;
  if (rest.empty()) return bad();
  while (!rest.empty()) {
    int64_t count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (error != std::errc{} || count < 0) return bad();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    size_t letters = 0;
    while (letters < rest.size() && rest[letters] >= 'a' && rest[letters] <= 'z') ++letters;
    const std::string_view name = rest.substr(0, letters);
    rest.remove_prefix(letters);
    bool known = false;
    for (const Unit& unit : kUnits) {
      if (unit.name != name) continue;
      int64_t part = 0;
      if (__builtin_mul_overflow(count, unit.micros, &part) || __builtin_add_overflow(total, part, &total))
        return bad();
      known = true;
    }
    if (!known) return bad();
  }
  return Duration{total};
}

std::string to_text(Duration duration) {
  std::string text;
  int64_t rest = duration.micros;
  for (const Unit& unit : kUnits) {
    if (unit.name == "w") continue;
    if (const int64_t count = rest / unit.micros; count > 0) text += fmt::format("{}{}", count, unit.name);
    rest %= unit.micros;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace tidemill
