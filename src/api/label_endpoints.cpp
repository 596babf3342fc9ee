#include "api/label_endpoints.hpp"

#include <fmt/format.h>

#include "api/label_description.hpp"
#include "api/label_request.hpp"
#include "api/replies.hpp"

namespace tidemill::api {

namespace {

Result<std::vector<monitoring::GivenLabel>> labels_of(const Request& request,
                                                      const std::vector<std::string>& key) {
  const std::string type = media_type(request);
  if (type == "text/csv") return labels_from_csv(request.body, key);
  // curl sends forms unless told otherwise: what names no other format is JSON.
  if (type.empty() || type == "application/json" || type == "application/x-www-form-urlencoded")
    return labels_from_json(request.body);
  return std::unexpected(other_media_type(type));
}

Json to_json(const std::string& deployment, const monitoring::LabelCounts& counts) {
  return Json{{"deployment", deployment},  {"labels", counts.fresh + counts.same + counts.changed},
              {"new", counts.fresh},       {"same", counts.same},
              {"changed", counts.changed}, {"strangers", counts.strangers},
              {"early", counts.early}};
}

/// While it serves nothing, whatever comes is kept.
monitoring::LabelForms forms_of(const serving::LiveDeployment& live) {
  monitoring::LabelForms forms;
  for (const auto& model : {live.champion, live.challenger})
    if (model != nullptr) forms.add(model->predictor->package());
  return forms;
}

Result<Json> take(monitoring::Labels& all, const serving::Deployments& deployments, const Request& request,
                  const std::string& name, Instant now) {
  if (!deployments.has(name)) {
    Error error = not_found(fmt::format("there is no deployment '{}'", name));
    error.hint = did_you_mean(name, deployments.names());
    return std::unexpected(std::move(error));
  }
  if (all.problem()) return std::unexpected(*all.problem());
  monitoring::DeploymentLabels* labels = all.find(name);
  if (labels == nullptr)
    return user_error("label.no_log", fmt::format("deployment '{}' keeps no log of predictions", name), {},
                      fmt::format("deployments: {{{}: {{log: {{}}}}}}", name));
  TM_TRY(const auto given, labels_of(request, labels->keys().columns()));
  const monitoring::LabelForms forms = forms_of(*deployments.live(name));
  // Who waits for the disk holds up nobody who computes.
  const serving::ComputeSlots::Pause pause(*deployments.compute_slots());
  TM_TRY(const monitoring::LabelCounts counts, labels->take(given, forms, now));
  return to_json(name, counts);
}

Response refusal(const Error& error) {
  Response response = error_reply(error);
  if (error.code == "label.too_many") response.status = 413;
  if (error.code == "label.no_log" || error.code == "label.no_key") response.status = 409;
  return response;
}

}  // namespace

std::vector<Endpoint> label_endpoints(monitoring::Labels& labels, const serving::Deployments& deployments,
                                      std::shared_ptr<const Clock> clock) {
  return {{"POST", "/labels/{deployment}", Scope::Write, describe_labels(),
           [&labels, &deployments, clock = std::move(clock)](const Request& request,
                                                             const Parameters& parameters) -> Answer {
             return Work([&labels, &deployments, &request, &clock, name = parameters.deployment] {
               const auto taken = take(labels, deployments, request, name, clock->now());
               return taken ? json_reply(*taken) : refusal(taken.error());
             });
           }}};
}

}  // namespace tidemill::api
