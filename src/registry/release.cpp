// Releases: the end of a run moves everything it made at once; a rollback puts everything back at once.
#include <fmt/format.h>

#include "registry/impl.hpp"
#include "registry/moves.hpp"
#include "registry/rows.hpp"

namespace tidemill::registry {

namespace {

// Tables of a publication that really move: name → id.
Result<std::map<std::string, int64_t>> tables_to_move(Database& database,
                                                      const std::map<std::string, int64_t>& wanted) {
  struct Content {
    std::string name, object, key;
    bool dropped = false;
  };
  const auto content_of = [](Row row) {
    return Result<Content>({row.text(0), row.text(1), row.text(2), row.integer(3) != 0});
  };
  std::map<std::string, int64_t> moves;
  for (const auto& [name, id] : wanted) {
    TM_TRY(const auto next, database.first("SELECT name, object, step_key, dropped FROM tables WHERE id = ?1",
                                           content_of, id));
    if (!next || next->dropped || next->name != name)
      return internal_error("registry.unknown_table",
                            fmt::format("snapshot {} is no snapshot of table {} that can go live", id, name));
    TM_TRY(const auto live,
           database.first("SELECT t.name, t.object, t.step_key, t.dropped FROM live_tables l JOIN tables t "
                          "ON t.id = l.table_id WHERE l.name = ?1 AND l.live_until IS NULL",
                          content_of, name));
    // The same bytes from the same inputs: made again, but nothing has moved.
    if (!live || live->object != next->object || live->key != next->key) moves[name] = id;
  }
  return moves;
}

struct PlannedMove {
  AliasMove move;
  std::optional<int64_t> before;
};
Result<std::vector<PlannedMove>> aliases_to_move(Database& database, const std::vector<AliasMove>& wanted) {
  std::vector<PlannedMove> moves;
  for (const AliasMove& move : wanted) {
    TM_CHECK(demand_promotable(database, move.model, move.version, move.alias));
    TM_TRY(const auto now, current_move(database, move.model, move.alias));
    if (now && now->version == move.version) continue;
    if (move.expected && *move.expected != (now ? now->version : 0))
      return environment_error(
          "registry.moved",
          fmt::format("{}@{} is version {} now, and the new version was judged against {}", move.model,
                      move.alias, now ? now->version : 0, *move.expected),
          "somebody moved it while the run went on; run again");
    TM_TRY(const auto held, hold_of(database, move.model));
    if (held) return on_hold(move.model, *held);
    moves.push_back({move, now ? std::optional(now->id) : std::nullopt});
  }
  return moves;
}

// What was live in any release after ?1 and is not part of ?1: its keys are withdrawn. What is part of ?1:
// its keys name its outputs again. Interval arithmetic: [since, until) meets the releases after R exactly
// when until is open or beyond R + 1.
constexpr std::string_view kWithdrawTables = R"sql(
INSERT INTO outputs (step, key, withdrawn)
  SELECT t.step, t.step_key, 1 FROM live_tables l JOIN tables t ON t.id = l.table_id
  WHERE t.step_key <> '' AND (l.live_until IS NULL OR l.live_until > ?1 + 1)
  ON CONFLICT (step, key) DO UPDATE SET withdrawn = 1)sql";
constexpr std::string_view kWithdrawVersions = R"sql(
INSERT INTO outputs (step, key, model, version, withdrawn)
  SELECT v.step, v.step_key, iif(v.dropped, NULL, v.model), iif(v.dropped, NULL, v.number), 1 FROM alias_moves a
  JOIN versions v ON v.model = a.model AND v.number = a.version
  WHERE v.step_key <> '' AND (a.live_until IS NULL OR a.live_until > ?1 + 1)
  ON CONFLICT (step, key) DO UPDATE SET withdrawn = 1)sql";
constexpr std::string_view kRestoreTables = R"sql(
INSERT INTO outputs (step, key, table_id)
  SELECT t.step, t.step_key, t.id FROM live_tables l JOIN tables t ON t.id = l.table_id
  WHERE t.step_key <> '' AND l.live_since <= ?1 AND (l.live_until IS NULL OR l.live_until > ?1)
  ON CONFLICT (step, key) DO UPDATE SET table_id = excluded.table_id, withdrawn = 0)sql";
constexpr std::string_view kRestoreVersions = R"sql(
INSERT INTO outputs (step, key, model, version)
  SELECT v.step, v.step_key, v.model, v.number FROM alias_moves a
  JOIN versions v ON v.model = a.model AND v.number = a.version
  WHERE v.step_key <> '' AND a.live_since <= ?1 AND (a.live_until IS NULL OR a.live_until > ?1)
  ON CONFLICT (step, key) DO UPDATE SET model = excluded.model, version = excluded.version, withdrawn = 0)sql";

