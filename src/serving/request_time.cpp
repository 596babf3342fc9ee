#include "serving/request_time.hpp"

#include <chrono>

#include <fmt/format.h>

#include "base/clock.hpp"

namespace tidemill::serving {

namespace {

using engine::GivenKind;

constexpr int64_t kSecond = 1'000'000;  // in microseconds
constexpr int64_t kDay = 86'400 * kSecond;

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool number(size_t digits, int most, int& out) {
    if (rest_.size() < digits) return false;
    out = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      out = out * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return out <= most;
  }
  /// Up to nine digits of a second's fraction, as microseconds; what lies below is cut off.
  bool fraction(int64_t& micros) {
    micros = 0;
    size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits)
      if (digits < 6) micros = micros * 10 + (rest_[digits] - '0');
    if (digits == 0 || digits > 9) return false;
    for (size_t i = digits; i < 6; ++i) micros *= 10;
    rest_.remove_prefix(digits);
    return true;
  }

 private:
  std::string_view rest_;
};

bool read_date(Scanner& scanner, int64_t& days) {
  int year = 0, month = 0, day = 0;
  if (!scanner.number(4, 9999, year) || !scanner.take('-') || !scanner.number(2, 12, month) ||
      !scanner.take('-') || !scanner.number(2, 31, day))
    return false;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  days = std::chrono::sys_days(date).time_since_epoch().count();
  return true;
}

bool read_clock(Scanner& scanner, int64_t& micros) {
  int hour = 0, minute = 0, second = 0;
  int64_t fraction = 0;
  if (!scanner.number(2, 23, hour) || !scanner.take(':') || !scanner.number(2, 59, minute)) return false;
  if (scanner.take(':')) {
    if (!scanner.number(2, 59, second)) return false;
    if (scanner.take('.') && !scanner.fraction(fraction)) return false;
  }
  micros = (hour * 3600 + minute * 60 + second) * kSecond + fraction;
  return true;
}

bool read_offset(Scanner& scanner, int64_t& micros) {
  micros = 0;
  if (scanner.take('Z') || scanner.take('z')) return true;
  const bool west = scanner.take('-');
  if (!west && !scanner.take('+')) return false;
  int hour = 0, minute = 0;
  if (!scanner.number(2, 15, hour)) return false;
  const bool colon = scanner.take(':');
  if ((colon || !scanner.done()) && !scanner.number(2, 59, minute)) return false;
  micros = (hour * 3600 + minute * 60) * kSecond * (west ? -1 : 1);
  return true;
}

}  // namespace

std::optional<int64_t> parse_time(GivenKind kind, std::string_view text) {
  Scanner scanner(text);
  int64_t days = 0, clock = 0, offset = 0;
  if (!read_date(scanner, days)) return std::nullopt;
  if (kind == GivenKind::Date) return scanner.done() ? std::optional(days) : std::nullopt;
  const bool zoned = kind == GivenKind::TimestampTz;
  if (scanner.done()) return zoned ? std::nullopt : std::optional(days * kDay);
  if (!scanner.take('T') && !scanner.take(' ') && !scanner.take('t')) return std::nullopt;
  if (!read_clock(scanner, clock)) return std::nullopt;
  if (zoned && !read_offset(scanner, offset)) return std::nullopt;
  if (!scanner.done()) return std::nullopt;
  return days * kDay + clock - offset;
}

std::string text_of_time(GivenKind kind, int64_t value) {
  std::string text = to_text(Instant{kind == GivenKind::Date ? value * kDay : value});
  if (kind == GivenKind::Date) text.resize(text.find('T'));
  if (kind == GivenKind::Timestamp) text.pop_back();
  return text;
}

std::string_view time_example(GivenKind kind) {
  return kind == GivenKind::Date        ? "2013-12-30"
         : kind == GivenKind::Timestamp ? "2013-12-30T15:05:00"
                                        : "2013-12-30T15:05:00-05:00 or 2013-12-30T20:05:00Z";
}

}  // namespace tidemill::serving
