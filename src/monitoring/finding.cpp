#include "monitoring/finding.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

namespace tidemill::monitoring {

namespace {

constexpr std::array<std::string_view, 4> kTopics{"quality", "drift", "performance", "other"};
constexpr double kPast = std::numeric_limits<double>::infinity();
constexpr int64_t kLeastEveryMicros = 1'000'000;

}  // namespace

std::string to_text(const Cause& cause) {
  std::string text = cause.deployment.empty() ? cause.monitor : cause.deployment + ", " + cause.monitor;
  if (!cause.column.empty()) text += " of " + cause.column;
  if (!cause.slice.empty()) text += ", " + cause.slice;
  if (cause.version != 0) text += fmt::format(", version {}", cause.version);
  return text;
}

Json to_json(const Cause& cause) {
  return {{"deployment", cause.deployment},
          {"monitor", cause.monitor},
          {"column", cause.column},
          {"slice", cause.slice},
          {"version", cause.version}};
}

std::string_view to_text(Topic topic) { return kTopics[static_cast<size_t>(topic)]; }

std::optional<Topic> topic_of(std::string_view text) {
  const auto found = std::find(kTopics.begin(), kTopics.end(), text);
  if (found == kTopics.end()) return std::nullopt;
  return static_cast<Topic>(found - kTopics.begin());
}

double pressure_above(double value, double limit, double best) {
  if (value <= best) return 0;
  return limit > best ? (value - best) / (limit - best) : kPast;
}

double pressure_below(double value, double limit, std::optional<double> best) {
  if (best && limit <= *best) {
    if (value >= *best) return 0;
    return limit < *best ? (*best - value) / (*best - limit) : kPast;
  }
  if (limit <= 0) return value >= limit ? 0 : kPast;
  return value > 0 ? limit / value : kPast;
}

Instant window_end(Instant now, Duration every) {
  const int64_t step = std::max(every.micros, kLeastEveryMicros);
  const int64_t over = now.micros % step;
  return {now.micros - (over < 0 ? over + step : over)};
}

}  // namespace tidemill::monitoring
