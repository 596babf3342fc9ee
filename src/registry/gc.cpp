// Upkeep: gc drops what nothing live or kept needs; verify_objects proves that what rows name is there and
// whole. gc's order: rows are marked dropped in one transaction, then files are removed. A kill between
// leaves files that the next gc removes.
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "registry/impl.hpp"
#include "registry/objects.hpp"

namespace tidemill::registry {

namespace {

constexpr int64_t kKeptMemosPerKind = 50'000;
constexpr size_t kKeptRunFolders = 1'000;  // logs, and rows that failed: rows of meta.db stay

struct ObjectFile {
  ObjectId id;
  Path path;
  int64_t bytes = 0;
};
Result<std::vector<ObjectFile>> list_objects(const Path& folder) {
  std::vector<ObjectFile> found;
  std::error_code error;
  for (std::filesystem::directory_iterator outer(folder, error);
       !error && outer != std::filesystem::directory_iterator(); outer.increment(error)) {
    const std::string prefix = outer->path().filename().native();
    std::error_code inner_error;
    for (std::filesystem::directory_iterator inner(outer->path(), inner_error);
         !inner_error && inner != std::filesystem::directory_iterator(); inner.increment(inner_error)) {
      struct stat info{};
      const std::string id = prefix + inner->path().filename().native();
      // What is not named like an object was not made by us: left alone.
      if (!is_object_id(id) || ::lstat(inner->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
      found.push_back({id, inner->path(), info.st_size});
    }
    if (inner_error && inner_error != std::errc::not_a_directory)
      return errno_error("list", outer->path().native(), inner_error.value());
  }
  if (error) return errno_error("list", folder.native(), error.value());
  return found;
}

// A version's manifest names its files' objects: {"files": {"model.ubj": "ab12…"}}.
Result<std::vector<ObjectId>> files_of_package(const Registry& registry, const std::string& model,
                                               int64_t number, const ObjectId& package) {
  TM_TRY(const std::string text, registry.read_object(package));
  const auto json = parse_json(text);
  if (!json)
    return data_error("registry.package", fmt::format("the package of {} version {} is not JSON: {}", model,
                                                      number, json.error().message));
  std::vector<ObjectId> ids;
  if (!json->is_object() || !json->contains("files")) return ids;
  if (!(*json)["files"].is_object())
    return data_error("registry.package",
                      fmt::format("the package of {} version {} has no map of files", model, number));
  for (const auto& [name, id] : (*json)["files"].items())
    if (id.is_string()) ids.push_back(id.get<std::string>());
  return ids;
}

struct PackageRow {
  std::string model;
  int64_t number = 0;
  ObjectId package;
};
Result<std::vector<PackageRow>> packages(Database& database) {
  std::vector<PackageRow> found;
  TM_CHECK(
      database.each("SELECT model, number, package FROM versions WHERE dropped = 0 ORDER BY model, number",
                    [&](Row row) -> Result<void> {
                      found.push_back({row.text(0), row.integer(1), row.text(2)});
                      return {};
                    }));
  return found;
}

Result<void> drop_version(Database& database, const std::string& model, int number) {
  TM_CHECK(database.run("UPDATE versions SET dropped = 1 WHERE model = ?1 AND number = ?2", model, number));
  TM_CHECK(
      database.run("DELETE FROM outputs WHERE withdrawn = 0 AND model = ?1 AND version = ?2", model, number));
  return database.run("UPDATE outputs SET model = NULL, version = NULL WHERE model = ?1 AND version = ?2",
                      model, number);
}

// Marks as dropped every version that nothing names; gives how many. One that was imported cannot be trained
// again: it stays.
Result<size_t> drop_versions(Database& database, int64_t oldest_kept, const Registry::Pinned& pinned) {
  constexpr std::string_view kUnnamed = R"sql(
SELECT model, number FROM versions WHERE dropped = 0 AND json_type(gate, '$.imported') IS NULL
AND (model, number) NOT IN (
  SELECT model, version FROM alias_moves WHERE live_until IS NULL OR live_until > ?1
  UNION SELECT b.model, b.version FROM alias_moves a JOIN alias_moves b ON b.id = a.before WHERE a.live_until IS NULL
  UNION SELECT model, version FROM anchors
  UNION SELECT model, version FROM rollouts
  UNION SELECT model, max(version) FROM outputs WHERE model IS NOT NULL AND withdrawn = 0 GROUP BY step, model))sql";
  std::vector<std::pair<std::string, int>> unnamed;
  TM_CHECK(database.each(
      kUnnamed,
      [&](Row row) -> Result<void> {
        const std::string model = row.text(0);
        const int number = static_cast<int>(row.integer(1));
        const auto named = pinned.find(model);
        if (named == pinned.end() || !named->second.contains(number)) unnamed.emplace_back(model, number);
        return {};
      },
      oldest_kept));
  for (const auto& [model, number] : unnamed) TM_CHECK(drop_version(database, model, number));
  return unnamed.size();
}

// Marks what is condemned, unless it is live or named; gives how many versions.
Result<size_t> drop_condemned(Database& database, const Registry::Condemned& condemned,
                              const Registry::Pinned& pinned) {
  for (const int64_t table : condemned.tables)
    TM_CHECK(
        database.run("UPDATE tables SET dropped = 1 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM "
                     "live_tables WHERE table_id = ?1 AND live_until IS NULL)",
                     table));
  constexpr std::string_view kNamed = R"sql(
SELECT 1 FROM versions WHERE model = ?1 AND number = ?2 AND (dropped = 1 OR (model, number) IN (
  SELECT model, version FROM alias_moves WHERE live_until IS NULL
  UNION SELECT model, version FROM anchors
  UNION SELECT model, version FROM rollouts)))sql";
  size_t dropped = 0;
  for (const auto& [model, numbers] : condemned.versions)
    for (const int number : numbers) {
      const auto kept = pinned.find(model);
      TM_TRY(const auto named, database.first_integer(kNamed, model, number));
      if (named || (kept != pinned.end() && kept->second.contains(number))) continue;
      TM_CHECK(drop_version(database, model, number));
      ++dropped;
    }
  return dropped;
}

// Marks as dropped every table that is not live now, was not live in the newest `keep` releases, and is not
// its step's newest output.
Result<size_t> mark_dropped(Database& database, size_t keep, const Registry::Pinned& pinned) {
  TM_TRY(const auto oldest,
         database.first_integer("SELECT min(id) FROM (SELECT id FROM releases ORDER BY id DESC LIMIT ?1)",
                                keep));
  const int64_t oldest_kept = keep == 0 ? std::numeric_limits<int64_t>::max() : oldest.value_or(0);
  TM_CHECK(database.run(
      "UPDATE tables SET dropped = 1 WHERE dropped = 0 "
      "AND id NOT IN (SELECT table_id FROM live_tables WHERE live_until IS NULL OR live_until > ?1) "
      "AND id NOT IN (SELECT max(table_id) FROM outputs WHERE table_id IS NOT NULL AND withdrawn = 0 GROUP "
      "BY step)",
      oldest_kept));
  TM_CHECK(database.run(
      "DELETE FROM outputs WHERE withdrawn = 0 AND table_id IN (SELECT id FROM tables WHERE dropped = 1)"));
  TM_CHECK(database.run(
      "UPDATE outputs SET table_id = NULL WHERE table_id IN (SELECT id FROM tables WHERE dropped = 1)"));
  TM_CHECK(database.run(
      "DELETE FROM memos WHERE (kind, key) IN (SELECT kind, key FROM (SELECT kind, key, row_number() OVER "
      "(PARTITION BY kind ORDER BY set_at DESC, key) AS place FROM memos) WHERE place > ?1)",
      kKeptMemosPerKind));
  return drop_versions(database, oldest_kept, pinned);
}

// The folders of old runs, by their names, which begin with the time. What is not a folder was not made by
// us.
std::vector<Path> old_run_folders(const Path& runs) {
  std::error_code error;
  std::vector<Path> found;
  for (const auto& entry : std::filesystem::directory_iterator(runs, error))
    if (entry.is_directory(error)) found.push_back(entry.path());
  std::sort(found.begin(), found.end(), std::greater<>());
  found.erase(found.begin(), found.begin() + static_cast<ptrdiff_t>(std::min(kKeptRunFolders, found.size())));
  return found;
}

}  // namespace

Result<Registry::GcReport> Registry::gc(size_t keep_releases, bool dry_run, const Pinned& pinned,
                                        const Condemned& condemned) {
  TM_CHECK(impl_->demand_writable("drop objects"));
  std::optional<FileLock> exclusive;
  if (!dry_run) {
    impl_->release_writer_lock();
    auto lock = FileLock::take(impl_->objects_lock_path(), FileLock::Mode::Exclusive, FileLock::Wait::No);
    if (!lock && lock.error().code == "lock.held") {
      const std::string holder = describe_lock_holder(impl_->lock_path());
      return environment_error(
          "lock.held",
          fmt::format("objects are being written by {}", holder.empty() ? "another process" : holder),
          "try again when it has ended");
    }
    if (!lock) return std::unexpected(lock.error());
    exclusive.emplace(std::move(*lock));
  }
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("drop objects"));
  GcReport report;
  TM_TRY(const size_t of_condemned, drop_condemned(database, condemned, pinned));
  TM_TRY(report.versions_dropped, mark_dropped(database, keep_releases, pinned));
  report.versions_dropped += of_condemned;
  std::set<ObjectId> needed;
  TM_CHECK(database.each("SELECT object FROM tables WHERE dropped = 0", [&](Row row) -> Result<void> {
    needed.insert(row.text(0));
    return {};
  }));
  TM_TRY(const auto kept_packages, packages(database));
  for (const PackageRow& row : kept_packages) {
    needed.insert(row.package);
    TM_TRY(const auto files, files_of_package(*this, row.model, row.number, row.package));
    needed.insert(files.begin(), files.end());
  }
  TM_TRY(const auto objects, list_objects(impl_->home / "objects"));
  std::vector<Path> doomed;
  for (const ObjectFile& object : objects) {
    if (needed.contains(object.id)) {
      ++report.objects_kept;
      continue;
    }
    ++report.objects_removed;
    report.bytes_removed += object.bytes;
    doomed.push_back(object.path);
  }
  const std::vector<Path> old_runs = old_run_folders(impl_->home / "runs");
  report.run_folders_removed = old_runs.size();
  if (dry_run) return report;  // the transaction rolls back
  Json details{{"keep_releases", keep_releases},
               {"objects_removed", report.objects_removed},
               {"bytes_removed", report.bytes_removed},
               {"objects_kept", report.objects_kept},
               {"versions_dropped", report.versions_dropped}};
  if (!condemned.subject.empty()) details["subject"] = condemned.subject;
  TM_CHECK(impl_->add_audit("gc", details));
  TM_CHECK(impl_->commit(transaction));
  for (const Path& path : doomed)
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove", path.native(), errno);
  for (const Path& folder : old_runs) TM_CHECK(tidemill::remove_all(folder));
  return report;
}

