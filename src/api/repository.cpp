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
    for (const std::string& name : inference.deployments().names())
      if (const auto live = inference.look(name, version))
        list.push_back(model_statistics(**live, inference.totals(**live)));
  }
  return Json{{"model_stats", std::move(list)}};
}

Json repository_index(const Inference& inference, Listed listed) {
  Json list = Json::array();
  for (const std::string& name : inference.deployments().names()) {
    const auto live = inference.look(name, "");
    if (live)
      list.push_back(Json{{"name", name},
                          {"version", std::to_string((*live)->version)},
                          {"state", "READY"},
                          {"reason", inference.deployments().problem(name)}});
    else if (listed == Listed::All)
      list.push_back(Json{{"name", name}, {"state", "UNAVAILABLE"}, {"reason", live.error().message}});
  }
  return list;
}

}  // namespace tidemill::api
