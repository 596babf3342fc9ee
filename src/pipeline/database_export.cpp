#include "pipeline/database_export.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/columns.hpp"
#include "pipeline/source_columns.hpp"

namespace tidemill::pipeline {

namespace {

// What was appended, by which export and in which order: written in the transaction of the rows, so that they
// are there once or not at all. Only the last entry decides: content that comes back after other content is
// appended again.
constexpr std::string_view kAppends = "tidemill_appended";

class Writer {
 public:
  Writer(const StepContext& step, engine::Connection& connection, const std::string& catalog,
         const project::Export& target, const registry::Table& table)
      : step_(step), connection_(connection), catalog_(catalog), target_(target), table_(table) {
    to_ = database_table(catalog, target.to_table);
    rows_ = fmt::format("read_parquet({})",
                        engine::quote_text(step.registry().object_path(table.object).native()));
  }

  /// The rows written.
  Result<int64_t> write() {
    TM_TRY(const std::optional<std::vector<engine::Column>> there, columns_of(to_));
    switch (target_.mode) {
      case project::Export::Mode::Replace:
        TM_CHECK(replace(there));
        return table_.rows;
      case project::Export::Mode::Merge:
        TM_CHECK(merge(there.has_value()));
        return table_.rows;
      case project::Export::Mode::Append:
        return append(there.has_value());
    }
    return 0;
  }

 private:
  Result<std::optional<std::vector<engine::Column>>> columns_of(const std::string& qualified) {
    auto columns = connection_.describe("SELECT * FROM " + qualified);
    if (columns) return std::optional(*std::move(columns));
    if (columns.error().code == "sql.unknown_table") return std::optional<std::vector<engine::Column>>();
    return std::unexpected(std::move(columns).error());
  }

  Result<void> create() {
    return connection_.execute(fmt::format("CREATE TABLE {} AS SELECT * FROM {} LIMIT 0", to_, rows_));
  }

  Result<void> insert() {
    std::string columns;
    for (const registry::ColumnInfo& column : table_.columns)
      columns += (columns.empty() ? "" : ", ") + engine::quote_name(column.name);
    return connection_.execute(
        fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", to_, columns, columns, rows_));
  }

  Result<void> replace(const std::optional<std::vector<engine::Column>>& there) {
    const bool same_columns =
        there && there->size() == table_.columns.size() &&
        std::all_of(table_.columns.begin(), table_.columns.end(),
                    [&](const registry::ColumnInfo& column) { return has_column(*there, column.name); });
    if (same_columns) {
      // Not truncate: readers go on seeing the old rows until the transaction ends. Grants and indexes stay.
      TM_CHECK(connection_.execute("DELETE FROM " + to_));
      return insert();
    }
    if (there) TM_CHECK(connection_.execute("DROP TABLE " + to_));
    TM_CHECK(create());
    return insert();
  }

  /// NULL equals nothing: such a row would be added anew by every merge.
  Result<void> demand_keys() {
    std::string missing;
    for (const std::string& key : target_.key)
      missing += fmt::format("{}{} IS NULL", missing.empty() ? "" : " OR ", engine::quote_name(key));
    TM_TRY(const engine::Value found,
           connection_.scalar(fmt::format("SELECT count(*) FROM {} WHERE {}", rows_, missing)));
    const int64_t* count = std::get_if<int64_t>(&found);
    if (count == nullptr || *count == 0) return {};
    return data_error("export.null_key",
                      fmt::format("{} rows of {} have no value in the key ({})", *count, target_.table,
                                  fmt::join(target_.key, ", ")),
                      target_.place, "a merge finds a row by its key: leave them out, or give them one");
  }

  Result<void> merge(bool there) {
    TM_CHECK(demand_keys());
    if (!there) TM_CHECK(create());
    std::string same;
    for (const std::string& key : target_.key)
      same += fmt::format("{}old.{} = new.{}", same.empty() ? "" : " AND ", engine::quote_name(key),
                          engine::quote_name(key));
    if (there)
      TM_CHECK(connection_.execute(
          fmt::format("DELETE FROM {} AS old USING {} AS new WHERE {}", to_, rows_, same)));
    return insert();
  }

  Result<int64_t> append(bool there) {
    if (!there) TM_CHECK(create());
    const std::string appends = database_table(catalog_, std::string(kAppends));
    TM_TRY(const auto marks, columns_of(appends));
    if (!marks)
      TM_CHECK(connection_.execute(
          fmt::format("CREATE TABLE {} (export VARCHAR, number BIGINT, snapshot VARCHAR, run VARCHAR, "
                      "appended_at TIMESTAMPTZ, PRIMARY KEY (export, number))",
                      appends)));
    const std::string name = engine::quote_text(step_.outline.name),
                      snapshot = engine::quote_text(table_.logical);
    const std::string last =
        fmt::format("SELECT coalesce(max(number), 0) FROM {} WHERE export = {}", appends, name);
    TM_TRY(const engine::Value done,
           connection_.scalar(
               fmt::format("SELECT count(*) FROM {} WHERE export = {} AND snapshot = {} AND number = ({})",
                           appends, name, snapshot, last)));
    if (const int64_t* count = std::get_if<int64_t>(&done); count != nullptr && *count > 0) {
      step_.log.line("this content was the last to be appended: nothing to do");
      return 0;
    }
    // The primary key refuses the second of two at the same time: its whole transaction, rows and all.
    TM_CHECK(connection_.execute(fmt::format("INSERT INTO {} SELECT {}, ({}) + 1, {}, {}, {}", appends, name,
                                             last, snapshot, engine::quote_text(step_.run.run),
                                             engine::quote_text(tidemill::to_text(system_clock()->now())))));
    TM_CHECK(insert());
    return table_.rows;
  }

  const StepContext& step_;
  engine::Connection& connection_;
  const std::string& catalog_;
  const project::Export& target_;
  const registry::Table& table_;
  std::string to_;
  std::string rows_;
};

}  // namespace

Result<int64_t> export_to_database(const StepContext& step, const project::Export& target,
                                   const registry::Table& table) {
  const auto database = step.project().connections.find(target.connection);
  if (database == step.project().connections.end())
    return user_error("project.unknown_connection",
                      fmt::format("there is no connection '{}'", target.connection), target.place);
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Reading));
  const std::string catalog = "export_" + step.outline.name;
  const Detach detach(**connection, catalog);
  TM_CHECK(engine::attach_postgres(**connection, catalog, database->second.dsn, engine::Attach::Writable));
  TM_CHECK((*connection)->execute("BEGIN TRANSACTION"));
  auto written = Writer(step, **connection, catalog, target, table).write();
  if (written)
    if (auto committed = (*connection)->execute("COMMIT"); !committed)
      written = std::unexpected(std::move(committed).error());
  if (!written) (void)(*connection)->execute("ROLLBACK");
  return written;
}

}  // namespace tidemill::pipeline
