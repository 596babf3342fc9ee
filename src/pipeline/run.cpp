#include "pipeline/run.hpp"

#include <chrono>

#include <fmt/format.h>

#include "base/id.hpp"
#include "base/log.hpp"
#include "pipeline/attempt.hpp"
#include "pipeline/evaluate.hpp"
#include "pipeline/queue.hpp"
#include "pipeline/report.hpp"
#include "pipeline/workers.hpp"

namespace tidemill::pipeline {

namespace {

using registry::StepStatus;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto kTick = std::chrono::milliseconds(20);
constexpr auto kProgressEvery = std::chrono::milliseconds(200);
constexpr size_t kFailedRunsKept = 10;

/// A step that a worker has.
struct Active {
  explicit Active(Path log_path) : log(std::move(log_path)) {}
  StepLog log;
  Cancellation cancellation;
  std::optional<SteadyTime> deadline;
  std::optional<StepEnd> end;  // under the run's mutex; the worker's last touch
};

/// Settles the steps of a plan. All decisions are made by the thread that calls settle_all; the others only
/// work.
class StepRunner {
 public:
  StepRunner(Execution& run, const Plan& plan)
      : run_(run),
        plan_(plan),
        queue_(plan, run.budget.slots()),
        outcomes_(plan.steps.size()),
        workers_(static_cast<size_t>(run.budget.slots())) {
    if (run.project.run_timeout)
      deadline_ =
          std::chrono::steady_clock::now() + std::chrono::microseconds(run.project.run_timeout->micros);
  }

  void settle_all() {
    std::unique_lock lock(mutex_);
    while (!queue_.all_settled()) {
      tick();
      while (!cut_short_) {
        const auto next = queue_.take();
        if (!next) break;
        lock.unlock();
        begin(*next);
        lock.lock();
        if (stop_asked()) break;
      }
      if (active_.empty()) {
        if (cut_short_) break;
        if (!stop_asked() && queue_.holds_exports() && !go_live()) break;
        continue;
      }
      collect(lock);
      if (!active_.empty()) {
        lock.unlock();
        write_logs();
        lock.lock();
        changed_.wait_for(lock, kTick, [this] {
          return std::ranges::any_of(active_, [](const auto& at) { return at.second->end.has_value(); });
        });
      }
      collect(lock);
    }
    lock.unlock();
    write_logs();
    lock.lock();
    for (const size_t step : queue_.not_begun()) {
      lock.unlock();
      if (refusal_) {
        settle(step, StepStatus::Interrupted, Json{{"reason", "nothing went live"}}, std::nullopt);
      } else {
        Cancellation never;
        never.cancel(reason_);
        settle(step, StepStatus::Interrupted, Json::object(), never.check().error());
      }
      lock.lock();
    }
  }

  /// Nothing more of it shall go live.
  bool cut_short() const { return cut_short_; }
  /// The release that was made before the exports began.
  const std::optional<int64_t>& release() const { return release_; }
  /// Why there could be none: no export began.
  const std::optional<Error>& refusal() const { return refusal_; }
  Cancellation::Reason reason() const { return reason_; }
  std::vector<std::optional<StepOutcome>>& outcomes() { return outcomes_; }
  /// Adds what is to go live and is not yet.
  void publish(registry::Registry::Publication& publication) const {
    publication.tables = tables_;
    publication.aliases = aliases_;
    publication.anchors = anchors_;
  }

 private:
  bool stop_asked() const { return run_.options.stop != nullptr && run_.options.stop->load(); }

  /// Exports send out what is live: a run that is cut short or refused must not have told the world
  /// otherwise.
  bool go_live() {
    if (!tables_.empty() || !aliases_.empty() || !anchors_.empty()) {
      registry::Registry::Publication publication;
      publication.run = run_.run;
      publish(publication);
      auto made = run_.registry.make_live(publication);
      if (!made) {
        refusal_ = std::move(made).error();
        return false;
      }
      if (*made) release_ = (*made)->id;
      tables_.clear();
      aliases_.clear();
      anchors_.clear();
    }
    queue_.let_exports_go();
    return true;
  }

