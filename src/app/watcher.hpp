// Watches what is served: every monitor at its `every`, from the log to alerts that are kept, and what each
// found last. One process of a home does it at a time; any other can read what is kept.
// Whoever is told of events is told before they are kept: after a crash between the two, again.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file.hpp"
#include "monitoring/alert.hpp"
#include "monitoring/watch.hpp"
#include "monitoring/watch_json.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::app {

/// Looks as the project's monitors say, at whatever time; keeps nothing but what it works out of packages.
class Looker {
 public:
  Looker(const project::Project& project, const registry::Registry& registry, int threads);
  Result<monitoring::Evaluation> look(const std::string& deployment, const project::Monitor& monitor,
                                      Instant window_end);

 private:
  const project::Project& project_;
  const registry::Registry& registry_;
  const int threads_;
  monitoring::Watch watch_;
};

using AlertEvents = std::vector<monitoring::AlertEvent>;

class Watcher {
 public:
  struct Options {
    /// Rows are in the log's table so long after they were predicted: a window is looked at then.
    Duration settles{62'000'000};
    int threads = 1;
    /// Told of what begins and ends to fire, before it is kept. An error stops the step: nothing is kept.
    std::function<Result<void>(const AlertEvents&, Instant now)> told = {};
  };
  Watcher(const project::Project& project, registry::Registry& registry, Options options);

  struct Step {
    std::vector<monitoring::Evaluation> looked;
    AlertEvents events;
  };
  /// Every monitor whose newest window is over and was not judged yet. One that cannot be looked at is an
  /// alert of its own, "evaluation of NAME", and its alerts stay as they are. Only while this process alone
  /// watches the home. Errors: registry.*, monitoring.state.
  Result<Step> watch_once(Instant now);
  /// In Prometheus' text format, of what is kept. Thread-safe.
  std::string metrics() const;
  /// Reads what another process keeps.
  Result<void> follow();

 private:
  bool is_due(const std::string& deployment, const project::Monitor& monitor, Instant end) const;
  Result<void> read();

  const project::Project& project_;
  registry::Registry& registry_;
  const Options options_;
  Looker looker_;
  bool has_read_ = false;
  mutable std::mutex mutex_;  // of what follows
  monitoring::Alerts alerts_;
  monitoring::LastLooks looks_;
  uint64_t failures_ = 0;  // looks that could not be made
};

/// A thread of low priority that watches while the process lives, or follows whoever does.
class Watching {
 public:
  Watching(const project::Project& project, std::shared_ptr<const Clock> clock, Watcher& watcher);

 private:
  void watch_until(const std::stop_token& stop);
  const Path lock_;
  const std::shared_ptr<const Clock> clock_;
  Watcher& watcher_;
  std::jthread thread_;
};

}  // namespace tidemill::app
