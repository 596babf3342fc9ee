// What is live, and what there is to go live: tables, versions, aliases, releases. Reads only.
#include <charconv>

#include <fmt/format.h>

#include "registry/impl.hpp"
#include "registry/moves.hpp"
#include "registry/rows.hpp"

namespace tidemill::registry {

Result<std::map<std::string, Table>> Registry::live_tables() const {
  const std::lock_guard guard(impl_->mutex);
  std::map<std::string, Table> tables;
  TM_CHECK(impl_->database.each(
      "SELECT " TM_TABLE_COLUMNS
      " FROM live_tables l JOIN tables t ON t.id = l.table_id WHERE l.live_until IS NULL ORDER BY l.name",
      [&](Row row) -> Result<void> {
        TM_CHECK(read_table(row, 0, tables.try_emplace(tables.end(), row.text(1))->second));
        return {};
      }));
  return tables;
}

Result<std::optional<Table>> Registry::live_before(const std::string& table) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first(
      "SELECT " TM_TABLE_COLUMNS
      " FROM live_tables now JOIN live_tables l ON l.name = now.name AND l.live_until = now.live_since "
      "JOIN tables t ON t.id = l.table_id WHERE now.name = ?1 AND now.live_until IS NULL AND t.dropped = 0",
      [](Row row) { return table_at(row, 0); }, table);
}

Result<std::optional<Table>> Registry::table(int64_t id) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first(
      "SELECT " TM_TABLE_COLUMNS " FROM tables t WHERE t.id = ?1", [](Row row) { return table_at(row, 0); },
      id);
}

Result<std::vector<Table>> Registry::table_history(const std::string& name, size_t limit) const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<Table> tables;
  TM_CHECK(impl_->database.each(
      "SELECT " TM_TABLE_COLUMNS " FROM tables t WHERE t.name = ?1 ORDER BY t.id DESC LIMIT ?2",
      [&](Row row) -> Result<void> {
        TM_TRY(tables.emplace_back(), table_at(row, 0));
        return {};
      },
      name, limit));
  return tables;
}

Result<std::vector<std::string>> Registry::models() const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<std::string> names;
  TM_CHECK(impl_->database.each("SELECT DISTINCT model FROM versions ORDER BY model",
                                [&](Row row) -> Result<void> {
                                  names.push_back(row.text(0));
                                  return {};
                                }));
  return names;
}

Result<std::vector<Version>> Registry::versions(const std::string& model) const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<Version> found;
  TM_CHECK(impl_->database.each(
      "SELECT " TM_VERSION_COLUMNS " FROM versions v WHERE v.model = ?1 ORDER BY v.number DESC",
      [&](Row row) -> Result<void> {
        TM_TRY(found.emplace_back(), version_at(row, 0));
        return {};
      },
      model));
  return found;
}

Result<Version> Registry::version(const std::string& model, const std::string& reference) const {
  const std::lock_guard guard(impl_->mutex);
  int number = 0;
  const auto [end, error] = std::from_chars(reference.data(), reference.data() + reference.size(), number);
  const auto read = [](Row row) { return version_at(row, 0); };
  Result<std::optional<Version>> found = std::optional<Version>();
  if (error == std::errc{} && end == reference.data() + reference.size())
    found = impl_->database.first("SELECT " TM_VERSION_COLUMNS
                                  " FROM versions v WHERE v.model = ?1 AND v.number = ?2",
                                  read, model, number);
  else
    found = impl_->database.first(
        "SELECT " TM_VERSION_COLUMNS
        " FROM alias_moves a JOIN versions v ON v.model = a.model AND v.number = a.version "
        "WHERE a.model = ?1 AND a.alias = ?2 AND a.live_until IS NULL",
        read, model, reference);
  if (!found) return std::unexpected(found.error());
  if (!*found) return unknown_version(impl_->database, model, reference);
  return std::move(**found);
}

Result<std::map<std::string, int>> Registry::aliases(const std::string& model) const {
  const std::lock_guard guard(impl_->mutex);
  std::map<std::string, int> found;
  TM_CHECK(impl_->database.each(
      "SELECT alias, version FROM alias_moves WHERE model = ?1 AND live_until IS NULL",
      [&](Row row) -> Result<void> {
        found[row.text(0)] = static_cast<int>(row.integer(1));
        return {};
      },
      model));
  return found;
}

Result<bool> Registry::moved_by_run(const std::string& model, const std::string& alias) const {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(const auto found,
         impl_->database.first_integer(
             "SELECT r.run IS NOT NULL FROM alias_moves a JOIN releases r ON r.id = a.live_since "
             "WHERE a.model = ?1 AND a.alias = ?2 AND a.live_until IS NULL",
             model, alias));
  return found.value_or(0) != 0;
}

Result<std::vector<Release>> Registry::releases(size_t limit) const {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_read());
  std::vector<int64_t> ids;
  TM_CHECK(impl_->database.each(
      "SELECT id FROM releases ORDER BY id DESC LIMIT ?1",
      [&](Row row) -> Result<void> {
        ids.push_back(row.integer(0));
        return {};
      },
      limit));
  std::vector<Release> found;
  for (const int64_t id : ids) {
    TM_TRY(found.emplace_back(), load_release(impl_->database, id));
  }
  return found;
}

Result<Release> Registry::release(int64_t id) const {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_read());
  return load_release(impl_->database, id);
}

Result<int64_t> Registry::generation() const {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(const auto value,
         impl_->database.first_integer("SELECT value FROM counters WHERE name = 'generation'"));
  return value.value_or(0);
}

}  // namespace tidemill::registry
