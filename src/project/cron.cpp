#include "project/cron.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <vector>

#include <fmt/format.h>

namespace tidemill::project {

namespace {

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
  std::string_view name;
  int first;
  int last;
  std::span<const std::string_view> names = {};
  int first_name = 0;
};
constexpr std::array kFields{Field{"minute", 0, 59}, Field{"hour", 0, 23}, Field{"day of month", 1, 31},
                             Field{"month", 1, 12, kMonths, 1}, Field{"day of week", 0, 7, kWeekdays, 0}};

struct Nickname {
  std::string_view name;
  std::string_view expression;
};
constexpr std::array kNicknames{Nickname{"@hourly", "0 * * * *"},   Nickname{"@daily", "0 0 * * *"},
                                Nickname{"@midnight", "0 0 * * *"}, Nickname{"@weekly", "0 0 * * 0"},
                                Nickname{"@monthly", "0 0 1 * *"},  Nickname{"@yearly", "0 0 1 1 *"},
                                Nickname{"@annually", "0 0 1 1 *"}};

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find_first_of(separators, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::unexpected<Error> bad(const Field& field, std::string_view text) {
  return user_error(
      "project.bad_value", fmt::format("'{}' is not a cron {}", text, field.name), {},
      fmt::format(
          "{} to {}{}, *, a-b, */n, or several with commas", field.first, field.last,
          field.names.empty() ? "" : fmt::format(" or {} to {}", field.names.front(), field.names.back())));
}

std::optional<int> value_of(const Field& field, std::string_view text) {
  if (text.size() == 3)
    for (size_t i = 0; i < field.names.size(); ++i) {
      std::string lower(text);
      for (char& c : lower) c = static_cast<char>(c | 0x20);
      if (lower == field.names[i]) return field.first_name + static_cast<int>(i);
    }
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < field.first || value > field.last ||
      text[0] == '-')
    return std::nullopt;
  return value;
}

/// Bit v is set when the field's value v matches.
Result<uint64_t> parse_field(const Field& field, std::string_view text) {
  uint64_t bits = 0;
  for (const std::string_view part : split(text, ",")) {
    std::string_view range = part;
    int step = 1;
    const size_t slash = part.find('/');
    if (slash != std::string_view::npos) {
      range = part.substr(0, slash);
      const std::string_view number = part.substr(slash + 1);
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), step);
      if (error != std::errc{} || end != number.data() + number.size() || step < 1 || step > 59)
        return bad(field, part);
    }
    int first = field.first, last = field.last;
    if (range != "*") {
      const size_t dash = range.find('-');
      const auto from = value_of(field, range.substr(0, dash));
      if (!from) return bad(field, part);
      first = *from;
      if (dash != std::string_view::npos) {
        const auto to = value_of(field, range.substr(dash + 1));
        if (!to || *to < first) return bad(field, part);
        last = *to;
      } else if (slash == std::string_view::npos) {
        last = first;
      }
    }
    for (int value = first; value <= last; value += step) bits |= uint64_t{1} << value;
  }
  return bits;
}

/// A day that the months chosen have: "0 0 31 2 *" would wait for ever.
bool has_a_day(const Cron& cron) {
  constexpr std::array kLongest{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (size_t month = 1; month <= 12; ++month)
    for (int day = 1; cron.months[month] && day <= kLongest[month]; ++day)
      if (cron.days[static_cast<size_t>(day)]) return true;
  return false;
}

}  // namespace

Result<Cron> parse_cron(std::string_view text) {
  for (const Nickname& nickname : kNicknames)
    if (text == nickname.name) return parse_cron(nickname.expression);
  std::vector<std::string_view> fields;
  for (const std::string_view part : split(text, " \t"))
    if (!part.empty()) fields.push_back(part);
  if (fields.size() != kFields.size())
    return user_error("project.bad_value",
                      fmt::format("a cron expression has 5 fields, this has {}", fields.size()), {},
                      "minute hour day-of-month month day-of-week: \"0 6 * * *\" is every day at six");
  std::array<uint64_t, kFields.size()> bits{};
  for (size_t i = 0; i < kFields.size(); ++i) {
    TM_TRY(bits[i], parse_field(kFields[i], fields[i]));
  }
  Cron cron;
  cron.minutes = bits[0];
  cron.hours = bits[1];
  cron.days = bits[2];
  cron.months = bits[3];
  cron.weekdays = (bits[4] & 0x7F) | (bits[4] >> 7);  // 7 is Sunday too
  cron.every_hour = fields[1].starts_with('*');
  cron.any_day = fields[2].starts_with('*');
  cron.any_weekday = fields[4].starts_with('*');
  if (cron.any_weekday && !has_a_day(cron))
    return user_error("project.bad_value", fmt::format("'{}' never comes: no such day in that month", text),
                      {});
  return cron;
}

}  // namespace tidemill::project
