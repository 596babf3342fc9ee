// tidemill init: an empty project, an example, or a project drafted from a stranger's data file.
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/commands.hpp"
#include "app/draft.hpp"
#include "app/draft_names.hpp"
#include "app/output.hpp"
#include "project/project.hpp"

namespace tidemill::app {

namespace {

constexpr std::string_view kEmptyProject =
    R"(# A tidemill project. `tidemill schema` describes every key; `tidemill plan` says what would run.
name: "{}"
sources: {{}}
#  customers: {{path: data/customers.csv, key: customer_id}}
#models:
#  churn: {{from: features, key: customer_id, target: churned}}
#deployments:
#  churn: {{model: churn@champion}}
)";

Result<void> write_new(const Path& path, std::string_view text) {
  if (std::filesystem::exists(path))
    return user_error("init.exists", fmt::format("{} exists already", path.native()), {},
                      "choose another --folder");
  TM_CHECK(make_folder(path.parent_path()));
  return write_file(path, text);
}

Result<void> copy_example(const std::string& example, const Path& folder) {
  const char* variable = std::getenv("TIDEMILL_EXAMPLES");
  std::error_code error;
  const Path beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path().parent_path() /
                      "share" / "tidemill" / "examples";
  const Path examples = variable != nullptr ? Path(variable) : beside;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(examples, error))
    if (entry.is_directory()) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  if (std::find(names.begin(), names.end(), example) == names.end()) {
    const std::string near = did_you_mean(example, names);
    return user_error("init.example", fmt::format("there is no example '{}'", example), {},
                      names.empty()
                          ? fmt::format("{} holds none: install tidemill, or say in TIDEMILL_EXAMPLES "
                                        "where its examples/ is",
                                        examples.lexically_normal().native())
                      : near.empty() ? fmt::format("there are {}", fmt::join(names, ", "))
                                     : near);
  }
  if (std::filesystem::exists(folder / "tidemill.yaml"))
    return user_error("init.exists", fmt::format("{} exists already", (folder / "tidemill.yaml").native()));
  TM_CHECK(make_folder(folder));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(examples / example, error)) {
    const Path relative = entry.path().lexically_relative(examples / example);
    if (relative.begin()->native().starts_with(".tidemill") || relative.begin()->native() == "out") continue;
    if (entry.is_directory())
      TM_CHECK(make_folder(folder / relative));
    else
      std::filesystem::copy_file(entry.path(), folder / relative, error);
    if (error) return errno_error("copy to", (folder / relative).native(), error.value());
  }
  return {};
}

}  // namespace

int init(const GlobalOptions& global, const InitOptions& options) {
  Path folder = std::filesystem::absolute(options.folder).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();
  const Path file = folder / "tidemill.yaml";
  const std::string name = options.name.empty() ? project_name(folder.filename().native()) : options.name;
  if (project_name(name) != name)
    return report(global, Error{ErrorKind::User,
                                "project.bad_name",
                                fmt::format("'{}' is not a name", name),
                                {},
                                {},
                                "letters, digits, - and _",
                                {}});
  const auto next = [&](const std::string& text) {
    if (!global.quiet) fmt::print(stderr, "{}\n", text);
    return 0;
  };
  if (!options.example.empty()) {
    const auto copied = copy_example(options.example, folder);
    return copied ? next(fmt::format("{} is in {}; next: tidemill run", options.example, folder.native()))
                  : report(global, copied.error());
  }
  if (options.from.empty()) {
    if (!options.target.empty())
      return report(global,
                    Error{ErrorKind::User, "usage.arguments", "--target needs --from FILE", {}, {}, {}, {}});
    const auto written = write_new(file, fmt::format(kEmptyProject, name));
    return written ? next(fmt::format("wrote {}; next: declare a source in it", file.native()))
                   : report(global, written.error());
  }
  if (options.target.empty())
    return report(global, Error{ErrorKind::User,
                                "usage.arguments",
                                "--from needs --target COLUMN: what is to be predicted",
                                {},
                                {},
                                {},
                                {}});

  const auto data = measure_file(global, options.from, folder, options.target);
  if (!data) return report(global, data.error());
  const auto draft = draft_project(name.empty() ? data->table : name, *data, options.target);
  if (!draft) return report(global, draft.error());
  const Path sql = folder / "transforms" / (draft->transform_name + ".sql");
  for (const auto& [path, text] :
       {std::pair{file, draft->project_file}, std::pair{sql, draft->transform_sql}})
    if (const auto written = write_new(path, text); !written) return report(global, written.error());
  if (const auto read = project::load({.file = file}); !read) return report(global, read.error());
  if (global.json) {
    print_json({{"project", file.native()},
                {"transform", sql.native()},
                {"notes", draft->notes},
                {"warnings", draft->warnings}});
    return 0;
  }
  print(fmt::format("wrote {}\nwrote {}", file.native(), sql.native()));
  for (const std::string& note : draft->notes) print("  " + note);
  for (const std::string& warning : draft->warnings)
    fmt::print(stderr, "{} {}\n", painted(global, "warning:", Tone::Warning), warning);
  return next("next: tidemill run, then tidemill serve");
}

}  // namespace tidemill::app
