// Acts on one model: promote, roll an alias back, hold and release promotion, the anchor.
#include <fmt/format.h>

#include "registry/impl.hpp"
#include "registry/moves.hpp"

namespace tidemill::registry {

namespace {

std::string with_reason(std::string what, const std::string& reason) {
  return reason.empty() ? what : fmt::format("{}: {}", what, reason);
}

std::unexpected<Error> has_moved(const AliasMove& move, int now) {
  return environment_error("registry.moved",
                           fmt::format("{}@{} is version {} now, not {} as it was when this was decided",
                                       move.model, move.alias, now, *move.expected),
                           "somebody moved it meanwhile");
}

/// An alias that was another version all the same went back from it, or that version was retired.
std::unexpected<Error> no_previous(Database& database, const std::string& model, const std::string& alias,
                                   int now) {
  constexpr const char* kOther =
      "SELECT a.version FROM alias_moves a JOIN versions v ON v.model = a.model AND v.number = a.version "
      "WHERE a.model = ?1 AND a.alias = ?2 AND a.version <> ?3 AND (?4 OR (v.retired IS NULL AND "
      "coalesce(v.dropped, 0) = 0)) "
      "ORDER BY a.id DESC LIMIT 1";
  const std::string choose =
      fmt::format("`tidemill promote {} VERSION` chooses one; `tidemill models` lists them", model);
  const auto back = database.first_integer(kOther, model, alias, now, 0);
  if (!back) return std::unexpected(back.error());
  if (*back) {
    const auto held = hold_of(database, model);
    if (!held) return std::unexpected(held.error());
    return user_error(
        "registry.no_previous",
        fmt::format("{}@{} has no version before {} to go back to; version {} was itself taken back", model,
                    alias, now, **back),
        {},
        fmt::format("`tidemill promote {} {}{}` brings it live again{}", model, **back,
                    alias == kChampion ? "" : " --alias " + alias,
                    *held ? fmt::format(", after `tidemill promote {} --release-hold`", model) : ""));
  }
  const auto any = database.first_integer(kOther, model, alias, now, 1);
  if (!any) return std::unexpected(any.error());
  return user_error(
      "registry.no_previous",
      *any ? fmt::format("{}@{} has no version before {} to go back to: the others were retired or "
                         "removed",
                         model, alias, now)
           : fmt::format("{}@{} was never another version than {}", model, alias, now),
      {}, choose);
}

}  // namespace

Result<void> Registry::promote(const std::string& model, int version, const std::string& alias,
                               const std::string& reason) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("promote"));
  TM_CHECK(demand_promotable(database, model, version, alias));
  TM_TRY(const auto held, hold_of(database, model));
  if (held) return on_hold(model, *held);
  TM_TRY(const auto now, current_move(database, model, alias));
  if (!now || now->version != version) {
    const std::string note = with_reason(fmt::format("promote {} {} to {}", model, version, alias), reason);
    TM_TRY(const int64_t release, add_release(database, std::nullopt, impl_->clock->now(), note));
    TM_CHECK(move_alias(database, release, model, alias,
                        AliasTarget{version, now ? std::optional(now->id) : std::nullopt}, reason));
  }
  TM_CHECK(restore_version(database, model, version));  // a person wants it: no longer withdrawn
  TM_CHECK(reinstate_made_with(*impl_, model, version));
  if (alias == kChampion) TM_CHECK(write_anchor(database, model, version));
  TM_CHECK(impl_->add_audit("promote", {{"model", model},
                                        {"version", version},
                                        {"alias", alias},
                                        {"before", now ? Json(now->version) : Json()},
                                        {"reason", reason}}));
  TM_CHECK(end_rollouts(*impl_, {.model = model, .alias = alias, .version = version}, "promoted"));
  return impl_->commit(transaction);
}

