// The schedules of a project as they are lived: which tick's run is to begin, which goes on, how it ended.
// All is kept in the registry before it is acted on, so that a tick is neither lost nor run twice, whenever
// this process dies. Used by one thread of the one scheduler of a home.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/child_run.hpp"
#include "app/events.hpp"
#include "pipeline/schedule.hpp"

namespace tidemill::app {

class Schedules {
 public:
  /// What is told of a run that is over, before its tick is: it may be asked to look at it twice.
  using RunIsOver = std::function<void(const registry::Run& run)>;
  struct Options {
    registry::Registry& registry;
    EventSink tell;
    RunIsOver run_is_over;
  };
  explicit Schedules(Options options) : options_(std::move(options)) {}

  /// Takes the project's schedules; what was kept of them stays. Error: a time zone that cannot be read.
  Result<void> use(const project::Project& project);
  /// What another process kept meanwhile is taken with the next use().
  void forget() { schedules_.clear(); }
  /// Looks which ticks have come and which runs are over, and keeps it.
  void look(Instant now);

  struct Due {
    registry::Tick tick;
    std::string selection;
  };
  /// The oldest tick whose run is to begin now.
  std::optional<Due> due() const;
  /// Its run is begun by this process, and ended. Between both it is not looked at.
  void began(const registry::Tick& tick);
  void ended(const registry::Tick& tick, const ChildRun::End& end, Instant now);
  bool empty() const { return schedules_.empty(); }

 private:
  struct Lived {
    project::Schedule schedule;
    std::optional<project::Cron> cron;  // nothing: it watches
    pipeline::ScheduleState ticks;
    pipeline::WatchState watch;
    std::optional<Instant> tick;  // whose run is to begin, or goes on
    enum class Run { ToBegin, Ours, Elsewhere } run = Run::ToBegin;
    int failed_starts = 0;  // of this tick
    bool kept = false;
    bool troubled = false;  // the registry could not be written, which was said
  };
  Result<void> read(Lived& lived, const registry::KeptSchedule& kept);
  Result<void> keep(Lived& lived, const std::vector<pipeline::GivenUp>& given_up = {});
  Result<void> look_at(Lived& lived, Instant now);
  Result<void> look_at_sources(Lived& lived, Instant now);
  Result<void> settle(Lived& lived, const ChildRun::End* end, Instant now);
  Result<void> end_tick(Lived& lived, const registry::TickRecord& ended, Event::Kind kind, Instant now);

  Options options_;
  project::Project project_;
  project::ZoneRules zone_ = project::ZoneRules::utc();
  std::vector<Lived> schedules_;
};

}  // namespace tidemill::app
