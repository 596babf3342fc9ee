// An export's step: a snapshot goes out, to a file that appears whole or not at all, or to a table of a
// database in one transaction.
#include <fmt/format.h>

#include "base/sha256.hpp"
#include "pipeline/database_export.hpp"
#include "pipeline/file_format.hpp"
#include "pipeline/fingerprint.hpp"
#include "pipeline/publication.hpp"
#include "pipeline/source_columns.hpp"

namespace tidemill::pipeline {

namespace {

/// What the project file names otherwise may be a source's file still, by a link. A source whose files are
/// not there now has none that could be written over.
Result<void> keep_off_sources(const project::Project& project, const Path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  for (const auto& [name, source] : project.sources) {
    if (source.paths.empty()) continue;
    const auto files = files_of(project, source);
    if (!files) continue;
    for (const Path& file : *files)
      if (std::filesystem::equivalent(path, file, ignored))
        return user_error("export.output_is_input",
                          fmt::format("{} is the same file as {}, which source {} reads", path.native(),
                                      file.native(), name),
                          {}, "name a file that no source reads");
  }
  return {};
}

Result<int64_t> export_to_file(const StepContext& step, const project::Export& target,
                               const registry::Table& table) {
  TM_TRY(const std::string options, copy_options_of(target.path));
  const Path path = export_path(step.project(), target);
  TM_CHECK(keep_off_sources(step.project(), path));
  TM_CHECK(make_folder(path.parent_path()));
  const Path part = path.parent_path() / fmt::format(".{}.{}.part", path.filename().native(), step.run.run);
  const auto written = [&]() -> Result<void> {
    TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Reading));
    TM_CHECK((*connection)
                 ->execute(fmt::format("COPY (SELECT * FROM read_parquet({})) TO {} ({})",
                                       engine::quote_text(step.registry().object_path(table.object).native()),
                                       engine::quote_text(part.native()), options)));
    TM_TRY(const std::string digest, sha256_file(part));
    TM_CHECK(publish_file(part, path));
    return keep_exported(step.registry(), step.outline.name, digest);
  }();
  if (!written) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    return std::unexpected(written.error());
  }
  return table.rows;
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
  work.report["rows"] = *written;
  work.report["to"] = target.connection.empty() ? target.path : target.connection + ":" + target.to_table;
  return work;
}

}  // namespace tidemill::pipeline
