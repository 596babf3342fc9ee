// tidemill alerts: what fires, or is about to; with --all also what ended within the last days.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "monitoring/kept.hpp"

namespace tidemill::app {

namespace {

using monitoring::Alert;

std::string state_text(const Alert& alert) {
  const std::string state(monitoring::to_text(alert.state));
  return alert.silent ? state + ", silent" : state;
}

Json json_of(const Alert& alert) {
  const auto number = [](double value) { return std::isfinite(value) ? Json(value) : Json(); };
  return {{"deployment", alert.cause.deployment},
          {"monitor", alert.cause.monitor},
          {"column", alert.cause.column},
          {"slice", alert.cause.slice},
          {"version", alert.cause.version == 0 ? Json() : Json(alert.cause.version)},
          {"topic", monitoring::to_text(alert.topic)},
          {"state", monitoring::to_text(alert.state)},
          {"silent", alert.silent},
          {"since", to_text(alert.since)},
          {"value", number(alert.value)},
          {"limit", number(alert.limit)},
          {"text", alert.text}};
}

/// What fires first, and of those what began last.
bool comes_before(const Alert* a, const Alert* b) {
  const auto rank = [](const Alert& alert) {
    return std::tuple(alert.state != Alert::State::Firing, alert.silent,
                      alert.state == Alert::State::Resolved, -alert.since.micros);
  };
  return rank(*a) < rank(*b);
}

}  // namespace

int alerts(const GlobalOptions& global, const AlertsOptions& options) {
  auto session = open_session(global, registry::Options::Mode::ReadOnly);
  if (!session) return report(global, session.error());
  const auto kept = monitoring::kept_alerts(*session->registry);
  if (!kept) return report(global, kept.error());
  const monitoring::Alerts known = kept->value_or(monitoring::Alerts());
  std::vector<const Alert*> shown;
  for (const auto& [cause, alert] : known.by_cause)
    if (options.all || (alert.state != Alert::State::Resolved && !alert.silent)) shown.push_back(&alert);
  std::ranges::stable_sort(shown, comes_before);
  if (global.json) {
    Json list = Json::array();
    for (const Alert* alert : shown) list.push_back(json_of(*alert));
    print_json({{"alerts", std::move(list)}});
    return 0;
  }
  TextTable table({{"state"},
                   {"since"},
                   {"deployment"},
                   {"monitor"},
                   {"column"},
                   {"slice"},
                   {"version", true},
                   {"found"}});
  for (const Alert* alert : shown)
    table.add({state_text(*alert), human_time(alert->since), alert->cause.deployment, alert->cause.monitor,
               alert->cause.column, alert->cause.slice,
               alert->cause.version == 0 ? "" : fmt::format("{}", alert->cause.version), alert->text});
  if (!shown.empty()) print(table.text());
  if (shown.empty() && !global.quiet) fmt::print(stderr, "nothing fires\n");
  return 0;
}

}  // namespace tidemill::app
