// Runs and their steps. record_step is one durable commit: what it recorded is found by every later run,
// whatever becomes of this one.
#include <algorithm>

#include <fmt/format.h>

#include "base/secret.hpp"
#include "registry/impl.hpp"
#include "registry/rows.hpp"
#include "registry/ticks.hpp"

namespace tidemill::registry {

namespace {

constexpr size_t kMaxRunId = 100;

bool plain_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRunId && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

#define TM_RUN_COLUMNS \
  "id, status, selection, started_by, git_commit, git_dirty, started_at, ended_at, report, as_of"

Result<Run> run_at(Row row) {
  Run run;
  run.id = row.text(0);
  run.status = row.text(1);
  run.selection = row.text(2);
  run.by = row.text(3);
  run.git_commit = row.text(4);
  run.git_dirty = row.integer(5) != 0;
  run.started_at = row.instant(6);
  if (!row.is_null(7)) run.ended_at = row.instant(7);
  TM_TRY(run.report, row.json(8));
  if (!row.is_null(9)) run.as_of = row.instant(9);
  return run;
}

#define TM_STEPS_FROM                                                     \
  "SELECT " TM_STEP_COLUMNS ", " TM_TABLE_COLUMNS ", " TM_VERSION_COLUMNS \
  " FROM steps s LEFT JOIN tables t ON t.id = s.table_id "                \
  "LEFT JOIN versions v ON v.model = s.model AND v.number = s.version "

Result<void> add_table(Database& database, const StepRecord& step, Table& table) {
  if (table.name.empty())
    return internal_error("internal.table", "a table without a name in step " + step.step);
  table.step_key = step.key;
  table.run = step.run;
  if (table.made_at == Instant{}) table.made_at = step.ended_at;
  TM_CHECK(database.run(
      "INSERT INTO tables (name, object, logical, rows, bytes, columns, step, step_key, run, made_at) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
      table.name, table.object, table.logical, table.rows, table.bytes, columns_text(table.columns),
      step.step, table.step_key, table.run, table.made_at));
  table.id = database.last_id();
  return {};
}

Result<void> add_version(Database& database, const StepRecord& step, Version& version) {
  if (version.model.empty())
    return internal_error("internal.version", "a version without a model in step " + step.step);
  if (version.state != "accepted" && version.state != "rejected")
    return internal_error("internal.version",
                          fmt::format("a version of {} in state '{}'", version.model, version.state));
  version.step_key = step.key;
  version.run = step.run;
  if (version.made_at == Instant{}) version.made_at = step.ended_at;
  TM_TRY(const auto last,
         database.first_integer("SELECT max(number) FROM versions WHERE model = ?1", version.model));
  version.number = static_cast<int>(last.value_or(0)) + 1;
  return database.run(
      "INSERT INTO versions (model, number, package, state, metrics, gate, data_logical, step, step_key, "
      "run, git_commit, "
      "git_dirty, made_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
      version.model, version.number, version.package, version.state, stored(version.metrics),
      stored(version.gate), version.data_logical, step.step, version.step_key, version.run,
      version.git_commit, version.git_dirty, version.made_at);
}

Result<void> add_output(Database& database, const StepRecord& step, std::optional<int64_t> table,
                        const std::optional<std::string>& model, std::optional<int> number) {
  // A step without an output of ours acts on the world (an export): the world is as its last act left it, so
  // an earlier key is not up to date.
  if (!table && !model)
    TM_CHECK(database.run("DELETE FROM outputs WHERE step = ?1 AND withdrawn = 0", step.step));
  return database.run(
      "INSERT INTO outputs (step, key, table_id, model, version) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
      "(step, key) DO UPDATE "
      "SET table_id = excluded.table_id, model = excluded.model, version = excluded.version, withdrawn = 0",
      step.step, step.key, table, model, number);
}

}  // namespace

Result<void> Registry::begin_run(const Run& run, const RunCause& cause) {
  if (!plain_name(run.id))
    return internal_error("internal.run",
                          fmt::format("'{}' cannot be a run's id: letters, digits, - and _ only", run.id));
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("begin a run"));
  TM_TRY(const auto there, database.first_integer("SELECT 1 FROM runs WHERE id = ?1", run.id));
  if (there) return internal_error("registry.run_exists", fmt::format("there is a run {} already", run.id));
  TM_CHECK(database.run(
      "INSERT INTO runs (id, status, selection, started_by, git_commit, git_dirty, started_at, report, "
      "as_of, rollbacks) VALUES (?1, "
      "'running', ?2, ?3, ?4, ?5, ?6, ?7, ?8, (SELECT value FROM counters WHERE name = 'rollbacks'))",
      run.id, redact(run.selection), run.by.empty() ? impl_->who : run.by, run.git_commit, run.git_dirty,
      run.started_at == Instant{} ? impl_->clock->now() : run.started_at, stored(run.report), run.as_of));
  if (cause.tick) TM_CHECK(take_tick(*impl_, *cause.tick, run.id));
  if (cause.attempt) TM_CHECK(add_attempt(*impl_, *cause.attempt, run.id));
  return impl_->commit(transaction);
}

