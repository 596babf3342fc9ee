// What each path answers. All that is here only predicts or reads; on loopback it needs no token, beyond
// loopback the server does not start without being told so.
#pragma once

#include <atomic>

#include "api/http.hpp"
#include "api/metrics.hpp"
#include "api/server.hpp"
#include "serving/deployments.hpp"
#include "serving/infer.hpp"

namespace tidemill::api {

struct RoutesOptions {
  /// On loopback without tokens a foreign Host or Origin is refused: otherwise any web page could call us
  /// through its visitor's browser.
  bool loopback_only = true;
  serving::PredictionSink* sink = nullptr;  // may be null
};

class Routes {
 public:
  Routes(const serving::Deployments& deployments, RoutesOptions options)
      : deployments_(deployments), options_(options) {}
  /// Thread-safe.
  Answer answer(const Request& request);
  /// From now on /v2/health/ready says 503: the first step of a drain.
  void stop_being_ready() { accepting_.store(false); }

 private:
  struct Call;
  Answer route(const Request& request);
  Answer model_route(const Request& request, const std::vector<std::string>& parts);
  Answer infer(const Request& request, const std::string& deployment, const std::string& version);
  Answer read(const Call& call, const std::string& body, bool may_block);
  Response predict(const Call& call, const serving::InferRequest& request);
  Response finish(const Call& call, Response response, const serving::InferResponse* predicted = nullptr);
  Response metrics() const;

  const serving::Deployments& deployments_;
  RoutesOptions options_;
  Metrics metrics_;
  std::atomic<bool> accepting_{true};
};

}  // namespace tidemill::api
