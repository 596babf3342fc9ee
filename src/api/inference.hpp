// A prediction from the request to its metrics, whatever the protocol: which version answers, under which id,
// who is told. Knows tensors, not bytes.
#pragma once

#include <atomic>
#include <chrono>

#include "api/metrics.hpp"
#include "serving/deployments.hpp"
#include "serving/infer.hpp"

namespace tidemill::api {

class Inference {
 public:
  /// sink may be null.
  explicit Inference(const serving::Deployments& deployments, serving::PredictionSink* sink = nullptr)
      : deployments_(deployments), sink_(sink) {}

  /// One request for a prediction; keeps the version that was live when it began.
  struct Call {
    std::string deployment;
    std::string_view protocol;  // "v2", "grpc", "mlflow", "predict": a label of the metrics
    std::shared_ptr<const serving::LiveModel> live;
    std::chrono::steady_clock::time_point begun;
  };
  Call begin(const std::string& deployment, std::string_view protocol) const;
  /// Whether the call can be answered, by that version (empty: whichever is live). Errors: http.not_found,
  /// http.not_ready.
  Result<void> check(const Call& call, std::string_view version) const;
  /// The live version of a deployment, for those who only look. Errors as check().
  Result<std::shared_ptr<const serving::LiveModel>> look(const std::string& deployment,
                                                         std::string_view version) const;

  /// An id of the caller's that can go into a header, or one of ours.
  static std::string prediction_id(std::string_view callers);
  /// Whether it is more than a thread that serves other connections should do itself.
  static bool takes_long(const Call& call, const serving::InferRequest& request);
  Result<serving::InferResponse> predict(const Call& call, const serving::InferRequest& request) const;
  /// Once a call, when its answer is known. code: the HTTP status, whatever the protocol.
  void count(const Call& call, int code, const serving::InferResponse* response = nullptr);

  bool ready() const { return accepting_.load() && deployments_.ready(); }
  bool ready(const std::string& deployment, std::string_view version) const;
  /// From now on nothing is ready: the first step of a drain.
  void stop_being_ready() { accepting_.store(false); }
  const serving::Deployments& deployments() const { return deployments_; }
  std::string metrics_text() const;

 private:
  const serving::Deployments& deployments_;
  serving::PredictionSink* sink_;
  Metrics metrics_;
  std::atomic<bool> accepting_{true};
};

}  // namespace tidemill::api
