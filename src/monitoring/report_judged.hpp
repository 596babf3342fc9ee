// What labels tell in a report: metrics, curves, slices and groups of the window's predictions. Inside this
// room only.
#pragma once

#include "engine/database.hpp"
#include "monitoring/report_live.hpp"

namespace tidemill::monitoring {

/// Traffic and its periods are filled in.
Result<void> add_judged(const ReportInput& input, const VersionReference& reference,
                        engine::Connection& connection, Report& report);

}  // namespace tidemill::monitoring
