// What was made and what is live. Rows in meta.db decide, objects hold the bytes; an object is durable before
// a row names it. Hides which database it is. Thread-safe: calls are serialised inside.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "registry/retraining.hpp"
#include "registry/tick.hpp"
#include "registry/token.hpp"

namespace tidemill::registry {

using ObjectId = std::string;  // SHA-256, hexadecimal

struct ColumnInfo {
  std::string name;
  std::string type;
  bool operator==(const ColumnInfo&) const = default;
};

/// An immutable snapshot of a table.
struct Table {
  int64_t id = 0;
  std::string name;
  ObjectId object;
  std::string logical;  // engine::TableHash::logical
  int64_t rows = 0;
  int64_t bytes = 0;
  std::vector<ColumnInfo> columns;
  std::string step_key;
  std::string run;
  Instant made_at;
  bool dropped = false;  // gc removed its bytes: history only
};

struct Version {
  std::string model;
  int number = 0;
  ObjectId package;   // manifest object: JSON that names its files' objects
  std::string state;  // "accepted" | "rejected"
  Json metrics = Json::object();
  Json gate = Json::object();
  std::string data_logical;  // logical hash of the table it was trained on
  std::string step_key;
  std::string run;
  std::string git_commit;
  bool git_dirty = false;
  Instant made_at;
  bool dropped = false;                               // gc removed its package: history only
  std::optional<std::string> retired = std::nullopt;  // why: never live, never compared with again
};

enum class StepStatus { Done, UpToDate, Failed, Blocked, Withdrawn, Interrupted };
std::string_view to_text(StepStatus status);

/// What one step of a run left. A Done step with a key is durable at once and found by later runs
/// (find_output).
struct StepRecord {
  std::string run;
  std::string step;  // "source:flights", "transform:features", "model:late", "export:scored"
  std::string key;   // empty: never cached
  StepStatus status = StepStatus::Done;
  std::optional<Table> table;       // id is filled in by record_step
  std::optional<Version> version;   // number is filled in by record_step
  Json key_parts = Json::object();  // for explain: every part of the key, readable
  Json report = Json::object();     // rows, bytes, seconds, checks …
  std::optional<Json> error;
  Instant started_at, ended_at;
};

struct Run {
  std::string id;
  std::string status;  // "running" | "done" | "failed" | "interrupted"
  std::string selection;
  std::string by;  // user@host or schedule
  std::string git_commit;
  bool git_dirty = false;
  Instant started_at;  // as ended_at by the registry's clock, where begin_run is given none
  std::optional<Instant> ended_at;
  Json report = Json::object();
  std::optional<Instant> as_of;  // what its steps took for now, when that was not the clock's time
};

/// What a run is for, where that is not only the person who began it.
struct RunCause {
  std::optional<Tick> tick = std::nullopt;
  std::optional<Attempt> attempt = std::nullopt;  // to retrain a model
};

struct AliasMove {
  std::string model;
  std::string alias;
  int version = 0;
  std::string reason;
  /// What the alias was when this move was decided (0: nothing); end_run refuses with registry.moved if it is
  /// another now.
  std::optional<int> expected = std::nullopt;
};

/// What is live together. tables: name → snapshot id.
struct Release {
  int64_t id = 0;
  std::string run;
  Instant made_at;
  std::map<std::string, int64_t> tables;
  std::map<std::string, std::map<std::string, int>> aliases;  // model → alias → version
  std::string note;
};

struct AuditEntry {
  int64_t id = 0;
  Instant at;
  std::string who;
  std::string what;  // "promote", "rollback", "release", "gc" …
  Json details = Json::object();
  std::string hash;  // SHA-256 over the previous entry's hash and this entry
};

/// A version on its way to take the place of what a deployment's alias names: it gets copies of the requests
/// (Shadow), or answers a share of them (Canary).
struct Rollout {
  enum class Stage { Shadow, Canary };
  std::string deployment;
  std::string model;
  std::string alias;  // that the deployment serves, and the version challenges
  int version = 0;
  Stage stage = Stage::Shadow;
  double percent = 0;  // of the requests, for a canary: more than 0, at most 100
  std::string reason = {};
  // Filled in by the registry:
  Instant began_at = {};  // with this version
  Instant since = {};     // with this stage and percent
  std::string who = {};   // said the last
};
std::string_view to_text(Rollout::Stage stage);
/// {"deployment", "model", "alias", "version", "stage", "percent": null but of a canary, "began_at", "since",
/// "by", "reason"}: what commands, servers and the audit trail say of it.
Json to_json(const Rollout& rollout);

/// Oldest first, with those that have expired or were revoked.
struct Tokens {
  std::string key;  // of the hashes
  std::vector<Token> all;
  bool operator==(const Tokens&) const = default;
};

struct MetricPoint {
  Instant at;
  std::string run;
  double value = 0;
};

struct Options {
  Path home;
  std::shared_ptr<const Clock> clock;  // of what is written down: never --as-of; empty: the system's
  std::string who;                     // for the audit trail; empty: user@host
  enum class Mode { ReadWrite, ReadOnly };
  Mode mode = Mode::ReadWrite;
  std::string from = {};  // for the audit trail: the address that acts come from; empty: this machine's shell
};

class Registry {
 public:
  /// Makes the home and its folders if missing (ReadWrite). Errors: registry.corrupt, registry.newer_format,
  /// io.*.
  static Result<std::unique_ptr<Registry>> open(const Options& options);
  ~Registry();

