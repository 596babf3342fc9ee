// From the file to the Project: parse, lay the environment over, put in parameters and secrets, hold against
// the description, read, and check what is named elsewhere. Later stages run although earlier ones found
// mistakes, so that all come at once.
#include "project/load.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/sha256.hpp"
#include "project/describe.hpp"
#include "project/export_paths.hpp"
#include "project/interpolation.hpp"
#include "project/log_sources.hpp"
#include "project/read.hpp"
#include "project/references.hpp"
#include "project/transforms_folder.hpp"
#include "project/validate.hpp"

namespace tidemill::project {

namespace {

constexpr const char* kProjectFile = "tidemill.yaml";
constexpr const char* kHomeFolder = ".tidemill";
constexpr const char* kEnvironmentsFolder =
    "environments";  // in the home: homes of environments without one of their own
// What an environment lays over the project: merged key by key, or put in its place.
constexpr std::array kMergedKeys{"parameters", "connections", "run"};
constexpr std::array kReplacedKeys{"home", "notify"};

std::vector<std::string> keys_of(const YamlNode* map) {
  std::vector<std::string> keys;
  if (map != nullptr)
    for (const YamlEntry& entry : map->entries) keys.push_back(entry.key.text);
  return keys;
}

void lay_over(YamlNode& below, const YamlEntry& entry);

void merge_maps(YamlNode& below, const YamlNode& above) {
  for (const YamlEntry& entry : above.entries) lay_over(below, entry);
}

void lay_over(YamlNode& below, const YamlEntry& entry) {
  YamlNode* there = below.find(entry.key.text);
  if (there == nullptr)
    below.entries.push_back(entry);
  else if (there->is_map() && entry.value.is_map())
    merge_maps(*there, entry.value);
  else if (!entry.value.is_null())
    *there = entry.value;
}

/// Reads the chosen environment into the tree; returns its node, or null.
YamlNode* choose_environment(YamlNode& tree, const std::string& name, Problems& problems) {
  YamlNode* environments = tree.find("environments");
  if (environments != nullptr)
    for (YamlEntry& entry : environments->entries)
      if (entry.key.text != name) defer(entry.value);
  if (name.empty()) return nullptr;
  YamlNode* chosen = environments == nullptr ? nullptr : environments->find(name);
  if (chosen == nullptr) {
    const std::vector<std::string> known = keys_of(environments);
    Error& error =
        problems.add("project.unknown_environment", fmt::format("the project has no environment '{}'", name),
                     environments == nullptr ? tree : *environments, "--env");
    error.expected = known.empty() ? "no environment: the project declares none"
                                   : fmt::format("{}", fmt::join(known, ", "));
    error.hint = did_you_mean(name, known);
    return nullptr;
  }
  if (!chosen->is_map()) return nullptr;
  for (const YamlEntry& entry : chosen->entries) {
    const auto is = [&](const char* key) { return entry.key.text == key; };
    if (std::any_of(kMergedKeys.begin(), kMergedKeys.end(), is)) {
      lay_over(tree, entry);
    } else if (std::any_of(kReplacedKeys.begin(), kReplacedKeys.end(), is)) {
      if (YamlNode* there = tree.find(entry.key.text))
        *there = entry.value;
      else
        tree.entries.push_back(entry);
    }
  }
  return chosen;
}

Path home_of(const Reader& project, const YamlNode* environment, const Path& folder,
             const LoadOptions& options) {
  if (options.home) return std::filesystem::absolute(*options.home).lexically_normal();
  const bool own = environment != nullptr && environment->find("home") != nullptr;
  Path home = project.text("home", kHomeFolder);
  if (!options.environment.empty() && !own) home = home / kEnvironmentsFolder / options.environment;
  return (folder / home).lexically_normal();
}

Json effective(const YamlNode& tree, const Project& project) {
  Json json = Json::object();
  for (const YamlEntry& entry : tree.entries)
    if (entry.key.text != "environments") json[entry.key.text] = to_json(entry.value, Secrets::Names);
  json["environment"] = project.environment;
  json["sample"] = project.sample ? Json(*project.sample) : Json();
  return json;
}

/// A request's key is a column of the rows that are sent, or one of the features. What columns there are is
/// known when data is seen: here only what the project file itself rules out.
void check_sticky(const Project& project, const Deployment& deployment, const Place& place,
                  Problems& problems) {
  const std::string& column = deployment.rollout->sticky;
  const auto model = project.models.find(deployment.model);
  if (column.empty() || model == project.models.end()) return;
  const auto holds = [&](const std::vector<std::string>& names) {
    return std::ranges::find(names, column) != names.end();
  };
  const auto mistake = [&](std::string message, std::string hint) {
    problems.add("project.bad_value", std::move(message), place).hint = std::move(hint);
  };
  if (column == model->second.target)
    return mistake(fmt::format("no request has '{}': it is the target of model {}", column, model->first),
                   "a column that requests have, such as the customer's id");
  if (!deployment.request.empty()) return;  // of which any column may be meant
  const bool left_out =
      model->second.include.empty() ? holds(model->second.exclude) : !holds(model->second.include);
  if (left_out && !holds(project.key_of(deployment)))
    mistake(fmt::format("'{}' is no feature of model {} and not of its key, and requests carry nothing else",
                        column, model->first),
            "a feature; or declare the deployment's `request`, whose rows have other columns too");
}

/// A column that is to be dropped or hashed and is called otherwise by the model would be stored as it is.
void check_logged_columns(const Project& project, const Deployment& deployment, const Place& place,
                          const YamlNode& columns, Problems& problems) {
  const auto model = project.models.find(deployment.model);
  if (model == project.models.end()) return;
  const std::vector<std::string>& include = model->second.include;
  const std::vector<std::string> key = project.key_of(deployment);
  for (const YamlEntry& entry : columns.entries) {
    const std::string& column = entry.key.text;
    const auto is_column = [&](const std::string& name) { return name == column; };
    const bool left_out = include.empty() ? std::ranges::any_of(model->second.exclude, is_column)
                                          : std::ranges::none_of(include, is_column);
    const bool is_feature = !left_out && column != model->second.target;
    const bool is_key = std::ranges::any_of(key, is_column);
    if (column == "*" || is_feature || is_key ||
        std::ranges::any_of(model->second.fairness_groups, is_column))
      continue;
    Error& error = problems.add(
        "project.bad_value",
        fmt::format("'{}' is no feature of model {}, so no log of it has the column", column, model->first),
        entry.key, place.what);
    error.hint = did_you_mean(column, include);
  }
}

/// Deployments and exports take what they don't say from models and sources.
void fill_in(Project& project, const Reader& reader, Problems& problems) {
  reader.each("deployments", [&](const std::string& name, const YamlNode& node, const Place& place) {
    Deployment& deployment = project.deployments.at(name);
    const auto model = project.models.find(deployment.model);
    if (deployment.rollout) {
      const YamlNode* rollout = node.find("rollout");
      const YamlNode* sticky = rollout == nullptr ? nullptr : rollout->find("sticky");
      Place at = deployment.rollout->place;
      if (sticky != nullptr) at.line = sticky->line, at.column = sticky->column;
      check_sticky(project, deployment, at, problems);
    }
    if (const YamlNode* log = node.find("log"))
      if (const YamlNode* columns = log->find("columns"))
        check_logged_columns(project, deployment, place, *columns, problems);
    const bool says = node.find("through") != nullptr;
    if (deployment.request.empty() || model == project.models.end()) return;
    if (model->second.imported) {
      problems
          .add("project.bad_value",
               fmt::format("model {} was trained elsewhere: no SQL is known that makes features of a "
                           "source's rows",
                           model->first),
               *node.find("request"), place.what)
          .hint = "leave `request` out: callers send the features themselves";
      return;
    }
    const std::string& from = model->second.from;
    const bool is_transform = project.transforms.contains(from);
    if (!says && is_transform) deployment.through = {from};
    if (says && is_transform &&
        std::find(deployment.through.begin(), deployment.through.end(), from) == deployment.through.end()) {
      Error& error =
          problems.add("project.bad_value", fmt::format("requests do not pass the model's table '{}'", from),
                       *node.find("through"), place.what);
      error.hint = fmt::format("add {} to `through`: otherwise no request changes what the model sees", from);
    }
  });
  reader.each("exports", [&](const std::string& name, const YamlNode&, const Place& place) {
    Export& made = project.exports.at(name);
    if (made.mode != Export::Mode::Merge || !made.key.empty()) return;
    if (const auto source = project.sources.find(name); source != project.sources.end())
      made.key = source->second.key;
    if (made.key.empty())
      problems.add("project.missing_key", "`mode: merge` needs `key`", place).hint =
          "the columns that name a row";
  });
}

/// The path /v2/models/stats asks for the statistics of all deployments.
constexpr std::string_view kNoDeployment = "stats";

/// A name stands for one thing in SQL, in selections and in the API's paths.
void check_names_taken(const Project& project, Problems& problems) {
  if (const auto found = project.deployments.find(std::string(kNoDeployment));
      found != project.deployments.end())
    problems
        .add("project.reserved_name",
             fmt::format("no deployment can be called '{0}': /v2/models/{0} is another path of the API",
                         kNoDeployment),
             found->second.place)
        .hint = fmt::format("write my_{} or the like", kNoDeployment);
  for (const auto& [name, transform] : project.transforms)
    if (const auto source = project.sources.find(name); source != project.sources.end()) {
      const Place& place = transform.place.file == problems.file() && transform.place.line > 0
                               ? transform.place
                               : source->second.place;
      problems
          .add("project.name_taken", fmt::format("a source and a transform are both called '{}'", name),
               place)
          .hint = transform.sql_path.empty() ? "rename one of them"
                                             : fmt::format("rename the source, or transforms/{}.sql", name);
    }
  for (const auto& [name, model] : project.models)
    if (project.is_table(name))
      problems
          .add("project.name_taken", fmt::format("a table and a model are both called '{}'", name),
               model.place)
          .hint = "rename one of them: a selection names both";
}

class Loader {
 public:
  Loader(YamlNode tree, std::string file, Path folder, const LoadOptions& options)
      : tree_(std::move(tree)), problems_(std::move(file)), folder_(std::move(folder)), options_(options) {}

