// What every kind of step shares while it runs: the run it belongs to, where it may write, how it is ended,
// what it leaves.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/decide.hpp"
#include "pipeline/engines.hpp"
#include "pipeline/git.hpp"
#include "pipeline/outline.hpp"
#include "pipeline/run.hpp"

namespace tidemill::pipeline {

/// The snapshot of every table as this run sees it: live ones at first, what the run makes as it makes them.
/// Thread-safe.
class Snapshots {
 public:
  void set(const std::string& name, registry::Table table);
  std::optional<registry::Table> find(const std::string& name) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, registry::Table> tables_;
};

/// One run's shared state.
struct Execution {
  const project::Project& project;
  registry::Registry& registry;
  const Outline& outline;
  const RunOptions& options;
  std::string run;
  Path staging;
  Path folder;
  Budget budget;
  GitState git;
  std::map<std::string, registry::Table> live;  // as the run began
  Snapshots snapshots;
  Predictors& predictors;
  Engines& engines;

  /// What steps take for now; when something really happened is for the registry to say.
  Instant now() const { return options.clock->now(); }
};

/// Lines with a time, in the run's folder. Not synced: a log is no fact. The step only adds lines; the thread
/// that settles steps writes them while it waits, so that making the file is no part of the step.
/// Thread-safe.
class StepLog {
 public:
  explicit StepLog(Path path) : path_(std::move(path)) {}
  ~StepLog();
  StepLog(const StepLog&) = delete;
  StepLog& operator=(const StepLog&) = delete;
  void line(std::string_view text);
  /// Text as it is, which no secret may hold any more.
  void append(std::string_view text);
  void write_pending();
  const Path& path() const { return path_; }

 private:
  void write_locked();

  Path path_;
  std::mutex mutex_;
  std::string pending_;
  int fd_ = -1;  // opened with the first line
};

/// One attempt at one step.
struct StepContext {
  Execution& run;
  const StepOutline& outline;
  const PlannedStep& planned;
  Cancellation& cancellation;
  StepLog& log;
  std::optional<Duration> limit;

  const project::Project& project() const { return run.project; }
  registry::Registry& registry() const { return run.registry; }
  Result<void> check() const { return cancellation.check(limit); }
  /// A path under staging that no other step uses.
  Path staged(std::string_view ending) const;
  Result<std::unique_ptr<Watched>> connect(Engines::Kind kind) const {
    return run.engines.connect(kind, cancellation);
  }
  Result<std::unique_ptr<Watched>> borrow(Engines::Kind kind) const {
    return run.engines.borrow(kind, cancellation);
  }
  /// Makes every table that the step reads visible under its name.
  Result<void> view_inputs(engine::Connection& connection) const;
  Result<void> view_table(engine::Connection& connection, const std::string& table) const;
};

/// What a step that did its work leaves. An error with it (gate.rejected) does not undo the work.
struct StepWork {
  Json report = Json::object();
  std::optional<registry::Table> table;
  std::optional<registry::Version> version;
  std::vector<registry::AliasMove> aliases;
  std::optional<int> anchor;  // the model's new anchor, once the aliases have moved
  std::optional<Error> error;
  bool failed = false;  // there is a report to tell why, and nothing to publish
};

Result<StepWork> run_source(const StepContext& step);
Result<StepWork> run_transform(const StepContext& step);
Result<StepWork> run_command(const StepContext& step);
Result<StepWork> run_model(const StepContext& step);
Result<StepWork> run_export(const StepContext& step);

/// For a source whose files did not change: is it still fresh enough? A report with the checks, and the error
/// if it is not.
Result<StepWork> judge_freshness(const StepContext& step);
bool has_freshness(const project::Source& source);

}  // namespace tidemill::pipeline
