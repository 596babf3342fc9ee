// Whether and how a model is replaced: triggered → snapshot → train → gate → shadow → canary → promoted,
// rejected or rolled back. decide() is a pure function of what the project says, what was kept, what the
// registry and the monitors say now, and the clock. It acts on nothing.
//
// The caller gathers the facts, calls decide(), keeps the state durably, and only then acts. Whatever happens
// between these (a crash before or after the act, an act that fails), the next decide() sees from the
// registry what was done and asks for the rest again. Every act may be asked for twice and is done once.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "registry/registry.hpp"

namespace tidemill::monitoring {

inline constexpr Duration kWeek{int64_t{7} * 86'400'000'000};
inline constexpr int kMaxTries = 10;  // of an act that does not come about
inline constexpr Duration kAsksAgain{int64_t{60} * 1'000'000};
inline constexpr int kMaxRuns = 3;  // of one attempt, of which all but the last were interrupted
/// With fewer predictions a stage cannot be judged, however long it lasted.
inline constexpr int64_t kMinStagePredictions = 200;
/// A number that is missing for longer counts as past its limit. Until then a stage only waits: after a
/// restart nothing is measured yet.
inline constexpr Duration kMissingGrace{int64_t{15} * 60'000'000};
/// A stage that traffic is too little for ends.
inline constexpr Duration kLongestStage{int64_t{14} * 86'400'000'000};
inline constexpr size_t kMaxRefused = 1000;  // versions that are remembered
inline constexpr size_t kMaxStarts = 1000;   // within a week

/// What the project declares of a model and of the deployment in which its versions take over.
struct Policy {
  std::string model;
  std::string deployment;  // empty: none, and what passes the gate is promoted at once
  std::string alias = "champion";
  Duration cooldown{int64_t{24} * 3'600'000'000};
  int64_t min_new_labels = 0;
  std::optional<int64_t> every_labels;  // so many new labels are a trigger
  int max_per_week = 3;
  int stop_after = 3;                // rejections in a row
  std::optional<Duration> hold_for;  // after a rollback; nothing: until a person releases it
  int64_t shadow = 0;                // predictions
  std::vector<double> canary;        // percents, growing
  Duration stage{int64_t{3'600} * 1'000'000};
  std::optional<double> max_errors;  // share of failed predictions
  std::optional<Duration> max_p99;
  std::optional<double> max_score_drift;  // PSI against the champion's scores
  bool has_rollout() const { return !deployment.empty() && (shadow > 0 || !canary.empty()); }
};

struct Trigger {
  enum class Kind { Person, Schedule, Performance, Drift, Labels };
  Kind kind = Kind::Person;
  std::string reason;
  int64_t id = 0;  // of a request, rising: each is taken once
  bool operator==(const Trigger&) const = default;
};
std::string_view to_text(Trigger::Kind kind);

/// What is so now, read just before deciding.
struct Facts {
  std::optional<int> champion;      // what the alias is
  std::optional<std::string> hold;  // why promotion is on hold
  std::set<int> withdrawn;          // versions that were rolled back or taken out
  struct Candidate {
    int version = 0;
    bool accepted = false;    // by the gate
    int judged_against = 0;   // the champion then; 0: there was none
    std::string reason = {};  // why not accepted
  };
  struct Run {
    enum class Status { Running, Done, Failed, Interrupted };
    int attempt = 0;
    Status status = Status::Running;
    bool snapshot_taken = false;         // the model's table is there
    std::optional<Candidate> candidate;  // the version that it made
    std::string error = {};
    std::optional<Trigger> trigger = {};  // of a run that was begun for something else
  };
  std::optional<Run> run;  // the newest that a retraining of this model began
  std::optional<registry::Rollout> rollout;
  /// Of the challenger, since its stage began; what is not known is nothing.
  struct Challenger {
    std::optional<int64_t> predictions;
    std::optional<double> errors;
    std::optional<Duration> p99;
    std::optional<double> score_drift;
  };
  Challenger challenger;
  std::vector<std::string> failed_checks;  // on the data, of severity error
  std::vector<std::string> bad_data;       // monitors of live data quality that fire
  int64_t new_labels = 0;                  // that count since a version was trained last
  std::vector<Trigger> standing;           // alerts that ask for a retraining, as long as they fire
  std::vector<Trigger> requests;           // of persons and schedules
  std::optional<std::string> rollback;     // why the champion is to be rolled back: a monitor said so
};

enum class Stage { Idle, Triggered, Snapshot, Train, Gate, Shadow, Canary, Promoted, Rejected, RolledBack };
std::string_view to_text(Stage stage);
/// Nothing is under way: a trigger may begin the next.
bool is_resting(Stage stage);

/// What is kept.
struct Retraining {
  Stage stage = Stage::Idle;
  Instant since;  // with this stage
  int attempt = 0;
  Trigger trigger;
  int candidate = 0;
  int challenged = 0;     // the champion that the gate compared with
  double percent = 0;     // of the canary
  bool begun = false;     // the registry was seen to have this stage's rollout
  bool compared = false;  // its scores held their limit against the champion's, in a stage that is over
  int repeats = 0;        // of its run, after interruptions
  int tries = 0;          // of the act that is waited for
  std::optional<Instant> asked;  // for it, the last time
  std::optional<Instant> missing_since;
  int leftover = 0;             // a version whose rollout must still end
  bool leftover_bad = false;    // … and that must not come back
  std::vector<Instant> starts;  // within a week
  std::optional<Instant> ended;
  int rejections = 0;  // in a row
  int64_t handled = 0;
  std::set<int> refused;  // versions that are not promoted again
  int promoted = 0;       // by this, and watched since
  int rollback_tries = 0;
  std::optional<Instant> held_since;
  std::string refusal;  // the last that was said
  bool operator==(const Retraining&) const = default;
};

struct Transition {
  Instant at;
  int attempt = 0;
  Stage from = Stage::Idle;
  Stage to = Stage::Idle;
  int version = 0;  // 0: there is none yet
  std::string reason;
};
Json to_json(const Transition& transition);

// Acts. What each needs of the registry is said with it.
/// A run of the model, in whose record `attempt` stands. With `promotes`, what passes the gate becomes
/// champion at the run's end; without, it is only recorded.
struct StartRun {
  int attempt = 0;
  bool promotes = false;
};
struct BeginStage {
  registry::Rollout rollout;  // for Registry::set_rollout
};
/// Only while the alias is still `expected`.
struct Promote {
  int version = 0;
  int expected = 0;
  std::string reason;
};
/// Registry::end_rollout; a bad version is withdrawn as well, so that no later run promotes it.
struct EndRollout {
  int version = 0;
  bool bad = false;
  std::string reason;
};
/// Registry::rollback_alias, only while the alias is still `version`.
struct RollBack {
  int version = 0;
  std::string reason;
};
struct ReleaseHold {};
using Act = std::variant<StartRun, BeginStage, Promote, EndRollout, RollBack, ReleaseHold>;

struct Decision {
  Retraining state;
  std::vector<Transition> transitions;
  std::optional<Act> act;            // at most one at a time
  std::vector<std::string> notices;  // for people: what was refused, and why
};
Decision decide(const Policy& policy, const Retraining& state, const Facts& facts, Instant now);

Json to_json(const Retraining& state);
/// Error monitoring.state.
Result<Retraining> retraining_from_json(const Json& json);

}  // namespace tidemill::monitoring