  std::expected<Project, Errors> load() {
    Project project;
    project.folder = folder_;
    project.file = folder_ / problems_.file();
    project.environment = options_.environment;
    if (tree_.is_map()) {
      environment_ = choose_environment(tree_, options_.environment, problems_);
      interpolate(project);
    }
    std::vector<Mention> mentions;
    validate(tree_, project_object(), problems_, mentions);
    const Reader reader(&tree_, project_object(), Place{problems_.file(), tree_.line, tree_.column, ""});
    read(project, reader);
    read_transforms_folder(folder_, project.transforms, problems_);
    check_mentions(mentions, declared(project), problems_);
    check_names_taken(project, problems_);
    fill_in(project, reader, problems_);
    check_export_paths(project, reader, problems_);
    add_log_sources(project);
    project.fingerprint = sha256(canonical(effective(tree_, project)));
    if (!problems_.empty()) return std::unexpected(std::move(problems_).sorted());
    return project;
  }

 private:
  void interpolate(Project& project) {
    Interpolation interpolation(folder_, problems_);
    interpolation.set_parameters(tree_.find("parameters"), options_.parameters);
    for (YamlEntry& entry : tree_.entries)
      if (entry.key.text != "environments") interpolation.apply(entry.value, entry.key.text);
    if (environment_ != nullptr) {
      if (YamlNode* sample = environment_->find("sample"))
        interpolation.apply(*sample, "environment " + options_.environment);
      defer(*environment_);  // all else was laid over the project, and is judged there
    }
    project.parameters = interpolation.parameters();
    project.secrets = std::move(interpolation).secrets();
  }

