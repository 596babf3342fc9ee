// Since when schedules that go by the clock should have had a run that is done: what an alert can be held
// against, whatever their cron expressions are. One thread says which schedules there are, any may ask.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "project/cron.hpp"
#include "project/project.hpp"
#include "project/zone_rules.hpp"
#include "registry/registry.hpp"

namespace tidemill::app {

class DueTicks {
 public:
  /// Takes the project's schedules. Errors: a time zone that cannot be read, project.bad_value.
  Result<void> use(const project::Project& project);
  /// Of each schedule the first tick after its last success; of one that never succeeded the first that it
  /// had, or else the next after `now`. That first one is read once: it stays the same, and the registry
  /// keeps only the newest. Schedules that watch have none. kept: Registry::schedules(). Errors: registry.*.
  Result<std::map<std::string, Instant>> look(const registry::Registry& registry,
                                              const std::map<std::string, registry::KeptSchedule>& kept,
                                              Instant now) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, project::Cron> crons_;
  project::ZoneRules zone_ = project::ZoneRules::utc();
  mutable std::map<std::string, Instant> first_;  // of those that never succeeded
};

}  // namespace tidemill::app
