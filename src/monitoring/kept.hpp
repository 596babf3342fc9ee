// What watching leaves in a home: its alerts, and what each monitor found last. They are memos, written
// together; one process of a home writes them, any may read.
#pragma once

#include <optional>
#include <string>

#include "monitoring/alert.hpp"
#include "monitoring/watch_json.hpp"
#include "registry/registry.hpp"

namespace tidemill::monitoring {

inline constexpr const char *kWatchMemos = "monitoring", *kAlertsMemo = "alerts", *kLooksMemo = "looks";

/// Nothing: nobody has looked yet. Errors: registry.*, json.*, monitoring.state.
Result<std::optional<Alerts>> kept_alerts(const registry::Registry& registry);
/// Empty: nobody has looked yet. Errors as above.
Result<LastLooks> kept_looks(const registry::Registry& registry);
Result<void> keep(registry::Registry& registry, const Alerts& alerts, const LastLooks& looks);

/// The alerts as they are kept, for who asks often: the same text is the same alerts.
Result<std::optional<std::string>> kept_alerts_text(const registry::Registry& registry);
Result<Alerts> alerts_from_text(const std::string& text);

}  // namespace tidemill::monitoring
