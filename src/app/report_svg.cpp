#include "app/report_svg.hpp"

#include <array>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "base/json.hpp"

namespace tidemill::app {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr size_t kMaxTicks = 50;

/// Valid UTF-8, by the replacement that JSON's writer makes.
std::string valid(std::string_view text) {
  const std::string quoted = tidemill::to_text(Json(std::string(text)));
  return Json::parse(quoted).get<std::string>();
}

std::string coordinates(const std::vector<Svg::Point>& points) {
  std::string out;
  for (const Svg::Point& point : points)
    out += fmt::format("{}{:.1f},{:.1f}", out.empty() ? "" : " ", point.x, point.y);
  return out;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : valid(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
          out += kReplacement;
        else
          out += c;
    }
  }
  return out;
}

std::string shortened(std::string_view text, size_t characters) {
  const std::string whole = valid(text);
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  size_t count = 0, cut = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    if (!begins(whole[i])) continue;
    if (count + 1 == characters) cut = i;
    ++count;
  }
  return count <= characters ? whole : whole.substr(0, cut) + "…";
}

double Scale::operator()(double value) const {
  if (from == to) return (begin + end) / 2;
  return begin + (value - from) / (to - from) * (end - begin);
}

std::vector<double> ticks(double low, double high, int wanted) {
  if (!std::isfinite(low) || !std::isfinite(high) || !(high > low) || wanted < 1) return {};
  const double rough = (high - low) / wanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = factor * power;
    if (step >= rough * 0.999) break;
  }
  if (!(step > 0) || !std::isfinite(step)) return {};
  std::vector<double> result;
  const double slack = step * 1e-9;
  for (double n = std::ceil((low - slack) / step); n * step <= high + slack; ++n) {
    if (result.size() == kMaxTicks) break;
    result.push_back(n == 0 ? 0 : n * step);
  }
  return result;
}

std::string short_number(double value, int digits) {
  if (!std::isfinite(value)) return std::isnan(value) ? "none" : value > 0 ? "∞" : "−∞";
  if (value == std::round(value) && std::abs(value) < 1e9) {
    std::string text = fmt::format("{:.0f}", std::abs(value));
    for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, "\u202f");
    return (value < 0 ? "−" : "") + text;
  }
  return fmt::format("{}{:.{}g}", value < 0 ? "−" : "", std::abs(value), digits);
}

std::string percent_text(double share) {
  const double percent = 100 * share;
  if (!std::isfinite(percent)) return "none";
  const int digits = std::abs(percent) >= 10 || percent == 0 ? 1 : 2;
  return fmt::format("{:.{}f}\u00a0%", percent, percent == 100 || percent == 0 ? 0 : digits);
}

std::string short_time(Instant instant, Duration period) {
  using namespace std::chrono;
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_time<microseconds> time{microseconds{instant.micros}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const auto minutes = floor<std::chrono::minutes>(time - day).count();
  std::string name = fmt::format("{} {}", static_cast<unsigned>(date.day()),
                                 kMonths[static_cast<unsigned>(date.month()) - 1]);
  if (period.micros >= int64_t{86'400'000'000}) return name;
  return fmt::format("{} {:02}:{:02}", name, minutes / 60, minutes % 60);
}

Svg::Svg(double width, double height, std::string_view title, std::string_view description)
    : out_(fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:g} {:g}\" role=\"img\">"
                       "<title>{}</title><desc>{}</desc>",
                       width, height, escaped(title), escaped(description))) {}

void Svg::rect(double x, double y, double width, double height, std::string_view style) {
  out_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" class=\"{}\"/>", x,
                      y, std::max(width, 0.0), std::max(height, 0.0), style);
}
void Svg::line(double x1, double y1, double x2, double y2, std::string_view style) {
  out_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>", x1, y1,
                      x2, y2, style);
}
void Svg::circle(double x, double y, double radius, std::string_view style) {
  out_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.3g}\" class=\"{}\"/>", x, y, radius, style);
}
void Svg::polyline(const std::vector<Point>& points, std::string_view style) {
  if (points.size() < 2) return;
  out_ += fmt::format("<polyline points=\"{}\" class=\"{}\"/>", coordinates(points), style);
}
void Svg::polygon(const std::vector<Point>& points, std::string_view style) {
  if (points.size() < 2) return;
  out_ += fmt::format("<polygon points=\"{}\" class=\"{}\"/>", coordinates(points), style);
}
void Svg::text(double x, double y, Anchor anchor, std::string_view text, std::string_view style) {
  const std::string_view end = anchor == Anchor::Start    ? "start"
                               : anchor == Anchor::Middle ? "middle"
                                                          : "end";
  out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>", x, y, end,
                      style, escaped(text));
}
void Svg::group(std::string_view tip) { out_ += fmt::format("<g><title>{}</title>", escaped(tip)); }
void Svg::ungroup() { out_ += "</g>"; }
std::string Svg::finish() && { return std::move(out_) + "</svg>"; }

}  // namespace tidemill::app
