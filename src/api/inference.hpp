// A prediction from the request to its metrics, whatever the protocol: which version answers, under which id,
// who is told. Knows tensors, not bytes.
#pragma once

#include <atomic>
#include <chrono>

#include "api/metrics.hpp"
#include "serving/deployments.hpp"
#include "serving/infer.hpp"

namespace tidemill::api {

/// A call on its way to its metrics: what is dropped before it was counted was refused, and counts as 503.
class Flight {
 public:
  explicit Flight(InferenceSeries& series) : series_(series), begun_(Clock::now()) { series.begin(); }
  ~Flight() { count(503); }
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  /// It waits for a worker from now on; until a worker takes it.
  void queue() { queued_ = Clock::now(); }
  void taken() { request_.queue_seconds += seconds_since(queued_); }
  void computed(std::chrono::steady_clock::time_point begun, const serving::InferResponse& response);
  /// The first time only. code: the HTTP status, whatever the protocol.
  void count(int code);

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds_since(Clock::time_point begun) {
    return std::chrono::duration<double>(Clock::now() - begun).count();
  }
  InferenceSeries& series_;
  const Clock::time_point begun_;
  Clock::time_point queued_;
  InferenceSeries::Request request_;
  bool counted_ = false;
};

class Inference {
 public:
  /// sink may be null.
  explicit Inference(const serving::Deployments& deployments, serving::PredictionSink* sink = nullptr)
      : deployments_(deployments), sink_(sink) {}

  /// One request for a prediction; keeps the version that was live when it began. Copies are the same call.
  struct Call {
    std::string deployment;
    std::shared_ptr<const serving::LiveModel> live;
    std::shared_ptr<Flight> flight;
  };
  Call begin(const std::string& deployment, std::string_view protocol);
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

  bool ready() const { return accepting_.load() && deployments_.ready(); }
  bool ready(const std::string& deployment, std::string_view version) const;
  /// From now on nothing is ready: the first step of a drain.
  void stop_being_ready() { accepting_.store(false); }
  const serving::Deployments& deployments() const { return deployments_; }
  std::string metrics_text() const;
  InferenceSeries::Totals totals(const serving::LiveModel& live) const {
    return metrics_.totals(live.deployment, live.version);
  }

 private:
  Result<void> check(const std::string& deployment, const serving::LiveModel* live,
                     std::string_view version) const;
  const serving::Deployments& deployments_;
  serving::PredictionSink* sink_;
  Metrics metrics_;
  std::atomic<bool> accepting_{true};
};

}  // namespace tidemill::api
