#include "project/posix_zone.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace tidemill::project {

namespace {

constexpr int64_t kDay = 86'400;

/// Takes the text apart from the left; what does not fit leaves it as it is and gives nothing.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}
  bool done() const { return text_.empty(); }
  bool literal(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// "EST" or "<+1030>".
  bool name() {
    size_t length = 0;
    if (literal('<')) {
      length = text_.find('>');
      if (length == std::string_view::npos) return false;
      ++length;
    } else {
      while (length < text_.size() && ((text_[length] | 0x20) >= 'a' && (text_[length] | 0x20) <= 'z'))
        ++length;
    }
    if (length < 3) return false;
    text_.remove_prefix(length);
    return true;
  }
  std::optional<int> number(int first, int last) {
    int value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc{} || text_[0] == '-' || value < first || value > last) return std::nullopt;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return value;
  }
  /// [+-]hh[:mm[:ss]] in seconds.
  std::optional<int64_t> time(int most_hours) {
    const bool negative = literal('-');
    if (!negative) literal('+');
    const auto hours = number(0, most_hours);
    if (!hours) return std::nullopt;
    int64_t seconds = int64_t{*hours} * 3600;
    for (const int64_t unit : {60, 1}) {
      if (!literal(':')) break;
      const auto part = number(0, 59);
      if (!part) return std::nullopt;
      seconds += *part * unit;
    }
    return negative ? -seconds : seconds;
  }
  std::optional<PosixZone::Day> day() {
    PosixZone::Day day;
    std::optional<int> month, week, number_of_day;
    if (literal('M')) {
      month = number(1, 12);
      if (!month || !literal('.') || !(week = number(1, 5)) || !literal('.')) return std::nullopt;
      number_of_day = number(0, 6);
      day.month = *month;
      day.week = *week;
    } else if (literal('J')) {
      day.kind = PosixZone::Day::Kind::Julian;
      number_of_day = number(1, 365);
    } else {
      day.kind = PosixZone::Day::Kind::DayOfYear;
      number_of_day = number(0, 365);
    }
    if (!number_of_day) return std::nullopt;
    day.day = *number_of_day;
    if (!literal('/')) return day;
    const auto seconds = time(167);
    if (!seconds) return std::nullopt;
    day.seconds = *seconds;
    return day;
  }

 private:
  std::string_view text_;
};

/// Seconds since 1970 on the wall that was valid before.
int64_t local_seconds(const PosixZone::Day& day, int year) {
  using namespace std::chrono;
  const std::chrono::year y{year};
  int64_t days = 0;
  if (day.kind == PosixZone::Day::Kind::MonthWeekDay) {
    const month m{static_cast<unsigned>(day.month)};
    const weekday w{static_cast<unsigned>(day.day)};
    const sys_days date =
        day.week == 5 ? sys_days{y / m / w[last]} : sys_days{y / m / w[static_cast<unsigned>(day.week)]};
    days = date.time_since_epoch().count();
  } else {
    days = sys_days{y / January / 1}.time_since_epoch().count() + day.day;
    // Julian days count from 1 and never February 29th.
    if (day.kind == PosixZone::Day::Kind::Julian) days -= y.is_leap() && day.day >= 60 ? 0 : 1;
  }
  return days * kDay + day.seconds;
}

}  // namespace

std::vector<std::pair<int64_t, int64_t>> PosixZone::changes(int first, int last) const {
  std::vector<std::pair<int64_t, int64_t>> all;
  if (!summer) return all;
  for (int year = first; year <= last; ++year) {
    all.emplace_back(local_seconds(summer->begins, year) - offset, summer->offset);
    all.emplace_back(local_seconds(summer->ends, year) - summer->offset, offset);
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::optional<PosixZone> parse_posix_zone(std::string_view text) {
  Parser parser(text);
  PosixZone zone;
  if (!parser.name()) return std::nullopt;
  const auto standard = parser.time(24);
  if (!standard) return std::nullopt;
  zone.offset = -*standard;  // POSIX counts westward
  if (parser.done()) return zone;
  PosixZone::Summer summer{zone.offset + 3600, {}, {}};
  if (!parser.name()) return std::nullopt;
  if (!parser.literal(',')) {
    const auto offset = parser.time(24);
    if (!offset || !parser.literal(',')) return std::nullopt;
    summer.offset = -*offset;
  }
  const auto begins = parser.day();
  if (!begins || !parser.literal(',')) return std::nullopt;
  const auto ends = parser.day();
  if (!ends || !parser.done()) return std::nullopt;
  summer.begins = *begins;
  summer.ends = *ends;
  zone.summer = summer;
  return zone;
}

}  // namespace tidemill::project