Result<void> Registry::promote_unattended(const AliasMove& move, Anchor anchor) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("promote"));
  TM_CHECK(demand_promotable(database, move.model, move.version, move.alias));
  TM_TRY(const auto held, hold_of(database, move.model));
  if (held) return on_hold(move.model, *held);
  TM_TRY(const bool withdrawn, is_withdrawn(database, move.model, move.version));
  if (withdrawn) return was_withdrawn(move.model, move.version);
  TM_TRY(const auto now, current_move(database, move.model, move.alias));
  if (move.expected && *move.expected != (now ? now->version : 0))
    return has_moved(move, now ? now->version : 0);
  if (now && now->version == move.version) return {};
  const std::string note =
      with_reason(fmt::format("promote {} {} to {}", move.model, move.version, move.alias), move.reason);
  // The run that made it brought it here, by way of a rollout: no person chose it.
  TM_TRY(const auto run, database.first_text("SELECT run FROM versions WHERE model = ?1 AND number = ?2",
                                             move.model, move.version));
  TM_TRY(const int64_t release, add_release(database, run, impl_->clock->now(), note));
  TM_CHECK(move_alias(database, release, move.model, move.alias,
                      AliasTarget{move.version, now ? std::optional(now->id) : std::nullopt}, move.reason));
  if (anchor == Anchor::Moves) TM_CHECK(write_anchor(database, move.model, move.version));
  TM_CHECK(impl_->add_audit("promote", {{"model", move.model},
                                        {"version", move.version},
                                        {"alias", move.alias},
                                        {"before", now ? Json(now->version) : Json()},
                                        {"reason", move.reason}}));
  TM_CHECK(
      end_rollouts(*impl_, {.model = move.model, .alias = move.alias, .version = move.version}, "promoted"));
  return impl_->commit(transaction);
}

Result<int> Registry::rollback_alias(const std::string& model, const std::string& alias,
                                     const std::string& reason, std::optional<int> only_from) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("roll back"));
  TM_TRY(const auto now, current_move(database, model, alias));
  if (!now) return unknown_version(database, model, alias);
  if (only_from && *only_from != now->version)
    return has_moved({model, alias, *only_from, reason, only_from}, now->version);
  std::optional<Move> before;
  for (std::optional<int64_t> id = now->before; id;) {
    TM_TRY(before, move_by_id(database, *id));
    if (!before) break;
    TM_TRY(const auto retired, retirement_of(database, model, before->version));
    if (!retired) break;
    id = before->before;
    before.reset();
  }
  if (!before) return no_previous(database, model, alias, now->version);
  TM_TRY(const auto gone,
         database.first_integer("SELECT dropped FROM versions WHERE model = ?1 AND number = ?2", model,
                                before->version));
  if (gone.value_or(0) != 0) return was_dropped(model, before->version);
  const std::string note = with_reason(
      fmt::format("rollback {}@{} from {} to {}", model, alias, now->version, before->version), reason);
  TM_TRY(const int64_t release, add_release(database, std::nullopt, impl_->clock->now(), note));
  TM_CHECK(move_alias(database, release, model, alias, AliasTarget{before->version, before->before}, reason));
  TM_TRY(const auto elsewhere,
         database.first_integer(
             "SELECT 1 FROM alias_moves WHERE model = ?1 AND version = ?2 AND live_until IS NULL", model,
             now->version));
  if (!elsewhere) TM_CHECK(withdraw_version(database, model, now->version));
  TM_CHECK(restore_version(database, model, before->version));
  TM_CHECK(put_on_hold(database, model, note));
  if (alias == kChampion)
    TM_CHECK(database.run("UPDATE anchors SET version = ?1 WHERE model = ?2 AND version = ?3",
                          before->version, model, now->version));
  TM_CHECK(impl_->add_audit("rollback", {{"model", model},
                                         {"alias", alias},
                                         {"from", now->version},
                                         {"to", before->version},
                                         {"reason", reason}}));
  TM_CHECK(end_rollouts(*impl_, {.model = model}, note));
  TM_CHECK(impl_->commit(transaction));
  return before->version;
}

Result<void> Registry::release_hold(const std::string& model) {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("release a hold"));
  TM_TRY(const auto held, hold_of(impl_->database, model));
  if (!held) return user_error("registry.no_hold", fmt::format("promotion of {} is not on hold", model));
  TM_CHECK(impl_->database.run("DELETE FROM holds WHERE model = ?1", model));
  TM_CHECK(impl_->add_audit("release_hold", {{"model", model}, {"was", *held}}));
  return impl_->commit(transaction);
}

Result<std::optional<std::string>> Registry::hold(const std::string& model) const {
  const std::lock_guard guard(impl_->mutex);
  return hold_of(impl_->database, model);
}

Result<std::optional<int>> Registry::anchor(const std::string& model) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first(
      "SELECT version FROM anchors WHERE model = ?1",
      [](Row row) { return Result<int>(static_cast<int>(row.integer(0))); }, model);
}

}  // namespace tidemill::registry