Result<void> Registry::record_child(const std::string& run, int pid, int64_t start_ticks) {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("record a child process"));
  TM_CHECK(impl_->database.run("INSERT INTO children (run, pid, start_ticks, boot) VALUES (?1, ?2, ?3, ?4)",
                               run, pid, start_ticks, impl_->boot));
  return impl_->commit(transaction);
}

Result<StepRecord> Registry::record_step(StepRecord step) {
  for (const ObjectId& object : {step.table && step.table->id == 0 ? step.table->object : "",
                                 step.version && step.version->number == 0 ? step.version->package : ""}) {
    std::error_code error;
    if (!object.empty() && !std::filesystem::exists(object_path(object), error))
      return internal_error("registry.object_missing",
                            fmt::format("step {} names object {}, which was not stored", step.step, object));
  }
  if (step.ended_at == Instant{}) step.ended_at = impl_->clock->now();
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("record a step"));
  TM_TRY(const auto status, database.first_text("SELECT status FROM runs WHERE id = ?1", step.run));
  if (!status) return internal_error("registry.unknown_run", fmt::format("there is no run {}", step.run));
  if (*status != "running")
    return environment_error("registry.run_ended",
                             fmt::format("run {} is {}: it cannot record {}", step.run, *status, step.step),
                             "another process has taken the home over; run again");
  if (step.table && step.table->id == 0) TM_CHECK(add_table(database, step, *step.table));
  if (step.version && step.version->number == 0) TM_CHECK(add_version(database, step, *step.version));
  const auto table = step.table ? std::optional(step.table->id) : std::nullopt;
  const auto model = step.version ? std::optional(step.version->model) : std::nullopt;
  const auto number = step.version ? std::optional(step.version->number) : std::nullopt;
  TM_CHECK(database.run(
      "INSERT INTO steps (run, step, key, status, table_id, model, version, key_parts, report, error, "
      "started_at, ended_at) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
      step.run, step.step, step.key, to_text(step.status), table, model, number, stored(step.key_parts),
      stored(step.report), step.error ? std::optional(stored(*step.error)) : std::nullopt, step.started_at,
      step.ended_at));
  if (step.status == StepStatus::Done && !step.key.empty())
    TM_CHECK(add_output(database, step, table, model, number));
  TM_CHECK(impl_->commit(transaction));
  return step;
}

Result<std::vector<Run>> Registry::runs(size_t limit) const {
  const std::string dead = run_of_dead_holder(impl_->lock_path());
  const std::lock_guard guard(impl_->mutex);
  std::vector<Run> found;
  TM_CHECK(impl_->database.each(
      "SELECT " TM_RUN_COLUMNS " FROM runs ORDER BY rowid DESC LIMIT ?1",
      [&](Row row) -> Result<void> {
        TM_TRY(found.emplace_back(), run_at(row));
        if (found.back().id == dead && found.back().status == "running") found.back().status = "interrupted";
        return {};
      },
      limit));
  return found;
}

Result<std::optional<Run>> Registry::run(const std::string& id) const {
  const std::string dead = run_of_dead_holder(impl_->lock_path());
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(auto found, impl_->database.first("SELECT " TM_RUN_COLUMNS " FROM runs WHERE id = ?1", run_at, id));
  if (found && found->id == dead && found->status == "running") found->status = "interrupted";
  return found;
}

Result<std::vector<StepRecord>> Registry::steps(const std::string& run) const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<StepRecord> found;
  TM_CHECK(impl_->database.each(
      TM_STEPS_FROM "WHERE s.run = ?1 ORDER BY s.id",
      [&](Row row) -> Result<void> {
        TM_TRY(found.emplace_back(), step_at(row));
        return {};
      },
      run));
  return found;
}

Result<std::optional<StepRecord>> Registry::last_step(const std::string& step) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first(TM_STEPS_FROM "WHERE s.step = ?1 ORDER BY s.id DESC LIMIT 1", step_at, step);
}

Result<std::optional<StepRecord>> Registry::live_step(const std::string& step) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first(
      TM_STEPS_FROM
      "WHERE s.step = ?1 AND (EXISTS (SELECT 1 FROM live_tables l WHERE l.name = t.name AND l.table_id = "
      "t.id "
      "AND l.live_until IS NULL) OR EXISTS (SELECT 1 FROM alias_moves a WHERE a.model = s.model AND "
      "a.version "
      "= s.version AND a.alias = ?2 AND a.live_until IS NULL)) ORDER BY s.id LIMIT 1",
      step_at, step, kChampion);
}

Result<std::optional<StepRecord>> Registry::step_that_made(const std::string& step, int64_t table) const {
  const std::lock_guard guard(impl_->mutex);
  // Later records may refer to it; the first one made it.
  return impl_->database.first(TM_STEPS_FROM "WHERE s.step = ?1 AND s.table_id = ?2 ORDER BY s.id LIMIT 1",
                               step_at, step, table);
}

}  // namespace tidemill::registry
