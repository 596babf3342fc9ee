#include "monitoring/kept.hpp"

namespace tidemill::monitoring {

Result<std::optional<std::string>> kept_alerts_text(const registry::Registry& registry) {
  return registry.memo(kWatchMemos, kAlertsMemo);
}

Result<Alerts> alerts_from_text(const std::string& text) {
  TM_TRY(const Json json, parse_json(text, kAlertsMemo));
  return alerts_from_json(json);
}

Result<std::optional<Alerts>> kept_alerts(const registry::Registry& registry) {
  TM_TRY(const auto text, kept_alerts_text(registry));
  if (!text) return std::nullopt;
  return alerts_from_text(*text);
}

Result<LastLooks> kept_looks(const registry::Registry& registry) {
  TM_TRY(const auto text, registry.memo(kWatchMemos, kLooksMemo));
  if (!text) return LastLooks{};
  TM_TRY(const Json json, parse_json(*text, kLooksMemo));
  return last_looks(json);
}

Result<void> keep(registry::Registry& registry, const Alerts& alerts, const LastLooks& looks) {
  return registry.set_memos(kWatchMemos, {{kAlertsMemo, tidemill::to_text(to_json(alerts))},
                                          {kLooksMemo, tidemill::to_text(state_of(looks))}});
}

}  // namespace tidemill::monitoring
