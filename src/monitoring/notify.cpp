#include "monitoring/notify.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "monitoring/state_json.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kIdDigits = 32;
constexpr Duration kOccurrenceLasts{int64_t{5} * 60'000'000};  // that something which happened is shown

std::string_view alert_name(Topic topic) {
  switch (topic) {
    case Topic::Quality:
      return "TidemillDataQuality";
    case Topic::Drift:
      return "TidemillDrift";
    case Topic::Performance:
      return "TidemillPerformance";
    case Topic::Other:
      break;
  }
  return "TidemillMonitor";
}

/// Alertmanager takes a label without a value for none.
void add_label(Json& labels, const char* name, const std::string& value) {
  if (!value.empty()) labels[name] = value;
}

Json labels_of(const Alert& alert, const Sender& sender) {
  Json labels = {{"alertname", alert_name(alert.topic)}};
  add_label(labels, "project", sender.project);
  add_label(labels, "environment", sender.environment);
  add_label(labels, "deployment", alert.cause.deployment);
  add_label(labels, "monitor", alert.cause.monitor);
  add_label(labels, "column", alert.cause.column);
  add_label(labels, "slice", alert.cause.slice);
  add_label(labels, "version", alert.cause.version == 0 ? "" : fmt::format("{}", alert.cause.version));
  return labels;
}

Instant later(Instant at, Duration by) { return {at.micros + by.micros}; }

/// https://api.slack.com/reference/surfaces/formatting: three characters mean something.
std::string escaped_for_slack(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

std::string name_of(const Sender& sender) {
  return sender.environment.empty() ? sender.project : sender.project + " " + sender.environment;
}

}  // namespace

Json to_json(const Notice& notice) {
  return {{"id", notice.id},
          {"event", notice.event},
          {"text", notice.text},
          {"at", notice.at.micros},
          {"details", notice.details}};
}

Result<Notice> notice_from_json(const Json& json) {
  Notice notice;
  TM_CHECK(read_member(json, "id", notice.id));
  TM_CHECK(read_member(json, "event", notice.event));
  TM_CHECK(read_member(json, "text", notice.text));
  TM_CHECK(read_member(json, "at", notice.at));
  if (!json.contains("details") || !json["details"].is_object())
    return bad_state("details", "is not an object");
  notice.details = json["details"];
  return notice;
}

std::string notice_id(std::string_view what) { return sha256(what).substr(0, kIdDigits); }

Notice notice_of(const AlertEvent& event, Instant now) {
  const Alert& alert = event.alert;
  Notice notice;
  notice.event = event.what == AlertEvent::What::Fired ? "firing" : "resolved";
  notice.text = fmt::format("{}: {}", to_text(alert.cause), event.reason);
  notice.at = now;
  notice.details = to_json(alert.cause);
  if (alert.cause.version == 0) notice.details["version"] = nullptr;
  notice.details["topic"] = to_text(alert.topic);
  notice.details["value"] = json_number(alert.value);
  notice.details["limit"] = json_number(alert.limit);
  notice.details["since"] = to_text(alert.since);
  notice.id =
      notice_id(fmt::format("{}\n{}\n{}", canonical(to_json(alert.cause)), notice.event, alert.since.micros));
  return notice;
}

Json plain_message(const Notice& notice, const Sender& sender) {
  Json message = {{"event", notice.event}, {"project", sender.project}, {"environment", sender.environment},
                  {"text", notice.text},   {"at", to_text(notice.at)},  {"id", notice.id}};
  for (const auto& [name, value] : notice.details.items())
    if (!message.contains(name)) message[name] = value;
  return message;
}

Json slack_message(const Notice& notice, const Sender& sender) {
  return {{"text", fmt::format("*{}* {}\n{}", escaped_for_slack(notice.event),
                               escaped_for_slack(name_of(sender)), escaped_for_slack(notice.text))}};
}

std::vector<Json> alertmanager_messages(const Alerts& alerts, const Sender& sender, Instant now) {
  std::vector<Json> messages;
  for (const auto& [cause, alert] : alerts.by_cause) {
    const bool fires = alert.state == Alert::State::Firing && alert.told && !alert.silent;
    const bool ended =
        alert.state == Alert::State::Resolved && now.micros - alert.since.micros < kTellsResolved.micros;
    if (!fires && !ended) continue;
    Json json = {{"labels", labels_of(alert, sender)},
                 {"annotations", {{"summary", to_text(cause)}, {"description", alert.text}}}};
    if (fires) json["startsAt"] = to_text(alert.since);
    json["endsAt"] = to_text(fires ? later(now, kAlertmanagerLasts) : alert.since);
    if (messages.empty() || messages.back().size() >= kAlertsInMessage) messages.push_back(Json::array());
    messages.back().push_back(std::move(json));
  }
  return messages;
}

Json alertmanager_message(const Notice& notice, const Sender& sender, Instant now) {
  Json labels = {{"alertname", "TidemillEvent"}, {"event", notice.event}};
  add_label(labels, "project", sender.project);
  add_label(labels, "environment", sender.environment);
  for (const char* name : {"deployment", "model", "run"})
    if (const auto found = notice.details.find(name); found != notice.details.end() && found->is_string())
      add_label(labels, name, found->get<std::string>());
  return Json::array({{{"labels", std::move(labels)},
                       {"annotations", {{"summary", notice.text}}},
                       {"startsAt", to_text(notice.at)},
                       {"endsAt", to_text(later(now, kOccurrenceLasts))}}});
}

Duration back_off(int failures) {
  constexpr int64_t kFirst = 1'000'000, kMost = int64_t{300} * 1'000'000;
  constexpr int kMostDoublings = 20;
  return {std::min(kFirst << std::clamp(failures - 1, 0, kMostDoublings), kMost)};
}

}  // namespace tidemill::monitoring
