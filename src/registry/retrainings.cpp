// The retraining of models: state, steps, runs and requests. Who decides is elsewhere; here each change is
// one transaction.
#include <fmt/format.h>

#include "base/secret.hpp"
#include "registry/impl.hpp"
#include "registry/moves.hpp"
#include "registry/rows.hpp"
#include "registry/ticks.hpp"

namespace tidemill::registry {

Result<void> add_attempt(Registry::Impl& impl, const Attempt& attempt, const std::string& run) {
  TM_CHECK(impl.database.run("INSERT INTO retraining_runs (model, attempt, run) VALUES (?1, ?2, ?3)",
                             attempt.model, attempt.number, run));
  return impl.database.run(
      "DELETE FROM retraining_runs WHERE model = ?1 AND id < (SELECT id FROM retraining_runs "
      "WHERE model = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
      attempt.model, kMaxRetrainingSteps - 1);
}

Result<std::optional<Json>> Registry::retraining(const std::string& model) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first(
      "SELECT state FROM retrainings WHERE model = ?1", [](Row row) { return row.json(0); }, model);
}

Result<void> Registry::keep_retraining(const RetrainingChange& change) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("keep a retraining's state"));
  TM_CHECK(
      database.run("INSERT INTO retrainings (model, state) VALUES (?1, ?2) ON CONFLICT (model) DO UPDATE SET "
                   "state = excluded.state",
                   change.model, stored(change.state)));
  for (const RetrainingStep& step : change.steps)
    TM_CHECK(database.run(
        "INSERT INTO retraining_steps (model, at, attempt, from_stage, to_stage, version, reason) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        change.model, step.at, step.attempt, step.from, step.to, step.version, redact(step.reason)));
  TM_CHECK(
      database.run("DELETE FROM retraining_steps WHERE model = ?1 AND id < (SELECT id FROM retraining_steps "
                   "WHERE model = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                   change.model, kMaxRetrainingSteps - 1));
  TM_CHECK(database.run("DELETE FROM retraining_requests WHERE model = ?1 AND id <= ?2", change.model,
                        change.answered));
  return impl_->commit(transaction);
}

Result<std::vector<RetrainingStep>> Registry::retraining_steps(const std::string& model, size_t limit) const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<RetrainingStep> steps;
  TM_CHECK(impl_->database.each(
      "SELECT at, attempt, from_stage, to_stage, version, reason FROM retraining_steps WHERE model = ?1 "
      "ORDER BY id DESC LIMIT ?2",
      [&](Row row) -> Result<void> {
        steps.push_back({row.instant(0), static_cast<int>(row.integer(1)), row.text(2), row.text(3),
                         static_cast<int>(row.integer(4)), row.text(5)});
        return {};
      },
      model, limit));
  return steps;
}

Result<int64_t> Registry::request_retraining(const std::string& model, const std::string& reason) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("ask for a retraining"));
  TM_TRY(const auto waiting,
         database.first_integer("SELECT count(*) FROM retraining_requests WHERE model = ?1", model));
  if (waiting.value_or(0) >= kMaxRetrainingRequests)
    return user_error("registry.too_many_requests",
                      fmt::format("{} requests to retrain {} are not answered yet", *waiting, model), {},
                      "who answers them is `tidemill serve` or `tidemill work`: is one running?");
  TM_CHECK(database.run("INSERT INTO retraining_requests (model, at, who, reason) VALUES (?1, ?2, ?3, ?4)",
                        model, impl_->clock->now(), impl_->who, redact(reason)));
  const int64_t id = database.last_id();
  TM_CHECK(impl_->add_audit("retrain", {{"model", model}, {"request", id}, {"reason", reason}}));
  TM_CHECK(raise_generation(database));  // who answers looks then
  TM_CHECK(impl_->commit(transaction));
  return id;
}

Result<std::vector<RetrainingRequest>> Registry::retraining_requests(const std::string& model) const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<RetrainingRequest> requests;
  TM_CHECK(impl_->database.each(
      "SELECT id, model, at, who, reason FROM retraining_requests WHERE model = ?1 ORDER BY id",
      [&](Row row) -> Result<void> {
        requests.push_back({row.integer(0), row.text(1), row.instant(2), row.text(3), row.text(4)});
        return {};
      },
      model));
  return requests;
}

Result<void> Registry::note_attempt(const Attempt& attempt, const std::string& run) {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("note a retraining's run"));
  TM_CHECK(add_attempt(*impl_, attempt, run));
  return impl_->commit(transaction);
}

Result<std::optional<AttemptRun>> Registry::newest_attempt(const std::string& model) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first(
      "SELECT attempt, run FROM retraining_runs WHERE model = ?1 ORDER BY id DESC LIMIT 1",
      [](Row row) { return Result<AttemptRun>({static_cast<int>(row.integer(0)), row.text(1)}); }, model);
}

Result<std::set<int>> Registry::withdrawn_versions(const std::string& model) const {
  const std::lock_guard guard(impl_->mutex);
  std::set<int> versions;
  TM_CHECK(impl_->database.each(
      "SELECT v.number FROM versions v LEFT JOIN outputs o ON o.step = v.step AND o.key = v.step_key "
      "WHERE v.model = ?1 AND (v.retired IS NOT NULL OR (v.step_key <> '' AND o.withdrawn = 1))",
      [&](Row row) -> Result<void> {
        versions.insert(static_cast<int>(row.integer(0)));
        return {};
      },
      model));
  return versions;
}

}  // namespace tidemill::registry
