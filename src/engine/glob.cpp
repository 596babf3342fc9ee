// Which files a path or glob means. The same folder always gives the same list in the same order.
#include <fnmatch.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/scan.hpp"

namespace tidemill::engine {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFiles = 100'000;
constexpr int kMaxFolderDepth = 64;

bool is_pattern(std::string_view part) { return part.find_first_of("*?[") != std::string_view::npos; }

class Expansion {
 public:
  explicit Expansion(std::set<Path>& files) : files_(files) {}

  Result<void> walk(const Path& folder, fs::path::const_iterator part, fs::path::const_iterator end,
                    int depth) {
    if (part == end || depth > kMaxFolderDepth) return {};
    const std::string name = part->string();
    const auto next = std::next(part);
    if (name == "**") {
      if (next == end) {
        static const Path kAnyFile("*");
        TM_CHECK(walk(folder, kAnyFile.begin(), kAnyFile.end(), depth));
      } else {
        TM_CHECK(walk(folder, next, end, depth));
      }
      for (const Path& entry : entries(folder)) {
        std::error_code ignored;
        if (hidden(entry) || fs::is_symlink(entry, ignored) || !fs::is_directory(entry, ignored)) continue;
        TM_CHECK(walk(entry, part, end, depth + 1));
      }
      return {};
    }
    if (!is_pattern(name)) return step(folder / name, next, end, depth);
    for (const Path& entry : entries(folder)) {
      // As in a shell, a name that starts with a dot is matched by a pattern that does.
      if (fnmatch(name.c_str(), entry.filename().c_str(), FNM_PERIOD) == 0)
        TM_CHECK(step(entry, next, end, depth));
    }
    return {};
  }

 private:
  Result<void> step(const Path& path, fs::path::const_iterator next, fs::path::const_iterator end,
                    int depth) {
    std::error_code ignored;
    if (next != end) {
      if (fs::is_directory(path, ignored)) return walk(path, next, end, depth + 1);
      return {};
    }
    if (!fs::is_regular_file(path, ignored) && !fs::is_fifo(path, ignored)) return {};
    files_.insert(path.lexically_normal());
    if (files_.size() > kMaxFiles)
      return user_error("source.too_many_files",
                        fmt::format("the pattern matches more than {} files", kMaxFiles), {},
                        "gather small files into larger ones, or narrow the pattern");
    return {};
  }
  static bool hidden(const Path& path) { return path.filename().string().starts_with('.'); }
  static std::vector<Path> entries(const Path& folder) {
    std::vector<Path> found;
    std::error_code failed;
    for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
      found.push_back(entry->path());
    std::sort(found.begin(), found.end());
    return found;
  }

  std::set<Path>& files_;
};

std::string why_none(const Path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    return "this is a folder; name its files: " + (path / "*.parquet").string();
  Path nearest = path.parent_path();
  while (!nearest.empty() && nearest != nearest.root_path() &&
         (is_pattern(nearest.string()) || !fs::exists(nearest, ignored)))
    nearest = nearest.parent_path();
  std::vector<std::string> names;
  for (fs::directory_iterator entry(nearest, ignored), end; !ignored && entry != end && names.size() < 1000;
       entry.increment(ignored))
    names.push_back(entry->path().filename().string());
  if (nearest == path.parent_path())
    if (const std::string hint = did_you_mean(path.filename().string(), names); !hint.empty()) return hint;
  if (nearest != path.parent_path() && !is_pattern(path.parent_path().string()))
    return fmt::format("there is no folder {}", path.parent_path().string());
  return fmt::format("{} exists, and nothing in it matches", nearest.string());
}

/// Where to begin and what to match below: only what the user wrote is a pattern, the folder's own name is
/// not.
std::pair<Path, Path> split(const Path& folder, const Path& pattern) {
  if (pattern.is_absolute()) return {pattern.root_path(), pattern.lexically_normal().relative_path()};
  Path base = fs::absolute(folder).lexically_normal();
  if (!base.has_filename()) base = base.parent_path();
  Path rest;
  for (const Path& part : pattern.lexically_normal())
    if (part == "..")
      base = base.parent_path();  // normal: all of them come first
    else
      rest /= part;
  return {base, rest};
}

}  // namespace

Result<std::vector<Path>> expand_globs(const Path& folder, const std::vector<std::string>& patterns) {
  std::set<Path> files;
  for (const std::string& pattern : patterns) {
    if (pattern.find("://") != std::string::npos)
      return user_error("source.no_files",
                        fmt::format("'{}' is not a path: files of other machines are not read yet", pattern),
                        {}, "copy them here first, or read them with a command step");
    const Path path = fs::absolute(folder / pattern).lexically_normal();
    std::set<Path> matched;
    const auto [base, relative] = split(folder, pattern);
    TM_CHECK(Expansion(matched).walk(base, relative.begin(), relative.end(), 0));
    if (matched.empty())
      return data_error("source.no_files", fmt::format("no file matches '{}'", pattern),
                        {.file = path.string()}, why_none(path));
    files.merge(matched);
  }
  return std::vector<Path>(files.begin(), files.end());
}

}  // namespace tidemill::engine
