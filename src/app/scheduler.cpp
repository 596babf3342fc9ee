#include "app/scheduler.hpp"

#include <sys/stat.h>

#include <condition_variable>
#include <sstream>

#include <fmt/format.h>

#include "api/metrics.hpp"
#include "app/driven_clock.hpp"
#include "app/output.hpp"
#include "base/log.hpp"
#include "base/process.hpp"

namespace tidemill::app {

namespace {

constexpr int kLockHeld = 5;
constexpr auto kWaitForHome = std::chrono::seconds(5);

Path lock_path(const Path& home) { return home / "scheduler.lock"; }

std::string state_of_file(const Path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return {};
  return fmt::format("{}:{}:{}.{:09}", info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

std::vector<std::string> words_of(const std::string& selection) {
  std::istringstream in(selection);
  return {std::istream_iterator<std::string>(in), {}};
}

}  // namespace

bool scheduler_runs(const Path& home) {
  const auto lock = FileLock::take(lock_path(home), FileLock::Mode::Shared, FileLock::Wait::No);
  return !lock && lock.error().code == "lock.held";
}

Scheduler::Scheduler(project::Project project, SchedulerOptions options,
                     std::unique_ptr<registry::Registry> registry, std::shared_ptr<const Clock> clock)
    : options_(std::move(options)),
      project_(std::move(project)),
      registry_(std::move(registry)),
      clock_(std::move(clock)),
      driven_(driven_clock() != nullptr),
      schedules_({*registry_, options_.tell,
                  [this](const registry::Run& run) {
                    if (const auto taken = retrainer_.take_up(run); !taken)
                      log::error("run {} is not taken up: {}", run.id, to_text(taken.error()));
                  }}),
      retrainer_({*registry_, options_.tell, options_.sources}),
      champion_moves_({*registry_, options_.tell}) {
  project_state_ = state_of_file(project_.file);
}

Result<std::unique_ptr<Scheduler>> Scheduler::open(const project::Project& project,
                                                   SchedulerOptions options) {
  // What it does in the registry, it does for a retraining.
  const registry::Options opened{project.home, clock_of_process(), "retraining",
                                 registry::Options::Mode::ReadWrite};
  TM_TRY(auto registry, registry::Registry::open(opened));
  auto clock = clock_of(options.global);
  std::unique_ptr<Scheduler> scheduler(
      new Scheduler(project, std::move(options), std::move(registry), std::move(clock)));
  TM_CHECK(scheduler->schedules_.use(project));
  TM_CHECK(scheduler->due_ticks_.use(project));
  scheduler->retrainer_.use(project);
  scheduler->champion_moves_.use(project);
  return scheduler;
}

Scheduler::~Scheduler() { stop(); }

void Scheduler::begin() {
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void Scheduler::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Scheduler::work(const std::stop_token& stop) {
  lower_thread_priority();
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  do {
    if (become_the_one()) look();
  } while (!never.wait_for(lock, stop, std::chrono::microseconds(options_.poll.micros),
                           [&stop] { return stop.stop_requested(); }));
  if (!child_) return;
  log::info("ending the run that goes on; its tick is run again");
  child_->stop();
  while (!child_->is_over()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  end_run(clock_->now());
}

/// Only who holds the lock works; it ends with the process, however that ends.
bool Scheduler::become_the_one() {
  if (lock_) return true;
  auto lock = FileLock::take(lock_path(project_.home), FileLock::Mode::Exclusive, FileLock::Wait::No);
  if (!lock) {
    if (!std::exchange(told_of_other_, true))
      log::info("{}", lock.error().code == "lock.held"
                          ? "another process runs the schedules of this home; this one stands by"
                          : to_text(lock.error()));
    return false;
  }
  schedules_.forget();  // another process may have kept what is newer
  if (const auto used = schedules_.use(project_); !used) {
    if (!std::exchange(told_of_other_, true)) log::error("no schedules: {}", to_text(used.error()));
    return false;
  }
  if (std::exchange(told_of_other_, false)) log::info("the schedules of this home are this process's now");
  lock_ = std::move(*lock);
  active_ = true;
  forget_old_schedules();
  return true;
}

void Scheduler::look() {
  read_project_again();
  const Instant now = clock_->now();
  if (child_ && child_->is_over()) end_run(now);
  schedules_.look(now);
  const auto may_begin = [&] {
    return child_ == nullptr && !schedules_.due().has_value() && !registry_->is_in_use();
  };
  if (decision_times_.is_time(now, registry_->generation(), retrainer_.again(), may_begin))
    retrainer_.look(now, may_begin() ? Retrainer::Slot::Free : Retrainer::Slot::Taken);
  champion_moves_.look(now);
  if (!child_) begin_run();
}

/// Runs read the project file themselves; schedules, retraining and rollouts are taken from the changed one
/// here. What is served needs a restart.
void Scheduler::read_project_again() {
  std::string state = state_of_file(project_.file);
  if (state.empty() || state == project_state_) return;
  project_state_ = std::move(state);
  auto project = load_project(options_.global);
  const std::string name = project_.file.filename().native();
  if (!project) {
    log::error("{} has changed and has mistakes: schedules stay as they were: {}", name,
               to_text(project.error().front()));
    return;
  }
  if (const auto used = schedules_.use(*project); !used) {
    log::error("{} has changed: schedules stay as they were: {}", name, to_text(used.error()));
    return;
  }
  if (const auto used = due_ticks_.use(*project); !used)
    log::warning("when schedules are due is told as before: {}", to_text(used.error()));
  retrainer_.use(*project);
  champion_moves_.use(*project);
  project_ = *std::move(project);
  forget_old_schedules();
  log::info(
      "{} has changed: its schedules and retraining are taken from it; deployments and their monitors need a "
      "restart",
      name);
}

void Scheduler::forget_old_schedules() {
  std::set<std::string> names;
  for (const project::Schedule& schedule : project_.schedules) names.insert(schedule.name);
  if (const auto forgotten = registry_->forget_schedules_but(names); !forgotten)
    log::warning("schedules that are no more are still kept: {}", forgotten.error().message);
}

void Scheduler::begin_run() {
  const auto due = schedules_.due();
  if (!due && !retrainer_.due()) return;
  if (std::chrono::steady_clock::now() < not_before_ || registry_->is_in_use()) return;
  if (due) {
    child_tick_ = due->tick;
    log::info("schedule '{}': its run for {} begins", due->tick.schedule, to_text(due->tick.at));
    begin(words_of(due->selection), {"--schedule", due->tick.schedule, "--tick", to_text(due->tick.at)});
    schedules_.began(due->tick);
  } else if (const auto retraining = retrainer_.due()) {
    const registry::Attempt& attempt = retraining->attempt;
    child_attempt_ = attempt;
    begin({"+" + attempt.model}, {"--attempt", fmt::format("{}:{}", attempt.model, attempt.number),
                                  retraining->promotes ? "--promote" : "--no-promote"});
    retrainer_.began();
  }
}

void Scheduler::begin(const std::vector<std::string>& selection, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), selection.begin(), selection.end());
  GlobalOptions global = options_.global;
  global.memory_bytes = project_.memory_bytes;
  if (driven_ || global.as_of) arguments.insert(arguments.begin(), {"--as-of", to_text(clock_->now())});
  child_ = std::make_unique<ChildRun>(global, arguments);
}

void Scheduler::end_run(Instant now) {
  const ChildRun::End end = child_->end();
  child_.reset();
  if (end.code == kLockHeld) not_before_ = std::chrono::steady_clock::now() + kWaitForHome;
  if (child_tick_) schedules_.ended(*child_tick_, end, now);
  if (child_attempt_) retrainer_.ended(*child_attempt_, end);
  child_tick_.reset();
  child_attempt_.reset();
  decision_times_.decide_now();  // what it left is looked at
}

std::string Scheduler::metrics() const {
  std::string out;
  const auto family = [&](std::string_view name, std::string_view help) {
    api::append_family(out, name, "gauge", help);
  };
  family("tidemill_scheduler_active",
         "1 where this process runs the schedules of its home, 0 where it stands by.");
  out += fmt::format("tidemill_scheduler_active {}\n", active_.load() ? 1 : 0);
  const auto kept = registry_->schedules();
  const auto seconds = [](Instant at) { return static_cast<double>(at.micros) / 1e6; };
  if (kept && !kept->empty()) {
    const auto each = [&](std::string_view name, std::string_view help, auto value) {
      family(name, help);
      for (const auto& [schedule, one] : *kept)
        if (const std::optional<double> number = value(one))
          out += fmt::format("{}{{schedule=\"{}\"}} {:.3f}\n", name, api::label_value(schedule), *number);
    };
    using Kept = registry::KeptSchedule;
    using Number = std::optional<double>;
    each("tidemill_schedule_running", "1 while a tick's run goes on, or waits for its turn.",
         [](const Kept& one) { return Number(one.tick ? 1 : 0); });
    each("tidemill_schedule_last_end_timestamp_seconds", "When the last run of the schedule was over.",
         [&](const Kept& one) { return one.ended_at ? Number(seconds(*one.ended_at)) : Number(); });
    each("tidemill_schedule_last_success_timestamp_seconds", "When the last run that was done was over.",
         [&](const Kept& one) { return one.succeeded_at ? Number(seconds(*one.succeeded_at)) : Number(); });
  }
  const auto due = kept ? due_ticks_.look(*registry_, *kept, clock_->now()) : std::unexpected(kept.error());
  if (due && !due->empty()) {
    family("tidemill_schedule_due_timestamp_seconds",
           "The first tick of a schedule by the clock after its last success: past, while it has none.");
    for (const auto& [schedule, at] : *due)
      out += fmt::format("tidemill_schedule_due_timestamp_seconds{{schedule=\"{}\"}} {:.3f}\n",
                         api::label_value(schedule), seconds(at));
  }
  if (const auto counts = registry_->run_counts(); counts && !counts->empty()) {
    family("tidemill_runs", "Runs that the home knows, by how they ended.");
    for (const auto& [status, count] : *counts)
      out += fmt::format("tidemill_runs{{status=\"{}\"}} {}\n", status, count);
  }
  std::string stages;
  const auto models = registry_->models();
  for (const std::string& name : models ? *models : std::vector<std::string>())
    if (const auto state = registry_->retraining(name); state && *state)
      stages += fmt::format("tidemill_retraining_stage{{registry_model=\"{}\",stage=\"{}\"}} 1\n",
                            api::label_value(name), (*state)->value("stage", "idle"));
  if (stages.empty()) return out;
  family("tidemill_retraining_stage", "1 with the stage in which the retraining of a model is.");
  return out + stages;
}

}  // namespace tidemill::app
