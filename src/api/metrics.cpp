#include "api/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>

#include <fmt/format.h>

namespace tidemill::api {

namespace {

std::string text_of(const InferenceSeries::Labels& labels) {
  return fmt::format("model=\"{}\",version=\"{}\",role=\"{}\",protocol=\"{}\"", label_value(labels.model),
                     labels.version, label_value(labels.role), label_value(labels.protocol));
}

template <class T>
void sample(std::string& out, std::string_view name, std::string_view labels, T value) {
  out += fmt::format("{}{{{}}} {}\n", name, labels, value);
}

}  // namespace

void append_family(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

template <size_t n>
uint64_t Histogram<n>::count() const {
  uint64_t total = 0;
  for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
  return total;
}

template <size_t n>
void Histogram<n>::append(std::string& out, std::string_view name, std::string_view labels) const {
  uint64_t total = 0;
  for (size_t b = 0; b <= n; ++b) {
    total += buckets_[b].load(std::memory_order_relaxed);
    const std::string bound = b < n ? fmt::format("{:#}", bounds_[b]) : "+Inf";
    out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound, total);
  }
  out += fmt::format("{}_sum{{{}}} {}\n{}_count{{{}}} {}\n", name, labels, sum(), name, labels, total);
}

void InferenceSeries::end(const Request& request) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const size_t code =
      static_cast<size_t>(std::find(kCodes.begin(), kCodes.end(), request.code) - kCodes.begin());
  requests_[code].fetch_add(1, kRelaxed);
  in_flight_.fetch_sub(1, kRelaxed);
  seconds_.add(request.seconds);
  if (request.code != 200) {
    failed_seconds_.fetch_add(request.seconds, kRelaxed);
    return;
  }
  queue_.add(request.queue_seconds);
  compute_.add(request.compute_seconds);
  batch_.add(static_cast<double>(request.rows));
  rows_.fetch_add(request.rows, kRelaxed);
  input_seconds_.fetch_add(request.input_seconds, kRelaxed);
  output_seconds_.fetch_add(request.output_seconds, kRelaxed);
  if (request.unseen_categories > 0)
    unseen_.fetch_add(static_cast<uint64_t>(request.unseen_categories), kRelaxed);
}

InferenceSeries::Totals& InferenceSeries::Totals::operator+=(const Totals& other) {
  succeeded += other.succeeded;
  failed += other.failed;
  rows += other.rows;
  succeeded_seconds += other.succeeded_seconds;
  failed_seconds += other.failed_seconds;
  queue_seconds += other.queue_seconds;
  input_seconds += other.input_seconds;
  compute_seconds += other.compute_seconds;
  output_seconds += other.output_seconds;
  rejected += other.rejected;
  broken += other.broken;
  waiting += other.waiting;
  return *this;
}

InferenceSeries::Totals InferenceSeries::totals() const {
  Totals totals;
  totals.succeeded = requests_[0].load();
  totals.failed = seconds_.count() - std::min(seconds_.count(), totals.succeeded);
  totals.rows = rows_.load();
  totals.failed_seconds = failed_seconds_.load();
  totals.succeeded_seconds = std::max(0.0, seconds_.sum() - totals.failed_seconds);
  totals.queue_seconds = queue_.sum();
  totals.input_seconds = input_seconds_.load();
  totals.compute_seconds = compute_.sum();
  totals.output_seconds = output_seconds_.load();
  for (size_t c = 0; c < kCodes.size(); ++c) {
    if (kCodes[c] == 429 || kCodes[c] == 503 || kCodes[c] == 504) totals.rejected += requests_[c].load();
    if (kCodes[c] == 500) totals.broken += requests_[c].load();
  }
  totals.waiting = waiting_.load();
  return totals;
}

InferenceSeries::Answers& InferenceSeries::Answers::operator+=(const Answers& other) {
  requests += other.requests;
  refused += other.refused;
  failed += other.failed;
  for (size_t b = 0; b < seconds.size(); ++b) seconds[b] += other.seconds[b];
  return *this;
}

InferenceSeries::Answers InferenceSeries::Answers::operator-(const Answers& before) const {
  Answers since = *this;
  since.requests -= before.requests;
  since.refused -= before.refused;
  since.failed -= before.failed;
  for (size_t b = 0; b < seconds.size(); ++b) since.seconds[b] -= before.seconds[b];
  return since;
}

std::optional<double> InferenceSeries::Answers::quantile_seconds(double q) const {
  uint64_t total = 0;
  for (const uint64_t count : seconds) total += count;
  if (total == 0) return std::nullopt;
  const double rank = q * static_cast<double>(total);
  double below = 0;
  for (size_t b = 0; b < kSecondsBounds.size(); ++b) {
    const auto here = static_cast<double>(seconds[b]);
    if (here > 0 && below + here >= rank) {
      const double from = b == 0 ? 0 : kSecondsBounds[b - 1];
      return from + (kSecondsBounds[b] - from) * (rank - below) / here;
    }
    below += here;
  }
  return kSecondsBounds.back();
}

