// Memos (small facts worth keeping) and metric points (numbers over a table's history).
#include <cmath>

#include <fmt/format.h>

#include "registry/impl.hpp"

namespace tidemill::registry {

Result<std::optional<std::string>> Registry::memo(const std::string& kind, const std::string& key) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first_text("SELECT value FROM memos WHERE kind = ?1 AND key = ?2", kind, key);
}

Result<std::map<std::string, std::string>> Registry::memos(const std::string& kind) const {
  const std::lock_guard guard(impl_->mutex);
  std::map<std::string, std::string> values;
  TM_CHECK(impl_->database.each(
      "SELECT key, value FROM memos WHERE kind = ?1 ORDER BY key",
      [&](Row row) -> Result<void> {
        values.emplace_hint(values.end(), row.text(0), row.text(1));
        return {};
      },
      kind));
  return values;
}

Result<void> Registry::set_memos(const std::string& kind, const std::map<std::string, std::string>& values) {
  if (values.empty()) return {};
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("remember something"));
  const Instant now = impl_->clock->now();
  for (const auto& [key, value] : values)
    TM_CHECK(impl_->database.run(
        "INSERT INTO memos (kind, key, value, set_at) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, set_at = excluded.set_at",
        kind, key, value, now));
  return impl_->commit(transaction);
}

Result<void> Registry::add_metric(const std::string& subject, const std::string& metric, MetricPoint point) {
  if (!std::isfinite(point.value))
    return data_error("registry.not_finite", fmt::format("{} of {} is {}: a series holds finite numbers only",
                                                         metric, subject, point.value));
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("record a metric"));
  TM_CHECK(impl_->database.run(
      "INSERT INTO metric_points (subject, metric, at, run, value) VALUES (?1, ?2, ?3, ?4, ?5)", subject,
      metric, point.at, point.run, point.value));
  return impl_->commit(transaction);
}

Result<std::vector<MetricPoint>> Registry::metric_history(const std::string& subject,
                                                          const std::string& metric, size_t limit) const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<MetricPoint> points;
  TM_CHECK(impl_->database.each(
      "SELECT at, run, value FROM (SELECT id, at, run, value FROM metric_points WHERE subject = ?1 AND "
      "metric = ?2 "
      "ORDER BY at DESC, id DESC LIMIT ?3) ORDER BY at, id",
      [&](Row row) -> Result<void> {
        points.push_back({row.instant(0), row.text(1), row.real(2)});
        return {};
      },
      subject, metric, limit));
  return points;
}

}  // namespace tidemill::registry
