#include "pipeline/fingerprint.hpp"

#include <sys/stat.h>
#include <cerrno>
#include <ctime>

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/source_columns.hpp"

namespace tidemill::pipeline {

namespace {

constexpr int64_t kSettled_ns = 2'000'000'000;
constexpr std::string_view kMemoKind = "file";
constexpr std::string_view kExportedKind = "exported";

/// Hashes files, remembering what was hashed before.
class FileHashes {
 public:
  FileHashes(registry::Registry& registry, const std::atomic<bool>* stop)
      : registry_(registry), stop_(stop) {}

  Result<std::string> hash(const Path& file) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0) return errno_error("read", file.native(), errno);
    if (S_ISDIR(info.st_mode)) return errno_error("read", file.native(), EISDIR);
    if (!loaded_) {
      TM_TRY(known_, registry_.memos(std::string(kMemoKind)));
      loaded_ = true;
    }
    const std::string state = fmt::format("{}:{}:{}:{}.{:09}", info.st_dev, info.st_ino, info.st_size,
                                          info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    if (const auto found = known_.find(file.native()); found != known_.end())
      if (found->second.starts_with(state + " ")) return found->second.substr(state.size() + 1);
    // Read the clock before the file: a change during or after the reading has an mtime that is not settled
    // by then.
    struct timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    TM_TRY(std::string digest, sha256_file(file, stop_));
    const int64_t age =
        (now.tv_sec - info.st_mtim.tv_sec) * 1'000'000'000 + (now.tv_nsec - info.st_mtim.tv_nsec);
    if (age > kSettled_ns) fresh_[file.native()] = state + " " + digest;
    return digest;
  }

  /// A memo that cannot be kept costs time, not truth.
  void keep() {
    if (!fresh_.empty()) (void)registry_.set_memos(std::string(kMemoKind), fresh_);
  }

 private:
  registry::Registry& registry_;
  const std::atomic<bool>* stop_;
  bool loaded_ = false;
  std::map<std::string, std::string> known_;
  std::map<std::string, std::string> fresh_;
};

Result<std::string> source_hash(const project::Project& project, const project::Source& source,
                                FileHashes& hashes) {
  TM_TRY(const std::vector<Path> files, files_of(project, source));
  Sha256 all;
  for (const Path& file : files) {
    TM_TRY(const std::string digest, hashes.hash(file));
    // The name belongs to it: a folder's name may be a column (year=2013/). Relative, so that a project can
    // be moved.
    all.add_field(file.lexically_relative(project.folder).native());
    all.add_field(digest);
  }
  return all.hex();
}

Result<std::string> state_of_export(const Path& file, const std::string& name,
                                    const std::map<std::string, std::string>& exported, FileHashes& hashes) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return std::string("missing");
  const auto written = exported.find(name);
  if (written == exported.end()) return std::string("present");
  auto hash = hashes.hash(file);
  if (!hash && hash.error().code == "interrupted") return hash;
  return std::string(hash && *hash == written->second ? "present" : "altered");
}

/// What cannot be read fails in its own step; who stops a run stops the reading too.
Result<std::string> hash_or_unreadable(Result<std::string> hash) {
  if (hash || hash.error().code == "interrupted") return hash;
  return std::string(kUnreadable);
}

}  // namespace

std::vector<Path> scripts_of(const project::Project& project, const project::Transform& transform) {
  std::vector<Path> out = transform.scripts;
  for (const std::string& argument : transform.command) {
    const Path file = (project.folder / argument).lexically_normal();
    const std::string inside = file.lexically_relative(project.folder).native();
    if (inside.empty() || inside == "." || inside.starts_with("..")) continue;
    if (std::find(out.begin(), out.end(), file) == out.end()) out.push_back(file);
  }
  return out;
}

std::string script_entry(const Path& script) { return "script:" + script.native(); }
std::string export_entry(const std::string& name) { return "export:" + name; }
Result<void> keep_exported(registry::Registry& registry, const std::string& name, const std::string& sha256) {
  return registry.set_memos(std::string(kExportedKind), {{name, sha256}});
}
Path export_path(const project::Project& project, const project::Export& target) {
  return (project.folder / target.path).lexically_normal();
}

Result<std::map<std::string, std::string>> fingerprint(const project::Project& project,
                                                       registry::Registry& registry, Instant,
                                                       const std::atomic<bool>* stop) {
  std::map<std::string, std::string> out;
  FileHashes hashes(registry, stop);
  for (const auto& [name, source] : project.sources) {
    if (!source.connection.empty()) {
      out[name] = kReadEveryRun;
      continue;
    }
    TM_TRY(out[name], hash_or_unreadable(source_hash(project, source, hashes)));
  }
  for (const auto& [name, transform] : project.transforms)
    for (const Path& script : scripts_of(project, transform)) {
      const bool declared =
          std::find(transform.scripts.begin(), transform.scripts.end(), script) != transform.scripts.end();
      std::error_code ignored;
      if (!declared && !std::filesystem::is_regular_file(script, ignored)) continue;  // a word, no file
      TM_TRY(out[script_entry(script)], hash_or_unreadable(hashes.hash(script)));
    }
  TM_TRY(const auto exported, registry.memos(std::string(kExportedKind)));
  for (const auto& [name, target] : project.exports)
    if (target.connection.empty()) {
      TM_TRY(out[export_entry(name)], state_of_export(export_path(project, target), name, exported, hashes));
    }
  hashes.keep();
  return out;
}

}  // namespace tidemill::pipeline