  void tick() {
    const auto now = std::chrono::steady_clock::now();
    if (!cut_short_ && stop_asked()) cut(Cancellation::Reason::Stopped);
    if (!cut_short_ && deadline_ && now >= *deadline_) cut(Cancellation::Reason::RunTimeout);
    const bool report = now - last_progress_ >= kProgressEvery;
    if (report) last_progress_ = now;
    for (auto& [step, active] : active_) {
      if (active->deadline && now >= *active->deadline)
        active->cancellation.cancel(Cancellation::Reason::StepTimeout);
      if (active->cancellation.flag()) active->cancellation.interrupt();
      if (!report) continue;
      RunEvent event{.kind = RunEvent::Kind::StepProgress, .run = run_.run, .step = plan_.steps[step].id};
      event.share = active->cancellation.progress();
      event.message = active->cancellation.note();
      emit(event);
    }
  }

  void cut(Cancellation::Reason reason) {
    cut_short_ = true;
    reason_ = reason;
    for (auto& [step, active] : active_) active->cancellation.cancel(reason);
  }

  void emit(const RunEvent& event) {
    const std::lock_guard lock(event_mutex_);
    if (run_.options.on_event) run_.options.on_event(event);
  }

  /// Decides what is to do for a step whose inputs have settled, and begins it.
  void begin(const StepQueue::Next& next) {
    const PlannedStep& planned = plan_.steps[next.step];
    if (!next.blocked_by.empty()) return settle_blocked(next.step, next.blocked_by, true);
    if (planned.state != StepState::DependsOn) return begin_decided(next.step, planned);
    const StepOutline& outline = run_.outline.step(planned.id);
    InputHashes inputs;
    for (const std::string& need : outline.needs) {
      const std::string table = need.substr(need.find(':') + 1);
      const auto snapshot = run_.snapshots.find(table);
      if (!snapshot) return settle_blocked(next.step, need, false);
      inputs.tables[table] = snapshot->logical;
      if (withdrawn_.contains(need)) inputs.withdrawn = table;
    }
    for (const std::string& reference : outline.models) {
      const auto version = run_.predictors.version(reference);
      if (!version) return settle_without_version(next.step, parse_reference(reference), version.error());
      inputs.models[reference] = version->package;
    }
    auto decided = decide(outline, inputs, run_.project, run_.registry, run_.options.force);
    if (!decided) {
      queue_.settle(next.step, false);
      return settle(next.step, StepStatus::Failed, Json::object(), std::move(decided).error());
    }
    begin_decided(next.step, *std::move(decided));
  }

  void begin_decided(size_t step, PlannedStep planned) {
    if (planned.state == StepState::WillRun) return start(step, std::move(planned));
    const bool up_to_date = planned.state == StepState::UpToDate;
    Json report = Json::object();
    std::optional<Error> error;
    if (up_to_date && planned.table) {
      report["rows"] = planned.table->rows;
      note_table(*planned.table);
    }
    if (up_to_date && planned.version) {
      report["version"] = planned.version->number;
      if (planned.version->state == "rejected") report["reason"] = "the gate rejected this version";
    }
    if (!up_to_date) report["reason"] = planned.reason;
    if (up_to_date && planned.kind == StepKind::Source &&
        has_freshness(run_.project.sources.at(planned.name))) {
      auto fresh = fresh_enough(planned);
      if (!fresh) {
        error = std::move(fresh).error();
      } else {
        for (const auto& [name, value] : fresh->report.items()) report[name] = value;
        error = fresh->error;
      }
    }
    queue_.settle(step, !error);
    if (planned.state == StepState::Withdrawn) withdrawn_.insert(planned.id);
    const StepStatus status = error        ? StepStatus::Failed
                              : up_to_date ? StepStatus::UpToDate
                                           : StepStatus::Withdrawn;
    settle(step, status, std::move(report), std::move(error));
  }

