// tidemill rollout, deployments: which version challenges what a deployment serves, and what is live of it.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "app/retraining_status.hpp"
#include "app/shadow_status.hpp"
#include "base/log.hpp"
#include "serving/deployment_status.hpp"

namespace tidemill::app {

namespace {

using registry::Options;
using registry::Rollout;

constexpr double kWhole = 100;

/// The project's next share above what there is of this version.
Result<double> next_percent(const project::Deployment& deployment, const std::optional<Rollout>& now,
                            int version) {
  const bool going = now && now->version == version && now->stage == Rollout::Stage::Canary;
  const double percent = going ? now->percent : 0;
  if (deployment.rollout)
    for (const double share : deployment.rollout->canary)
      if (const double next = std::round(share * kWhole * 1e9) / 1e9; next > percent) return next;
  if (going)
    return user_error(
        "usage.percent",
        fmt::format("version {} has {} % of the requests, and the project file names no greater share",
                    version, percent),
        {}, fmt::format("--percent N; or all of it: tidemill promote {} {}", deployment.model, version));
  return user_error(
      "usage.percent", "--canary needs a share: --percent 10", {},
      fmt::format("or in the project file: deployments: {{{}: {{rollout: {{canary: [10%, 50%, 100%]}}}}}}",
                  deployment.name));
}

struct Change {
  Rollout rollout;
  std::optional<int> replaced;  // the version that challenged until now, if it is another
};

std::string text_of(const Change& change) {
  const Rollout& rollout = change.rollout;
  std::string out =
      rollout.stage == Rollout::Stage::Shadow
          ? fmt::format("{}: version {} shadows {}@{}: it predicts what is asked, and answers nobody",
                        rollout.deployment, rollout.version, rollout.model, rollout.alias)
          : fmt::format("{}: version {} answers {:g} % of the requests, {}@{} the others", rollout.deployment,
                        rollout.version, rollout.percent, rollout.model, rollout.alias);
  if (change.replaced) out += fmt::format("; version {} challenges no longer", *change.replaced);
  return out;
}

/// Whether a server would do it: it is loaded as a server loads it, of this deployment alone.
Result<void> check_as_served(const Session& session, const project::Deployment& deployment,
                             const Rollout& wanted) {
  TM_CHECK(session.registry->check_rollout(wanted));
  project::Project project = session.project;
  project.deployments = {{deployment.name, deployment}};
  log::set_level(log::Level::Error);  // what is wrong is what is returned
  return serving::Deployments::open(project, *session.registry)->check_rollout(wanted, *session.registry);
}

Result<Change> change(const Session& session, const project::Deployment& deployment,
                      const RolloutOptions& options) {
  registry::Registry& registry = *session.registry;
  if (options.end) {
    TM_TRY(const Rollout ended, registry.end_rollout(deployment.name, options.reason));
    return Change{ended, {}};
  }
  const bool canary = !options.canary.empty();
  TM_TRY(const auto version, registry.version(deployment.model, canary ? options.canary : options.shadow));
  Rollout wanted{deployment.name, deployment.model, deployment.version, version.number};
  wanted.reason = options.reason;
  TM_TRY(const auto all, registry.rollouts());
  const auto found = all.find(deployment.name);
  const std::optional<Rollout> now = found == all.end() ? std::nullopt : std::optional(found->second);
  if (canary) {
    wanted.stage = Rollout::Stage::Canary;
    if (options.percent)
      wanted.percent = *options.percent;
    else {
      TM_TRY(wanted.percent, next_percent(deployment, now, version.number));
    }
  }
  TM_CHECK(check_as_served(session, deployment, wanted));
  TM_TRY(const Rollout made, registry.set_rollout(wanted));
  const bool other = now && now->version != made.version;
  return Change{made, other ? std::optional(now->version) : std::nullopt};
}

std::string champion_text(const Json& status) {
  return status["champion"].is_null() ? "" : fmt::format("{}", status["champion"]["version"].get<int>());
}
std::string stage_text(const Json& challenger) {
  if (challenger["percent"].is_null()) return challenger["stage"].get<std::string>();
  return fmt::format("{} {:g} %", challenger["stage"].get<std::string>(),
                     challenger["percent"].get<double>());
}
std::string problem_text(const Json& status) {
  if (!status["problem"].is_null()) return status["problem"].get<std::string>();
  const Json& challenger = status["challenger"];
  if (challenger.is_null() || challenger["problem"].is_null()) return "";
  return "challenger: " + challenger["problem"].get<std::string>();
}

std::string table_of(const Json& list) {
  TextTable text({{"deployment"},
                  {"model"},
                  {"champion", true},
                  {"challenger", true},
                  {"stage"},
                  {"since"},
                  {"problem"}});
  for (const Json& status : list) {
    const Json& challenger = status["challenger"];
    const bool alone = challenger.is_null();
    text.add({status["deployment"].get<std::string>(),
              fmt::format("{}@{}", status["model"].get<std::string>(), status["alias"].get<std::string>()),
              champion_text(status), alone ? "" : fmt::format("{}", challenger["version"].get<int>()),
              alone ? "" : stage_text(challenger),
              alone ? "" : human_time(*parse_instant(challenger["since"].get<std::string>())),
              problem_text(status)});
  }
  return text.text();
}

std::string page_of(const Json& status) {
  std::string out = fmt::format("{} serves {}@{}", status["deployment"].get<std::string>(),
                                status["model"].get<std::string>(), status["alias"].get<std::string>());
  const Json& champion = status["champion"];
  out += champion.is_null() ? ", which is not live" : fmt::format(", version {}", champion_text(status));
  if (!status["problem"].is_null()) out += "\nproblem: " + status["problem"].get<std::string>();
  if (const Json& challenger = status["challenger"]; challenger.is_null()) {
    out += "\nno challenger";
  } else {
    out += fmt::format("\nversion {} challenges it: {}, since {}, by {}", challenger["version"].get<int>(),
                       stage_text(challenger),
                       human_time(*parse_instant(challenger["since"].get<std::string>())),
                       challenger["by"].get<std::string>());
    if (const auto reason = challenger["reason"].get<std::string>(); !reason.empty()) out += ": " + reason;
    if (!challenger["sticky"].is_null())
      out += fmt::format("\ncallers stay with one version by {}", challenger["sticky"].get<std::string>());
    if (!challenger["problem"].is_null()) out += "\nproblem: " + challenger["problem"].get<std::string>();
    if (const Json agreement = challenger.value("agreement", Json()); !agreement.is_null())
      out += "\n" + agreement_text(agreement);
  }
  if (!champion.is_null() && !champion["tables"].empty()) {
    out += "\nlooks things up in";
    for (const Json& table : champion["tables"])
      out += fmt::format("\n  {} snapshot {}, {} rows, made {}", table["table"].get<std::string>(),
                         table["snapshot"].get<int64_t>(), grouped(table["rows"].get<int64_t>()),
                         human_time(*parse_instant(table["made_at"].get<std::string>())));
  }
  if (const auto retraining = status.find("retraining"); retraining != status.end() && !retraining->is_null())
    out += "\n" + retraining_text(*retraining);
  return out;
}

/// How far a shadow says what the champion says, where a log has both.
Result<void> add_agreement(const Session& session, Json& status) {
  if (status["challenger"].is_null()) return {};
  TM_TRY(status["challenger"]["agreement"],
         shadow_agreement(session, status["deployment"].get<std::string>()));
  return {};
}

/// Where the model's versions take over in this deployment, how its retraining stands.
Result<void> add_retraining(const Session& session, Json& status) {
  constexpr size_t kSteps = 5;
  status["retraining"] = nullptr;
  const auto model = status["model"].get<std::string>();
  const auto found = session.project.models.find(model);
  if (found == session.project.models.end() || found->second.imported) return {};
  TM_TRY(Json retraining, retraining_status(session.project, *session.registry, model, kSteps));
  const bool here = retraining["deployment"] == status["deployment"];
  const bool anything = !retraining["attempt"].is_null() || !retraining["requests"].empty();
  if (here && anything) status["retraining"] = std::move(retraining);
  return {};
}

}  // namespace

int rollout(const GlobalOptions& global, const RolloutOptions& options) {
  const int said =
      (options.shadow.empty() ? 0 : 1) + (options.canary.empty() ? 0 : 1) + (options.end ? 1 : 0);
  if (said == 0 && !options.percent) return deployments(global, {{"show", options.deployment}});
  if (said != 1 || (options.percent && options.canary.empty()))
    return report(global,
                  Error{ErrorKind::User,
                        "usage.arguments",
                        "rollout takes one of --shadow VERSION, --canary VERSION and --end; --percent goes "
                        "with --canary",
                        {},
                        {},
                        {},
                        "tidemill rollout late --canary 7 --percent 10"});
  auto session = open_session(global, Options::Mode::ReadWrite);
  if (!session) return report(global, session.error());
  const auto deployment = find_deployment(*session, options.deployment);
  if (!deployment) return report(global, deployment.error());
  const auto done = change(*session, **deployment, options);
  if (!done) return report(global, done.error());
  const Rollout& rollout = done->rollout;
  if (options.end) {
    const std::string text =
        fmt::format("{}: version {} challenges it no longer", rollout.deployment, rollout.version);
    if (global.json)
      print_json({{"deployment", rollout.deployment}, {"ended", rollout.version}});
    else
      print(text);
    return 0;
  }
  Json json = to_json(rollout);
  json["replaced"] = done->replaced ? Json(*done->replaced) : Json();
  if (global.json)
    print_json(json);
  else
    print(text_of(*done));
  return 0;
}

int deployments(const GlobalOptions& global, const DeploymentsOptions& options) {
  const auto& words = options.rest;
  const bool one = words.size() == 2 && words[0] == "show";
  if (!one && !words.empty() && !(words.size() == 1 && words[0] == "list"))
    return report(global, Error{ErrorKind::User,
                                "usage.arguments",
                                "tidemill deployments takes nothing, or show and a deployment",
                                {},
                                {},
                                {},
                                "tidemill deployments show late"});
  auto session = open_session_to_look(global);
  if (!session) return report(global, session.error());
  if (one) {
    const auto named = find_deployment(*session, words[1]);
    if (!named) return report(global, named.error());
    const project::Deployment only = **named;
    session->project.deployments = {{only.name, only}};
  }
  log::set_level(log::Level::Error);  // what is wrong is what is printed
  // Loaded as `serve` does it, so that what is wrong shows here too.
  const auto loaded = serving::Deployments::open(session->project, *session->registry);
  Json list = Json::array();
  for (const std::string& name : loaded->names()) list.push_back(serving::status_of(*loaded, name));
  if (one) {
    for (const auto& add : {add_agreement, add_retraining})
      if (const auto told = add(*session, list[0]); !told) return report(global, told.error());
  }
  if (global.json)
    print_json(one ? list[0] : Json{{"deployments", list}});
  else if (one)
    print(page_of(list[0]));
  else if (list.empty())
    print("the project declares no deployments: deployments: {NAME: {model: MODEL@champion}}");
  else
    print(table_of(list));
  return 0;
}

}  // namespace tidemill::app
