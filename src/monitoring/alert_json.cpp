// The state of alerts as it is kept over restarts.
#include <utility>

#include "monitoring/alert.hpp"
#include "monitoring/state_json.hpp"

namespace tidemill::monitoring {

namespace {

constexpr int kFormat = 1;

Result<Alert> alert_from_json(const Json& json) {
  Alert alert;
  const auto cause = json.find("cause");
  if (!json.is_object() || cause == json.end()) return bad_state("cause", "is missing");
  TM_CHECK(read_member(*cause, "deployment", alert.cause.deployment));
  TM_CHECK(read_member(*cause, "monitor", alert.cause.monitor));
  TM_CHECK(read_member(*cause, "column", alert.cause.column));
  TM_CHECK(read_member(*cause, "slice", alert.cause.slice));
  TM_CHECK(read_member(*cause, "version", alert.cause.version));
  std::string topic, state;
  TM_CHECK(read_member(json, "topic", topic));
  TM_CHECK(read_member(json, "state", state));
  const auto known = topic_of(topic);
  if (!known) return bad_state("topic", "is none that there is");
  alert.topic = *known;
  if (state == "firing")
    alert.state = Alert::State::Firing;
  else if (state == "resolved")
    alert.state = Alert::State::Resolved;
  else if (state != "pending")
    return bad_state("state", "is none that there is");
  TM_CHECK(read_member(json, "since", alert.since));
  TM_CHECK(read_member(json, "failures", alert.failures));
  TM_CHECK(read_member(json, "clears", alert.clears));
  TM_CHECK(read_member(json, "silent", alert.silent));
  TM_CHECK(read_member(json, "told", alert.told));
  TM_CHECK(read_number(json, "value", alert.value));
  TM_CHECK(read_number(json, "limit", alert.limit));
  TM_CHECK(read_member(json, "text", alert.text));
  return alert;
}

}  // namespace

Json to_json(const Alerts& alerts) {
  Json list = Json::array(), judged = Json::array();
  for (const auto& [cause, alert] : alerts.by_cause)
    list.push_back({{"cause", to_json(cause)},
                    {"topic", to_text(alert.topic)},
                    {"state", to_text(alert.state)},
                    {"since", alert.since.micros},
                    {"failures", alert.failures},
                    {"clears", alert.clears},
                    {"silent", alert.silent},
                    {"told", alert.told},
                    {"value", json_number(alert.value)},
                    {"limit", json_number(alert.limit)},
                    {"text", alert.text}});
  for (const auto& [monitor, end] : alerts.judged)
    judged.push_back({{"deployment", monitor.first}, {"monitor", monitor.second}, {"until", end.micros}});
  return {{"format", kFormat}, {"alerts", std::move(list)}, {"judged", std::move(judged)}};
}

Result<Alerts> alerts_from_json(const Json& json) {
  int format = 0;
  TM_CHECK(read_member(json, "format", format));
  if (format != kFormat) return bad_state("format", "is that of another version of this program");
  for (const char* list : {"alerts", "judged"})
    if (!json.contains(list) || !json[list].is_array() || json[list].size() > kMaxAlerts)
      return bad_state(list, "is not a list of at most 10000");
  Alerts alerts;
  for (const Json& item : json["alerts"]) {
    TM_TRY(Alert alert, alert_from_json(item));
    const Cause cause = alert.cause;
    alerts.by_cause.emplace(cause, std::move(alert));
  }
  for (const Json& item : json["judged"]) {
    std::pair<std::string, std::string> monitor;
    Instant until;
    TM_CHECK(read_member(item, "deployment", monitor.first));
    TM_CHECK(read_member(item, "monitor", monitor.second));
    TM_CHECK(read_member(item, "until", until));
    alerts.judged.emplace(std::move(monitor), until);
  }
  return alerts;
}

}  // namespace tidemill::monitoring