  Result<StepWork> fresh_enough(const PlannedStep& planned) {
    Cancellation cancellation;
    StepLog log(log_path(run_.folder, planned.id));
    return judge_freshness({run_, run_.outline.step(planned.id), planned, cancellation, log, std::nullopt});
  }

  /// What the run found or made, to be read by later steps; to go live at the end if it is not yet.
  void note_table(const registry::Table& table) {
    run_.snapshots.set(table.name, table);
    const auto live = run_.live.find(table.name);
    if (live == run_.live.end() || live->second.id != table.id) tables_[table.name] = table.id;
  }

  void start(size_t step, PlannedStep planned) {
    const StepOutline& outline = run_.outline.step(planned.id);
    emit({.kind = RunEvent::Kind::StepStarted,
          .run = run_.run,
          .step = planned.id,
          .message = planned.reason});
    auto active = std::make_unique<Active>(log_path(run_.folder, planned.id));
    if (const auto limit = limit_of(run_.project, outline))
      active->deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(limit->micros);
    Active* const at = active.get();
    active_[step] = std::move(active);
    workers_.give([this, at, &outline, planned = std::move(planned)] {
      StepEnd end = execute(run_, outline, planned, at->cancellation, at->log,
                            [this](const RunEvent& event) { emit(event); });
      const std::lock_guard end_lock(mutex_);
      at->end = std::move(end);
      changed_.notify_all();
    });
  }

  void collect(std::unique_lock<std::mutex>& lock) {
    for (auto it = active_.begin(); it != active_.end();) {
      if (!it->second->end) {
        ++it;
        continue;
      }
      const size_t step = it->first;
      std::unique_ptr<Active> active = std::move(it->second);
      it = active_.erase(it);
      lock.unlock();
      StepEnd end = *std::move(active->end);
      const bool done = end.status == StepStatus::Done;
      if (done) note_done(end);
      if (!done) active->log.write_pending();  // whoever hears of the failure may look
      ended_.push_back(std::move(active));
      queue_.settle(step, done);
      settle(step, end.status, std::move(end.work.report), std::move(end.error));
      lock.lock();
      it = active_.begin();
    }
  }

  /// Of steps at work and of those that have ended; between two steps there is no time for it.
  void write_logs() {
    ended_.clear();
    for (auto& [step, active] : active_) active->log.write_pending();
  }

  void note_done(const StepEnd& end) {
    if (end.work.table) note_table(*end.work.table);
    for (const registry::AliasMove& move : end.work.aliases) {
      aliases_.push_back(move);
      if (move.alias == "champion" && end.work.version)
        run_.predictors.set_champion(move.model, *end.work.version);
      if (end.work.anchor) anchors_[move.model] = *end.work.anchor;
    }
  }

  void settle_blocked(size_t step, const std::string& by, bool settled, std::optional<Error> why = {}) {
    if (!settled) queue_.settle(step, false);
    settle(step, StepStatus::Blocked, {{"blocked_by", by}}, std::move(why));
  }

  /// The model has no champion. Where its own step tells why in this run, that is enough.
  void settle_without_version(size_t step, const ModelReference& reference, Error why) {
    const std::string by = "model:" + reference.model;
    if (std::ranges::any_of(outcomes_, [&](const std::optional<StepOutcome>& other) {
          return other && other->step == by && other->error;
        }))
      return settle_blocked(step, by, false);
    for (const auto& [text, place] : run_.outline.step(plan_.steps[step].id).calls)
      if (parse_reference(text).model == reference.model) why.where = place;
    why = with_maker(run_.project, reference, std::move(why));
    settle_blocked(step, by, false, std::move(why));
  }