  // Objects ---------------------------------------------------------------------------------------------
  /// Moves a finished staging file into objects/, durable on return. The same bytes twice are one object.
  Result<ObjectId> put_object(const Path& staged);
  Result<ObjectId> put_bytes(std::string_view bytes);
  Path object_path(const ObjectId& id) const;
  Result<std::string> read_object(const ObjectId& id) const;
  Path staging_folder(const std::string& run) const;
  Path run_folder(const std::string& run) const;

  // Runs ------------------------------------------------------------------------------------------------
  /// The lock of the home: error lock.held says who holds it and since when. Sweeps staging and running rows
  /// of dead owners, ends their children. Waits for a gc, which is short, until stop is set (error
  /// interrupted) or its time is up (lock.held).
  class RunLock;
  Result<std::unique_ptr<RunLock>> lock_for_run(const std::string& run,
                                                const std::atomic<bool>* stop = nullptr);
  /// Whether a run has the home now. Looks at the lock itself, which a process that died does not hold.
  bool is_in_use() const;
  /// Error registry.tick_taken: the tick has a run already, and it was not interrupted.
  Result<void> begin_run(const Run& run, const RunCause& cause = {});
  /// A child process of this run: ended before a takeover.
  Result<void> record_child(const std::string& run, int pid, int64_t start_ticks);
  /// One durable commit. A table with id 0 and a version with number 0 are new; others are referred to.
  /// Errors: registry.unknown_run, registry.run_ended (the home was taken over), registry.object_missing.
  Result<StepRecord> record_step(StepRecord step);
  struct Publication {
    std::string run;
    std::string status;
    Json report = Json::object();
    std::map<std::string, int64_t> tables;
    std::vector<AliasMove> aliases;
    std::map<std::string, int> anchors = {};  // model → version, once the aliases have moved
  };
  /// As end_run does, but the run goes on: for a run that still has to send out what is live now.
  Result<std::optional<Release>> make_live(const Publication& publication);
  /// Ends the run; moves the live pointers of these tables, the aliases and the anchors in the same
  /// transaction and makes a release when anything moved. An error leaves the run as it was, to be ended
  /// without them: registry.on_hold, registry.moved, registry.rejected, registry.rolled_back (a release was
  /// rolled back since the run began).
  Result<std::optional<Release>> end_run(const Publication& publication);
  /// Lists are newest first, by the order in which they were written, here and below; metric_history alone is
  /// oldest first.
  Result<std::vector<Run>> runs(size_t limit = 100) const;
  Result<std::optional<Run>> run(const std::string& id) const;
  Result<std::vector<StepRecord>> steps(const std::string& run) const;
  /// The newest run's record of this step, whatever its status; for explain.
  Result<std::optional<StepRecord>> last_step(const std::string& step) const;
  /// The record that made what is live of this step: its table, or the champion of its model. Empty: nothing
  /// of it is live.
  Result<std::optional<StepRecord>> live_step(const std::string& step) const;
  /// The record of this step that made the snapshot; empty when another step did.
  Result<std::optional<StepRecord>> step_that_made(const std::string& step, int64_t table) const;

  // Outputs by key --------------------------------------------------------------------------------------
  struct Output {
    std::optional<Table> table;
    std::optional<Version> version;
    /// Taken back by a rollback: not up to date, not to be rebuilt without --force; table is empty once gc
    /// has dropped its bytes.
    bool withdrawn = false;
  };
  Result<std::optional<Output>> find_output(const std::string& step, const std::string& key) const;
  /// All recorded outputs, one query, for planning thousands of steps: (step + '\0' + key) → output.
  Result<std::map<std::string, Output>> all_outputs() const;

