// Ticks of schedules. A tick is a row unique in (schedule, nominal time), and the run that begins for it
// takes it in its own first transaction: so however often one is started for it, at most one goes on.
#include <fmt/format.h>

#include "base/secret.hpp"
#include "registry/impl.hpp"
#include "registry/rows.hpp"
#include "registry/ticks.hpp"

namespace tidemill::registry {

namespace {

// What the row does not say itself, its run does: as long as nobody noted how the tick ended.
#define TM_TICK_COLUMNS                                                                                  \
  "k.schedule, k.at, iif(k.status <> '', k.status, iif(k.run IS NULL, 'waiting', (SELECT r.status FROM " \
  "runs r "                                                                                              \
  "WHERE r.id = k.run))), coalesce(k.run, ''), k.runs, k.reason, k.changed_at"

Result<TickRecord> tick_at(Row row) {
  TickRecord record;
  record.tick = {row.text(0), row.instant(1)};
  record.status = row.text(2);
  record.run = row.text(3);
  record.runs = static_cast<int>(row.integer(4));
  record.reason = row.text(5);
  record.changed_at = row.instant(6);
  return record;
}

Result<KeptSchedule> schedule_at(Row row) {
  KeptSchedule kept;
  TM_TRY(kept.state, row.json(1));
  if (!row.is_null(2)) kept.tick = row.instant(2);
  if (!row.is_null(3)) kept.ended_at = row.instant(3);
  if (!row.is_null(4)) kept.succeeded_at = row.instant(4);
  return kept;
}

Result<void> note_tick(Registry::Impl& impl, const Tick& tick, const std::string& status,
                       const std::string& reason) {
  TM_CHECK(impl.database.run(
      "INSERT INTO ticks (schedule, at, runs, status, reason, changed_at) VALUES (?1, ?2, 0, ?3, ?4, ?5) "
      "ON CONFLICT (schedule, at) DO UPDATE SET status = excluded.status, reason = excluded.reason, "
      "changed_at = excluded.changed_at WHERE status = ''",
      tick.schedule, tick.at, status, redact(reason), impl.clock->now()));
  return impl.database.run(
      "DELETE FROM ticks WHERE schedule = ?1 AND at < (SELECT at FROM ticks WHERE schedule = ?1 "
      "ORDER BY at DESC LIMIT 1 OFFSET ?2)",
      tick.schedule, kMaxTicks - 1);
}

}  // namespace

Result<void> take_tick(Registry::Impl& impl, const Tick& tick, const std::string& run) {
  Database& database = impl.database;
  const auto name = [&] {
    return fmt::format("{} of schedule {}", tidemill::to_text(tick.at), tick.schedule);
  };
  TM_TRY(const auto found,
         database.first("SELECT " TM_TICK_COLUMNS " FROM ticks k WHERE k.schedule = ?1 AND k.at = ?2",
                        tick_at, tick.schedule, tick.at));
  if (found && found->status != "waiting" && found->status != "interrupted")
    return environment_error("registry.tick_taken",
                             fmt::format("{} has its run already{}", name(),
                                         found->run.empty() ? "" : fmt::format(": {}", found->run)),
                             "a tick has one run; `tidemill run` needs none");
  return database.run(
      "INSERT INTO ticks (schedule, at, run, runs, status, reason, changed_at) VALUES (?1, ?2, ?3, 1, '', "
      "'', "
      "?4) ON CONFLICT (schedule, at) DO UPDATE SET run = excluded.run, runs = runs + 1, "
      "changed_at = excluded.changed_at",
      tick.schedule, tick.at, run, impl.clock->now());
}

Result<std::map<std::string, KeptSchedule>> Registry::schedules() const {
  const std::lock_guard guard(impl_->mutex);
  std::map<std::string, KeptSchedule> found;
  TM_CHECK(impl_->database.each("SELECT name, state, tick, ended_at, succeeded_at FROM schedules",
                                [&](Row row) -> Result<void> {
                                  TM_TRY(found[row.text(0)], schedule_at(row));
                                  return {};
                                }));
  return found;
}

Result<void> Registry::keep_schedule(const std::string& name, const KeptSchedule& schedule,
                                     const std::vector<TickRecord>& noted) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("keep a schedule's state"));
  TM_CHECK(database.run(
      "INSERT INTO schedules (name, state, tick) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET "
      "state = excluded.state, tick = excluded.tick",
      name, stored(schedule.state), schedule.tick));
  for (const TickRecord& record : noted)
    TM_CHECK(note_tick(*impl_, record.tick, record.status, record.reason));
  if (schedule.tick) TM_CHECK(note_tick(*impl_, {name, *schedule.tick}, "", ""));
  return impl_->commit(transaction);
}

Result<void> Registry::end_tick(const TickRecord& ended) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  const Tick& tick = ended.tick;
  TM_TRY(Transaction transaction, impl_->begin_write("end a tick"));
  TM_CHECK(note_tick(*impl_, tick, ended.status, ended.reason));
  const Instant now = impl_->clock->now();
  const std::optional<Instant> success = ended.status == "done" ? std::optional(now) : std::nullopt;
  TM_CHECK(database.run(
      "UPDATE schedules SET tick = NULL, ended_at = ?3, succeeded_at = coalesce(?4, succeeded_at) "
      "WHERE name = ?1 AND tick = ?2",
      tick.schedule, tick.at, now, success));
  return impl_->commit(transaction);
}

Result<void> Registry::forget_schedules_but(const std::set<std::string>& names) {
  TM_TRY(const auto kept, schedules());
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("forget a schedule"));
  for (const auto& [name, schedule] : kept) {
    if (names.contains(name)) continue;
    if (schedule.tick)
      TM_CHECK(
          note_tick(*impl_, {name, *schedule.tick}, "given up", "the project has no such schedule any more"));
    TM_CHECK(impl_->database.run("DELETE FROM schedules WHERE name = ?1", name));
  }
  return impl_->commit(transaction);
}

Result<std::optional<TickRecord>> Registry::tick(const Tick& tick) const {
  const bool in_use = is_in_use();  // before the row is read: what ends meanwhile is not taken for dead
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(auto found,
         impl_->database.first("SELECT " TM_TICK_COLUMNS " FROM ticks k WHERE k.schedule = ?1 AND k.at = ?2",
                               tick_at, tick.schedule, tick.at));
  if (found && found->status == "running" && !in_use) found->status = "interrupted";
  return found;
}

Result<std::vector<TickRecord>> Registry::ticks(const std::string& schedule, size_t limit) const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<TickRecord> found;
  TM_CHECK(impl_->database.each(
      "SELECT " TM_TICK_COLUMNS " FROM ticks k WHERE k.schedule = ?1 ORDER BY k.at DESC LIMIT ?2",
      [&](Row row) -> Result<void> {
        TM_TRY(found.emplace_back(), tick_at(row));
        return {};
      },
      schedule, limit));
  return found;
}

Result<std::map<std::string, int64_t>> Registry::run_counts() const {
  const std::lock_guard guard(impl_->mutex);
  std::map<std::string, int64_t> counts;
  TM_CHECK(
      impl_->database.each("SELECT status, count(*) FROM runs GROUP BY status", [&](Row row) -> Result<void> {
        counts[row.text(0)] = row.integer(1);
        return {};
      }));
  return counts;
}

}  // namespace tidemill::registry