InferenceSeries::Answers InferenceSeries::answers() const {
  Answers answers;
  for (size_t c = 0; c < kCodes.size(); ++c) {
    const uint64_t count = requests_[c].load();
    answers.requests += count;
    if (kCodes[c] >= 400 && kCodes[c] < 500) answers.refused += count;
    if (kCodes[c] >= 500 && kCodes[c] != 503) answers.failed += count;
  }
  answers.requests += requests_.back().load();
  answers.failed += requests_.back().load();
  answers.seconds = seconds_.counts();
  return answers;
}

InferenceSeries::Answers Metrics::answers(std::string_view model, int version, std::string_view role) const {
  const std::shared_lock lock(mutex_);
  InferenceSeries::Answers all;
  for (const auto& [key, series] : series_) {
    const auto& labels = series->labels();
    if (labels.model == model && labels.version == version && labels.role == role) all += series->answers();
  }
  return all;
}

uint64_t Metrics::next_serial() {
  static std::atomic<uint64_t> serials{0};
  return ++serials;
}

InferenceSeries& Metrics::series(std::string_view model, int version, std::string_view role,
                                 std::string_view protocol) {
  // A thread mostly counts where it counted last.
  struct Last {
    uint64_t serial = 0;  // of the metrics
    InferenceSeries* series = nullptr;
  };
  thread_local Last last;
  const Key key{model, version, role, protocol};
  if (last.serial == serial_ && last.series->key() == key) return *last.series;
  last = {serial_, &find_or_make(key)};
  return *last.series;
}

InferenceSeries& Metrics::find_or_make(const Key& key) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = series_.find(key); found != series_.end()) return *found->second;
  }
  const auto& [model, version, role, protocol] = key;
  auto made = std::make_unique<InferenceSeries>(
      InferenceSeries::Labels{std::string(model), version, std::string(role), std::string(protocol)});
  const Key own = made->key();
  const std::unique_lock lock(mutex_);
  return *series_.try_emplace(own, std::move(made)).first->second;
}

int64_t Metrics::in_flight() const {
  const std::shared_lock lock(mutex_);
  int64_t count = 0;
  for (const auto& [key, series] : series_) count += series->in_flight_.load();
  return count;
}

InferenceSeries::Totals Metrics::totals(std::string_view model, int version) const {
  InferenceSeries::Totals totals;
  const std::shared_lock lock(mutex_);
  for (const auto& [key, series] : series_)
    if (std::get<0>(key) == model && std::get<1>(key) == version) totals += series->totals();
  return totals;
}

// Names, labels and units of Triton's documentation (Metrics, Inference Request Metrics).
void Metrics::append_triton(std::string& out) const {
  std::map<std::string, InferenceSeries::Totals> by_labels;
  for (const auto& [key, series] : series_) {
    const auto& labels = series->labels();
    if (labels.version == 0) continue;
    by_labels[fmt::format("model=\"{}\",version=\"{}\"", label_value(labels.model), labels.version)] +=
        series->totals();
  }
  using Totals = InferenceSeries::Totals;
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    append_family(out, name, type, help);
    for (const auto& [labels, totals] : by_labels) sample(out, name, labels, value(totals));
  };
  const auto micros = [](double seconds) {
    constexpr double kMicrosPerSecond = 1e6;
    return static_cast<uint64_t>(seconds * kMicrosPerSecond);
  };
  each("nv_inference_request_success", "counter", "Requests that were answered.",
       [](const Totals& t) { return t.succeeded; });
  constexpr std::string_view kFailure = "nv_inference_request_failure";
  append_family(out, kFailure, "counter", "Requests that failed, by reason.");
  for (const auto& [labels, t] : by_labels) {
    const std::array<std::pair<std::string_view, uint64_t>, 4> reasons{
        {{"REJECTED", t.rejected},
         {"CANCELED", 0},
         {"BACKEND", t.broken},
         {"OTHER", t.failed - std::min(t.failed, t.rejected + t.broken)}}};
    for (const auto& [reason, count] : reasons)
      sample(out, kFailure, fmt::format("{},reason=\"{}\"", labels, reason), count);
  }
  each("nv_inference_count", "counter", "Rows predicted.", [](const Totals& t) { return t.rows; });
  each("nv_inference_exec_count", "counter", "Times that a model was run.",
       [](const Totals& t) { return t.succeeded; });
  each("nv_inference_request_duration_us", "counter", "Microseconds from the last byte to the answer.",
       [&](const Totals& t) { return micros(t.succeeded_seconds); });
  each("nv_inference_queue_duration_us", "counter", "Microseconds of waiting for a worker.",
       [&](const Totals& t) { return micros(t.queue_seconds); });
  each("nv_inference_compute_input_duration_us", "counter", "Microseconds of reading inputs.",
       [&](const Totals& t) { return micros(t.input_seconds); });
  each("nv_inference_compute_infer_duration_us", "counter", "Microseconds of predicting.",
       [&](const Totals& t) { return micros(t.compute_seconds); });
  each("nv_inference_compute_output_duration_us", "counter", "Microseconds of writing answers.",
       [&](const Totals& t) { return micros(t.output_seconds); });
  each("nv_inference_pending_request_count", "gauge", "Requests that wait for a worker.",
       [](const Totals& t) { return t.waiting; });
}