  void read(Project& project, const Reader& reader) {
    project.name = reader.text("name");
    project.timezone = reader.text("timezone", project.timezone);
    project.home = home_of(reader, environment_, folder_, options_);
    if (environment_ != nullptr)
      if (const YamlNode* sample = environment_->find("sample")) project.sample = parse_share(*sample);
    reader.each("connections", [&](const auto& name, const YamlNode& node, const Place& place) {
      project.connections.emplace(name, read_connection(name, node, place));
    });
    reader.each("sources", [&](const auto& name, const YamlNode& node, const Place& place) {
      project.sources.emplace(name, read_source(name, node, place, problems_));
    });
    reader.each("transforms", [&](const auto& name, const YamlNode& node, const Place& place) {
      project.transforms.emplace(name, read_transform(name, node, place, problems_));
    });
    reader.each("models", [&](const auto& name, const YamlNode& node, const Place& place) {
      project.models.emplace(name, read_model(name, node, place, problems_));
    });
    reader.each("deployments", [&](const auto& name, const YamlNode& node, const Place& place) {
      project.deployments.emplace(name, read_deployment(name, node, place, problems_));
    });
    reader.each("exports", [&](const auto& name, const YamlNode& node, const Place& place) {
      project.exports.emplace(name, read_export(name, node, place, problems_));
    });
    project.schedules = read_schedules(reader, problems_);
    project.monitors = read_monitors(reader, project, problems_);
    project.labels = read_labels(reader);
    project.notify = read_notify(reader);
    const Reader run = reader.object("run");
    project.run_timeout = run.duration("timeout");
    project.memory_bytes = parse_bytes(run.text("memory"));
    if (const auto threads = run.integer("threads"))
      project.threads = static_cast<int>(std::clamp<int64_t>(*threads, 1, kMostThreads));
  }

