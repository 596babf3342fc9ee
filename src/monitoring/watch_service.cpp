// How many predictions come, and how long they take.
#include <algorithm>

#include <fmt/format.h>

#include "monitoring/log_writer.hpp"
#include "monitoring/watch_look.hpp"

namespace tidemill::monitoring {

namespace {

/// So far the log surely goes back: the rows of an hour are removed together, and a look may be late.
Duration surely_kept(const project::PredictionLog& log) {
  return {std::max(log.retain.micros - kHour.micros, log.retain.micros / 2)};
}

}  // namespace

/// A log that keeps a sample is scaled.
Result<void> Look::traffic() {
  const project::PredictionLog& log = *input_.deployment->log;
  const Duration window = std::min(Duration{span_.end.micros - span_.begin.micros}, surely_kept(log));
  TM_TRY(const engine::Value counted,
         connection_.scalar(fmt::format("SELECT count(*) FROM {}",
                                        rows_in({{span_.end.micros - window.micros}, span_.end}, 0))));
  TM_TRY(const engine::Value first,
         connection_.scalar(fmt::format("SELECT min(epoch_us(time)) FROM {} WHERE time < {}", relation_,
                                        sql_of(span_.end))));
  const auto rows = static_cast<double>(std::get<int64_t>(counted));
  const auto* micros = std::get_if<int64_t>(&first);
  const Duration logged{micros == nullptr ? 0 : span_.end.micros - *micros};
  Finding finding =
      evaluate_traffic(cause(), traffic_limits_of(monitor_), {rows / log.sample, window, logged});
  if (log.sample < 1)
    finding.text += fmt::format("; {} rows are a sample of {:g} %, scaled", rows, log.sample * 100);
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
