// All that is answered over HTTP: the protocols' endpoints, the metrics and the index, behind one router.
#pragma once

#include "api/inference.hpp"
#include "api/router.hpp"

namespace tidemill::api {

class Routes {
 public:
  /// Inference and access must outlive the routes.
  Routes(Inference& inference, const Access& access);
  /// Thread-safe.
  Answer answer(const Request& request) const { return router_.answer(request); }
  const std::vector<Endpoint>& endpoints() const { return router_.endpoints(); }

 private:
  Router router_;
};

}  // namespace tidemill::api
