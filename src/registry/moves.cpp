#include "registry/moves.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/secret.hpp"
#include "registry/impl.hpp"

namespace tidemill::registry {

namespace {

constexpr size_t kMaxAlias = 100;

Result<Move> move_at(Row row) {
  Move move{row.integer(0), static_cast<int>(row.integer(1)), std::nullopt};
  if (!row.is_null(2)) move.before = row.integer(2);
  return move;
}

bool is_alias_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= kMaxAlias && letter(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || digit(c) || c == '-'; });
}

}  // namespace

Result<int64_t> add_release(Database& database, const std::optional<std::string>& run, Instant at,
                            const std::string& note) {
  TM_CHECK(
      database.run("INSERT INTO releases (run, made_at, note) VALUES (?1, ?2, ?3)", run, at, redact(note)));
  const int64_t id = database.last_id();
  TM_CHECK(raise_generation(database));
  return id;
}

Result<Release> load_release(Database& database, int64_t id) {
  TM_TRY(auto release, database.first(
                           "SELECT run, made_at, note FROM releases WHERE id = ?1",
                           [&](Row row) {
                             Release found;
                             found.id = id;
                             found.run = row.text(0);
                             found.made_at = row.instant(1);
                             found.note = row.text(2);
                             return Result<Release>(std::move(found));
                           },
                           id));
  if (!release)
    return user_error("registry.unknown_release", fmt::format("there is no release {}", id), {},
                      "`tidemill releases` lists them");
  TM_CHECK(database.each(
      "SELECT name, table_id FROM live_tables WHERE live_since <= ?1 AND (live_until IS NULL OR live_until > "
      "?1) ORDER BY name",
      [&](Row row) -> Result<void> {
        release->tables.emplace_hint(release->tables.end(), row.text(0), row.integer(1));
        return {};
      },
      id));
  TM_CHECK(database.each(
      "SELECT model, alias, version FROM alias_moves WHERE live_since <= ?1 AND (live_until IS NULL OR "
      "live_until > ?1)",
      [&](Row row) -> Result<void> {
        release->aliases[row.text(0)][row.text(1)] = static_cast<int>(row.integer(2));
        return {};
      },
      id));
  return std::move(*release);
}

Result<void> move_table(Database& database, int64_t release, const std::string& name,
                        std::optional<int64_t> table) {
  TM_CHECK(database.run("UPDATE live_tables SET live_until = ?1 WHERE name = ?2 AND live_until IS NULL",
                        release, name));
  if (!table) return {};
  return database.run("INSERT INTO live_tables (name, table_id, live_since) VALUES (?1, ?2, ?3)", name,
                      *table, release);
}

Result<void> move_alias(Database& database, int64_t release, const std::string& model,
                        const std::string& alias, std::optional<AliasTarget> target,
                        const std::string& reason) {
  TM_CHECK(database.run(
      "UPDATE alias_moves SET live_until = ?1 WHERE model = ?2 AND alias = ?3 AND live_until IS NULL",
      release, model, alias));
  if (!target) return {};
  return database.run(
      "INSERT INTO alias_moves (model, alias, version, before, live_since, reason) VALUES (?1, ?2, ?3, ?4, "
      "?5, ?6)",
      model, alias, target->version, target->before, release, redact(reason));
}

Result<std::optional<Move>> current_move(Database& database, const std::string& model,
                                         const std::string& alias) {
  return database.first(
      "SELECT id, version, before FROM alias_moves WHERE model = ?1 AND alias = ?2 AND live_until IS NULL",
      move_at, model, alias);
}
Result<std::optional<Move>> move_by_id(Database& database, int64_t id) {
  return database.first("SELECT id, version, before FROM alias_moves WHERE id = ?1", move_at, id);
}

Result<void> withdraw_version(Database& database, const std::string& model, int version) {
  return database.run(
      "INSERT INTO outputs (step, key, model, version, withdrawn) SELECT step, step_key, model, number, 1 "
      "FROM versions "
      "WHERE model = ?1 AND number = ?2 AND step_key <> '' ON CONFLICT (step, key) DO UPDATE SET withdrawn = "
      "1",
      model, version);
}
Result<void> restore_version(Database& database, const std::string& model, int version) {
  return database.run(
      "INSERT INTO outputs (step, key, model, version) SELECT step, step_key, model, number FROM versions "
      "WHERE model = ?1 AND number = ?2 AND step_key <> '' ON CONFLICT (step, key) DO UPDATE SET model = "
      "excluded.model, "
      "version = excluded.version, withdrawn = 0",
      model, version);
}

Result<bool> is_withdrawn(Database& database, const std::string& model, int version) {
  TM_TRY(const auto withdrawn,
         database.first_integer(
             "SELECT 1 FROM versions v JOIN outputs o ON o.step = v.step AND o.key = v.step_key "
             "WHERE v.model = ?1 AND v.number = ?2 AND v.step_key <> '' AND o.withdrawn = 1",
             model, version));
  return withdrawn.has_value();
}
std::unexpected<Error> was_withdrawn(const std::string& model, int version) {
  return user_error(
      "registry.withdrawn", fmt::format("version {} of {} was rolled back", version, model), {},
      fmt::format("train the next; or, if it was not the culprit: tidemill promote {} {}", model, version));
}

