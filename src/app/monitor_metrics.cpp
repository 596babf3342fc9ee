#include "app/monitor_metrics.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "api/metrics.hpp"

namespace tidemill::app {

namespace {

using api::label_value;
using monitoring::Finding;

std::string labels_of(const monitoring::Cause& cause) {
  return fmt::format("deployment=\"{}\",monitor=\"{}\",column=\"{}\",slice=\"{}\",version=\"{}\"",
                     label_value(cause.deployment), label_value(cause.monitor), label_value(cause.column),
                     label_value(cause.slice), cause.version == 0 ? "" : fmt::format("{}", cause.version));
}

std::vector<const Finding*> exposed(const monitoring::LastLooks& looks) {
  std::vector<const Finding*> all;
  for (const auto& [name, look] : looks) {
    std::vector<const Finding*> of_monitor;
    for (const Finding& finding : look.evaluation.findings) of_monitor.push_back(&finding);
    std::ranges::stable_partition(of_monitor,
                                  [](const Finding* finding) { return finding->cause.slice.empty(); });
    if (of_monitor.size() > kMaxMonitorSeries) of_monitor.resize(kMaxMonitorSeries);
    all.insert(all.end(), of_monitor.begin(), of_monitor.end());
  }
  return all;
}

}  // namespace

std::string metrics_of(const project::Project& project, const monitoring::Alerts& alerts,
                       const monitoring::LastLooks& looks, uint64_t failures) {
  std::string out;
  if (project.monitors.empty()) return out;
  const std::vector<const Finding*> findings = exposed(looks);
  const auto each = [&](std::string_view name, std::string_view help, const auto& value) {
    api::append_family(out, name, "gauge", help);
    for (const Finding* finding : findings)
      if (const std::optional<double> number = value(*finding))
        out += fmt::format("{}{{{}}} {}\n", name, labels_of(finding->cause), api::number_text(*number));
  };
  const auto if_measured = [](double Finding::* member) {
    return [member](const Finding& finding) {
      return finding.state == Finding::State::Measured ? std::optional(finding.*member) : std::nullopt;
    };
  };
  each("tidemill_monitor_value", "What a monitor measured last.", if_measured(&Finding::value));
  each("tidemill_monitor_limit", "What the value is held against: fail, min or max, or what no drift gives.",
       if_measured(&Finding::limit));
  each("tidemill_monitor_pressure", "0 at the value's best, 1 at its limit, more past it.",
       if_measured(&Finding::pressure));
  each("tidemill_monitor_measured", "1: measured. 0: not enough data, or something it needs is missing.",
       [](const Finding& finding) {
         return std::optional(finding.state == Finding::State::Measured ? 1.0 : 0.0);
       });
  api::append_family(out, "tidemill_monitor_last_evaluation_timestamp_seconds", "gauge",
                     "When a monitor was looked at last.");
  for (const auto& [name, look] : looks)
    out += fmt::format(
        "tidemill_monitor_last_evaluation_timestamp_seconds{{deployment=\"{}\",monitor=\"{}\"}} {}\n",
        label_value(name.first), label_value(name.second), static_cast<double>(look.at.micros) / 1e6);
  api::append_family(out, "tidemill_monitor_interval_seconds", "gauge", "How often a monitor is looked at.");
  for (const auto& [deployment, monitors] : project.monitors)
    for (const project::Monitor& monitor : monitors)
      out += fmt::format("tidemill_monitor_interval_seconds{{deployment=\"{}\",monitor=\"{}\"}} {}\n",
                         label_value(deployment), label_value(monitor.name), monitor.every.seconds());
  api::append_family(out, "tidemill_monitor_failures_total", "counter",
                     "Times that a monitor could not be looked at.");
  out += fmt::format("tidemill_monitor_failures_total {}\n", failures);

  // Of every declared monitor, so that a rule sees it go back to 0.
  std::map<std::pair<std::string, std::string>, std::pair<int, int>> counts;  // firing, pending
  for (const auto& [deployment, monitors] : project.monitors)
    for (const project::Monitor& monitor : monitors) counts[{deployment, monitor.name}] = {};
  for (const auto& [cause, alert] : alerts.by_cause) {
    if (alert.silent) continue;
    auto& count = counts[{cause.deployment, cause.monitor}];
    count.first += alert.state == monitoring::Alert::State::Firing ? 1 : 0;
    count.second += alert.state == monitoring::Alert::State::Pending ? 1 : 0;
  }
  const auto alerts_of = [&](std::string_view name, std::string_view help,
                             int std::pair<int, int>::* member) {
    api::append_family(out, name, "gauge", help);
    for (const auto& [monitor, count] : counts)
      out += fmt::format("{}{{deployment=\"{}\",monitor=\"{}\"}} {}\n", name, label_value(monitor.first),
                         label_value(monitor.second), count.*member);
  };
  alerts_of("tidemill_alerts_firing", "Alerts that fire, silent ones left out.", &std::pair<int, int>::first);
  alerts_of("tidemill_alerts_pending", "Alerts that will fire if they go on to fail.",
            &std::pair<int, int>::second);
  return out;
}

}  // namespace tidemill::app