  Declared declared(const Project& project) const {
    Declared all;
    all.connections = keys_of(tree_.find("connections"));
    all.deployments = keys_of(tree_.find("deployments"));
    for (const auto& [name, source] : project.sources) all.sources.push_back(name);
    for (const auto& [name, transform] : project.transforms) all.transforms.push_back(name);
    for (const auto& [name, model] : project.models) all.models.push_back(name);
    return all;
  }

  YamlNode tree_;
  Problems problems_;
  Path folder_;
  const LoadOptions& options_;
  YamlNode* environment_ = nullptr;
};

}  // namespace

std::expected<Project, Errors> load_text(std::string_view text, const Path& folder,
                                         const LoadOptions& options) {
  const std::string file = options.file.has_filename() && options.file.extension() == ".yaml"
                               ? options.file.filename().native()
                               : kProjectFile;
  Result<YamlNode> tree = parse_yaml(text, file);
  if (!tree) return std::unexpected(Errors{std::move(tree).error()});
  return Loader(*std::move(tree), file, folder, options).load();
}

std::expected<Project, Errors> load(const LoadOptions& options) {
  std::error_code error;
  Path file =
      std::filesystem::absolute(options.file.empty() ? Path(".") : options.file, error).lexically_normal();
  if (std::filesystem::is_directory(file, error)) file = (file / kProjectFile).lexically_normal();
  if (!std::filesystem::exists(file, error)) {
    auto missing = user_error("project.not_found", fmt::format("there is no project file {}", file.native()),
                              {}, "start one here: tidemill init; or say where it is: --project FOLDER");
    return std::unexpected(Errors{std::move(missing).error()});
  }
  Result<std::string> text = read_file(file, kMaxYamlBytes);
  if (!text) return std::unexpected(Errors{std::move(text).error()});
  LoadOptions here = options;
  here.file = file;
  return load_text(*text, file.parent_path(), here);
}

Result<Path> find_project_file(const Path& folder) {
  std::error_code error;
  const Path start = std::filesystem::absolute(folder.empty() ? Path(".") : folder, error).lexically_normal();
  for (Path at = start;; at = at.parent_path()) {
    if (std::filesystem::is_regular_file(at / kProjectFile, error))
      return (at / kProjectFile).lexically_normal();
    if (!at.has_relative_path()) break;
  }
  return user_error("project.not_found",
                    fmt::format("there is no {} in {} or above it", kProjectFile, start.native()), {},
                    "start a project here: tidemill init");
}

}  // namespace tidemill::project
