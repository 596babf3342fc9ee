// Takes labels from the tables that have them while the program serves, and looks how many predictions have
// one.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "monitoring/label_tables.hpp"

namespace tidemill::app {

/// One look at everything: what `serve` does now and then, and any other loop may. Not thread-safe.
class LabelTaker {
 public:
  /// All must outlive it.
  LabelTaker(const project::Project& project, const registry::Registry& registry, monitoring::Labels& labels)
      : registry_(registry), labels_(labels), tables_(project, labels) {}
  /// What fails is logged once, until it succeeds.
  void take_once(Instant now);

 private:
  void note(const std::string& deployment, const Error* error);
  const registry::Registry& registry_;
  monitoring::Labels& labels_;
  monitoring::LabelTables tables_;
  std::map<std::string, std::chrono::steady_clock::time_point> next_look_;
  std::map<std::string, std::string> failing_;  // deployment → what was logged
};

/// What RetrainingSources::new_labels asks: as the last look counted. `labels` must outlive it.
std::function<std::optional<int64_t>(const std::string& deployment, Instant since)> new_labels_of(
    const monitoring::Labels& labels);

/// That, on a thread of low priority.
class LabelTaking {
 public:
  LabelTaking(const project::Project& project, const registry::Registry& registry, monitoring::Labels& labels,
              Duration every);

 private:
  std::jthread thread_;  // none without labels
};

}  // namespace tidemill::app