std::string Metrics::text(const std::vector<Deployment>& deployments, MetricNames names) const {
  std::string out;
  const std::shared_lock lock(mutex_);
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto append) {
    append_family(out, name, type, help);
    for (const auto& [key, series] : series_) append(name, text_of(series->labels()), *series);
  };
  const auto histogram = [&](std::string_view name, std::string_view help, auto member) {
    each(name, "histogram", help,
         [&](std::string_view of, const std::string& labels, const InferenceSeries& s) {
           (s.*member).append(out, of, labels);
         });
  };
  const auto number = [&](std::string_view name, std::string_view type, std::string_view help, auto member) {
    each(name, type, help, [&](std::string_view of, const std::string& labels, const InferenceSeries& s) {
      sample(out, of, labels, (s.*member).load());
    });
  };
  each("tidemill_inference_requests_total", "counter", "Inference requests by outcome.",
       [&](std::string_view name, const std::string& labels, const InferenceSeries& s) {
         for (size_t c = 0; c < s.requests_.size(); ++c) {
           const std::string code =
               c < InferenceSeries::kCodes.size() ? std::to_string(InferenceSeries::kCodes[c]) : "other";
           if (const uint64_t count = s.requests_[c].load(); count > 0)
             sample(out, name, fmt::format("{},code=\"{}\"", labels, code), count);
         }
       });
  histogram("tidemill_inference_request_duration_seconds", "Time from a request's last byte to its answer.",
            &InferenceSeries::seconds_);
  histogram("tidemill_inference_queue_duration_seconds", "Time that an answered request waited for a worker.",
            &InferenceSeries::queue_);
  histogram("tidemill_inference_compute_duration_seconds", "Time that predicting itself took.",
            &InferenceSeries::compute_);
  histogram("tidemill_inference_batch_rows", "Rows of an answered request.", &InferenceSeries::batch_);
  number("tidemill_inference_rows_total", "counter", "Rows predicted.", &InferenceSeries::rows_);
  number("tidemill_inference_in_flight", "gauge", "Requests that are being answered.",
         &InferenceSeries::in_flight_);
  number("tidemill_inference_unseen_categories_total", "counter",
         "Category values that training never saw; taken as missing.", &InferenceSeries::unseen_);

  append_family(out, "tidemill_shadow_dropped_total", "counter",
                "Requests that a shadow did not get because it had too many waiting.");
  for (const auto& [key, series] : series_)
    if (series->labels().role == "shadow")
      sample(out, "tidemill_shadow_dropped_total", text_of(series->labels()), series->dropped_.load());
  append_family(out, "tidemill_model_info", "gauge", "Versions that are live.");
  for (const Deployment& deployment : deployments)
    for (const Deployment::Live& live : deployment.live)
      sample(out, "tidemill_model_info",
             fmt::format("model=\"{}\",registry_model=\"{}\",version=\"{}\",role=\"{}\"",
                         label_value(deployment.model), label_value(live.registry_model), live.version,
                         label_value(live.role)),
             1);
  const auto of_challengers = [&](std::string_view name, std::string_view help, auto value) {
    append_family(out, name, "gauge", help);
    for (const Deployment& deployment : deployments)
      if (deployment.challenger)
        sample(out, name, fmt::format("model=\"{}\"", label_value(deployment.model)),
               value(*deployment.challenger));
  };
  of_challengers("tidemill_deployment_canary_share",
                 "Share of the requests that a deployment's canary answers.",
                 [](const Deployment::Challenger& c) { return c.canary_share; });
  of_challengers("tidemill_deployment_challenger_current",
                 "1 when a deployment's challenger is loaded, 0 when it could not be.",
                 [](const Deployment::Challenger& c) { return c.current ? 1 : 0; });
  append_family(
      out, "tidemill_deployment_current", "gauge",
      "1 when a deployment serves the version that its alias names, 0 when that could not be loaded.");
  for (const Deployment& deployment : deployments)
    sample(out, "tidemill_deployment_current", fmt::format("model=\"{}\"", label_value(deployment.model)),
           deployment.current ? 1 : 0);
  append_family(out, "tidemill_deployment_load_failures_total", "counter",
                "Attempts to load the version that an alias names which failed.");
  for (const Deployment& deployment : deployments)
    sample(out, "tidemill_deployment_load_failures_total",
           fmt::format("model=\"{}\"", label_value(deployment.model)), deployment.load_failures);
  append_family(out, "tidemill_deployment_table_age_seconds", "gauge",
                "Time since the snapshot was made that a deployment's requests look things up in.");
  for (const Deployment& deployment : deployments)
    for (const Deployment::Table& table : deployment.tables)
      sample(out, "tidemill_deployment_table_age_seconds",
             fmt::format("model=\"{}\",table=\"{}\"", label_value(deployment.model), label_value(table.name)),
             table.age_seconds);
  if (names == MetricNames::OwnAndTriton) append_triton(out);
  return out;
}

}  // namespace tidemill::api
