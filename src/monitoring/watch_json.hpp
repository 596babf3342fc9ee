// What each monitor found last, as it is kept over restarts and printed.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "monitoring/finding.hpp"

namespace tidemill::monitoring {

/// Findings of one look that are kept: those that press most.
inline constexpr size_t kMaxKeptFindings = 2'000;

struct LastLook {
  Instant at;  // when it was
  Evaluation evaluation;
};
/// By deployment and monitor.
using LastLooks = std::map<std::pair<std::string, std::string>, LastLook>;

std::string_view to_text(Finding::State state);  // "measured", "not enough data", "missing"
/// {"column", "slice", "version", "state", "value", "limit", "pressure", "fails", "warned", "p_value",
/// "text"}
Json to_json(const Finding& finding);
/// {"deployment", "monitor", "window_end", "looked_at", "findings"}; instants as text.
Json to_json(const LastLook& look);

/// Reads back to the same bits, but for findings beyond kMaxKeptFindings of a look.
Json state_of(const LastLooks& looks);
/// Error monitoring.state.
Result<LastLooks> last_looks(const Json& state);

}  // namespace tidemill::monitoring
