// The commands about what was predicted: labels, forget, monitors, alerts, report.
#pragma once

#include <functional>
#include <string>

#include "app/commands.hpp"

namespace CLI {
class App;
}

namespace tidemill::app {

/// What stands behind them on the command line.
struct WatchingWords {
  LabelsOptions labels;
  ForgetOptions forget;
  MonitorsOptions monitors;
  AlertsOptions alerts;
  ReportOptions report;
  std::string report_window = "28d";
};
using AddCommand = std::function<CLI::App*(std::string name, std::string description, std::string examples)>;
using Choose = std::function<void(std::function<int()> command)>;

/// global and words are read when the command runs.
void add_watching_commands(const GlobalOptions& global, WatchingWords& words, const AddCommand& add,
                           const Choose& choose);

}  // namespace tidemill::app
