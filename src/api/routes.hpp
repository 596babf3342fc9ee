// All that is answered over HTTP: the protocols' endpoints, the metrics and the index, behind one router.
#pragma once

#include "api/change_endpoints.hpp"
#include "api/inference.hpp"
#include "api/label_endpoints.hpp"
#include "api/router.hpp"

namespace tidemill::api {

class Routes {
 public:
  struct Options {
    Changes* changes = nullptr;            // null: nothing is changed over HTTP
    monitoring::Labels* labels = nullptr;  // null: none are taken
    MetricNames names = MetricNames::Own;
    std::function<std::string()> more_metrics = {};  // text in Prometheus' format, behind the predictions'
  };
  /// All must outlive the routes.
  Routes(Inference& inference, const Access& access, const Options& options);
  Routes(Inference& inference, const Access& access) : Routes(inference, access, Options()) {}
  Routes(const Routes&) = delete;  // an endpoint describes them all, where they are
  Routes& operator=(const Routes&) = delete;
  /// Thread-safe.
  Answer answer(const Request& request) const { return router_.answer(request); }
  Begun begin(const Request& head) const { return router_.begin(head); }
  const std::vector<Endpoint>& endpoints() const { return router_.endpoints(); }

 private:
  Router router_;
};

}  // namespace tidemill::api
