// What is told to people when something happens, and in which form: pure functions from events to messages.
// Who sends them is elsewhere. Nothing secret is in a message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "monitoring/alert.hpp"

namespace tidemill::monitoring {

/// Something that happened, as it waits to be told.
struct Notice {
  std::string id;     // the same event has the same: told again, it can be known
  std::string event;  // as `notify: {on: …}` names it: "firing", "resolved", "failed", "promoted" …
  std::string text;   // one line
  Instant at;
  Json details = Json::object();
  bool operator==(const Notice&) const = default;
};
Json to_json(const Notice& notice);
/// Error monitoring.state.
Result<Notice> notice_from_json(const Json& json);

/// Of one project and environment: what every message says besides.
struct Sender {
  std::string project, environment;
};

/// Of what tells an event from every other.
std::string notice_id(std::string_view what);
Notice notice_of(const AlertEvent& event, Instant now);

/// {"event", "project", "environment", "text", "at", "id", and the details}.
Json plain_message(const Notice& notice, const Sender& sender);
/// What Slack's incoming webhooks take: {"text": "…"}, its special characters escaped.
Json slack_message(const Notice& notice, const Sender& sender);

/// How long Alertmanager is told of what fires, and how soon again.
inline constexpr Duration kAlertmanagerResend{int64_t{60} * 1'000'000};
inline constexpr Duration kAlertmanagerLasts{int64_t{240} * 1'000'000};
/// How long it is told of what ended.
inline constexpr Duration kTellsResolved{int64_t{15} * 60'000'000};
inline constexpr size_t kAlertsInMessage = 500;

/// Bodies of POST /api/v2/alerts: what fires and was told, until kAlertmanagerLasts from now; what ended
/// within kTellsResolved. Alertmanager takes one as the same alert by its labels.
std::vector<Json> alertmanager_messages(const Alerts& alerts, const Sender& sender, Instant now);
/// … of something that happened, and does not last.
Json alertmanager_message(const Notice& notice, const Sender& sender, Instant now);

/// The pause after so many failures in a row: 1 s, doubled up to 5 minutes.
Duration back_off(int failures);
/// How long a notice is tried.
inline constexpr Duration kGivesUpAfter{int64_t{86'400} * 1'000'000};

}  // namespace tidemill::monitoring
