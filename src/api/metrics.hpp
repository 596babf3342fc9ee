// What is counted about predictions, and its text for Prometheus. Labels come from fixed sets (deployment,
// version, role, protocol, status), so that their number stays bounded. Thread-safe: a series is looked up
// under a shared lock, and counted in without one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace tidemill::api {

/// Counts of values by upper bound, as Prometheus has it.
template <size_t n>
class Histogram {
 public:
  explicit Histogram(const std::array<double, n>& bounds) : bounds_(bounds) {}
  void add(double value) {
    size_t bucket = 0;
    while (bucket < n && value > bounds_[bucket]) ++bucket;
    buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
    if (value != 0) sum_.fetch_add(value, std::memory_order_relaxed);
  }
  double sum() const { return sum_.load(std::memory_order_relaxed); }
  uint64_t count() const;
  std::array<uint64_t, n + 1> counts() const {
    std::array<uint64_t, n + 1> out{};
    for (size_t b = 0; b <= n; ++b) out[b] = buckets_[b].load(std::memory_order_relaxed);
    return out;
  }
  /// name{labels}: its buckets, sum and count.
  void append(std::string& out, std::string_view name, std::string_view labels) const;

 private:
  const std::array<double, n>& bounds_;
  std::array<std::atomic<uint64_t>, n + 1> buckets_{};
  std::atomic<double> sum_{0};
};

inline constexpr std::array kSecondsBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                           0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   5.0};
inline constexpr std::array kRowsBounds{1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0, 8192.0, 65536.0};

/// What one deployment's version answered in one role over one protocol.
class InferenceSeries {
 public:
  struct Labels {
    std::string model;     // the deployment's name; empty: no deployment was reached
    int version = 0;       // 0: none was reached
    std::string role;      // the alias it is served under; a challenger's "canary" or "shadow"
    std::string protocol;  // "v2", "grpc", "mlflow", "predict"
  };
  explicit InferenceSeries(Labels labels) : labels_(std::move(labels)) {}

  struct Request {
    int code = 200;      // the HTTP status, whatever the protocol
    double seconds = 0;  // from its last byte to its answer
    double queue_seconds = 0;
    double input_seconds = 0;  // from its last byte to predicting, without the queue
    double compute_seconds = 0;
    double output_seconds = 0;  // from then on
    size_t rows = 0;
    int64_t unseen_categories = 0;
  };
  void begin() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  void end(const Request& request);
  /// It was begun here, and goes on in another series.
  void leave() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }
  /// A shadow's request that found no room.
  void drop() { dropped_.fetch_add(1, std::memory_order_relaxed); }
  void waits() { waiting_.fetch_add(1, std::memory_order_relaxed); }
  void waits_no_more() { waiting_.fetch_sub(1, std::memory_order_relaxed); }
  const Labels& labels() const { return labels_; }

  struct Totals {
    uint64_t succeeded = 0, failed = 0, rows = 0;
    uint64_t rejected = 0, broken = 0;  // of failed: there was too much to do; ours
    int64_t waiting = 0;
    double succeeded_seconds = 0, failed_seconds = 0, queue_seconds = 0;
    double input_seconds = 0, compute_seconds = 0, output_seconds = 0;
    Totals& operator+=(const Totals& other);
  };
  Totals totals() const;

  /// How requests ended, and how long they took: the difference of two tells of the time between.
  struct Answers {
    uint64_t requests = 0;
    uint64_t refused = 0;  // 4xx: what was asked for could not be answered
    uint64_t failed = 0;   // 5xx, but for 503, which the server says of itself
    std::array<uint64_t, kSecondsBounds.size() + 1> seconds{};  // by the bounds, the last beyond them
    Answers& operator+=(const Answers& other);
    Answers operator-(const Answers& before) const;
    /// Linear within a bucket, as Prometheus' histogram_quantile has it; beyond the last bound, that bound.
    /// Nothing without requests.
    std::optional<double> quantile_seconds(double q) const;
  };
  Answers answers() const;

 private:
  friend class Metrics;
  using Key = std::tuple<std::string_view, int, std::string_view, std::string_view>;
  Key key() const { return {labels_.model, labels_.version, labels_.role, labels_.protocol}; }
  static constexpr std::array kCodes{200, 400, 401, 403, 404, 413, 415, 429, 500, 501, 503, 504};

  const Labels labels_;
  std::array<std::atomic<uint64_t>, kCodes.size() + 1> requests_{};  // the last: any other code
  std::atomic<int64_t> in_flight_{0}, waiting_{0};
  std::atomic<uint64_t> rows_{0}, unseen_{0}, dropped_{0};
  std::atomic<double> failed_seconds_{0}, input_seconds_{0}, output_seconds_{0};
  Histogram<kSecondsBounds.size()> seconds_{kSecondsBounds}, queue_{kSecondsBounds}, compute_{kSecondsBounds};
  Histogram<kRowsBounds.size()> batch_{kRowsBounds};
};

/// What stands before the samples of a family, in Prometheus' text format.
void append_family(std::string& out, std::string_view name, std::string_view type, std::string_view help);
/// A label's value as it stands between quotes there.
std::string label_value(std::string_view text);
/// A sample's value as it stands there: "NaN", "+Inf", "-Inf", or digits that read back to the same number.
std::string number_text(double value);

/// Own: tidemill_*. OwnAndTriton: Triton's nv_inference_* beside them, for the dashboards that know these.
enum class MetricNames { Own, OwnAndTriton };

class Metrics {
 public:
  /// Made when it is first asked for; stays where it is.
  InferenceSeries& series(std::string_view model, int version, std::string_view role,
                          std::string_view protocol);
  /// Over all roles and protocols.
  InferenceSeries::Totals totals(std::string_view model, int version) const;
  /// In one role, over all protocols.
  InferenceSeries::Answers answers(std::string_view model, int version, std::string_view role) const;
  int64_t in_flight() const;  // of all

  struct Deployment {
    std::string model;  // the deployment's name
    struct Live {
      std::string registry_model;
      int version = 0;
      std::string role;
    };
    std::vector<Live> live = {};  // what it serves now
    bool current = true;          // it serves what its alias names
    struct Challenger {
      bool current = true;      // it could be loaded
      double canary_share = 0;  // of the requests
    };
    std::optional<Challenger> challenger = {};
    uint64_t load_failures = 0;
    struct Table {
      std::string name;
      double age_seconds = 0;  // of the snapshot
    };
    std::vector<Table> tables = {};  // that its requests look things up in
  };
  std::string text(const std::vector<Deployment>& deployments, MetricNames names) const;

 private:
  using Key = InferenceSeries::Key;  // into the labels
  InferenceSeries& find_or_make(const Key& key);
  void append_triton(std::string& out) const;  // the mutex is held
  static uint64_t next_serial();
  const uint64_t serial_ = next_serial();  // no two of this process have the same
  mutable std::shared_mutex mutex_;
  std::map<Key, std::unique_ptr<InferenceSeries>> series_;
};

}  // namespace tidemill::api