Result<void> withdraw_since(Database& database, int64_t release) {
  for (const Sql sql :
       {Sql(kWithdrawTables), Sql(kWithdrawVersions), Sql(kRestoreTables), Sql(kRestoreVersions)})
    TM_CHECK(database.run(sql, release));
  return {};
}

Result<void> demand_restorable(Database& database, const Registry& registry, const Release& release) {
  for (const auto& [name, id] : release.tables) {
    TM_TRY(const auto kept,
           database.first_text("SELECT object FROM tables WHERE id = ?1 AND dropped = 0", id));
    std::error_code error;
    if (!kept || !std::filesystem::exists(registry.object_path(*kept), error))
      return user_error("registry.dropped",
                        fmt::format("release {} cannot come back: gc dropped its table {}", release.id, name),
                        {}, "choose a newer release; `tidemill gc --keep N` keeps more of them");
  }
  for (const auto& [model, aliases] : release.aliases)
    for (const auto& [alias, version] : aliases) {
      TM_TRY(const auto gone,
             database.first_integer("SELECT dropped FROM versions WHERE model = ?1 AND number = ?2", model,
                                    version));
      if (gone.value_or(0) != 0) return was_dropped(model, version);
      TM_TRY(const auto retired, retirement_of(database, model, version));
      if (retired)
        return user_error("registry.retired",
                          fmt::format("release {} cannot come back: its version {} of {} was retired: {}",
                                      release.id, version, model, *retired),
                          {}, "`tidemill releases` lists the others");
    }
  return {};
}

Json moves_json(const std::vector<PlannedMove>& moves) {
  Json out = Json::array();
  for (const PlannedMove& planned : moves)
    out.push_back({{"model", planned.move.model},
                   {"alias", planned.move.alias},
                   {"version", planned.move.version},
                   {"reason", planned.move.reason}});
  return out;
}

// The anchor must not be a version that was taken back: the champion that came back takes its place.
Result<void> move_anchor(Database& database, const Release& release, const std::string& model) {
  const auto aliases = release.aliases.find(model);
  std::optional<int> champion;
  if (aliases != release.aliases.end())
    if (const auto found = aliases->second.find(std::string(kChampion)); found != aliases->second.end())
      champion = found->second;
  constexpr std::string_view kWithdrawnAnchor =
      "SELECT 1 FROM anchors n JOIN versions v ON v.model = n.model AND v.number = n.version "
      "JOIN outputs o ON o.step = v.step AND o.key = v.step_key WHERE n.model = ?1 AND o.withdrawn = 1";
  TM_TRY(const auto taken_back, database.first_integer(kWithdrawnAnchor, model));
  if (!taken_back) return {};
  if (!champion) return database.run("DELETE FROM anchors WHERE model = ?1", model);
  return database.run("UPDATE anchors SET version = ?1 WHERE model = ?2", *champion, model);
}

Result<void> move_everything_back(Database& database, int64_t release, const Release& now,
                                  const Release& target, const std::string& reason) {
  for (const auto& [name, id] : now.tables)
    if (!target.tables.contains(name)) TM_CHECK(move_table(database, release, name, std::nullopt));
  for (const auto& [name, id] : target.tables)
    if (const auto live = now.tables.find(name); live == now.tables.end() || live->second != id)
      TM_CHECK(move_table(database, release, name, id));

  std::map<std::string, bool> moved;  // models
  for (const auto& [model, aliases] : now.aliases)
    for (const auto& [alias, version] : aliases) {
      const auto there = target.aliases.find(model);
      if (there != target.aliases.end() && there->second.contains(alias)) continue;
      TM_CHECK(move_alias(database, release, model, alias, std::nullopt, reason));
      moved[model] = true;
    }
  for (const auto& [model, aliases] : target.aliases)
    for (const auto& [alias, version] : aliases) {
      TM_TRY(const auto current, current_move(database, model, alias));
      if (current && current->version == version) continue;
      // A later rollback of the alias goes back from where the release was, not to what is being taken back
      // here.
      TM_TRY(const auto before,
             database.first_integer(
                 "SELECT before FROM alias_moves WHERE model = ?1 AND alias = ?2 AND live_since <= ?3 AND "
                 "(live_until IS NULL OR live_until > ?3) AND before IS NOT NULL",
                 model, alias, target.id));
      TM_CHECK(move_alias(database, release, model, alias, AliasTarget{version, before}, reason));
      moved[model] = true;
    }
  for (const auto& [model, _] : moved) {
    TM_CHECK(put_on_hold(database, model, fmt::format("rolled back to release {}: {}", target.id, reason)));
    TM_CHECK(move_anchor(database, target, model));
  }
  return {};
}

