#include "app/due_ticks.hpp"

#include "project/cron_ticks.hpp"

namespace tidemill::app {

Result<void> DueTicks::use(const project::Project& project) {
  TM_TRY(project::ZoneRules zone, project::ZoneRules::of(project.timezone));
  std::map<std::string, project::Cron> crons;
  for (const project::Schedule& schedule : project.schedules)
    if (schedule.watch.empty()) {
      TM_TRY(crons[schedule.name], project::parse_cron(schedule.cron));
    }
  const std::lock_guard lock(mutex_);
  crons_ = std::move(crons);
  zone_ = std::move(zone);
  first_.clear();
  return {};
}

Result<std::map<std::string, Instant>> DueTicks::look(
    const registry::Registry& registry, const std::map<std::string, registry::KeptSchedule>& kept,
    Instant now) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Instant> due;
  for (const auto& [name, cron] : crons_) {
    const auto found = kept.find(name);
    const bool succeeded = found != kept.end() && found->second.succeeded_at;
    if (!succeeded && !first_.contains(name)) {
      TM_TRY(const auto ticks, registry.ticks(name, registry::kMaxTicks));
      if (!ticks.empty()) first_[name] = ticks.back().tick.at;
    }
    if (const auto first = first_.find(name); !succeeded && first != first_.end())
      due[name] = first->second;
    else if (const auto next =
                 project::next_after(cron, succeeded ? *found->second.succeeded_at : now, zone_))
      due[name] = *next;
  }
  return due;
}

}  // namespace tidemill::app
