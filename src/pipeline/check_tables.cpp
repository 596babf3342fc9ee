#include "pipeline/check_tables.hpp"

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "engine/scan.hpp"
#include "pipeline/check_context.hpp"
#include "pipeline/file_format.hpp"
#include "pipeline/outline.hpp"

namespace tidemill::pipeline {

namespace {

struct Reading {
  std::unique_ptr<engine::Database> database;
  engine::Connection connection;
};

Result<Reading> open_reading(const project::Project& project, const registry::Registry& registry) {
  engine::DatabaseOptions options =
      engine_within(budget_of(project), registry.staging_folder(fmt::format("spill.{}", ::getpid())));
  options.timezone = project.timezone;
  options.access = engine::DatabaseOptions::Access::Sandboxed;
  options.allowed_folders = {project.home};
  TM_TRY(auto database, engine::Database::open(options));
  TM_TRY(engine::Connection connection, database->connect());
  return Reading{std::move(database), std::move(connection)};
}

std::vector<project::Check> declared_checks(const project::Project& project, const std::string& table) {
  if (const auto source = project.sources.find(table); source != project.sources.end())
    return quality::checks_of(source->second);
  return quality::checks_of(project.transforms.at(table));
}

std::vector<std::string> all_tables(const project::Project& project) {
  std::vector<std::string> names;
  for (const auto& [name, source] : project.sources) names.push_back(name);
  for (const auto& [name, transform] : project.transforms) names.push_back(name);
  return names;
}

/// The rejected table of the newest run, when that run rejected it.
Result<std::optional<std::pair<std::string, Path>>> rejected(registry::Registry& registry,
                                                             const std::string& step,
                                                             const std::string& table) {
  TM_TRY(const auto last, registry.last_step(step));
  if (!last || last->status != registry::StepStatus::Failed) return std::nullopt;
  const Path file = registry.run_folder(last->run) / "failed" / (table + ".parquet");
  if (!std::filesystem::exists(file)) return std::nullopt;
  return std::pair{last->run, file};
}

bool concerns(const quality::CheckResult& result, const std::string& wanted) {
  return result.name == wanted || result.kind == wanted ||
         std::find(result.columns.begin(), result.columns.end(), wanted) != result.columns.end();
}

/// Notes the rows that the run of the live table set aside; gives their file, if it is still kept.
Result<std::optional<Path>> find_set_aside(registry::Registry& registry, const std::string& step,
                                           const registry::Table& live, CheckedTable& out) {
  TM_TRY(const auto made, registry.step_that_made(step, live.id));
  if (!made || !made->report.contains("quarantined")) return std::optional<Path>();
  const Path file = registry.run_folder(made->run) / "quarantine" / (live.name + ".parquet");
  if (!std::filesystem::exists(file)) return std::optional<Path>();
  out.set_aside = made->report["quarantined"].get<int64_t>();
  out.set_aside_by = made->run;
  return std::optional(file);
}

Result<void> read_failing_rows(engine::Connection& connection, const CheckTablesOptions& options,
                               const std::optional<Path>& set_aside, CheckedTable& out) {
  // Of the checks that are meant, one that rows fail; else one that rows could fail.
  const auto rank = [](const quality::CheckResult& result) {
    const bool has_rows = !result.failing_where.empty() || !result.failing_sql.empty();
    return has_rows ? (result.failing > 0 ? 2 : 1) : 0;
  };
  const quality::CheckResult* chosen = nullptr;
  std::vector<std::string> names;
  for (const quality::CheckResult& result : out.report.results) {
    names.push_back(result.name);
    names.insert(names.end(), result.columns.begin(), result.columns.end());
    if (!concerns(result, options.show_rows)) continue;
    if (chosen == nullptr || rank(result) > rank(*chosen)) chosen = &result;
  }
  if (chosen == nullptr)
    return user_error(
        "usage.unknown_check",
        fmt::format("{} has no check '{}' and no check of such a column", out.table, options.show_rows), {},
        did_you_mean(options.show_rows, names));
  out.shown_check = chosen->name;
  std::string sql = chosen->failing_sql;
  if (!chosen->failing_where.empty()) {
    // What was set aside is no longer in the table: nothing there fails.
    out.shows_set_aside = set_aside && chosen->failing == 0;
    if (out.shows_set_aside) TM_CHECK(connection.view_parquet(out.table, {*set_aside}));
    sql = fmt::format("SELECT * FROM {} WHERE {}", engine::quote_name(out.table), chosen->failing_where);
  }
  if (sql.empty())
    return user_error("usage.no_rows",
                      fmt::format("check {} is on the whole table: no row fails it alone", chosen->name));
  TM_TRY(out.rows,
         connection.query(fmt::format("SELECT * FROM ({}) AS failing LIMIT {}", sql, options.limit)));
  out.shows_set_aside = out.shows_set_aside && !out.rows.rows.empty();
  return {};
}

}  // namespace

Result<std::vector<CheckedTable>> check_tables(const project::Project& project, registry::Registry& registry,
                                               const CheckTablesOptions& options) {
  const std::vector<std::string> known = all_tables(project);
  for (const std::string& name : options.tables)
    if (!project.is_table(name))
      return user_error("usage.unknown_table", fmt::format("there is no table '{}'", name), {},
                        did_you_mean(name, known));
  TM_TRY(const auto live, registry.live_tables());
  std::vector<CheckedTable> out;
  for (const std::string& name : options.tables.empty() ? known : options.tables) {
    const std::vector<project::Check> checks = declared_checks(project, name);
    if (checks.empty() && options.tables.empty()) continue;
    TM_TRY(const auto from_run, rejected(registry, table_step(project, name), name));
    const auto snapshot = live.find(name);
    if (!from_run && snapshot == live.end()) {
      if (options.tables.empty()) continue;
      return data_error("check.no_table", fmt::format("{} was not made yet", name),
                        project.place_of_table(name), "tidemill run " + name);
    }
    TM_TRY(Reading reading, open_reading(project, registry));
    for (const auto& [other, table] : live)
      if (other != name)
        TM_CHECK(reading.connection.view_parquet(other, {registry.object_path(table.object)}));
    TM_CHECK(reading.connection.view_parquet(
        name, {from_run ? from_run->second : registry.object_path(snapshot->second.object)}));

    CheckedTable checked;
    checked.table = name;
    if (from_run) checked.rejected_by = from_run->first;
    // As its run judged it: a rejected table against the live one, the live one against the one before.
    CheckSubject subject{.table = name, .now = options.now};
    TM_TRY(subject.columns, reading.connection.describe("SELECT * FROM " + engine::quote_name(name)));
    if (from_run) {
      if (snapshot != live.end()) subject.previous = snapshot->second;
    } else {
      subject.run = snapshot->second.run;
      TM_TRY(subject.previous, registry.live_before(name));
    }
    subject.is_there = [&live](const std::string& table) { return live.contains(table); };
    TM_TRY(const quality::CheckContext context,
           check_context(project, registry, reading.connection, std::move(subject)));
    TM_TRY(checked.report, quality::run_checks(context, checks));
    std::optional<Path> set_aside;
    if (!from_run) {
      TM_TRY(set_aside, find_set_aside(registry, table_step(project, name), snapshot->second, checked));
    }
    if (!options.show_rows.empty())
      TM_CHECK(read_failing_rows(reading.connection, options, set_aside, checked));
    out.push_back(std::move(checked));
  }
  if (out.empty())
    return data_error("check.no_table", "no table was made yet that has checks", {}, "tidemill run");
  return out;
}

Result<quality::Profile> profile_table(const project::Project* project, registry::Registry* registry,
                                       const std::string& table_or_file, const Budget& budget) {
  if (project != nullptr && registry != nullptr && project->is_table(table_or_file)) {
    TM_TRY(const auto live, registry->live_tables());
    const auto snapshot = live.find(table_or_file);
    if (snapshot == live.end())
      return data_error("check.no_table", fmt::format("{} was not made yet", table_or_file),
                        project->place_of_table(table_or_file), "tidemill run " + table_or_file);
    TM_TRY(Reading reading, open_reading(*project, *registry));
    TM_CHECK(
        reading.connection.view_parquet(table_or_file, {registry->object_path(snapshot->second.object)}));
    return quality::profile(reading.connection, engine::quote_name(table_or_file));
  }
  const Path file = std::filesystem::absolute(table_or_file);
  if (!std::filesystem::is_regular_file(file))
    return user_error("usage.unknown_table", fmt::format("there is no table and no file '{}'", table_or_file),
                      {}, project == nullptr ? "" : did_you_mean(table_or_file, all_tables(*project)));
  engine::DatabaseOptions options = engine_within(budget, temporary_spill_folder());
  options.access = engine::DatabaseOptions::Access::Open;
  TM_TRY(const auto database, engine::Database::open(options));
  TM_TRY(engine::Connection connection, database->connect());
  TM_TRY(const std::string format, format_of(file));
  const engine::FileScan scan{format, {file}, {}, Json::object()};
  TM_TRY(const std::string select, engine::select_from_files(connection, scan));
  if (auto loaded = connection.execute("CREATE TEMP TABLE profiled AS " + select); !loaded)
    return std::unexpected(engine::explain_scan_error(scan, std::move(loaded).error()));
  return quality::profile(connection, "profiled");
}

}  // namespace tidemill::pipeline
