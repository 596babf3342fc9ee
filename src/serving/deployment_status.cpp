#include "serving/deployment_status.hpp"

namespace tidemill::serving {

namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json tables_of(const LiveModel& live) {
  Json list = Json::array();
  for (const registry::Table& table : live.tables)
    list.push_back({{"table", table.name},
                    {"snapshot", table.id},
                    {"rows", table.rows},
                    {"made_at", to_text(table.made_at)}});
  return list;
}

Json challenger_of(const LiveDeployment& live, const std::string& problem) {
  if (live.rollout.version == 0) return {};
  Json out = to_json(live.rollout);
  out["sticky"] = text_or_null(live.sticky);
  out["live"] = live.challenger != nullptr;
  out["problem"] = text_or_null(problem);
  return out;
}

}  // namespace

Json status_of(const Deployments& deployments, const std::string& deployment) {
  const project::Deployment& declared = *deployments.declared(deployment);
  const auto live = deployments.live(deployment);
  Json champion;
  if (live->champion != nullptr)
    champion = {{"version", live->champion->version}, {"tables", tables_of(*live->champion)}};
  return {{"deployment", deployment},
          {"model", declared.model},
          {"alias", declared.version},
          {"champion", std::move(champion)},
          {"problem", text_or_null(deployments.problem(deployment))},
          {"challenger", challenger_of(*live, deployments.challenger_problem(deployment))}};
}

}  // namespace tidemill::serving
