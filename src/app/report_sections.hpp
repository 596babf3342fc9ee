// The report's sections, each a piece of HTML.
#pragma once

#include <string>

#include "monitoring/report_data.hpp"

namespace tidemill::app {

std::string traffic_section(const monitoring::Report& report);
std::string drift_section(const monitoring::Report& report);
std::string scores_section(const monitoring::Report& report);
std::string performance_section(const monitoring::Report& report);
std::string slices_section(const monitoring::Report& report);
std::string fairness_section(const monitoring::Report& report);
std::string importance_section(const monitoring::Report& report);
std::string versions_section(const monitoring::Report& report);

/// "2026-11-29 14:05"
std::string time_text(Instant instant);
/// Why a part has nothing to show, or nothing.
std::string note_of(const monitoring::Report& report, const std::string& part);

}  // namespace tidemill::app
