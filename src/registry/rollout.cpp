// Rollouts: the version that challenges what a deployment's alias names, and how far it has come. A row a
// deployment; its history is the audit trail's. It ends with the version becoming what it challenged, with a
// rollback, and with the version's retirement: moves.hpp says where.
#include <algorithm>

#include <fmt/format.h>

#include "base/secret.hpp"
#include "registry/impl.hpp"
#include "registry/moves.hpp"

namespace tidemill::registry {

namespace {

constexpr double kWhole = 100;

#define TM_ROLLOUT_COLUMNS \
  "deployment, model, alias, version, stage, percent, began_at, stage_since, who, reason"

Result<Rollout> rollout_at(Row row) {
  Rollout rollout;
  rollout.deployment = row.text(0);
  rollout.model = row.text(1);
  rollout.alias = row.text(2);
  rollout.version = static_cast<int>(row.integer(3));
  rollout.stage = row.view(4) == "canary" ? Rollout::Stage::Canary : Rollout::Stage::Shadow;
  rollout.percent = row.real(5);
  rollout.began_at = row.instant(6);
  rollout.since = row.instant(7);
  rollout.who = row.text(8);
  rollout.reason = row.text(9);
  return rollout;
}

Result<std::optional<Rollout>> rollout_of(Database& database, const std::string& deployment) {
  return database.first("SELECT " TM_ROLLOUT_COLUMNS " FROM rollouts WHERE deployment = ?1", rollout_at,
                        deployment);
}

Result<void> demand_percent(const Rollout& wanted) {
  const bool canary = wanted.stage == Rollout::Stage::Canary;
  if (canary ? wanted.percent > 0 && wanted.percent <= kWhole : wanted.percent == 0) return {};
  return user_error("registry.percent",
                    canary ? fmt::format("a canary gets {} % of the requests", wanted.percent)
                           : "a shadow answers no requests, and has no percent",
                    {}, "more than 0 and at most 100, for a canary alone");
}

Result<void> demand_challenger(Database& database, const Rollout& wanted) {
  if (std::ranges::all_of(wanted.alias, [](char c) { return c >= '0' && c <= '9'; }))
    return user_error(
        "registry.pinned",
        fmt::format("deployment {} serves {}@{}, and a number never moves: nothing can take its "
                    "place step by step",
                    wanted.deployment, wanted.model, wanted.alias),
        {}, fmt::format("declare an alias: model: {}@champion", wanted.model));
  TM_CHECK(demand_promotable(database, wanted.model, wanted.version, wanted.alias));
  TM_TRY(const auto held, hold_of(database, wanted.model));
  if (held) return on_hold(wanted.model, *held);
  TM_TRY(const auto now, current_move(database, wanted.model, wanted.alias));
  if (!now)
    return user_error(
        "registry.no_champion",
        fmt::format("{}@{} is no version yet, so there is nothing to challenge", wanted.model, wanted.alias),
        {}, fmt::format("tidemill promote {} {}", wanted.model, wanted.version));
  if (now->version == wanted.version)
    return user_error("registry.already_live", fmt::format("version {} of {} is {} already", wanted.version,
                                                           wanted.model, wanted.alias));
  TM_TRY(const bool withdrawn, is_withdrawn(database, wanted.model, wanted.version));
  if (withdrawn) return was_withdrawn(wanted.model, wanted.version);
  return {};
}

}  // namespace

std::string_view to_text(Rollout::Stage stage) {
  return stage == Rollout::Stage::Canary ? "canary" : "shadow";
}

Json to_json(const Rollout& rollout) {
  const bool canary = rollout.stage == Rollout::Stage::Canary;
  return {{"deployment", rollout.deployment},
          {"model", rollout.model},
          {"alias", rollout.alias},
          {"version", rollout.version},
          {"stage", to_text(rollout.stage)},
          {"percent", canary ? Json(rollout.percent) : Json()},
          {"began_at", tidemill::to_text(rollout.began_at)},
          {"since", tidemill::to_text(rollout.since)},
          {"by", rollout.who},
          {"reason", rollout.reason}};
}

Result<void> raise_generation(Database& database) {
  return database.run("UPDATE counters SET value = value + 1 WHERE name = 'generation'");
}

Result<void> end_rollouts(Registry::Impl& impl, const EndedRollouts& which, const std::string& reason) {
  std::vector<Rollout> ended;
  TM_CHECK(impl.database.each(
      "SELECT " TM_ROLLOUT_COLUMNS " FROM rollouts ORDER BY deployment", [&](Row row) -> Result<void> {
        TM_TRY(const Rollout rollout, rollout_at(row));
        const bool meant = (!which.deployment || *which.deployment == rollout.deployment) &&
                           (!which.model || *which.model == rollout.model) &&
                           (!which.alias || *which.alias == rollout.alias) &&
                           (!which.version || *which.version == rollout.version);
        if (meant) ended.push_back(rollout);
        return {};
      }));
  for (const Rollout& rollout : ended) {
    TM_CHECK(impl.database.run("DELETE FROM rollouts WHERE deployment = ?1", rollout.deployment));
    Json details = to_json(rollout);
    details["reason"] = reason;
    TM_CHECK(impl.add_audit("end_rollout", details));
  }
  if (ended.empty()) return {};
  return raise_generation(impl.database);
}

Result<void> Registry::check_rollout(const Rollout& wanted) const {
  const std::lock_guard guard(impl_->mutex);
  TM_CHECK(demand_percent(wanted));
  return demand_challenger(impl_->database, wanted);
}

Result<Rollout> Registry::set_rollout(const Rollout& wanted) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_CHECK(demand_percent(wanted));
  TM_TRY(Transaction transaction, impl_->begin_write("change a rollout"));
  TM_CHECK(demand_challenger(database, wanted));
  TM_TRY(const auto before, rollout_of(database, wanted.deployment));
  Rollout made = wanted;
  made.since = impl_->clock->now();
  const bool same = before && before->model == made.model && before->version == made.version;
  made.began_at = same ? before->began_at : made.since;
  made.who = impl_->who;
  made.reason = redact(made.reason);
  TM_CHECK(database.run("INSERT OR REPLACE INTO rollouts (" TM_ROLLOUT_COLUMNS
                        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                        made.deployment, made.model, made.alias, made.version, to_text(made.stage),
                        made.percent, made.began_at, made.since, made.who, made.reason));
  TM_CHECK(raise_generation(database));
  Json details = to_json(made);
  details["before"] = before ? to_json(*before) : Json();
  TM_CHECK(impl_->add_audit("rollout", details));
  TM_CHECK(impl_->commit(transaction));
  return made;
}

