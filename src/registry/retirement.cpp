// Retires versions: a way out when one that should never have been live is what every honest one is held
// against.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/secret.hpp"
#include "registry/impl.hpp"
#include "registry/moves.hpp"

namespace tidemill::registry {

namespace {

Result<void> demand_retirable(Database& database, const std::string& model, int version) {
  TM_TRY(const auto there,
         database.first_integer("SELECT 1 FROM versions WHERE model = ?1 AND number = ?2", model, version));
  if (!there) return unknown_version(database, model, std::to_string(version));
  TM_TRY(const auto retired, retirement_of(database, model, version));
  if (retired)
    return user_error("registry.retired",
                      fmt::format("version {} of {} is retired already: {}", version, model, *retired));
  return {};
}

/// The names by which any of the versions is live.
Result<std::vector<std::string>> aliases_of(Database& database, const std::string& model,
                                            const std::set<int>& versions) {
  std::vector<std::string> aliases;
  TM_CHECK(database.each(
      "SELECT alias, version FROM alias_moves WHERE model = ?1 AND live_until IS NULL ORDER BY alias",
      [&](Row row) -> Result<void> {
        if (versions.contains(static_cast<int>(row.integer(1)))) aliases.push_back(row.text(0));
        return {};
      },
      model));
  return aliases;
}

/// An anchor that was retired gives way to the champion: else small losses could add up unseen.
Result<void> replace_anchor(Database& database, const std::string& model) {
  constexpr std::string_view kRetiredAnchor =
      "SELECT 1 FROM anchors a JOIN versions v ON v.model = a.model AND v.number = a.version "
      "WHERE a.model = ?1 AND v.retired IS NOT NULL";
  TM_TRY(const auto retired, database.first_integer(kRetiredAnchor, model));
  if (!retired) return {};
  TM_TRY(const auto champion, current_move(database, model, std::string(kChampion)));
  if (champion) return write_anchor(database, model, champion->version);
  return database.run("DELETE FROM anchors WHERE model = ?1", model);
}

}  // namespace

Result<void> Registry::retire(const std::string& model, const std::set<int>& versions,
                              const std::string& reason) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("retire a version"));
  for (const int version : versions) TM_CHECK(demand_retirable(database, model, version));
  TM_TRY(const auto aliases, aliases_of(database, model, versions));
  for (const int version : versions) {
    TM_CHECK(database.run("UPDATE versions SET retired = ?3 WHERE model = ?1 AND number = ?2", model, version,
                          redact(reason)));
    TM_CHECK(withdraw_version(database, model, version));
  }
  if (!aliases.empty()) {
    const std::string note = fmt::format("retire {} {}: {}", model, fmt::join(versions, ", "), reason);
    TM_TRY(const int64_t release, add_release(database, std::nullopt, impl_->clock->now(), note));
    for (const std::string& alias : aliases)
      TM_CHECK(move_alias(database, release, model, alias, std::nullopt, reason));
  }
  for (const int version : versions)
    TM_CHECK(end_rollouts(*impl_, {.model = model, .version = version}, fmt::format("retired: {}", reason)));
  TM_CHECK(replace_anchor(database, model));
  TM_CHECK(impl_->add_audit(
      "retire", {{"model", model}, {"versions", versions}, {"aliases", aliases}, {"reason", reason}}));
  return impl_->commit(transaction);
}

}  // namespace tidemill::registry
