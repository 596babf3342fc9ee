#include "project/export_paths.hpp"

#include <fnmatch.h>

#include <algorithm>

#include <fmt/format.h>

#include "project/describe.hpp"

namespace tidemill::project {

namespace {

constexpr const char* kUsualHome = ".tidemill";

bool is_pattern(std::string_view part) { return part.find_first_of("*?[") != std::string_view::npos; }

bool is_named(const Path& pattern, const Path& name) {
  return is_pattern(pattern.native()) ? fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0
                                      : pattern == name;
}

bool holds(const Path& folder, const Path& path) {
  const Path rest = path.lexically_relative(folder);
  return !rest.empty() && *rest.begin() != "..";
}

/// Whether a source's path or glob means the file, as engine::expand_globs would find it were it there.
bool means(const Path& folder, const Path& pattern, const Path& file) {
  Path base = pattern.is_absolute() ? pattern.root_path() : folder;
  std::vector<Path> parts;
  for (const Path& part : pattern.lexically_normal().relative_path())
    if (part == "..")
      base = base.parent_path();  // normal: all of them come first
    else
      parts.push_back(part);
  if (!parts.empty() && parts.back() == "**") parts.emplace_back("*");
  if (!holds(base, file)) return false;
  const Path rest = file.lexically_relative(base);
  const std::vector<Path> names(rest.begin(), rest.end());
  std::vector<bool> reached(names.size() + 1);  // so many names can be what the parts so far mean
  reached[0] = true;
  for (const Path& part : parts) {
    std::vector<bool> next(names.size() + 1);
    for (size_t i = 0; i <= names.size(); ++i)
      if (part == "**")
        next[i] = reached[i] || (i > 0 && next[i - 1] && !names[i - 1].native().starts_with('.'));
      else
        next[i] = i > 0 && reached[i - 1] && is_named(part, names[i - 1]);
    reached = std::move(next);
  }
  return reached.back();
}

class ExportPaths {
 public:
  ExportPaths(const Project& project, Problems& problems)
      : project_(project), problems_(problems), folder_(project.folder.lexically_normal()) {
    if (!folder_.has_filename()) folder_ = folder_.parent_path();
  }

  void check(const std::string& table, const std::string& written, const Place& place) {
    const Path file = (folder_ / written).lexically_normal();
    for (const auto& [name, source] : project_.sources)
      for (const std::string& path : source.paths)
        if (means(folder_, path, file)) return add_over_source(written, name, path, place);
    for (const Path& home : {project_.home, folder_ / kUsualHome})
      if (holds(home, file) && !holds(home, folder_)) {
        problems_
            .add("project.bad_value",
                 fmt::format("'{}' is in the home {}, where only what Tidemill keeps may be", written,
                             home.native()),
                 place)
            .hint = "name a file outside of the home";
        return;
      }
    const auto [other, is_first] = tables_.emplace(file, table);
    if (!is_first)
      problems_
          .add("project.name_taken",
               fmt::format("'{}' is written by the export of {} too", written, other->second), place)
          .hint = "name another file for one of them";
  }

 private:
  void add_over_source(const std::string& written, const std::string& source, const std::string& path,
                       const Place& place) {
    problems_
        .add("project.output_is_input",
             is_pattern(path)
                 ? fmt::format("'{}' is among the files that '{}' of source {} means: it would be both input "
                               "and output",
                               written, path, source)
                 : fmt::format("'{}' is the file of source {}: its rows would be written over", written,
                               source),
             place)
        .hint = "name a file that no source reads";
  }

  const Project& project_;
  Problems& problems_;
  Path folder_;
  std::map<Path, std::string> tables_;  // by the file that each is written to
};

}  // namespace

void check_export_paths(const Project& project, const Reader& reader, Problems& problems) {
  ExportPaths paths(project, problems);
  reader.each("exports", [&](const std::string& table, const YamlNode& node, const Place& place) {
    const std::string& written = project.exports.at(table).path;
    if (!written.empty()) paths.check(table, written, Reader(&node, export_object(), place).place_of("path"));
  });
}

}  // namespace tidemill::project
