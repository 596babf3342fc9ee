#include "api/metrics.hpp"

#include <fmt/format.h>

namespace tidemill::api {

namespace {

// Deployment and model names are identifiers and never need escaping; kept here so that a name from elsewhere
// cannot break the text.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

void family(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

void counters(std::string& out, std::string_view name, std::string_view help,
              const std::map<std::string, uint64_t>& values) {
  family(out, name, "counter", help);
  for (const auto& [labels, value] : values) out += fmt::format("{}{{{}}} {}\n", name, labels, value);
}

}  // namespace

void Metrics::count(const Inference& inference) {
  const std::string model = fmt::format("model=\"{}\",version=\"{}\",role=\"{}\"", escaped(inference.model),
                                        inference.version, escaped(inference.role));
  const std::string protocol = fmt::format("{},protocol=\"{}\"", model, escaped(inference.protocol));
  const std::lock_guard lock(mutex_);
  ++requests_[fmt::format("{},code=\"{}\"", protocol, inference.code)];
  Histogram& histogram = durations_[protocol];
  size_t bucket = 0;
  while (bucket < kBounds.size() && inference.seconds > kBounds[bucket]) ++bucket;
  ++histogram.buckets[bucket];
  histogram.sum += inference.seconds;
  rows_[model] += inference.rows;
  if (inference.unseen_categories > 0) unseen_[model] += static_cast<uint64_t>(inference.unseen_categories);
}

std::string Metrics::text(const std::vector<Deployment>& deployments) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  counters(out, "tidemill_inference_requests_total", "Inference requests by outcome.", requests_);
  family(out, "tidemill_inference_request_duration_seconds", "histogram",
         "Time from a request's last byte to its answer.");
  for (const auto& [labels, histogram] : durations_) {
    uint64_t total = 0;
    for (size_t b = 0; b < histogram.buckets.size(); ++b) {
      total += histogram.buckets[b];
      const std::string bound = b < kBounds.size() ? fmt::format("{}", kBounds[b]) : "+Inf";
      out += fmt::format("tidemill_inference_request_duration_seconds_bucket{{{},le=\"{}\"}} {}\n", labels,
                         bound, total);
    }
    out += fmt::format("tidemill_inference_request_duration_seconds_sum{{{}}} {}\n", labels, histogram.sum);
    out += fmt::format("tidemill_inference_request_duration_seconds_count{{{}}} {}\n", labels, total);
  }
  counters(out, "tidemill_inference_rows_total", "Rows predicted.", rows_);
  counters(out, "tidemill_inference_unseen_categories_total",
           "Category values that training never saw; taken as missing.", unseen_);
  family(out, "tidemill_model_info", "gauge", "Versions that are live.");
  for (const Deployment& deployment : deployments)
    if (deployment.version > 0)
      out += fmt::format(
          "tidemill_model_info{{model=\"{}\",registry_model=\"{}\",version=\"{}\",role=\"{}\"}} 1\n",
          escaped(deployment.model), escaped(deployment.registry_model), deployment.version,
          escaped(deployment.role));
  family(out, "tidemill_deployment_current", "gauge",
         "1 when a deployment serves the version that its alias names, 0 when that could not be loaded.");
  for (const Deployment& deployment : deployments)
    out += fmt::format("tidemill_deployment_current{{model=\"{}\"}} {}\n", escaped(deployment.model),
                       deployment.current ? 1 : 0);
  family(out, "tidemill_deployment_load_failures_total", "counter",
         "Attempts to load the version that an alias names which failed.");
  for (const Deployment& deployment : deployments)
    out += fmt::format("tidemill_deployment_load_failures_total{{model=\"{}\"}} {}\n",
                       escaped(deployment.model), deployment.load_failures);
  return out;
}

}  // namespace tidemill::api
