#include "pipeline/attempt.hpp"

#include <random>

#include <fmt/format.h>

namespace tidemill::pipeline {

namespace {

constexpr int64_t kMaxWait_us = 60'000'000;
constexpr int kMaxDoublings = 20;
constexpr int kMaxAttempts = 100;

project::Retry retry_of(const project::Project& project, const StepOutline& step) {
  switch (step.kind) {
    case StepKind::Source:
      return project.sources.at(step.name).retry;
    case StepKind::Transform:
      return project.transforms.at(step.name).retry;
    case StepKind::Export:
      return project.exports.at(step.name).retry;
    case StepKind::Model:
      break;
  }
  return {.attempts = 1};
}

bool through_network(const project::Project& project, const StepOutline& step) {
  if (step.kind == StepKind::Source) return !project.sources.at(step.name).connection.empty();
  return step.kind == StepKind::Export && !project.exports.at(step.name).connection.empty();
}

/// What a program's failure means only its author knows: who asks for retries gets them.
bool retried_command(const project::Project& project, const StepOutline& step, const Error& error) {
  return step.kind == StepKind::Transform && error.code == "command.failed" &&
         project.transforms.at(step.name).retry.stated;
}

double random_share() {
  thread_local std::mt19937_64 engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

Result<StepWork> work_of(const StepContext& step) {
  switch (step.outline.kind) {
    case StepKind::Source:
      return run_source(step);
    case StepKind::Transform:
      return step.project().transforms.at(step.outline.name).command.empty() ? run_transform(step)
                                                                             : run_command(step);
    case StepKind::Model:
      return run_model(step);
    case StepKind::Export:
      return run_export(step);
  }
  return internal_error("run.kind", "a step of no kind");
}

/// All attempts. An error is final.
Result<StepWork> attempts(const StepContext& step, const EventSink& event) {
  const project::Retry retry = retry_of(step.project(), step.outline);
  const int most = std::clamp(retry.attempts, 1, kMaxAttempts);
  bool reopened = false;
  for (int attempt = 1;; ++attempt) {
    auto work = work_of(step);
    if (work) {
      if (work->failed && work->error) step.log.line(tidemill::to_text(*work->error));
      if (attempt > 1) work->report["attempts"] = attempt;
      return work;
    }
    Error error = step.cancellation.explain(std::move(work).error(), step.limit);
    step.log.line(tidemill::to_text(error));
    if (error.code == "engine.fatal" && !reopened) {
      // The instance is lost, the data is not: once more with a new one.
      reopened = true;
      step.run.engines.drop_broken();
      continue;
    }
    if (attempt >= most || !(may_pass(error, through_network(step.project(), step.outline)) ||
                             retried_command(step.project(), step.outline, error)))
      return std::unexpected(std::move(error));
    const Duration wait = backoff(retry.first_wait, attempt + 1, random_share());
    RunEvent again{.kind = RunEvent::Kind::StepRetry, .run = step.run.run, .step = step.outline.id};
    again.message =
        fmt::format("{}; attempt {} of {} in {:.1f} s", error.message, attempt + 1, most, wait.seconds());
    again.error = error;
    step.log.line(again.message);
    event(std::move(again));
    if (!step.cancellation.wait_for(std::chrono::microseconds(wait.micros)))
      return std::unexpected(step.cancellation.explain(std::move(error), step.limit));
  }
}

/// A library's exception that passed the wall of its room is a bug of ours: it fails the step, not the
/// process.
template <class Work>
Result<StepWork> guarded(const Work& work) {
  try {
    return work();
  } catch (const std::exception& exception) {
    return internal_error("internal.exception", exception.what());
  }
}

/// Tells the registry; on success the step's table and version come back with their numbers.
Result<void> record(Execution& run, const StepOutline& outline, const PlannedStep& planned,
                    Instant started_at, StepEnd& end) {
  registry::StepRecord record;
  record.run = run.run;
  record.step = outline.id;
  record.key = planned.key;
  record.status = end.status;
  record.key_parts = planned.key_parts;
  record.report = end.work.report;
  if (end.error) record.error = tidemill::to_json(*end.error);
  record.started_at = started_at;
  record.ended_at = system_clock()->now();
  const bool done = end.status == registry::StepStatus::Done;
  if (done) record.table = end.work.table;
  if (done) record.version = end.work.version;
  // Another verdict on a version that stays as it is makes no output for the key.
  if (planned.judge_only && end.work.version && end.work.version->number != 0) record.key.clear();
  bool withdrawn = false;
  if (done && run.options.force && !record.key.empty()) {
    TM_TRY(const auto output, run.registry.find_output(outline.id, record.key));
    withdrawn = output && output->withdrawn;
  }
  TM_TRY(registry::StepRecord kept, run.registry.record_step(std::move(record)));
  if (withdrawn) TM_CHECK(run.registry.reinstate(outline.id, planned.key));
  if (!done) return {};
  if (kept.table) end.work.table = std::move(kept.table);
  if (kept.version) {
    end.work.version = std::move(kept.version);
    end.work.report["version"] = end.work.version->number;
    for (registry::AliasMove& move : end.work.aliases) move.version = end.work.version->number;
    if (end.work.anchor) end.work.anchor = end.work.version->number;
  }
  return {};
}

/// History for the anomaly checks of later runs: only of what was published.
Result<void> keep_observed(Execution& run, const StepOutline& outline, const Json& report) {
  const auto observed = report.find("observed");
  if (observed == report.end() || !observed->is_object()) return {};
  for (const auto& [metric, value] : observed->items())
    if (value.is_number())
      TM_CHECK(run.registry.add_metric("table:" + outline.name, metric,
                                       {run.now(), run.run, value.get<double>()}));
  return {};
}

}  // namespace

Path log_path(const Path& run_folder, const std::string& step) {
  std::string file = step;
  std::replace(file.begin(), file.end(), ':', '.');
  return run_folder / "steps" / (file + ".log");
}

std::optional<Duration> limit_of(const project::Project& project, const StepOutline& step) {
  switch (step.kind) {
    case StepKind::Source:
      return project.sources.at(step.name).timeout;
    case StepKind::Transform:
      return project.transforms.at(step.name).timeout;
    case StepKind::Model:
      return project.models.at(step.name).timeout;
    case StepKind::Export:
      return project.exports.at(step.name).timeout;
  }
  return std::nullopt;
}

bool may_pass(const Error& error, bool through_network) {
  // Not connection.refused, .dsn and .extension: they would be said again.
  if (error.code == "connection.failed" || error.code.starts_with("lock.")) return true;
  return through_network && error.kind == ErrorKind::Environment && error.code == "io.failed";
}

Duration backoff(Duration first_wait, int next, double jitter_between_0_and_1) {
  const int doublings = std::clamp(next - 2, 0, kMaxDoublings);
  const double wait =
      std::min(static_cast<double>(kMaxWait_us),
               static_cast<double>(first_wait.micros) * static_cast<double>(int64_t{1} << doublings));
  return Duration{static_cast<int64_t>(wait * (0.75 + 0.5 * jitter_between_0_and_1))};
}

StepEnd execute(Execution& run, const StepOutline& outline, const PlannedStep& planned,
                Cancellation& cancellation, StepLog& log, const EventSink& event) {
  log.line(fmt::format("{} begins: {}", outline.id, planned.reason));
  const StepContext step{run, outline, planned, cancellation, log, limit_of(run.project, outline)};
  const Instant started_at = system_clock()->now();
  const auto begun = std::chrono::steady_clock::now();
  StepEnd end;
  if (auto work = guarded([&] { return attempts(step, event); })) {
    end.work = *std::move(work);
    end.status = end.work.failed ? registry::StepStatus::Failed : registry::StepStatus::Done;
    end.error = end.work.error;
  } else {
    end.error = std::move(work).error();
    const bool cut_short = cancellation.reason() == Cancellation::Reason::Stopped ||
                           cancellation.reason() == Cancellation::Reason::RunTimeout;
    end.status = cut_short ? registry::StepStatus::Interrupted : registry::StepStatus::Failed;
  }
  if (!planned.reason.empty()) end.work.report["reason"] = planned.reason;
  end.work.report["seconds"] =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  auto recorded = record(run, outline, planned, started_at, end);
  if (recorded && end.status == registry::StepStatus::Done)
    recorded = keep_observed(run, outline, end.work.report);
  if (!recorded) {
    log.line(tidemill::to_text(recorded.error()));
    // The first thing that went wrong is what to tell: a full disk fails the step, and then its record.
    if (end.status == registry::StepStatus::Done) end.error = std::move(recorded).error();
    end.status = registry::StepStatus::Failed;
    end.work.table.reset();
    end.work.aliases.clear();
    end.work.anchor.reset();
  }
  log.line(fmt::format("{} {} after {:.3f} s", outline.id, registry::to_text(end.status),
                       end.work.report["seconds"].get<double>()));
  return end;
}

}  // namespace tidemill::pipeline
