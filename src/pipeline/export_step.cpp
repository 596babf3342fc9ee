// An export's step: a snapshot goes out, to a file that appears whole or not at all, or to a table of a
// database in one transaction.
#include <fmt/format.h>

#include "pipeline/file_format.hpp"
#include "pipeline/fingerprint.hpp"
#include "pipeline/publication.hpp"
#include "pipeline/source_columns.hpp"

namespace tidemill::pipeline {

namespace {

const std::string kCatalog = "export_to";
// Which snapshots were appended, by which export: written in the transaction of the rows, so that they are
// there once or not at all.
const std::string kAppends = "tidemill_appends";

Result<void> export_to_file(const StepContext& step, const project::Export& target,
                            const registry::Table& table) {
  TM_TRY(const std::string options, copy_options_of(target.path));
  const Path path = export_path(step.project(), target);
  TM_CHECK(make_folder(path.parent_path()));
  const Path part = path.parent_path() / fmt::format(".{}.{}.part", path.filename().native(), step.run.run);
  auto written = [&]() -> Result<void> {
    TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Reading));
    return (*connection)
        ->execute(fmt::format("COPY (SELECT * FROM read_parquet({})) TO {} ({})",
                              engine::quote_text(step.registry().object_path(table.object).native()),
                              engine::quote_text(part.native()), options));
  }();
  if (written) written = publish_file(part, path);
  if (!written) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
  }
  return written;
}

Result<bool> exists(engine::Connection& connection, const std::string& qualified) {
  auto columns = connection.describe("SELECT * FROM " + qualified);
  if (columns) return true;
  if (columns.error().kind == ErrorKind::User) return false;
  return std::unexpected(std::move(columns).error());
}

Result<void> write_rows(const StepContext& step, engine::Connection& connection,
                        const project::Export& target, const registry::Table& table) {
  const std::string to = database_table(kCatalog, target.to_table);
  const std::string rows =
      fmt::format("read_parquet({})", engine::quote_text(step.registry().object_path(table.object).native()));
  std::string columns;
  for (const registry::ColumnInfo& column : table.columns)
    columns += (columns.empty() ? "" : ", ") + engine::quote_name(column.name);
  const std::string insert = fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", to, columns, columns, rows);
  TM_TRY(const bool there, exists(connection, to));
  if (!there)
    TM_CHECK(connection.execute(fmt::format("CREATE TABLE {} AS SELECT * FROM {} LIMIT 0", to, rows)));
  switch (target.mode) {
    case project::Export::Mode::Replace:
      // Not truncate: readers go on seeing the old rows until the transaction ends.
      if (there) TM_CHECK(connection.execute("DELETE FROM " + to));
      return connection.execute(insert);
    case project::Export::Mode::Merge: {
      std::string same;
      for (const std::string& key : target.key)
        same += fmt::format("{}old.{} = new.{}", same.empty() ? "" : " AND ", engine::quote_name(key),
                            engine::quote_name(key));
      if (there)
        TM_CHECK(connection.execute(
            fmt::format("DELETE FROM {} AS old USING {} AS new WHERE {}", to, rows, same)));
      return connection.execute(insert);
    }
    case project::Export::Mode::Append: {
      const std::string appends = database_table(kCatalog, kAppends);
      TM_TRY(const bool marked, exists(connection, appends));
      if (!marked)
        TM_CHECK(
            connection.execute(fmt::format("CREATE TABLE {} (export VARCHAR, snapshot VARCHAR, run VARCHAR, "
                                           "appended_at TIMESTAMPTZ, PRIMARY KEY (export, snapshot))",
                                           appends)));
      const std::string mark =
          fmt::format("export = {} AND snapshot = {}", engine::quote_text(step.outline.name),
                      engine::quote_text(table.logical));
      TM_TRY(const engine::Value done,
             connection.scalar(fmt::format("SELECT count(*) FROM {} WHERE {}", appends, mark)));
      if (const int64_t* count = std::get_if<int64_t>(&done); count != nullptr && *count > 0) {
        step.log.line("this snapshot was appended before");
        return {};
      }
      TM_CHECK(connection.execute(fmt::format(
          "INSERT INTO {} VALUES ({}, {}, {}, {})", appends, engine::quote_text(step.outline.name),
          engine::quote_text(table.logical), engine::quote_text(step.run.run),
          engine::quote_text(tidemill::to_text(step.run.now())))));
      return connection.execute(insert);
    }
  }
  return {};
}

Result<void> export_to_database(const StepContext& step, const project::Export& target,
                                const registry::Table& table) {
  const auto connection_of = step.project().connections.find(target.connection);
  if (connection_of == step.project().connections.end())
    return user_error("project.unknown_connection",
                      fmt::format("there is no connection '{}'", target.connection), target.place);
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Reading));
  const std::string catalog = kCatalog;
  TM_CHECK(
      engine::attach_postgres(**connection, catalog, connection_of->second.dsn, engine::Attach::Writable));
  TM_CHECK((*connection)->execute("BEGIN TRANSACTION"));
  auto written = write_rows(step, **connection, target, table);
  if (written) written = (*connection)->execute("COMMIT");
  if (!written) (void)(*connection)->execute("ROLLBACK");
  (void)(*connection)->execute("DETACH " + engine::quote_name(catalog));
  return written;
}

}  // namespace

Result<StepWork> run_export(const StepContext& step) {
  const project::Export& target = step.project().exports.at(step.outline.name);
  const auto table = step.run.snapshots.find(target.table);
  if (!table)
    return internal_error("run.no_snapshot",
                          fmt::format("{} has no snapshot of {}", step.outline.id, target.table));
  auto written = target.connection.empty() ? export_to_file(step, target, *table)
                                           : export_to_database(step, target, *table);
  if (!written) {
    Error error = std::move(written).error();
    if (error.where.file.empty()) error.where = target.place;
    if (error.where.what.empty()) error.where.what = "export " + step.outline.name;
    return std::unexpected(std::move(error));
  }
  StepWork work;
  work.report["rows"] = table->rows;
  work.report["to"] = target.connection.empty() ? target.path : target.connection + ":" + target.to_table;
  return work;
}

}  // namespace tidemill::pipeline
