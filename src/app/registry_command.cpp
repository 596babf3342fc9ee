// tidemill runs | models | tables | releases: what there is; show ID; export, and import
// (import_command.cpp).
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "app/version_text.hpp"
#include "pipeline/diff.hpp"
#include "pipeline/outline.hpp"
#include "pipeline/predictors.hpp"

namespace tidemill::app {

namespace {

using registry::Registry;

std::string short_id(const std::string& id) { return id.substr(0, 12); }
std::string commit_of(const std::string& commit, bool dirty) {
  return commit.empty() ? "" : commit.substr(0, 10) + (dirty ? "+" : "");
}

Json to_json(const registry::Table& table) {
  Json columns = Json::array();
  for (const auto& column : table.columns) columns.push_back({{"name", column.name}, {"type", column.type}});
  return {{"id", table.id},         {"name", table.name},
          {"rows", table.rows},     {"bytes", table.bytes},
          {"object", table.object}, {"logical", table.logical},
          {"run", table.run},       {"made_at", to_text(table.made_at)},
          {"columns", columns}};
}

/// "accepted", "rejected", or "imported": of one that was trained elsewhere and stood before no gate;
/// "dropped" when gc took its package, "retired" when a person did away with it.
std::string state_of(const registry::Version& version) {
  if (version.retired) return "retired";
  if (version.dropped) return "dropped";
  return version.gate.is_object() && version.gate.contains("imported") ? "imported" : version.state;
}

Json to_json(const registry::Version& version, const std::map<std::string, int>& aliases) {
  Json names = Json::array();
  for (const auto& [alias, number] : aliases)
    if (number == version.number) names.push_back(alias);
  return {{"model", version.model},
          {"version", version.number},
          {"aliases", names},
          {"state", state_of(version)},
          {"retired", version.retired ? Json(*version.retired) : Json()},
          {"package", version.package},
          {"data", version.data_logical},
          {"run", version.run},
          {"git_commit", version.git_commit},
          {"git_dirty", version.git_dirty},
          {"made_at", to_text(version.made_at)},
          {"metrics", version.metrics},
          {"gate", version.gate}};
}

Json to_json(const registry::Release& release) {
  return {{"release", release.id},    {"run", release.run},         {"made_at", to_text(release.made_at)},
          {"tables", release.tables}, {"aliases", release.aliases}, {"note", release.note}};
}

Json to_json(const registry::Run& run) {
  return {{"run", run.id},
          {"status", run.status},
          {"selection", run.selection},
          {"by", run.by},
          {"git_commit", run.git_commit},
          {"git_dirty", run.git_dirty},
          {"started_at", to_text(run.started_at)},
          {"ended_at", run.ended_at ? Json(to_text(*run.ended_at)) : Json()},
          {"as_of", run.as_of ? Json(to_text(*run.as_of)) : Json()},
          {"report", run.report}};
}

Json to_json(const registry::StepRecord& step) {
  return {{"step", step.step},
          {"status", registry::to_text(step.status)},
          {"key", step.key},
          {"report", step.report},
          {"error", step.error ? *step.error : Json()},
          {"started_at", to_text(step.started_at)},
          {"ended_at", to_text(step.ended_at)}};
}

std::string key_metric(const registry::Version& version) {
  const auto test = version.metrics.find("test");
  const Json& metrics = test != version.metrics.end() && test->is_object() ? *test : version.metrics;
  for (const char* name : {"roc_auc", "rmse", "accuracy", "log_loss"}) {
    const auto at = metrics.find(name);
    if (at == metrics.end()) continue;
    const Json& value = at->is_object() && at->contains("value") ? (*at)["value"] : *at;
    if (value.is_number()) return fmt::format("{} {:.4f}", name, value.get<double>());
  }
  return "";
}

Result<Json> list_runs(Registry& registry, const RegistryOptions& options, TextTable& text) {
  TM_TRY(const auto runs, registry.runs(options.limit));
  Json list = Json::array();
  for (const auto& run : runs) {
    list.push_back(to_json(run));
    const double seconds =
        run.ended_at ? Duration{run.ended_at->micros - run.started_at.micros}.seconds() : 0;
    text.add({run.id, run.status, run.selection.empty() ? "all" : run.selection, run.by,
              human_time(run.started_at), run.ended_at ? human_seconds(seconds) : "",
              commit_of(run.git_commit, run.git_dirty)});
  }
  return list;
}

Result<Json> list_models(Registry& registry, TextTable& text) {
  TM_TRY(const auto models, registry.models());
  Json list = Json::array();
  for (const std::string& model : models) {
    TM_TRY(const auto versions, registry.versions(model));
    TM_TRY(const auto aliases, registry.aliases(model));
    TM_TRY(const auto hold, registry.hold(model));
    for (const auto& version : versions) {
      Json json = to_json(version, aliases);
      if (hold) json["hold"] = *hold;
      std::string names;
      for (const Json& name : json["aliases"]) names += (names.empty() ? "" : ", ") + name.get<std::string>();
      text.add({model, fmt::format("{}", version.number), names + (hold && !names.empty() ? " (held)" : ""),
                state_of(version), key_metric(version), human_time(version.made_at),
                commit_of(version.git_commit, version.git_dirty)});
      list.push_back(std::move(json));
    }
  }
  return list;
}

Result<Json> list_tables(Registry& registry, TextTable& text) {
  TM_TRY(const auto tables, registry.live_tables());
  Json list = Json::array();
  for (const auto& [name, table] : tables) {
    list.push_back(to_json(table));
    text.add({name, grouped(table.rows), fmt::format("{}", table.columns.size()), human_bytes(table.bytes),
              human_time(table.made_at), short_id(table.logical)});
  }
  return list;
}

Result<Json> list_releases(Registry& registry, const RegistryOptions& options, TextTable& text) {
  TM_TRY(const auto releases, registry.releases(options.limit));
  Json list = Json::array();
  for (const auto& release : releases) {
    list.push_back(to_json(release));
    std::string models;
    for (const auto& [model, aliases] : release.aliases)
      for (const auto& [alias, number] : aliases)
        models += fmt::format("{}{}@{}={}", models.empty() ? "" : ", ", model, alias, number);
    text.add({fmt::format("{}", release.id), human_time(release.made_at),
              fmt::format("{}", release.tables.size()), models, release.note});
  }
  return list;
}

/// A run that ended says what became of every step, also of those it never began; of one that was killed
/// there are the records.
Result<Json> show_run(Registry& registry, const std::string& id) {
  std::string chosen = id;
  if (id == "latest") {
    TM_TRY(const auto newest, registry.runs(1));
    if (newest.empty()) return user_error("usage.unknown_run", "nothing has run yet");
    chosen = newest[0].id;
  }
  TM_TRY(const auto run, registry.run(chosen));
  if (!run)
    return user_error("usage.unknown_run", fmt::format("there is no run '{}'", chosen), {},
                      "see tidemill runs");
  Json json = to_json(*run);
  json["steps"] = run->report.value("steps", Json::array());
  json.erase("report");
  if (!json["steps"].empty()) return json;
  TM_TRY(const auto steps, registry.steps(chosen));
  for (const auto& step : steps) json["steps"].push_back(to_json(step));
  return json;
}

std::string run_text(const Json& run) {
  const auto word = [](const Json& json, const char* name) {
    return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : std::string();
  };
  std::string out = fmt::format("run {}: {}, begun {}, ended {}", word(run, "run"), word(run, "status"),
                                word(run, "started_at"), word(run, "ended_at"));
  if (const std::string as_of = word(run, "as_of"); !as_of.empty()) out += ", as of " + as_of;
  out += "\n";
  TextTable text({{"step"}, {"status"}, {"rows", true}, {"time", true}, {"why"}});
  for (const Json& step : run["steps"]) {
    std::string why = word(step, "reason");
    if (step.contains("error") && step["error"].is_object()) why = word(step["error"], "message");
    if (step.contains("blocked_by")) why = "waits for " + word(step, "blocked_by");
    text.add({word(step, "step"), word(step, "status"),
              step.contains("rows") ? grouped(step["rows"].get<int64_t>()) : "",
              step.contains("seconds") ? human_seconds(step["seconds"].get<double>()) : "", why});
  }
  return out + text.text();
}

Result<int> print_log(Registry& registry, const std::string& id, const std::string& step) {
  TM_TRY(const Json run, show_run(registry, id));
  std::string file = step;
  for (char& c : file)
    if (c == ':') c = '.';
  const Path folder = registry.run_folder(run["run"].get<std::string>());
  for (const Path& path : {folder / "steps" / (file + ".log"), folder / (file + ".log")})
    if (std::filesystem::exists(path)) {
      TM_TRY(const std::string text, read_file(path));
      print(text);
      return 0;
    }
  return user_error("usage.unknown_step",
                    fmt::format("run {} has no log of step '{}'", run["run"].get<std::string>(), step), {},
                    "steps are named as in tidemill plan: transform:features");
}

Result<Json> show_table(Registry& registry, const std::string& name) {
  TM_TRY(const auto history, registry.table_history(name, 20));
  if (history.empty()) {
    TM_TRY(const auto live, registry.live_tables());
    std::vector<std::string> names;
    for (const auto& [table, snapshot] : live) names.push_back(table);
    return user_error("usage.unknown_table", fmt::format("there is no table '{}'", name), {},
                      did_you_mean(name, names));
  }
  TM_TRY(const auto live, registry.live_tables());
  Json json = Json::object();
  const auto at = live.find(name);
  json["live"] = at == live.end() ? Json() : to_json(at->second);
  json["history"] = Json::array();
  for (const auto& table : history) json["history"].push_back(to_json(table));
  return json;
}

Result<Json> show_release(Registry& registry, const std::string& id) {
  TM_TRY(const auto release, pipeline::release_of(registry, id));
  return to_json(release);
}

Result<Json> show_version(const Session& session, const std::string& reference) {
  const Registry& registry = *session.registry;
  TM_TRY(const auto version, find_version(session, reference));
  TM_TRY(const auto aliases, registry.aliases(version.model));
  Json json = to_json(version, aliases);
  if (!version.dropped) {  // its package is gone then
    TM_TRY(const forest::Package package, pipeline::load_package(registry, version));
    json["importance"] = package.importance;
    json["task"] = forest::to_text(package.task);
    json["classes"] = package.classes;
    json["features"] = Json::array();
    for (const forest::Feature& feature : package.features)
      json["features"].push_back(
          {{"name", feature.name}, {"type", feature.sql_type}, {"category", feature.category}});
  }
  return json;
}

Result<int> export_package(const Session& session, const std::string& reference, const Path& folder) {
  const Registry& registry = *session.registry;
  if (folder.empty()) return user_error("usage.arguments", "models export needs --folder");
  TM_TRY(const auto version, find_version(session, reference));
  TM_TRY(const std::string manifest, registry.read_object(version.package));
  TM_TRY(const Json package, parse_json(manifest));
  TM_CHECK(make_folder(folder));
  TM_CHECK(write_file(folder / "package.json", to_text(package, 2)));
  for (const auto& [file, object] : package["files"].items()) {
    if (Path(file).filename() != file)
      return data_error("package.file_name", fmt::format("the package names a file '{}'", file));
    TM_TRY(const std::string bytes, registry.read_object(object.get<std::string>()));
    TM_CHECK(write_file(folder / file, bytes));
  }
  print(fmt::format("{} version {} is in {}", version.model, version.number, folder.native()));
  return 0;
}

Result<int> retire(const GlobalOptions& global, Registry& registry, const RegistryOptions& options) {
  const auto& words = options.rest;
  if (words.size() < 3)
    return user_error(
        "usage.arguments",
        "models retire takes a model and versions: tidemill models retire late 1 2 --reason WHY");
  if (options.reason.empty())
    return user_error("usage.arguments",
                      "retiring a version cannot be undone, and needs a reason: --reason WHY");
  const std::string& model = words[1];
  std::set<int> versions;
  for (size_t i = 2; i < words.size(); ++i) {
    TM_TRY(const auto version, registry.version(model, words[i]));
    versions.insert(version.number);
  }
  TM_CHECK(registry.retire(model, versions, options.reason));
  TM_TRY(const auto aliases, registry.aliases(model));
  const auto champion = aliases.find("champion");
  if (global.json) {
    print_json({{"model", model},
                {"retired", versions},
                {"champion", champion == aliases.end() ? Json() : Json(champion->second)}});
    return 0;
  }
  print(fmt::format("{} {} {} retired: never live, never compared with again", model,
                    fmt::join(versions, ", "), versions.size() == 1 ? "is" : "are"));
  print(champion == aliases.end()
            ? fmt::format(
                  "{0} has no champion now: `tidemill run` finds one, or tidemill promote {0} VERSION", model)
            : fmt::format("{}@champion is version {}", model, champion->second));
  return 0;
}

Result<int> list(const GlobalOptions& global, Registry& registry, const RegistryOptions& options) {
  TextTable text =
      options.what == "runs"
          ? TextTable({{"run"}, {"status"}, {"selection"}, {"by"}, {"started"}, {"time", true}, {"commit"}})
      : options.what == "models"
          ? TextTable(
                {{"model"}, {"version", true}, {"aliases"}, {"state"}, {"metric"}, {"made"}, {"commit"}})
      : options.what == "tables"
          ? TextTable({{"table"}, {"rows", true}, {"columns", true}, {"size", true}, {"made"}, {"content"}})
          : TextTable({{"release", true}, {"made"}, {"tables", true}, {"models"}, {"note"}});
  TM_TRY(const Json json, options.what == "runs"     ? list_runs(registry, options, text)
                          : options.what == "models" ? list_models(registry, text)
                          : options.what == "tables" ? list_tables(registry, text)
                                                     : list_releases(registry, options, text));
  if (global.json)
    print_json({{options.what, json}});
  else
    print(text.text());
  return 0;
}

Result<int> show(const GlobalOptions& global, const Session& session, const RegistryOptions& options,
                 const std::string& id) {
  Registry& registry = *session.registry;
  if (options.what == "runs" && !options.log_step.empty()) return print_log(registry, id, options.log_step);
  TM_TRY(const Json json, options.what == "runs"     ? show_run(registry, id)
                          : options.what == "models" ? show_version(session, id)
                          : options.what == "tables" ? show_table(registry, id)
                                                     : show_release(registry, id));
  if (options.what == "runs" && !global.json)
    print(run_text(json));
  else if (options.what == "models" && !global.json)
    print(version_text(json));
  else
    print_json(json);
  return 0;
}

/// What a verb takes, for the one who knew the verb and not the rest.
Result<int> unknown_words(const std::string& what, const std::string& verb) {
  const bool models = what == "models", runs = what == "runs", tables = what == "tables";
  std::map<std::string, std::string> takes{
      {"show", runs     ? "the id of a run, or latest: tidemill runs show latest"
               : models ? "a model or version: tidemill models show late@2"
               : tables ? "a table: tidemill tables show features"
                        : "the number of a release: tidemill releases show 3"},
      {"diff", runs     ? "the ids of two runs"
               : models ? "two versions: tidemill models diff late@1 late@2"
               : tables ? "two snapshots: tidemill tables diff features@12 features@15"
                        : "the numbers of two releases: tidemill releases diff 2 3"},
      {"explain", "a table or model: tidemill explain features"},
      {"list", "nothing more"}};
  if (models) takes["export"] = "a version and --folder: tidemill models export late@2 --folder late";
  if (models) takes["import"] = "a name and a file: tidemill models import late model.ubj";
  if (models) takes["retire"] = "a model, versions and --reason: tidemill models retire late 1 --reason WHY";
  if (const auto known = takes.find(verb); known != takes.end())
    return user_error("usage.arguments", fmt::format("{} {} takes {}", what, verb, known->second));
  std::vector<std::string> verbs;
  for (const auto& [name, _] : takes) verbs.push_back(name);
  return user_error("usage.arguments",
                    fmt::format("tidemill {} takes: nothing, or {}", what, fmt::join(verbs, ", ")), {},
                    did_you_mean(verb, verbs));
}

}  // namespace

int registry_command(const GlobalOptions& global, const RegistryOptions& options) {
  const auto& words = options.rest;
  const std::string verb = words.empty() ? "list" : words[0];
  if (verb == "diff" && words.size() == 3 && options.what == "releases")
    return diff_releases(global, words[1], words[2]);
  if (verb == "diff" && words.size() == 3) return diff(global, words[1], words[2]);
  if (verb == "explain" && words.size() == 2) return explain(global, words[1]);
  const bool imports = verb == "import" && options.what == "models";
  const bool retires = verb == "retire" && options.what == "models";
  auto session = open_session(
      global, imports || retires ? registry::Options::Mode::ReadWrite : registry::Options::Mode::ReadOnly);
  if (!session) return report(global, session.error());
  Result<int> exit = unknown_words(options.what, verb);
  if (verb == "list" && words.size() <= 1) exit = list(global, *session->registry, options);
  if (verb == "show" && words.size() == 2) exit = show(global, *session, options, words[1]);
  if (verb == "export" && words.size() == 2 && options.what == "models")
    exit = export_package(*session, words[1], options.folder);
  if (retires) exit = retire(global, *session->registry, options);
  if (imports && words.size() == 3)
    exit = import_model(global, *session, {words[1], words[2], options.alias, options.all_rounds});
  return exit ? *exit : report(global, exit.error());
}

}  // namespace tidemill::app
