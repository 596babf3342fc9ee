#include "pipeline/source_columns.hpp"

#include <sys/stat.h>
#include <ctime>

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "pipeline/budget.hpp"
#include "pipeline/columns.hpp"
#include "pipeline/fingerprint.hpp"
#include "pipeline/spec.hpp"
#include "project/log_sources.hpp"

namespace tidemill::pipeline {

namespace {

const std::string kMemoKind = "source_columns";

constexpr int64_t kSettled_ns = 2'000'000'000;

std::string spec_hash(const project::Source& source) {
  return sha256(engine::Database::version() + "\n" + canonical(reading_spec(source)));
}

/// Looks at sources, opening the engine for the first of them only.
class Looker {
 public:
  explicit Looker(const project::Project& project) : project_(project) {}

  /// The columns; in `looked` what else was seen of files.
  Result<std::vector<engine::Column>> look(const project::Source& source, LookedAt& looked) {
    if (!database_) {
      engine::DatabaseOptions options = engine_within({1, budget_of(project_).memory_bytes}, {});
      options.timezone = project_.timezone;
      options.access = engine::DatabaseOptions::Access::Open;
      TM_TRY(database_, engine::Database::open(options));
    }
    TM_TRY(engine::Connection connection, database_->connect());
    if (!source.connection.empty()) {
      const Detach detach(connection, "looked_at");
      TM_TRY(const std::string select, select_from_database(connection, project_, source, "looked_at"));
      return connection.describe(select);
    }
    return read_source(project_, source, [&]() -> Result<std::vector<engine::Column>> {
      TM_TRY(const engine::FileScan scan, scan_of(project_, source));
      looked.files = files_state(scan);
      TM_TRY(looked.select, engine::select_from_files(connection, scan));
      auto columns = connection.describe(looked.select);
      if (!columns) return std::unexpected(engine::explain_scan_error(scan, std::move(columns).error()));
      return columns;
    });
  }

 private:
  const project::Project& project_;
  std::unique_ptr<engine::Database> database_;
};

std::vector<std::string> split_dots(const std::string& text) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '"')
      quoted = !quoted;
    else if (c == '.' && !quoted)
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

}  // namespace

std::string database_table(const std::string& catalog, const std::string& table) {
  std::vector<std::string> parts = split_dots(table);
  if (parts.size() == 1) parts.insert(parts.begin(), "public");
  std::string out = engine::quote_name(catalog);
  for (const std::string& part : parts) out += "." + engine::quote_name(part);
  return out;
}

Result<std::vector<Path>> files_of(const project::Project& project, const project::Source& source) {
  auto files = engine::expand_globs(project.folder, source.paths);
  if (!files && files.error().code == "source.no_files" && project::is_log_source(source))
    return std::vector<Path>();
  return files;
}

Result<engine::FileScan> scan_of(const project::Project& project, const project::Source& source) {
  engine::FileScan scan;
  scan.format = source.format;
  scan.options = source.options;
  TM_TRY(scan.files, files_of(project, source));
  for (const project::Column& column : source.columns) scan.declared.push_back({column.name, column.type});
  return scan;
}

Result<std::string> select_from_database(engine::Connection& connection, const project::Project& project,
                                         const project::Source& source, const std::string& catalog) {
  const auto found = project.connections.find(source.connection);
  if (found == project.connections.end())
    return user_error("project.unknown_connection",
                      fmt::format("there is no connection '{}'", source.connection), source.place);
  TM_CHECK(engine::attach_postgres(connection, catalog, found->second.dsn, engine::Attach::ReadOnly));
  const std::string from = source.query.empty()
                               ? database_table(catalog, source.table)
                               : fmt::format("postgres_query({}, {})", engine::quote_text(catalog),
                                             engine::quote_text(source.query));
  const std::string all = "SELECT * FROM " + from;
  TM_TRY(const std::vector<engine::Column> columns, connection.describe(all));
  std::string replaced;
  for (const project::Column& column : source.columns) {
    if (!has_column(columns, column.name)) {
      auto error = data_error("source.missing_column",
                              fmt::format("{} has no column '{}'",
                                          source.query.empty() ? source.table : "the query", column.name),
                              column.place.file.empty() ? source.place : column.place,
                              did_you_mean(column.name, names_of(columns)));
      return error;
    }
    if (column.type.empty()) continue;
    replaced += fmt::format("{}CAST({} AS {}) AS {}", replaced.empty() ? "" : ", ",
                            engine::quote_name(column.name), column.type, engine::quote_name(column.name));
  }
  return replaced.empty() ? all : fmt::format("SELECT * REPLACE ({}) FROM {}", replaced, from);
}

std::string files_state(const engine::FileScan& scan) {
  struct timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::string state;
  for (const Path& file : scan.files) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0) return {};
    const int64_t age =
        (now.tv_sec - info.st_mtim.tv_sec) * 1'000'000'000 + (now.tv_nsec - info.st_mtim.tv_nsec);
    if (age <= kSettled_ns) return {};
    state += fmt::format("{} {}:{}:{}:{}.{:09}\n", file.native(), info.st_dev, info.st_ino, info.st_size,
                         info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  }
  return state;
}

SourceColumns columns_of_sources(const project::Project& project, registry::Registry& registry,
                                 const std::map<std::string, std::string>& fingerprints) {
  SourceColumns out;
  std::map<std::string, std::string> known;
  if (auto memos = registry.memos(kMemoKind)) known = *std::move(memos);
  std::map<std::string, std::string> fresh;
  Looker looker(project);
  for (const auto& [name, source] : project.sources) {
    const std::string spec = spec_hash(source);
    const auto fingerprint = fingerprints.find(name);
    const std::string files =
        fingerprint == fingerprints.end() ? std::string(kUnreadable) : fingerprint->second;
    std::vector<engine::Column> before;
    bool same_files = false;
    if (const auto memo = known.find(name); memo != known.end())
      if (const auto json = parse_json(memo->second);
          json && json->is_object() && json->value("spec", "") == spec) {
        before = columns_from_json((*json)["columns"]);
        same_files = json->value("files", "") == files;
      }
    const bool to_look = files == kReadEveryRun || !same_files || before.empty();
    if (!to_look || (files == kUnreadable && !before.empty())) {
      out.of[name] = std::move(before);
      continue;
    }
    LookedAt looked;
    auto columns = looker.look(source, looked);
    if (columns) {
      if (!looked.files.empty()) out.looked[name] = std::move(looked);
      const std::string text = canonical({{"spec", spec}, {"files", files}, {"columns", to_json(*columns)}});
      if (const auto memo = known.find(name); memo == known.end() || memo->second != text) fresh[name] = text;
      out.of[name] = *std::move(columns);
    } else if (!before.empty()) {
      out.of[name] = std::move(before);
    } else {
      Error error = std::move(columns).error();
      if (error.where.what.empty()) error.where.what = "source " + name;
      if (error.where.file.empty()) {
        error.where.file = source.place.file;
        error.where.line = source.place.line;
        error.where.column = source.place.column;
      }
      out.errors.push_back(std::move(error));
    }
  }
  if (!fresh.empty()) (void)registry.set_memos(kMemoKind, fresh);
  return out;
}

}  // namespace tidemill::pipeline