Result<Rollout> Registry::end_rollout(const std::string& deployment, const std::string& reason) {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("end a rollout"));
  TM_TRY(auto before, rollout_of(impl_->database, deployment));
  if (!before)
    return user_error("registry.no_rollout", fmt::format("deployment {} has no challenger", deployment));
  TM_CHECK(end_rollouts(*impl_, {.deployment = deployment}, reason));
  TM_CHECK(impl_->commit(transaction));
  return std::move(*before);
}

Result<void> Registry::give_up_challenger(const std::string& model, int version, Challenger what,
                                          const std::string& reason) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("give a challenger up"));
  TM_CHECK(end_rollouts(*impl_, {.model = model, .version = version}, reason));
  TM_TRY(const bool withdrawn, is_withdrawn(database, model, version));
  if (what == Challenger::Withdraw && !withdrawn) {
    TM_CHECK(withdraw_version(database, model, version));
    TM_CHECK(impl_->add_audit("withdraw", {{"model", model}, {"version", version}, {"reason", reason}}));
  }
  return impl_->commit(transaction);
}

Result<std::optional<Rollout>> Registry::challenger_of_champion(const std::string& model) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first("SELECT " TM_ROLLOUT_COLUMNS
                               " FROM rollouts WHERE model = ?1 AND alias = ?2 ORDER BY deployment",
                               rollout_at, model, kChampion);
}

Result<std::map<std::string, Rollout>> Registry::rollouts() const {
  const std::lock_guard guard(impl_->mutex);
  std::map<std::string, Rollout> found;
  TM_CHECK(impl_->database.each("SELECT " TM_ROLLOUT_COLUMNS " FROM rollouts", [&](Row row) -> Result<void> {
    TM_TRY(Rollout rollout, rollout_at(row));
    found.emplace(rollout.deployment, std::move(rollout));
    return {};
  }));
  return found;
}

}  // namespace tidemill::registry