  // Live state ------------------------------------------------------------------------------------------
  Result<std::map<std::string, Table>> live_tables() const;
  /// The snapshot that the live one took the place of; nothing: it is the first, or gc dropped the other.
  Result<std::optional<Table>> live_before(const std::string& table) const;
  Result<std::optional<Table>> table(int64_t id) const;
  Result<std::vector<Table>> table_history(const std::string& name, size_t limit = 100) const;
  Result<std::vector<std::string>> models() const;
  Result<std::vector<Version>> versions(const std::string& model) const;
  /// reference: number or alias.
  Result<Version> version(const std::string& model, const std::string& reference) const;
  Result<std::map<std::string, int>> aliases(const std::string& model) const;
  /// Whether it was a run that moved the alias to where it is; false: a person did, or there is none.
  Result<bool> moved_by_run(const std::string& model, const std::string& alias) const;
  Result<std::vector<Release>> releases(size_t limit = 100) const;
  /// Error registry.unknown_release.
  Result<Release> release(int64_t id) const;
  /// Changes whenever aliases, live tables or rollouts do, and when a retraining is asked for: a cheap poll
  /// for servers.
  Result<int64_t> generation() const;

  // Acts, each one transaction with its audit entry -----------------------------------------------------
  /// By a person: also sets the anchor when the alias is champion, and clears a withdrawal of the version.
  /// Every move of an alias is a release. Errors: registry.on_hold, registry.rejected, registry.retired,
  /// registry.bad_alias, registry.unknown_*.
  Result<void> promote(const std::string& model, int version, const std::string& alias,
                       const std::string& reason);
  enum class Anchor { Stays, Moves };
  /// As a run would do it, not as a person: neither clears a withdrawal nor moves the anchor unless it is
  /// told to, and only while the alias is move.expected. Errors: registry.moved, registry.withdrawn, and
  /// those of promote().
  Result<void> promote_unattended(const AliasMove& move, Anchor anchor);
  /// Back to what the alias was before; holds promotion of the model until released, and withdraws the
  /// version left behind. With `only_from`, only while the alias is that version. Returns the version now
  /// live. Errors: registry.no_previous, registry.unknown_version, registry.moved.
  Result<int> rollback_alias(const std::string& model, const std::string& alias, const std::string& reason,
                             std::optional<int> only_from = std::nullopt);
  Result<void> release_hold(const std::string& model);
  /// For versions that should never have been live, such as one that knows the answer: from now on none is
  /// live or compared with. Their aliases are put aside, and their keys withdrawn; an anchor among them gives
  /// way to the champion that is left. It cannot be undone. Errors: registry.retired (already),
  /// registry.unknown_*.
  Result<void> retire(const std::string& model, const std::set<int>& versions, const std::string& reason);
  Result<std::optional<std::string>> hold(const std::string& model) const;  // reason, if promotion is on hold
  /// Everything live back to a release, as a new release; what was live since and is not part of it is
  /// withdrawn. Errors: registry.unknown_release, registry.already_live, registry.dropped (gc took its
  /// bytes), registry.retired.
  Result<Release> rollback_release(int64_t release, const std::string& reason);
  /// Clears the withdrawal of this step's key (--force).
  Result<void> reinstate(const std::string& step, const std::string& key);
  /// The anchor: the last version promoted by a proven improvement or by a person.
  Result<std::optional<int>> anchor(const std::string& model) const;

  // Rollouts, each act one transaction with its audit entry ----------------------------------------------
  /// Begins one, or changes its version, stage or percent. Promoting the version to its alias ends it, and so
  /// does any rollback of the model. Errors: registry.percent, registry.pinned (the alias is a number),
  /// registry.no_champion, registry.already_live, registry.withdrawn (rolled back), registry.on_hold, and
  /// those of promote().
  Result<Rollout> set_rollout(const Rollout& wanted);
  /// Whether set_rollout() would do it, as things are now; its errors.
  Result<void> check_rollout(const Rollout& wanted) const;
  /// What it was. Error registry.no_rollout.
  Result<Rollout> end_rollout(const std::string& deployment, const std::string& reason);
  Result<std::map<std::string, Rollout>> rollouts() const;  // by deployment
  /// Of the first deployment by name in which a version of the model challenges its champion.
  Result<std::optional<Rollout>> challenger_of_champion(const std::string& model) const;
  enum class Challenger { Spare, Withdraw };
  /// Ends the rollout if this version still challenges, and withdraws it where it is told to, so that no
  /// later run promotes it. Where all of that is so already, nothing happens.
  Result<void> give_up_challenger(const std::string& model, int version, Challenger what,
                                  const std::string& reason);

