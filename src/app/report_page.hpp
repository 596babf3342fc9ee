// The report as one HTML page: no outside resources, usable without scripts, on paper, on a phone and in the
// dark. A pure function of the report.
#pragma once

#include <string>

#include "monitoring/report_data.hpp"

namespace tidemill::app {

std::string report_page(const monitoring::Report& report);

/// What there is to say first, one sentence after the other, as text: also what the command prints.
std::vector<std::string> report_summary(const monitoring::Report& report);

}  // namespace tidemill::app
