// Outputs by key: what makes a step up to date. A withdrawal outlives its output: a key that was taken back
// stays known after gc.
#include <fmt/format.h>

#include "registry/impl.hpp"
#include "registry/moves.hpp"
#include "registry/rows.hpp"

namespace tidemill::registry {

namespace {

#define TM_OUTPUT_COLUMNS "o.withdrawn, " TM_TABLE_COLUMNS ", " TM_VERSION_COLUMNS
#define TM_OUTPUT_JOINS                                      \
  " FROM outputs o LEFT JOIN tables t ON t.id = o.table_id " \
  "LEFT JOIN versions v ON v.model = o.model AND v.number = o.version "

Result<void> read_output(Row row, int first, Registry::Output& output) {
  output.withdrawn = row.integer(first) != 0;
  const int table = first + 1;
  const int version = table + kTableColumns;
  if (!row.is_null(table)) TM_CHECK(read_table(row, table, output.table.emplace()));
  if (!row.is_null(version)) TM_CHECK(read_version(row, version, output.version.emplace()));
  return {};
}

}  // namespace

Result<std::optional<Registry::Output>> Registry::find_output(const std::string& step,
                                                              const std::string& key) const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->database.first(
      "SELECT " TM_OUTPUT_COLUMNS TM_OUTPUT_JOINS "WHERE o.step = ?1 AND o.key = ?2",
      [](Row row) -> Result<Output> {
        Output output;
        TM_CHECK(read_output(row, 0, output));
        return output;
      },
      step, key);
}

Result<std::map<std::string, Registry::Output>> Registry::all_outputs() const {
  const std::lock_guard guard(impl_->mutex);
  std::map<std::string, Output> outputs;
  TM_CHECK(impl_->database.each(
      "SELECT o.step, o.key, " TM_OUTPUT_COLUMNS TM_OUTPUT_JOINS "ORDER BY o.step, o.key",
      [&](Row row) -> Result<void> {
        const std::string_view step = row.view(0);
        const std::string_view key = row.view(1);
        std::string name;
        name.reserve(step.size() + 1 + key.size());
        name.append(step).append(1, '\0').append(key);
        TM_CHECK(read_output(row, 2, outputs.try_emplace(outputs.end(), std::move(name))->second));
        return {};
      }));
  return outputs;
}

Result<bool> reinstate_output(Registry::Impl& impl, const std::string& step, const std::string& key) {
  Database& database = impl.database;
  // Without bytes there is nothing to reinstate: forget the withdrawal, and the step is made again.
  TM_CHECK(
      database.run("DELETE FROM outputs WHERE step = ?1 AND key = ?2 AND withdrawn = 1 AND table_id IS NULL "
                   "AND model IS NULL",
                   step, key));
  int64_t changed = database.changes();
  TM_CHECK(database.run("UPDATE outputs SET withdrawn = 0 WHERE step = ?1 AND key = ?2 AND withdrawn = 1",
                        step, key));
  changed += database.changes();
  if (changed == 0) return false;
  TM_CHECK(impl.add_audit("reinstate", {{"step", step}, {"key", key}}));
  return true;
}

Result<void> Registry::reinstate(const std::string& step, const std::string& key) {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("reinstate an output"));
  TM_TRY(const bool changed, reinstate_output(*impl_, step, key));
  if (!changed) return {};
  return impl_->commit(transaction);
}

}  // namespace tidemill::registry