Result<std::vector<std::string>> Registry::verify_objects() const {
  struct Named {
    std::string by;
    ObjectId id;
  };
  std::vector<Named> named;
  std::vector<PackageRow> kept_packages;
  {
    const std::lock_guard guard(impl_->mutex);
    TM_TRY(Transaction transaction, impl_->begin_read());
    TM_CHECK(impl_->database.each(
        "SELECT name, id, object FROM tables WHERE dropped = 0 ORDER BY id", [&](Row row) -> Result<void> {
          named.push_back({fmt::format("table {} snapshot {}", row.view(0), row.integer(1)), row.text(2)});
          return {};
        }));
    TM_TRY(kept_packages, packages(impl_->database));
  }
  std::vector<std::string> problems;
  for (const PackageRow& row : kept_packages) {
    const std::string by = fmt::format("{} version {}", row.model, row.number);
    named.push_back({by, row.package});
    const auto files = files_of_package(*this, row.model, row.number, row.package);
    if (!files) {
      if (files.error().code == "registry.package") problems.push_back(files.error().message);
      continue;  // a missing or damaged manifest is found below
    }
    for (const ObjectId& id : *files) named.push_back({by, id});
  }
  std::map<ObjectId, std::string> seen;  // id → problem, empty when whole
  for (const Named& item : named) {
    auto found = seen.find(item.id);
    if (found == seen.end()) {
      const auto digest = sha256_file(object_path(item.id));
      std::string problem;
      if (!digest)
        problem =
            digest.error().code == "io.missing" ? "is missing" : "cannot be read: " + digest.error().message;
      else if (*digest != item.id)
        problem = "does not have the bytes it is named after";
      found = seen.emplace(item.id, std::move(problem)).first;
    }
    if (!found->second.empty())
      problems.push_back(fmt::format("{}: object {} {}", item.by, item.id, found->second));
  }
  return problems;
}

}  // namespace tidemill::registry
