// tidemill labels: how many predictions have a label; takes what tables have, or a file.
#include <fmt/format.h>

#include "api/label_request.hpp"
#include "app/commands.hpp"
#include "app/driven_clock.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "monitoring/label_tables.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/roll.hpp"

namespace tidemill::app {

namespace {

using monitoring::DeploymentLabels;

std::unexpected<Error> no_log(const std::string& name) {
  return user_error("label.no_log", fmt::format("deployment {} keeps no log of predictions", name), {},
                    fmt::format("deployments: {{{}: {{log: {{}}}}}}", name));
}

Result<void> take_file(DeploymentLabels& labels, const monitoring::LabelForms& forms, const Path& file,
                       Instant now) {
  TM_TRY(const std::string text, read_file(file));
  const bool is_csv = file.extension() == ".csv";
  if (!is_csv && file.extension() != ".json")
    return user_error("usage.format",
                      fmt::format("labels are read from .csv and .json, not {}", file.native()));
  TM_TRY(const auto given,
         is_csv ? api::labels_from_csv(text, labels.keys().columns()) : api::labels_from_json(text));
  TM_CHECK(labels.take(given, forms, now));
  return {};
}

Json json_of(const DeploymentLabels& labels) {
  const auto shown = labels.shown();
  Json json{{"deployment", labels.deployment()},
            {"new", shown.counts.fresh},
            {"same", shown.counts.same},
            {"changed", shown.counts.changed},
            {"strangers", shown.counts.strangers},
            {"early", shown.counts.early},
            {"rejected", shown.rejected},
            {"predictions", nullptr},
            {"labelled", nullptr}};
  if (shown.share) {
    json["predictions"] = shown.share->predictions;
    json["labelled"] = shown.share->labelled;
  }
  return json;
}

std::string table_of(const Json& list) {
  TextTable text({{"deployment"},
                  {"new", true},
                  {"same", true},
                  {"changed", true},
                  {"strangers", true},
                  {"early", true},
                  {"labelled", true},
                  {"of", true}});
  const auto number = [](const Json& value) {
    return value.is_null() ? std::string() : grouped(value.get<int64_t>());
  };
  for (const Json& one : list) {
    std::vector<std::string> row{one["deployment"].get<std::string>()};
    for (const char* name : {"new", "same", "changed", "strangers", "early", "labelled", "predictions"})
      row.push_back(number(one[name]));
    text.add(std::move(row));
  }
  return text.text();
}

Result<Json> take(const Session& session, const LabelsOptions& options) {
  const Instant now = clock_of_process()->now();  // --as-of says which predictions are matured, and no more
  if (!options.deployment.empty()) TM_CHECK(find_deployment(session, options.deployment));
  TM_TRY(const auto labels, monitoring::Labels::open(session.project));
  if (!options.deployment.empty() && labels->find(options.deployment) == nullptr)
    return no_log(options.deployment);
  for (const auto& [name, one] : labels->all()) {
    // What a server that was killed left, too.
    const auto& deployment = session.project.deployments.at(name);
    TM_CHECK(monitoring::Roller({monitoring::log_folder(session.project.home, name), deployment.log->retain})
                 .roll(now));
  }
  if (!options.input.empty()) {
    TM_TRY(const auto forms,
           monitoring::forms_of(*session.registry, session.project.deployments.at(options.deployment)));
    TM_CHECK(take_file(*labels->find(options.deployment), forms, options.input, now));
  }
  monitoring::LabelTables tables(session.project, *labels);
  const auto looked = tables.look(*session.registry, now);
  Json list = Json::array();
  for (const auto& [name, one] : labels->all()) {
    if (!options.deployment.empty() && name != options.deployment) continue;
    if (const auto failed = looked.failed.find(name); failed != looked.failed.end())
      return std::unexpected(failed->second);
    TM_CHECK(one->look(session.clock->now()));
    list.push_back(json_of(*one));
  }
  return list;
}

}  // namespace

int labels(const GlobalOptions& global, const LabelsOptions& options) {
  auto session = open_session(global, registry::Options::Mode::ReadWrite);
  if (!session) return report(global, session.error());
  if (!options.input.empty() && options.deployment.empty())
    return report(global, Error{ErrorKind::User,
                                "usage.arguments",
                                "a file of labels belongs to one deployment",
                                {},
                                {},
                                {},
                                "tidemill labels late -i labels.csv"});
  const auto list = take(*session, options);
  if (!list) return report(global, list.error());
  if (global.json)
    print_json({{"labels", *list}});
  else if (list->empty())
    fmt::print(stderr, "no deployment keeps a log of predictions\n");
  else
    print(table_of(*list));
  return 0;
}

}  // namespace tidemill::app
