// Tables that predict() made with a version, and what was made of those: a rollback that took them back with
// the version took them back for its sake alone, so they come back with it.
#include <algorithm>
#include <set>

#include "registry/impl.hpp"
#include "registry/moves.hpp"

namespace tidemill::registry {

namespace {

struct Withdrawn {
  std::string step, key;
  Json parts = Json::object();                  // of the key
  std::pair<std::string, std::string> content;  // table and logical hash
};

Result<std::vector<Withdrawn>> withdrawn_tables(Database& database) {
  std::vector<Withdrawn> found;
  TM_CHECK(database.each(
      "SELECT s.step, s.key, s.key_parts, t.name, t.logical FROM outputs o JOIN steps s ON s.step = o.step "
      "AND "
      "s.key = o.key AND s.status = 'done' JOIN tables t ON t.id = s.table_id WHERE o.withdrawn = 1 "
      "ORDER BY s.id",
      [&](Row row) -> Result<void> {
        TM_TRY(Json parts, row.json(2));
        found.push_back({row.text(0), row.text(1), std::move(parts), {row.text(3), row.text(4)}});
        return {};
      }));
  return found;
}

/// What a step does, whatever it reads.
Json own_parts(Json parts) {
  parts.erase("inputs");
  parts.erase("models");
  return parts;
}

bool has_value(const Json& parts, const char* kind, const std::string& value) {
  const auto named = parts.find(kind);
  return named != parts.end() && std::ranges::any_of(named->items(), [&](const auto& each) {
           return each.value().is_string() && each.value().template get_ref<const std::string&>() == value;
         });
}

bool reads_any(const Json& parts, const std::set<std::pair<std::string, std::string>>& contents) {
  const auto inputs = parts.find("inputs");
  return inputs != parts.end() && std::ranges::any_of(inputs->items(), [&](const auto& each) {
           return each.value().is_string() &&
                  contents.contains({each.key(), each.value().template get<std::string>()});
         });
}

/// Whether what is live of the step was made by the same statement: then only what it reads was taken back.
Result<bool> does_as_live(Database& database, const Withdrawn& table) {
  TM_TRY(
      const auto live,
      database.first(
          "SELECT s.key_parts FROM live_tables l JOIN steps s ON s.table_id = l.table_id WHERE l.name = ?1 "
          "AND l.live_until IS NULL AND s.step = ?2 ORDER BY s.id LIMIT 1",
          [](Row row) { return row.json(0); }, table.content.first, table.step));
  return live && own_parts(*live) == own_parts(table.parts);
}

}  // namespace

Result<void> reinstate_made_with(Registry::Impl& impl, const std::string& model, int version) {
  Database& database = impl.database;
  TM_TRY(
      const auto package,
      database.first_text("SELECT package FROM versions WHERE model = ?1 AND number = ?2", model, version));
  if (!package) return {};
  TM_TRY(std::vector<Withdrawn> candidates, withdrawn_tables(database));
  std::set<std::pair<std::string, std::string>> back;
  // One that reads another comes back after it: each round finds those that stand on the round before.
  for (bool more = true; more;) {
    more = false;
    std::vector<Withdrawn> left;
    for (Withdrawn& table : candidates) {
      const bool meant = has_value(table.parts, "models", *package) || reads_any(table.parts, back);
      bool comes = false;
      if (meant) {
        TM_TRY(comes, does_as_live(database, table));
      }
      if (!comes) {
        left.push_back(std::move(table));
        continue;
      }
      TM_CHECK(reinstate_output(impl, table.step, table.key));
      back.insert(std::move(table.content));
      more = true;
    }
    candidates = std::move(left);
  }
  return {};
}

}  // namespace tidemill::registry
