// OpenMetrics 1.0 beside Prometheus' text format 0.0.4: who may want which, and one as the other.
#pragma once

#include <string>
#include <string_view>

namespace tidemill::api {

inline constexpr std::string_view kOpenMetricsType =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether an Accept header likes OpenMetrics 1.0 at least as much as plain text.
bool prefers_openmetrics(std::string_view accept);

/// Our text in Prometheus' format as OpenMetrics: a counter's family is named without `_total`, what is
/// counted under another name is of unknown type, and the text says where it ends.
std::string to_openmetrics(std::string_view prometheus);

}  // namespace tidemill::api
