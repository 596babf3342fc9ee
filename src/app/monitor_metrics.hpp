// What monitors found, and the alerts, in Prometheus' text format.
#pragma once

#include <cstdint>
#include <string>

#include "monitoring/alert.hpp"
#include "monitoring/watch_json.hpp"
#include "project/project.hpp"

namespace tidemill::app {

/// Series of one monitor: those of all rows come first, then those of slices.
inline constexpr size_t kMaxMonitorSeries = 500;

/// Empty without monitors. failures: looks that could not be made, since the start.
std::string metrics_of(const project::Project& project, const monitoring::Alerts& alerts,
                       const monitoring::LastLooks& looks, uint64_t failures);

}  // namespace tidemill::app
