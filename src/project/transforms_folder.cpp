#include "project/transforms_folder.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "project/load.hpp"
#include "project/scalar.hpp"

namespace tidemill::project {

namespace {

constexpr const char* kFolder = "transforms";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::vector<Path> sql_files(const Path& folder, Problems& problems) {
  std::vector<Path> files;
  std::error_code error;
  if (!std::filesystem::exists(folder / kFolder, error)) return files;
  for (auto it = std::filesystem::directory_iterator(folder / kFolder, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().native();
    if (name.starts_with('.') || !name.ends_with(".sql")) continue;
    files.push_back(it->path());
  }
  if (error)
    problems.add("project.transforms", fmt::format("cannot read the folder {}: {}", kFolder, error.message()),
                 Place{kFolder});
  std::sort(files.begin(), files.end());
  if (files.size() > kMaxTransforms) {
    problems.add("project.too_large", fmt::format("{} transforms (limit {})", files.size(), kMaxTransforms),
                 Place{kFolder});
    files.resize(kMaxTransforms);
  }
  return files;
}

bool says_nothing(std::string_view sql) {
  while (!sql.empty()) {
    const size_t begin = sql.find_first_not_of(" \t\r\n;");
    if (begin == std::string_view::npos) return true;
    sql.remove_prefix(begin);
    size_t end = std::string_view::npos;
    if (sql.starts_with("--"))
      end = sql.find('\n');
    else if (sql.starts_with("/*"))
      end = sql.find("*/") == std::string_view::npos ? std::string_view::npos : sql.find("*/") + 2;
    else
      return false;
    sql.remove_prefix(std::min(end, sql.size()));
  }
  return true;
}

std::optional<std::string> read_sql(const Path& path, const Place& place, Problems& problems) {
  Result<std::string> text = read_file(path, kMaxSqlBytes);
  if (!text) {
    problems.add(text.error().code == "io.too_large" ? "project.too_large" : "project.transforms",
                 text.error().message, place);
    return std::nullopt;
  }
  if (text->starts_with(kByteOrderMark)) text->erase(0, kByteOrderMark.size());
  if (const auto bad = first_invalid_utf8(*text)) {
    Place at = place;
    at.line = bad->line;
    at.column = bad->column;
    problems.add("project.not_utf8", "this is not UTF-8 text", at).hint = "save the file as UTF-8";
    return std::nullopt;
  }
  if (says_nothing(*text)) {
    problems.add("project.empty", "this transform has no SQL", place).hint =
        "a transform is one SELECT statement";
    return std::nullopt;
  }
  return *std::move(text);
}

}  // namespace

void read_transforms_folder(const Path& folder, std::map<std::string, Transform>& transforms,
                            Problems& problems) {
  std::vector<std::string> found;
  for (const Path& path : sql_files(folder, problems)) {
    const std::string name = path.stem().native();
    found.push_back(name);
    const Place place{fmt::format("{}/{}", kFolder, path.filename().native()), 1, 1, "transform " + name};
    if (!is_identifier(name) || is_reserved_name(name)) {
      Error& error =
          is_identifier(name)
              ? problems.add("project.reserved_name", fmt::format("the name '{}' is reserved for SQL", name),
                             place)
              : problems.add("project.bad_name", fmt::format("'{}' is not a name for a table", name), place);
      error.expected = describe(Scalar{Scalar::Kind::Identifier});
      error.hint = "rename the file";
      continue;
    }
    auto sql = read_sql(path, place, problems);
    auto [it, is_new] = transforms.try_emplace(name);
    Transform& transform = it->second;
    if (is_new) {
      transform.name = name;
      transform.place = place;
    }
    if (!transform.command.empty())
      problems
          .add("project.exclusive_keys",
               fmt::format("transform '{}' has a command and a file {}", name, place.file), transform.place)
          .hint = "remove one of them";
    transform.sql_path = path;
    transform.sql = std::move(sql).value_or("");
  }
  for (auto& [name, transform] : transforms) {
    for (Path& script : transform.scripts) {
      script = (folder / script).lexically_normal();
      std::error_code error;
      if (!std::filesystem::is_regular_file(script, error))
        problems
            .add("project.missing_file",
                 fmt::format("there is no file {}", script.lexically_relative(folder).native()),
                 transform.place)
            .hint = "`scripts` are paths from the project's folder";
    }
    if (!transform.sql_path.empty() || !transform.command.empty()) continue;
    if (std::find(found.begin(), found.end(), name) != found.end() || !is_identifier(name)) continue;
    Error& error = problems.add("project.unknown_transform",
                                fmt::format("there is no file transforms/{}.sql", name), transform.place);
    error.expected = "an SQL file of that name, or a `command`";
    error.hint = did_you_mean(name, found);
  }
}

}  // namespace tidemill::project
