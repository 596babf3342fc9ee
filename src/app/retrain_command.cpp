// tidemill retrain: asks for a retraining by hand, and tells how it stands. Who does it is the scheduler.
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "app/retraining_status.hpp"
#include "app/scheduler.hpp"

namespace tidemill::app {

namespace {

constexpr size_t kSteps = 20;

Result<void> demand_trainable(const Session& session, const std::string& model) {
  const auto found = session.project.models.find(model);
  if (found == session.project.models.end()) {
    std::vector<std::string> names;
    for (const auto& [name, each] : session.project.models)
      if (!each.imported) names.push_back(name);
    return user_error("usage.unknown_model", fmt::format("the project has no model '{}'", model), {},
                      hint_of_names(model, names));
  }
  if (!found->second.imported) return {};
  return user_error("usage.imported", fmt::format("{} was trained elsewhere: nothing here trains it", model),
                    found->second.place, fmt::format("tidemill models import {} FILE", model));
}

}  // namespace

int retrain(const GlobalOptions& global, const RetrainOptions& options) {
  auto session = options.status ? open_session_to_look(global)
                                : open_session(global, registry::Options::Mode::ReadWrite);
  if (!session) return report(global, session.error());
  if (const auto known = demand_trainable(*session, options.model); !known)
    return report(global, known.error());
  registry::Registry& registry = *session->registry;
  const bool somebody_works = scheduler_runs(session->project.home);
  if (options.status) {
    auto status = retraining_status(session->project, registry, options.model, kSteps);
    if (!status) return report(global, status.error());
    (*status)["scheduler"] = somebody_works;
    if (global.json)
      print_json(*status);
    else
      print(retraining_text(*status) +
            (somebody_works ? "" : "\nno process runs the schedules of this home"));
    return 0;
  }
  const auto request = registry.request_retraining(options.model, options.reason);
  if (!request) return report(global, request.error());
  if (global.json)
    print_json({{"model", options.model}, {"request", *request}, {"scheduler", somebody_works}});
  else
    print(fmt::format("request {}: {} is to be retrained; tidemill retrain {} --status tells how it goes",
                      *request, options.model, options.model));
  if (!somebody_works)
    fmt::print(
        stderr,
        "{} no process runs the schedules of this home: tidemill serve, or tidemill work, takes it up\n",
        painted(global, "warning:", Tone::Warning));
  return 0;
}

}  // namespace tidemill::app
