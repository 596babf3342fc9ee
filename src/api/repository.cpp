#include "api/repository.hpp"

#include "api/v2.hpp"

namespace tidemill::api {

Result<Json> repository_statistics(const Inference& inference, const std::string& deployment,
                                   std::string_view version) {
  Json list = Json::array();
  if (!deployment.empty()) {
    TM_TRY(const auto live, inference.look(deployment, version));
    list.push_back(model_statistics(*live, inference.totals(*live)));
  } else {
    for (const std::string& name : inference.deployments().names()) {
      const auto all = inference.deployments().live(name);
      for (const auto& live : {all->champion, all->challenger})
        if (live != nullptr) list.push_back(model_statistics(*live, inference.totals(*live)));
    }
  }
  return Json{{"model_stats", std::move(list)}};
}

Result<Json> repository_metadata(const Inference& inference, const std::string& deployment,
                                 std::string_view version) {
  TM_TRY(const auto live, inference.look(deployment, version));
  Json metadata = model_metadata(*live);
  const auto all = inference.deployments().live(deployment);
  Json versions = Json::array();
  for (const auto& each : {all->champion, all->challenger})
    if (each != nullptr) versions.push_back(std::to_string(each->version));
  metadata["versions"] = std::move(versions);
  return metadata;
}

Json repository_index(const Inference& inference, Listed listed) {
  Json list = Json::array();
  for (const std::string& name : inference.deployments().names()) {
    const auto live = inference.look(name, "");
    const auto ready = [&](const serving::LiveModel& model, const std::string& reason) {
      list.push_back({{"name", name},
                      {"version", std::to_string(model.version)},
                      {"state", "READY"},
                      {"reason", reason}});
    };
    const auto all = inference.deployments().live(name);
    if (live) {
      ready(**live, inference.deployments().problem(name));
      if (all->challenger != nullptr)
        ready(*all->challenger, inference.deployments().challenger_problem(name));
    } else if (listed == Listed::All) {
      list.push_back(Json{{"name", name}, {"state", "UNAVAILABLE"}, {"reason", live.error().message}});
    }
  }
  return list;
}

}  // namespace tidemill::api