Result<void> put_on_hold(Database& database, const std::string& model, const std::string& reason) {
  return database.run(
      "INSERT INTO holds (model, reason) VALUES (?1, ?2) ON CONFLICT (model) DO UPDATE SET reason = "
      "excluded.reason",
      model, redact(reason));
}
Result<std::optional<std::string>> hold_of(Database& database, const std::string& model) {
  return database.first_text("SELECT reason FROM holds WHERE model = ?1", model);
}
Result<void> write_anchor(Database& database, const std::string& model, int version) {
  return database.run(
      "INSERT INTO anchors (model, version) VALUES (?1, ?2) ON CONFLICT (model) DO UPDATE SET version = "
      "excluded.version",
      model, version);
}
std::unexpected<Error> on_hold(const std::string& model, const std::string& reason) {
  return user_error("registry.on_hold", fmt::format("promotion of {} is on hold: {}", model, reason), {},
                    fmt::format("when the cause is found: tidemill promote {} --release-hold", model));
}

std::unexpected<Error> unknown_version(Database& database, const std::string& model,
                                       const std::string& reference) {
  std::vector<std::string> names;
  int64_t newest = 0;
  const auto aliases = database.each(
      "SELECT alias FROM alias_moves WHERE model = ?1 AND live_until IS NULL",
      [&](Row row) -> Result<void> {
        names.push_back(row.text(0));
        return {};
      },
      model);
  if (!aliases) return std::unexpected(aliases.error());
  if (const auto last = database.first_integer("SELECT max(number) FROM versions WHERE model = ?1", model);
      last && *last)
    newest = **last;
  if (newest == 0) {
    std::vector<std::string> models;
    const auto listed = database.each("SELECT DISTINCT model FROM versions", [&](Row row) -> Result<void> {
      models.push_back(row.text(0));
      return {};
    });
    if (!listed) return std::unexpected(listed.error());
    const std::string hint = did_you_mean(model, models);
    return user_error("registry.unknown_model", fmt::format("model {} has no version yet", model), {},
                      hint.empty() ? fmt::format("`tidemill run {}` trains it", model) : hint);
  }
  const bool is_number =
      !reference.empty() && std::ranges::all_of(reference, [](char c) { return c >= '0' && c <= '9'; });
  std::string hint = is_number ? "" : did_you_mean(reference, names);
  if (reference == "champion") {
    // Rejected and retired ones cannot be promoted, nor those whose packages gc dropped.
    const auto promotable = database.first_integer(
        "SELECT max(number) FROM versions "
        "WHERE model = ?1 AND state = 'accepted' AND retired IS NULL AND NOT dropped",
        model);
    if (!promotable) return std::unexpected(promotable.error());
    hint = fmt::format("no version is live: `tidemill models show {0}` says why; {0}@{1} names the newest",
                       model, newest);
    if (const int64_t number = promotable->value_or(0); number > 0)
      hint += fmt::format(", and `tidemill promote {} {}` makes a champion", model, number);
  }
  if (hint.empty())
    hint = fmt::format("its versions are 1 to {}{}", newest,
                       names.empty() ? "" : fmt::format("; its aliases: {}", fmt::join(names, ", ")));
  return user_error("registry.unknown_version",
                    fmt::format("model {} has no version or alias '{}'", model, reference), {}, hint);
}

Result<std::optional<std::string>> retirement_of(Database& database, const std::string& model, int version) {
  return database.first_text(
      "SELECT retired FROM versions WHERE model = ?1 AND number = ?2 AND retired IS NOT NULL", model,
      version);
}

std::unexpected<Error> was_dropped(const std::string& model, int version) {
  return user_error("registry.dropped",
                    fmt::format("gc dropped the package of version {} of {}", version, model), {},
                    "train it again; `tidemill gc --keep N` keeps the versions of more releases");
}

Result<void> demand_promotable(Database& database, const std::string& model, int version,
                               const std::string& alias) {
  if (!is_alias_name(alias))
    return user_error(
        "registry.bad_alias", fmt::format("'{}' cannot be an alias", alias), {},
        "use letters, digits, - and _, and begin with a letter: champion, challenger, canary-2");
  TM_TRY(const auto state, database.first_text("SELECT iif(state <> 'rejected' AND dropped, 'dropped', "
                                               "state) FROM versions WHERE model = ?1 AND number = ?2",
                                               model, version));
  if (!state) return unknown_version(database, model, std::to_string(version));
  TM_TRY(const auto retired, retirement_of(database, model, version));
  if (retired)
    return user_error(
        "registry.retired",
        fmt::format("version {} of {} was retired and never goes live again: {}", version, model, *retired),
        {}, "`tidemill models` lists the others; `tidemill run` trains the next");
  if (*state == "rejected")
    return user_error(
        "registry.rejected",
        fmt::format("version {} of {} was rejected by its gate and never goes live", version, model), {},
        fmt::format(
            "`tidemill models show {0}@{1}` shows why; change the gate or the model, and run again; if "
            "what it was compared with should never have been live: tidemill models retire {0} "
            "VERSION --reason WHY, and run again",
            model, version));
  if (*state == "dropped") return was_dropped(model, version);
  return {};
}

}  // namespace tidemill::registry
