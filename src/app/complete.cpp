#include "app/complete.hpp"

#include <algorithm>
#include <array>

#include <CLI/CLI.hpp>

namespace tidemill::app {

namespace {

/// What the finished words say.
struct Typed {
  const CLI::App* command = nullptr;     // nullptr: none yet
  std::vector<std::string> positionals;  // of the command
  std::string value_of;                  // option whose value is being written
  GlobalOptions global;
};

const CLI::Option* option_of(const CLI::App* app, const std::string& word) {
  return app == nullptr ? nullptr : app->get_option_no_throw(word.substr(0, word.find('=')));
}

void note_value(GlobalOptions& global, const std::string& option, const std::string& value) {
  if (option == "-p" || option == "--project") global.project = value;
  if (option == "-e" || option == "--env") global.environment = value;
  if (option == "--home") global.home = value;
}

Typed read(const CLI::App& cli, const std::vector<std::string>& words) {
  Typed typed;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (!typed.value_of.empty()) {
      note_value(typed.global, typed.value_of, word);
      typed.value_of.clear();
    } else if (word.starts_with("-")) {
      const CLI::Option* option = option_of(typed.command, word);
      if (option == nullptr) option = option_of(&cli, word);
      if (option == nullptr || option->get_items_expected_max() == 0) continue;
      const size_t equals = word.find('=');
      if (equals == std::string::npos)
        typed.value_of = word;
      else
        note_value(typed.global, word.substr(0, equals), word.substr(equals + 1));
    } else if (typed.command == nullptr) {
      const auto named = cli.get_subcommands([&](const CLI::App* app) { return app->get_name() == word; });
      if (!named.empty()) typed.command = named[0];
    } else {
      typed.positionals.push_back(word);
    }
  }
  return typed;
}

template <class Map>
void add_names(std::vector<std::string>& names, const Map& map) {
  for (const auto& [name, value] : map) names.push_back(name);
}

enum class Names { Tables, Models, Steps, Deployments };
/// With mistakes in the project file there are no names: the shell is no place to report them.
std::vector<std::string> names_of(const GlobalOptions& global, Names wanted) {
  std::vector<std::string> names;
  const auto project = load_project(global);
  if (!project) return names;
  if (wanted == Names::Deployments) {
    add_names(names, project->deployments);
    return names;
  }
  if (wanted != Names::Models) {
    add_names(names, project->sources);
    add_names(names, project->transforms);
  }
  if (wanted != Names::Tables)
    for (const auto& [name, model] : project->models)
      if (wanted == Names::Models || !model.imported) names.push_back(name);
  if (wanted == Names::Steps) add_names(names, project->exports);
  return names;
}

/// What names a version of the model: its aliases and its numbers. A home that cannot be read has none.
std::vector<std::string> versions_of(const GlobalOptions& global, const std::string& model) {
  std::vector<std::string> names;
  const auto session = open_session(global, registry::Options::Mode::ReadOnly);
  if (!session) return names;
  if (const auto aliases = session->registry->aliases(model)) add_names(names, *aliases);
  if (const auto versions = session->registry->versions(model))
    for (const registry::Version& version : *versions) names.push_back(std::to_string(version.number));
  return names;
}

std::vector<std::string> versions_of_deployment(const GlobalOptions& global, const std::string& deployment) {
  const auto project = load_project(global);
  if (!project) return {};
  const auto found = project->deployments.find(deployment);
  if (found == project->deployments.end()) return {};
  return versions_of(global, found->second.model);
}

std::vector<std::string> scopes(const GlobalOptions& global) {
  std::vector<std::string> out{"predict", "read", "write", "promote", "admin"};
  for (const std::string& name : names_of(global, Names::Deployments)) out.push_back("predict:" + name);
  return out;
}

bool is_one_of(const std::string& word, std::initializer_list<const char*> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::vector<std::string> positional(const Typed& typed, const std::string& word) {
  const std::string& command = typed.command->get_name();
  const size_t place = typed.positionals.size();
  if (is_one_of(command, {"plan", "run"})) {
    std::vector<std::string> names = names_of(typed.global, Names::Steps);
    if (word.starts_with("+"))
      for (std::string& name : names) name.insert(0, "+");
    return names;
  }
  if (command == "check" || (command == "profile" && place == 0))
    return names_of(typed.global, Names::Tables);
  if (command == "explain" && place == 0) return names_of(typed.global, Names::Steps);
  if ((command == "rollout" || command == "labels" || command == "forget" || command == "monitors") &&
      place == 0)
    return names_of(typed.global, Names::Deployments);
  if (command == "deployments") {
    if (place == 0) return {"list", "show"};
    return names_of(typed.global, Names::Deployments);
  }
  if (command == "report" && place == 0) return names_of(typed.global, Names::Deployments);
  if (is_one_of(command, {"predict", "promote", "retrain", "rollback"}) && place == 0)
    return names_of(typed.global, Names::Models);
  if (is_one_of(command, {"runs", "models", "tables", "releases"})) {
    if (place == 0) {
      std::vector<std::string> verbs{"diff", "explain", "show"};
      if (command == "models") verbs.insert(verbs.end(), {"export", "import", "retire"});
      return verbs;
    }
    if (command == "models") return names_of(typed.global, Names::Models);
    if (command == "tables") return names_of(typed.global, Names::Tables);
  }
  if (command == "promote" && place == 1) return versions_of(typed.global, typed.positionals[0]);
  if (command == "tokens" && place == 0) return {"create", "list", "revoke"};
  if (command == "audit" && place == 0) return {"list", "verify"};
  if (command == "completion" && place == 0) return {"bash", "fish", "zsh"};
  return {};
}

std::vector<std::string> option_names(const CLI::App& cli, const CLI::App* command) {
  std::vector<std::string> names;
  for (const CLI::App* app : {command, &cli})
    if (app != nullptr)
      for (const CLI::Option* option : app->get_options())
        for (const std::string& name : option->get_lnames())
          if (!option->get_group().empty()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> candidates(const CLI::App& cli, const Typed& typed, const std::string& word) {
  if (typed.value_of == "--alias") return {"challenger", "champion"};
  if (typed.value_of == "--scope") return scopes(typed.global);
  if (is_one_of(typed.value_of, {"--shadow", "--canary"}) && !typed.positionals.empty())
    return versions_of_deployment(typed.global, typed.positionals[0]);
  if (!typed.value_of.empty()) return {};
  if (word.starts_with("-")) return option_names(cli, typed.command);
  if (typed.command != nullptr) return positional(typed, word);
  std::vector<std::string> names;
  for (const CLI::App* command : cli.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

}  // namespace

std::vector<std::string> completions(const CLI::App& cli, const std::vector<std::string>& words) {
  const std::string word = words.empty() ? "" : words.back();
  std::vector<std::string> found = candidates(cli, read(cli, words), word);
  std::erase_if(found, [&](const std::string& one) { return !one.starts_with(word); });
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace tidemill::app
