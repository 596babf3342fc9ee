// How many predictions come, and how long they take.
#include <algorithm>

#include <fmt/format.h>

#include "monitoring/watch_look.hpp"

namespace tidemill::monitoring {

/// A log that keeps a sample is scaled; one that is younger than the window is held against its own age.
Result<void> Look::traffic() {
  const double sample = input_.deployment->log->sample;
  TM_TRY(const auto read,
         connection_.query(fmt::format("SELECT count(*) FILTER (time >= {}), min(epoch_us(time)) FROM {}",
                                       sql_of(span_.begin), rows_in({{0}, span_.end}, 0))));
  const auto rows = static_cast<double>(std::get<int64_t>(read.rows[0][0]));
  const auto* oldest = std::get_if<int64_t>(&read.rows[0][1]);
  Instant begin = span_.begin;
  if (oldest != nullptr) begin.micros = std::clamp(*oldest, span_.begin.micros, span_.end.micros);
  Finding finding = evaluate_traffic(cause(), traffic_limits_of(monitor_), rows / sample,
                                     {span_.end.micros - begin.micros});
  if (sample < 1) finding.text += fmt::format("; {} rows are a sample of {:g} %, scaled", rows, sample * 100);
  add(std::move(finding));
  return {};
}

Result<void> Look::latency() {
  const double share = monitor_.measure == "p50" ? 0.5 : monitor_.measure == "p90" ? 0.9 : 0.99;
  for (const Watch::Kept* kept : kept_) {
    // Rows of one prediction took the time together.
    TM_TRY(const auto read, connection_.query(fmt::format(
                                "SELECT count(*), CAST(quantile_cont(latency_us, {}) AS DOUBLE) FROM {} "
                                "AND \"row\" = 0 AND latency_us IS NOT NULL",
                                share, rows_in(span_, kept->reference.number))));
    const auto* micros = std::get_if<double>(&read.rows[0][1]);
    Finding finding = evaluate_latency(cause("", kept->reference.number), limits_of(monitor_),
                                       micros == nullptr ? std::nullopt : std::optional(*micros / 1e6),
                                       static_cast<double>(std::get<int64_t>(read.rows[0][0])));
    add(std::move(finding));
  }
  return {};
}

}  // namespace tidemill::monitoring