/// Within a write transaction: everything of the publication moves, or an error says why nothing may.
Result<std::optional<Release>> move_live(Registry::Impl& impl, const Registry::Publication& publication) {
  Database& database = impl.database;
  struct State {
    std::string status;
    bool rolled_back = false;
  };
  TM_TRY(const auto run,
         database.first(
             "SELECT status, rollbacks <> (SELECT value FROM counters WHERE name = 'rollbacks') FROM runs "
             "WHERE id = ?1",
             [](Row row) { return Result<State>({row.text(0), row.integer(1) != 0}); }, publication.run));
  if (!run) return internal_error("registry.unknown_run", fmt::format("there is no run {}", publication.run));
  if (run->status != "running")
    return environment_error("registry.run_ended",
                             fmt::format("run {} has ended already: {}", publication.run, run->status),
                             "another process has taken the home over; run again");
  TM_TRY(const auto tables, tables_to_move(database, publication.tables));
  TM_TRY(const auto aliases, aliases_to_move(database, publication.aliases));
  std::optional<Release> made;
  std::optional<int64_t> release;
  if (!tables.empty() || !aliases.empty()) {
    if (run->rolled_back)
      return environment_error("registry.rolled_back",
                               fmt::format("a release was rolled back while run {} went on: what it made was "
                                           "planned on what was taken back",
                                           publication.run),
                               "run again: every step that still holds is kept");
    TM_TRY(release, add_release(database, publication.run, impl.clock->now(), {}));
    for (const auto& [name, id] : tables) TM_CHECK(move_table(database, *release, name, id));
    for (const PlannedMove& planned : aliases)
      TM_CHECK(move_alias(database, *release, planned.move.model, planned.move.alias,
                          AliasTarget{planned.move.version, planned.before}, planned.move.reason));
    TM_CHECK(impl.add_audit("release", {{"release", *release},
                                        {"run", publication.run},
                                        {"tables", tables},
                                        {"aliases", moves_json(aliases)}}));
    for (const auto& [move, before] : aliases)
      TM_CHECK(end_rollouts(impl, {.model = move.model, .alias = move.alias, .version = move.version},
                            "promoted"));
  }
  for (const auto& [model, version] : publication.anchors) {
    TM_CHECK(demand_promotable(database, model, version, std::string(kChampion)));
    TM_CHECK(write_anchor(database, model, version));
    TM_CHECK(impl.add_audit("anchor", {{"model", model}, {"version", version}}));
  }
  if (release) {
    TM_TRY(made, load_release(database, *release));
  }
  return made;
}

}  // namespace

Result<std::optional<Release>> Registry::make_live(const Publication& publication) {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("make a release"));
  TM_TRY(auto made, move_live(*impl_, publication));
  TM_CHECK(impl_->commit(transaction));
  return made;
}

Result<std::optional<Release>> Registry::end_run(const Publication& publication) {
  if (publication.status != "done" && publication.status != "failed" && publication.status != "interrupted")
    return internal_error("internal.run", fmt::format("a run cannot end as '{}'", publication.status));
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("end a run"));
  TM_TRY(auto made, move_live(*impl_, publication));
  TM_CHECK(database.run("UPDATE runs SET status = ?1, ended_at = ?2, report = ?3 WHERE id = ?4",
                        publication.status, impl_->clock->now(), stored(publication.report),
                        publication.run));
  TM_CHECK(database.run("DELETE FROM children WHERE run = ?1", publication.run));
  TM_CHECK(impl_->commit(transaction));
  impl_->release_writer_lock();
  return made;
}

Result<Release> Registry::rollback_release(int64_t to, const std::string& reason) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("roll back"));
  TM_TRY(const Release target, load_release(database, to));
  TM_TRY(const auto newest, database.first_integer("SELECT max(id) FROM releases"));
  TM_TRY(const Release now, load_release(database, newest.value_or(to)));
  if (now.tables == target.tables && now.aliases == target.aliases)
    return user_error("registry.already_live", fmt::format("what is live is release {} already", to), {},
                      "`tidemill releases` lists the others");
  TM_CHECK(demand_restorable(database, *this, target));
  TM_CHECK(withdraw_since(database, to));
  const std::string note =
      reason.empty() ? fmt::format("rollback to {}", to) : fmt::format("rollback to {}: {}", to, reason);
  TM_TRY(const int64_t release, add_release(database, std::nullopt, impl_->clock->now(), note));
  TM_CHECK(move_everything_back(database, release, now, target, reason));
  TM_CHECK(database.run("UPDATE counters SET value = value + 1 WHERE name = 'rollbacks'"));
  TM_CHECK(impl_->add_audit("rollback_release", {{"release", release}, {"to", to}, {"reason", reason}}));
  TM_CHECK(end_rollouts(*impl_, {}, note));
  TM_TRY(Release made, load_release(database, release));
  TM_CHECK(impl_->commit(transaction));
  return made;
}

}  // namespace tidemill::registry
