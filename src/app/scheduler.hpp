// What works by itself in a home: schedules begin runs, and models are retrained. One process of those that
// share a home does it, the others stand by. Runs are child processes, one at a time.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "app/champion_moves.hpp"
#include "app/child_run.hpp"
#include "app/decision_times.hpp"
#include "app/due_ticks.hpp"
#include "app/events.hpp"
#include "app/retrainer.hpp"
#include "app/schedules.hpp"

namespace tidemill::app {

struct SchedulerOptions {
  GlobalOptions global;
  EventSink tell = {};
  RetrainingSources sources = {};
  Duration poll{200'000};
};

class Scheduler {
 public:
  /// Errors: those of opening the home to write, of the clock's zone, and of what was kept.
  static Result<std::unique_ptr<Scheduler>> open(const project::Project& project, SchedulerOptions options);
  ~Scheduler();
  /// Works on a thread of its own from now on.
  void begin();
  /// Ends the run that goes on, as Ctrl-C does, and waits for it.
  void stop();
  Scheduler(const Scheduler&) = delete;
  /// In Prometheus' text format.
  std::string metrics() const;

 private:
  Scheduler(project::Project project, SchedulerOptions options, std::unique_ptr<registry::Registry> registry,
            std::shared_ptr<const Clock> clock);
  void work(const std::stop_token& stop);
  void look();
  bool become_the_one();
  void read_project_again();
  void end_run(Instant now);
  void begin_run();
  void forget_old_schedules();
  void begin(const std::vector<std::string>& selection, std::vector<std::string> arguments);

  SchedulerOptions options_;
  project::Project project_;
  std::unique_ptr<registry::Registry> registry_;
  std::shared_ptr<const Clock> clock_;
  bool driven_ = false;  // the clock, by a test
  Schedules schedules_;
  DueTicks due_ticks_;
  Retrainer retrainer_;
  ChampionMoves champion_moves_;
  DecisionTimes decision_times_;
  std::optional<FileLock> lock_;
  bool told_of_other_ = false;
  std::string project_state_;  // of its file: when it was written, and how long it is

  std::unique_ptr<ChildRun> child_;
  std::optional<registry::Tick> child_tick_;
  std::optional<registry::Attempt> child_attempt_;
  std::chrono::steady_clock::time_point not_before_{};  // the home was in use
  std::atomic<bool> active_{false};

  std::jthread thread_;  // last: it uses all else
};

/// Whether a process runs the schedules of this home.
bool scheduler_runs(const Path& home);

}  // namespace tidemill::app
