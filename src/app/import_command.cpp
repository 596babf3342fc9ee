// tidemill models import: a version of a model that was trained elsewhere. It has a run of its own, so that
// the record says who brought it and when; nothing goes live unless an alias is asked for.
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "base/id.hpp"
#include "base/sha256.hpp"
#include "forest/imported.hpp"
#include "project/scalar.hpp"
#include "project/yaml.hpp"
#include "serving/deployments.hpp"

namespace tidemill::app {

namespace {

struct Found {
  Path file;
  std::map<std::string, std::string> types;  // what MLmodel's signature says
};

std::string sql_type(const std::string& mlflow) {
  if (mlflow == "long") return "BIGINT";
  if (mlflow == "integer") return "INTEGER";
  if (mlflow == "float") return "FLOAT";
  if (mlflow == "boolean") return "BOOLEAN";
  if (mlflow == "string") return "VARCHAR";
  return "DOUBLE";
}

/// The signature is JSON within the YAML: [{"type": "double", "name": "a"}, …].
Result<std::map<std::string, std::string>> signature_of(const project::YamlNode& root, const Path& file) {
  std::map<std::string, std::string> types;
  const project::YamlNode* signature = root.find("signature");
  const project::YamlNode* inputs = signature == nullptr ? nullptr : signature->find("inputs");
  if (inputs == nullptr || !inputs->is_scalar()) return types;
  TM_TRY(const Json json, parse_json(inputs->text, file.native()));
  if (!json.is_array()) return types;
  for (const Json& input : json)
    if (input.is_object() && input.contains("name") && input["name"].is_string() && input.contains("type") &&
        input["type"].is_string())
      types[input["name"].get<std::string>()] = sql_type(input["type"].get<std::string>());
  return types;
}

Result<Found> find_in_mlflow(const Path& folder) {
  const Path file = folder / "MLmodel";
  TM_TRY(const std::string text, read_file(file));
  TM_TRY(const project::YamlNode root, project::parse_yaml(text, file.native()));
  const project::YamlNode* flavors = root.find("flavors");
  for (const char* name : {"xgboost", "lightgbm"}) {
    const project::YamlNode* flavor = flavors == nullptr ? nullptr : flavors->find(name);
    if (flavor == nullptr) continue;
    const project::YamlNode* data = flavor->find("data");
    if (data == nullptr || !data->is_scalar() || data->text.empty() ||
        Path(data->text).filename() != Path(data->text))
      return data_error("import.mlmodel", fmt::format("its {} flavor names no model file", name),
                        {file.native()});
    if (Path(data->text).extension() == ".pkl")
      return data_error("import.pickle",
                        fmt::format("{} is a pickle, which only Python can read", data->text),
                        {file.native()}, "log the booster itself: model.booster_ or model.get_booster()");
    Found found{folder / data->text, {}};
    TM_TRY(found.types, signature_of(root, file));
    return found;
  }
  return data_error("import.mlmodel", "it has neither an xgboost nor a lightgbm flavor", {file.native()});
}

Result<Found> find_model(const Path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return Found{path, {}};
  if (std::filesystem::exists(path / "MLmodel", error)) return find_in_mlflow(path);
  return user_error("import.no_model", "the folder has no MLmodel", {path.native()},
                    "name the model file itself");
}

Result<forest::Package> package_of(const Session& session, const ImportOptions& options, const Found& found,
                                   std::string_view bytes) {
  forest::ImportedModel imported{
      options.model, {}, {}, found.types, options.all_rounds ? forest::Rounds::All : forest::Rounds::Best};
  if (const auto declared = session.project.models.find(options.model);
      declared != session.project.models.end()) {
    imported.key = declared->second.key;
    imported.target = declared->second.target;
  }
  auto package = forest::imported_package(imported, bytes);
  if (!package) {
    package.error().where.file = found.file.native();
    return package;
  }
  package->provenance["file"] = found.file.filename().native();
  package->provenance["sha256"] = sha256(bytes);
  return package;
}

/// One run with one step that records the version.
Result<registry::Version> record(const Session& session, const std::string& model,
                                 const registry::ObjectId& manifest, const Json& provenance) {
  registry::Registry& registry = *session.registry;
  const Instant begun = system_clock()->now();
  registry::Run run;
  run.id = make_run_id(begun);
  run.selection = "import " + model;
  TM_TRY(const auto lock, registry.lock_for_run(run.id));
  TM_CHECK(registry.begin_run(run));
  registry::StepRecord step;
  step.run = run.id;
  step.step = "import:" + model;
  step.started_at = begun;
  step.ended_at = system_clock()->now();
  registry::Version version;
  version.model = model;
  version.package = manifest;
  version.state = "accepted";
  version.gate = {{"imported", provenance}};
  step.version = version;
  auto recorded = registry.record_step(step);
  TM_CHECK(registry.end_run({.run = run.id, .status = recorded ? "done" : "failed"}));
  if (!recorded) return std::unexpected(std::move(recorded).error());
  return *recorded->version;
}

/// What is still to be written before a deployment can serve it.
void hint_at_declaration(const project::Project& project, const std::string& model) {
  if (project.models.contains(model)) return;
  std::vector<std::string> names;
  for (const auto& [name, _] : project.models) names.push_back(name);
  const std::string near = did_you_mean(model, names);
  fmt::print(stderr,
             "the project declares no model '{0}'{1}; to serve it: models: {{{0}: {{imported: true}}}}\n",
             model, near.empty() ? "" : fmt::format(" ({})", near));
}

/// The version is there by now: what is refused is its alias.
Result<void> check_as_served(const Session& session, const ImportOptions& options, int version) {
  auto served = serving::Deployments::check_promotion(
      session.project, {options.model, version, options.alias}, *session.registry);
  if (!served)
    served.error().message = fmt::format("imported as version {0}, but it is not {1}@{2}: {3}", version,
                                         options.model, options.alias, served.error().message);
  return served;
}

/// "; 7 of its 12 rounds, up to the best": empty where all are used.
std::string rounds_text(const forest::Package& package) {
  const int64_t in_file = package.provenance.value("rounds_in_file", int64_t{0});
  if (!package.rounds || *package.rounds >= in_file) return "";
  return fmt::format("; {} of its {} rounds, up to the best (--all-rounds takes all)", *package.rounds,
                     in_file);
}

}  // namespace

Result<int> import_model(const GlobalOptions& global, const Session& session, const ImportOptions& options) {
  if (!project::is_identifier(options.model) || project::is_reserved_name(options.model))
    return user_error("usage.arguments", fmt::format("'{}' cannot be a model's name", options.model), {},
                      "a model's name is of small letters, digits and _");
  TM_TRY(const Found found, find_model(options.path));
  TM_TRY(const std::string bytes, read_file(found.file));
  TM_TRY(forest::Package package, package_of(session, options, found, bytes));
  TM_CHECK(forest::Predictor::make(package, bytes));
  registry::Registry& registry = *session.registry;
  TM_TRY(package.files[std::string(forest::file_name_of(bytes))], registry.put_bytes(bytes));
  TM_TRY(const registry::ObjectId manifest,
         registry.put_bytes(tidemill::to_text(forest::to_json(package), 1) + "\n"));
  TM_TRY(const registry::Version version, record(session, options.model, manifest, package.provenance));
  if (!options.alias.empty()) {
    TM_CHECK(check_as_served(session, options, version.number));
    TM_CHECK(registry.promote(options.model, version.number, options.alias, "imported"));
  }
  if (!global.quiet) hint_at_declaration(session.project, options.model);
  if (global.json) {
    print_json({{"model", options.model},
                {"version", version.number},
                {"task", forest::to_text(package.task)},
                {"features", package.features.size()},
                {"rounds", package.rounds ? Json(*package.rounds) : Json()},
                {"alias", options.alias.empty() ? Json() : Json(options.alias)}});
    return 0;
  }
  print(fmt::format("{} version {}: {} with {} features, imported from {}{}{}", options.model, version.number,
                    forest::to_text(package.task), package.features.size(), found.file.filename().native(),
                    rounds_text(package),
                    options.alias.empty() ? "" : fmt::format("; it is {}@{}", options.model, options.alias)));
  return 0;
}

}  // namespace tidemill::app
