// The report's pictures, each an SVG of its own. Numbers that a picture shows are in its title, its
// description or where it is pointed at, and in a table of the page.
#pragma once

#include <string>

#include "monitoring/report_data.hpp"

namespace tidemill::app {

/// Shares of reference and window in the package's bins. Empty without a reference.
std::string histogram_chart(const monitoring::ReportColumn& column);
/// PSI of each period, with the lines of warning and failure. Empty where no period has enough rows.
std::string drift_chart(const monitoring::ReportColumn& column, const monitoring::Report& report);
/// Predictions of each period, by version, and errors.
std::string traffic_chart(const monitoring::Report& report);
/// The main metric of each period with its interval, and the test split's.
std::string performance_chart(const monitoring::Report& report);
std::string roc_chart(const monitoring::ReportPerformance& performance);
/// What was predicted against what came.
std::string calibration_chart(const monitoring::Report& report);
/// One row of a table: a metric in the test split and live, each with its interval, on [low, high].
std::string interval_chart(const monitoring::Reading& test, const monitoring::Reading& live, double low,
                           double high);

/// "0.71 (0.69 to 0.73)", or "not known".
std::string reading_text(const monitoring::Reading& reading);
/// The place's share of its side.
double share_of(const std::vector<double>& counts, size_t place);
/// A place that neither side has anything in is not drawn, unless it is a bin.
std::vector<size_t> drawn_places(const monitoring::ReportColumn& column);
/// The classes of versions' colours, for the chart of the traffic and its legend: the newest is the first.
std::string version_style(const monitoring::Report& report, int version);

}  // namespace tidemill::app
