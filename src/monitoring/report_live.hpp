// The live side of a report: what the log and its labels say of a window. Inside this room only.
#pragma once

#include "monitoring/report_data.hpp"
#include "monitoring/watch_reference.hpp"

namespace tidemill::monitoring {

/// The reference side of every column, in the order of reference_of(). Error baseline.malformed.
Result<void> add_columns(const forest::Package& package, Report& report);

/// Fills in traffic, the current side of `columns`, and what labels tell. The deployment keeps a log.
Result<void> add_live(const ReportInput& input, const VersionReference& reference, Report& report);

/// `why` there is no traffic, and what that means for the other parts.
void note_no_traffic(const std::string& why, Report& report);

/// A length of periods, a round one, so that `rows` in such a span give at most kMaxReportPeriods with some
/// kRowsOfReportPeriod each.
Duration report_period(Duration span, int64_t rows);

}  // namespace tidemill::monitoring