  void settle(size_t step, StepStatus status, Json report, std::optional<Error> error) {
    const std::string& id = plan_.steps[step].id;
    RunEvent event{.kind = RunEvent::Kind::StepEnded, .run = run_.run, .step = id};
    event.status = status;
    event.report = report;
    event.error = error;
    if (status == StepStatus::Blocked)
      event.message = "blocked by " + report["blocked_by"].get<std::string>();
    if (status == StepStatus::Withdrawn) event.message = report.value("reason", "");
    outcomes_[step] = StepOutcome{id, status, std::move(report), std::move(error)};
    emit(event);
  }

  Execution& run_;
  const Plan& plan_;
  StepQueue queue_;
  std::vector<std::optional<StepOutcome>> outcomes_;
  std::map<std::string, int64_t> tables_;
  std::set<std::string> withdrawn_;  // steps that a rollback took back
  std::vector<registry::AliasMove> aliases_;
  std::map<std::string, int> anchors_;
  std::mutex mutex_;
  std::mutex event_mutex_;
  std::condition_variable changed_;
  std::map<size_t, std::unique_ptr<Active>> active_;
  std::vector<std::unique_ptr<Active>> ended_;  // whose logs are to be written
  std::optional<SteadyTime> deadline_;
  SteadyTime last_progress_ = std::chrono::steady_clock::now();
  std::optional<int64_t> release_;
  std::optional<Error> refusal_;
  bool cut_short_ = false;
  Cancellation::Reason reason_ = Cancellation::Reason::None;
  Workers workers_;  // last: its threads end before what they use
};

/// Rejected and quarantined rows of the newest runs are enough to look at.
void drop_old_failures(const Path& run_folder) {
  std::error_code ignored;
  std::vector<Path> with_failures;
  for (const auto& entry : std::filesystem::directory_iterator(run_folder.parent_path(), ignored))
    for (const char* name : {"failed", "quarantine"})
      if (std::filesystem::exists(entry.path() / name, ignored)) with_failures.push_back(entry.path() / name);
  std::sort(with_failures.begin(), with_failures.end(), std::greater<>());  // run ids sort by time
  for (size_t i = 2 * kFailedRunsKept; i < with_failures.size(); ++i)
    (void)tidemill::remove_all(with_failures[i]);
}

bool anything_to_do(const Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [](const PlannedStep& step) {
    return step.state == StepState::WillRun || step.state == StepState::DependsOn;
  });
}

std::string joined(const std::vector<std::string>& selection) {
  return fmt::format("{}", fmt::join(selection, " "));
}

/// Ends the run in the registry: what succeeded goes live in one transaction, unless the run was cut short or
/// did so before its exports.
void end_run(Execution& run, const StepRunner& steps, RunResult& result) {
  result.ended_at = system_clock()->now();
  result.release = steps.release();
  registry::Registry::Publication publication;
  publication.run = run.run;
  std::optional<Error> refusal = steps.refusal();
  if (!refusal) {
    publication.status = result.status;
    if (!steps.cut_short()) steps.publish(publication);
    publication.report = to_json(result);
    auto release = run.registry.end_run(publication);
    if (release) {
      if (*release) result.release = (*release)->id;
      return;
    }
    refusal = std::move(release).error();
  }
  // Something was moved or rolled back meanwhile, say: nothing goes live, the next run publishes what still
  // holds.
  result.exit_code = gravest(result.exit_code, step_exit(*refusal));
  result.error = *std::move(refusal);
  result.status = "interrupted";
  publication = {};
  publication.run = run.run;
  publication.status = result.status;
  publication.report = to_json(result);
  if (auto ended = run.registry.end_run(publication); !ended)
    log::warning("run {} is not marked as ended: {}", run.run, ended.error().message);
}

std::unexpected<Errors> one(Error error) { return std::unexpected(Errors{std::move(error)}); }

}  // namespace

