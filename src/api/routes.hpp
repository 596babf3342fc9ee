// All that is answered over HTTP: the protocols' endpoints, the metrics and the index, behind one router.
#pragma once

#include "api/change_endpoints.hpp"
#include "api/inference.hpp"
#include "api/router.hpp"

namespace tidemill::api {

class Routes {
 public:
  /// All must outlive the routes. Without changes nothing is changed over HTTP.
  Routes(Inference& inference, const Access& access, Changes* changes = nullptr);
  /// Thread-safe.
  Answer answer(const Request& request) const { return router_.answer(request); }
  const std::vector<Endpoint>& endpoints() const { return router_.endpoints(); }

 private:
  Router router_;
};

}  // namespace tidemill::api