  // Schedules and retraining: what works by itself -------------------------------------------------------
  Result<std::map<std::string, KeptSchedule>> schedules() const;
  /// One transaction: the state and tick of a schedule, and what became of ticks that get no run.
  Result<void> keep_schedule(const std::string& name, const KeptSchedule& schedule,
                             const std::vector<TickRecord>& given_up = {});
  /// The tick's status and reason; the schedule is free for the next. Twice is once.
  Result<void> end_tick(const TickRecord& ended);
  /// Schedules of other names are no more: their ticks that wait get no run.
  Result<void> forget_schedules_but(const std::set<std::string>& names);
  Result<std::optional<TickRecord>> tick(const Tick& tick) const;
  Result<std::vector<TickRecord>> ticks(const std::string& schedule, size_t limit) const;
  Result<std::map<std::string, int64_t>> run_counts() const;  // by status

  Result<std::optional<Json>> retraining(const std::string& model) const;
  /// One transaction: the state, the steps it took, and which requests are answered.
  Result<void> keep_retraining(const RetrainingChange& change);
  Result<std::vector<RetrainingStep>> retraining_steps(const std::string& model, size_t limit) const;
  /// By a person. The request's number. Error registry.too_many_requests.
  Result<int64_t> request_retraining(const std::string& model, const std::string& reason);
  Result<std::vector<RetrainingRequest>> retraining_requests(const std::string& model) const;  // not answered
  /// A run that was begun for something else is this attempt's.
  Result<void> note_attempt(const Attempt& attempt, const std::string& run);
  Result<std::optional<AttemptRun>> newest_attempt(const std::string& model) const;
  /// Rolled back, taken out or retired: no run promotes them.
  Result<std::set<int>> withdrawn_versions(const std::string& model) const;

  // Tokens of the API, each act with its audit entry -----------------------------------------------------
  struct NewToken {
    std::string name;
    std::vector<std::string> scopes;
    std::optional<Instant> expires_at = std::nullopt;
    std::optional<double> rate = std::nullopt;  // requests a second
  };
  /// The token itself, which is kept nowhere. Errors: registry.bad_scope, registry.token_exists,
  /// registry.too_many_tokens.
  Result<std::string> create_token(const NewToken& wanted);
  /// Error registry.unknown_token.
  Result<void> revoke_token(const std::string& name);
  Result<Tokens> tokens() const;

  // Memos and series ------------------------------------------------------------------------------------
  /// Small facts worth keeping: bindings, file hashes. kind is a namespace.
  Result<std::optional<std::string>> memo(const std::string& kind, const std::string& key) const;
  Result<std::map<std::string, std::string>> memos(const std::string& kind) const;
  Result<void> set_memos(const std::string& kind, const std::map<std::string, std::string>& values);
  /// Numbers over a table's history, for anomaly checks and gate verdict counts.
  Result<void> add_metric(const std::string& subject, const std::string& metric, MetricPoint point);
  Result<std::vector<MetricPoint>> metric_history(const std::string& subject, const std::string& metric,
                                                  size_t limit) const;

  // Upkeep ----------------------------------------------------------------------------------------------
  struct GcReport {
    size_t objects_removed = 0;
    int64_t bytes_removed = 0;
    size_t objects_kept = 0;
    size_t versions_dropped = 0;
    size_t run_folders_removed = 0;
  };
  using Pinned = std::map<std::string, std::set<int>>;  // model → versions that a project names by number
  /// What is to go although it is kept: snapshots that are not live, and versions that nothing names but a
  /// kept release or the newest output of a step.
  struct Condemned {
    std::set<int64_t> tables;
    Pinned versions;
    std::string subject;  // for the audit trail: whose rows they hold, hashed
  };
  /// Drops objects that no live or kept release, no named version and no newest output of a step needs, and
  /// the folders of all but the newest runs. Named is a version that is pinned, an anchor, what an alias is
  /// in a kept release, or what it would be rolled back to, or a challenger. dry_run only counts. Errors:
  /// lock.held while a run or another process writes objects; registry.object_* while a named version's
  /// package cannot be read, since its files are unknown.
  Result<GcReport> gc(size_t keep_releases, bool dry_run, const Pinned& pinned = {},
                      const Condemned& condemned = {});
  Result<std::vector<AuditEntry>> audit(size_t limit) const;
  /// An entry of the audit trail for what was done outside of the registry.
  Result<void> note_act(std::string_view what, const Json& details);
  /// Error registry.audit_broken with the first entry whose chain does not hold. Returns the number of
  /// entries.
  Result<int64_t> verify_audit() const;
  /// Every live row names an object that exists and hashes to its name; every problem found.
  Result<std::vector<std::string>> verify_objects() const;

  struct Impl;

 private:
  explicit Registry(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class Registry::RunLock {
 public:
  virtual ~RunLock() = default;
};

}  // namespace tidemill::registry
