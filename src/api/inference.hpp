// A prediction from the request to its metrics, whatever the protocol: which version answers, under which id,
// who is told. Knows tensors, not bytes.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>

#include "api/metrics.hpp"
#include "serving/background.hpp"
#include "serving/deployments.hpp"
#include "serving/infer.hpp"
#include "serving/prediction_record.hpp"

namespace tidemill::api {

/// A call on its way to its metrics: what is dropped before it was counted was refused, and counts as 503, or
/// past its deadline as 504.
class Flight {
 public:
  using Clock = std::chrono::steady_clock;
  Flight(InferenceSeries& series, Clock::time_point deadline)
      : series_(&series), begun_(Clock::now()), deadline_(deadline) {
    series.begin();
  }
  ~Flight() {
    if (!counted_) count(is_late() ? 504 : 503);
  }
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  /// Another version answers than the one that it began with.
  void move_to(InferenceSeries& series);
  /// It waits for a worker from now on; until a worker takes it.
  void queue();
  void taken();
  void computed(Clock::time_point begun, const serving::InferResponse& response);
  Clock::time_point begun() const { return begun_; }
  bool is_late() const { return Clock::now() >= deadline_; }
  double seconds() const { return seconds_since(begun_); }
  /// The first time only. code: the HTTP status, whatever the protocol.
  void count(int code);

 private:
  static double seconds_since(Clock::time_point begun) {
    return std::chrono::duration<double>(Clock::now() - begun).count();
  }
  InferenceSeries* series_;
  const Clock::time_point begun_;
  const Clock::time_point deadline_;
  Clock::time_point queued_, computed_;
  bool waits_ = false;
  InferenceSeries::Request request_;
  bool counted_ = false;
};

class Inference {
 public:
  /// sink may be null. clock: what predictions are dated by; what takes time is measured by another.
  explicit Inference(const serving::Deployments& deployments, serving::PredictionSink* sink = nullptr,
                     std::shared_ptr<const Clock> clock = system_clock())
      : deployments_(deployments), sink_(sink), clock_(std::move(clock)) {}

  /// One request for a prediction; keeps the versions that were live when it began. Copies are the same call.
  struct Call {
    std::string deployment;
    std::shared_ptr<const serving::LiveDeployment> all;  // null: there is no such deployment
    /// Of all: the champion, or the version that the path names. Null until check() says that there is one.
    const serving::LiveModel* live = nullptr;
    bool named = false;  // a version, by the path
    std::string_view protocol;
    std::shared_ptr<Flight> flight;
  };
  Call begin(const std::string& deployment, std::string_view protocol,
             Flight::Clock::time_point deadline = Flight::Clock::time_point::max());
  /// Whether the call can be answered, by that version (empty: whichever is live), which the call then names.
  /// Errors: http.not_found, http.not_ready.
  Result<void> check(Call& call, std::string_view version);
  /// A live version of a deployment (empty: its champion), for those who only look. Errors as check().
  Result<std::shared_ptr<const serving::LiveModel>> look(const std::string& deployment,
                                                         std::string_view version) const;
  /// Whether it is more than a thread that serves other connections should do itself.
  static bool takes_long(const Call& call, const serving::InferRequest& request);

  /// What a caller says of a request beside its features.
  struct Asked {
    std::string_view prediction_id;  // taken if it can stand in a header; else it gets one of ours
    std::string_view request_id;     // told to the sink as it is
  };
  /// Who answers a request under which id: decided once, and the same for the answer, its header and the
  /// sink.
  struct Chosen {
    const serving::LiveModel* live = nullptr;  // stays as long as the call
    std::string prediction_id;
    std::string_view request_id;
  };
  /// The column by whose value callers stay with one version; empty: it does not matter.
  static std::string_view sticky(const Call& call);
  /// key: the value of sticky(); nothing: the prediction id decides.
  Chosen choose(const Call& call, const Asked& asked, const std::optional<std::string>& key);
  /// Tells the sink. request: of the chosen version's features. response: in whose memory it is made.
  Result<void> predict(const Call& call, const Chosen& chosen, const serving::InferRequest& request,
                       serving::InferResponse& response) const;
  /// Where the challenger is a shadow, has it predict the same, later and on a thread of low priority. copy()
  /// → std::function<Result<InferRequest>(const LiveModel&)> that owns what it needs, asked for only if there
  /// is room for `bytes`.
  template <class Copy>
  void shadow(const Call& call, const Chosen& chosen, size_t bytes, const Copy& copy);

  struct Predicted {
    Chosen chosen;
    serving::InferResponse response;
  };
  /// All of it, for requests that are features.
  Result<Predicted> predict(const Call& call, const Asked& asked, const serving::InferRequest& request);
  /// The same into the memory of another, whatever that says.
  Result<void> predict(const Call& call, const Asked& asked, const serving::InferRequest& request,
                       Predicted& predicted);

  bool ready() const { return accepting_.load() && deployments_.ready(); }
  bool ready(const std::string& deployment, std::string_view version) const;
  /// From now on nothing is ready: the first step of a drain.
  void stop_being_ready() { accepting_.store(false); }
  const serving::Deployments& deployments() const { return deployments_; }
  std::string metrics_text(MetricNames names) const;
  int64_t in_flight() const { return metrics_.in_flight(); }
  const std::shared_ptr<const Clock>& clock() const { return clock_; }
  InferenceSeries::Totals totals(const serving::LiveModel& live) const {
    return metrics_.totals(live.deployment, live.version);
  }
  InferenceSeries::Answers answers(const std::string& deployment, int version, std::string_view role) const {
    return metrics_.answers(deployment, version, role);
  }

 private:
  using MakeRequest = std::function<Result<serving::InferRequest>(const serving::LiveModel&)>;
  /// What a shadow is to predict; owns all of it.
  struct Shadowed {
    std::shared_ptr<const serving::LiveDeployment> all;
    std::string prediction_id, request_id;
    InferenceSeries* series;
    MakeRequest make;
  };
  Result<const serving::LiveModel*> check(const std::string& deployment, const serving::LiveDeployment* all,
                                          std::string_view version) const;
  InferenceSeries& series_of(const serving::LiveModel& live, std::string_view protocol) {
    return metrics_.series(live.deployment, live.version, live.role, protocol);
  }
  bool is_heard() const { return sink_ != nullptr && sink_->listens(); }
  void predict_as_shadow(const Shadowed& shadowed) const;

  const serving::Deployments& deployments_;
  serving::PredictionSink* sink_;
  const std::shared_ptr<const Clock> clock_;
  Metrics metrics_;
  std::atomic<bool> accepting_{true};
  serving::Background background_{{}};  // the last: it ends first, and uses all else
};

template <class Copy>
void Inference::shadow(const Call& call, const Chosen& chosen, size_t bytes, const Copy& copy) {
  const auto& all = *call.all;
  if (call.named || !all.has_shadow()) return;
  InferenceSeries& series = series_of(*all.challenger, call.protocol);
  const bool taken = background_.offer(bytes, [&] {
    return [this, shadowed = Shadowed{call.all, chosen.prediction_id, std::string(chosen.request_id), &series,
                                      MakeRequest(copy())}] { predict_as_shadow(shadowed); };
  });
  if (!taken) series.drop();
}

}  // namespace tidemill::api
