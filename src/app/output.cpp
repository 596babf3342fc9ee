#include "app/output.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>

#include "base/secret.hpp"

namespace tidemill::app {

namespace {

// Width on a terminal of UTF-8 text: code points, which is right for all that we print.
size_t width(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

}  // namespace

std::string grouped(int64_t number) {
  const std::string digits = fmt::format("{}", number < 0 ? uint64_t(-(number + 1)) + 1 : uint64_t(number));
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ' ';
    out += digits[i];
  }
  return number < 0 ? "-" + out : out;
}

std::string human_seconds(double seconds) {
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  return whole < 3600 ? fmt::format("{} min {} s", whole / 60, whole % 60)
                      : fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string human_time(Instant instant) {
  std::string text = to_text(instant).substr(0, 19);
  text[10] = ' ';
  return text;
}

std::string human_bytes(int64_t bytes) {
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string visible(std::string_view text, Breaks breaks) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool kept = breaks == Breaks::Keep && (c == '\n' || c == '\t');
    if ((byte < 0x20 && !kept) || byte == 0x7F)
      out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

std::string cell_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  return to_text(value);
}

void TextTable::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = visible(cell, Breaks::Show);
  rows_.push_back(std::move(row));
}

std::string TextTable::text() const {
  std::vector<size_t> widths;
  for (const Heading& heading : headings_) widths.push_back(width(heading.name));
  for (const auto& row : rows_)
    for (size_t c = 0; c < row.size() && c < widths.size(); ++c)
      widths[c] = std::max(widths[c], width(row[c]));
  const auto line = [&](const auto& cell_of) {
    std::string out;
    for (size_t c = 0; c < headings_.size(); ++c) {
      const std::string cell = cell_of(c);
      const std::string pad(widths[c] - std::min(widths[c], width(cell)), ' ');
      if (c > 0) out += "  ";
      out += headings_[c].right ? pad + cell : cell + pad;
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out + "\n";
  };
  std::string out = line([&](size_t c) { return headings_[c].name; });
  for (const auto& row : rows_)
    out += line([&](size_t c) { return c < row.size() ? row[c] : std::string(); });
  return out;
}

void print(std::string_view text) {
  const std::string safe = redact(text);
  std::fwrite(safe.data(), 1, safe.size(), stdout);
  if (safe.empty() || safe.back() != '\n') std::fputc('\n', stdout);
  std::fflush(stdout);  // so that data and messages come in order where both go to one place
}

void print_json(const Json& json) { print(to_text(json, 2)); }

int gravest_exit_code(const Errors& errors) {
  // A bug outranks all, then what the user has to mend first: usage, lock, time, gate, check, step.
  constexpr std::array kOrder{70, 130, 2, 5, 6, 1, 3, 4};
  for (const int code : kOrder)
    for (const Error& error : errors)
      if (exit_code(error) == code) return code;
  return errors.empty() ? 0 : 1;
}

int report(const GlobalOptions& global, const Errors& errors) {
  if (global.json) {
    Json list = Json::array();
    for (const Error& error : errors) list.push_back(to_json(error));
    print_json({{"errors", list}});
  }
  for (const Error& error : errors) {
    std::string text = visible(to_text(error));
    if (const size_t end = text.find(": "); end != std::string::npos)
      text = painted(global, text.substr(0, end + 1), Tone::Bad) + text.substr(end + 1);
    fmt::print(stderr, "{}\n", text);
  }
  return gravest_exit_code(errors);
}

int report(const GlobalOptions& global, const Error& error) { return report(global, Errors{error}); }

std::string painted(const GlobalOptions& global, std::string_view text, Tone tone) {
  if (!global.color || tone == Tone::Plain) return std::string(text);
  const std::string_view code = tone == Tone::Good      ? "32"
                                : tone == Tone::Bad     ? "1;31"
                                : tone == Tone::Warning ? "33"
                                                        : "2";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace tidemill::app