std::expected<RunResult, Errors> run(const project::Project& project, registry::Registry& registry,
                                     const RunOptions& given) {
  RunOptions options = given;
  if (!options.clock) options.clock = system_clock();
  // The id says when it really ran; --as-of is what its steps take for now.
  const std::string id = make_run_id(system_clock()->now());
  auto lock = registry.lock_for_run(id, options.stop);
  if (!lock) return one(std::move(lock).error());

  PlanInput input{&project, &registry, {}, options.selection, options.force, options.clock->now()};
  auto fingerprints = fingerprint(project, registry, input.now, options.stop);
  if (!fingerprints) return one(std::move(fingerprints).error());
  input.fingerprints = *std::move(fingerprints);
  const auto outlined = outline(input);
  if (!outlined) return std::unexpected(outlined.error());
  const auto planned = evaluate(input, *outlined);
  if (!planned) return std::unexpected(planned.error());
  auto live = registry.live_tables();
  if (!live) return one(std::move(live).error());

  const Path staging = registry.staging_folder(id);
  const Path folder = registry.run_folder(id);
  const Budget budget = budget_of(project);
  Predictors predictors(registry);
  Engines engines(project, staging, budget, predictors);
  Execution execution{project, registry, *outlined,        options, id,         staging, folder,
                      budget,  {},       *std::move(live), {},      predictors, engines};
  for (const auto& [name, table] : execution.live) execution.snapshots.set(name, table);
  const bool to_do = anything_to_do(*planned);
  std::error_code failed;
  if (to_do) {
    std::filesystem::create_directories(staging, failed);
    if (!failed) std::filesystem::create_directories(folder / "steps", failed);
    if (failed) return one(errno_error("make folder", staging.native(), failed.value()).error());
    execution.git = git_state(project, staging / "git");
  }

  RunResult result;
  result.run = id;
  result.started_at = system_clock()->now();  // --as-of is no time at which anything ran
  registry::Run row;
  row.id = id;
  row.status = "running";
  row.selection = joined(options.selection);
  row.by = options.by;
  row.git_commit = execution.git.commit;
  row.git_dirty = execution.git.dirty;
  row.as_of = options.as_of;
  if (auto begun = registry.begin_run(row, options.cause); !begun) return one(std::move(begun).error());
  if (options.on_event) options.on_event({.kind = RunEvent::Kind::RunStarted, .run = id});

  StepRunner steps(execution, *planned);
  steps.settle_all();
  bool any_blocked = false;
  for (std::optional<StepOutcome>& outcome : steps.outcomes()) {
    if (!outcome) continue;
    if (outcome->error) result.exit_code = gravest(result.exit_code, step_exit(*outcome->error));
    any_blocked = any_blocked || outcome->status == StepStatus::Blocked;
    result.steps.push_back(*std::move(outcome));
  }
  const bool any_failed = std::any_of(result.steps.begin(), result.steps.end(), [](const StepOutcome& step) {
    return step.status == StepStatus::Failed;
  });
  // What blocks is a failure or a verdict as a rule, which has its own code.
  const bool only_blocked = any_blocked && result.exit_code <= 1;
  if (only_blocked) result.exit_code = 1;
  result.status = steps.cut_short() ? "interrupted" : any_failed || only_blocked ? "failed" : "done";
  if (steps.cut_short()) {
    // Also when every step that had begun came to its end: nothing of it went live.
    Cancellation cut;
    cut.cancel(steps.reason());
    Error why = cut.check().error();
    result.exit_code = gravest(result.exit_code, step_exit(why));
    if (std::none_of(result.steps.begin(), result.steps.end(),
                     [&](const StepOutcome& step) { return step.error && step.error->code == why.code; }))
      result.error = std::move(why);
  }
  if (to_do) (void)tidemill::remove_all(staging);  // before the end is recorded: the disk may be full
  end_run(execution, steps, result);
  const bool any_rows_kept =
      std::any_of(result.steps.begin(), result.steps.end(),
                  [](const StepOutcome& step) { return step.report.contains("quarantined"); });
  if (any_failed || any_rows_kept) drop_old_failures(folder);
  if (options.on_event) {
    RunEvent event{.kind = RunEvent::Kind::RunEnded, .run = id};
    event.report = to_json(result);
    event.error = result.error;
    options.on_event(event);
  }
  return result;
}

}  // namespace tidemill::pipeline
