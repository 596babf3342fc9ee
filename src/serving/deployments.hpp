// The deployments of a project and the versions each one serves now: its champion, and the version that
// challenges it. What is new is loaded and warmed beside what is there, and both are swapped by one atomic
// store: a request keeps what it began with. Knows no transport.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "forest/package.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"
#include "serving/compute_slots.hpp"
#include "serving/promotion.hpp"

namespace tidemill::serving {

class RowFeatures;

/// A version that is loaded; immutable.
struct LiveModel {
  std::string deployment;
  std::string model;
  int version = 0;
  std::shared_ptr<const forest::Predictor> predictor;
  std::string role = {};  // the alias it is served under, or "pinned"; a challenger's "canary" or "shadow"
  /// How rows of the request source become features; null when requests are the features.
  std::shared_ptr<const RowFeatures> row_features = nullptr;
  std::vector<registry::Table> tables = {};  // the snapshots that it looks things up in
  std::vector<std::string> key = {};  // columns that name a row; requests may have them beside features
};

/// What a deployment serves at an instant; immutable.
struct LiveDeployment {
  std::shared_ptr<const LiveModel> champion;  // what its alias names; null: nothing that could be loaded yet
  std::shared_ptr<const LiveModel> challenger;  // null: none, or it could not be loaded
  registry::Rollout rollout = {};               // what is wanted of the challenger; version 0: there is none
  std::string sticky = {};  // the column by whose value callers stay with one version; empty: none
  bool has_canary() const {
    return challenger != nullptr && rollout.stage == registry::Rollout::Stage::Canary;
  }
  bool has_shadow() const {
    return challenger != nullptr && rollout.stage == registry::Rollout::Stage::Shadow;
  }
  /// The version by its number, as a path has it, or null.
  const LiveModel* find(std::string_view version) const;
};

class Deployments {
 public:
  /// Loads every deployment's versions. One that cannot be loaded is not ready and says why; the others
  /// serve.
  static std::unique_ptr<Deployments> open(const project::Project& project, registry::Registry& registry,
                                           std::shared_ptr<const Clock> clock = system_clock(),
                                           std::shared_ptr<ComputeSlots> slots = one_a_core());
  /// That whoever predicts computes in.
  const std::shared_ptr<ComputeSlots>& compute_slots() const { return compute_slots_; }

  /// The champion of a deployment, or nothing when it has none (yet).
  std::shared_ptr<const LiveModel> find(const std::string& deployment) const;
  /// Never null of a deployment that there is.
  std::shared_ptr<const LiveDeployment> live(const std::string& deployment) const;
  bool has(const std::string& deployment) const { return slots_.contains(deployment); }
  std::vector<std::string> names() const;
  bool ready() const;  // every deployment has a champion
  /// What the project file says of it; null: there is none.
  const project::Deployment* declared(const std::string& deployment) const;

  /// Why the version that the alias names is not live; empty when it is.
  std::string problem(const std::string& deployment) const;
  /// Why the challenger is not live; empty when it is, or there is none.
  std::string challenger_problem(const std::string& deployment) const;
  uint64_t load_failures(const std::string& deployment) const;  // of both, since the start

  /// Looks whether an alias, a table or a rollout moved and swaps what changed; a version that fails to load,
  /// or whose requests cannot pass its SQL over the tables as they are now, leaves the old one live with its
  /// tables, and is tried again after a pause that doubles from a second to a minute. A challenger that fails
  /// leaves the champion as it is. Returns the number of swaps. Thread-safe.
  int refresh(registry::Registry& registry);

  /// Whether a rollout would be live: its version is loaded beside the champion as refresh() would do it, and
  /// let go again. Errors: serving.not_live (there is no champion), serving.rollout, serving.task,
  /// serving.inputs, serving.sticky, and those of loading. The deployment must be one of them. Thread-safe.
  Result<void> check_rollout(const registry::Rollout& wanted, registry::Registry& registry);

  /// Whether every deployment that names the alias could serve the version: it is loaded as refresh() would
  /// do it, and let go again. What the registry itself will refuse is no obstacle here. Error
  /// serving.cannot_serve, with the deployment and the reason. Thread-safe.
  Result<void> check_promotion(const Promotion& wanted, registry::Registry& registry);
  /// The same where nothing is loaded, and nothing else is.
  static Result<void> check_promotion(const project::Project& project, const Promotion& wanted,
                                      registry::Registry& registry);

 private:
  struct Slot {
    project::Deployment declared;
    std::vector<std::string> key;
    std::atomic<std::shared_ptr<const LiveDeployment>> live;
    mutable std::mutex problem_mutex;
    std::string problem, challenger_problem;
    std::atomic<uint64_t> load_failures{0};
    // Of refresh() alone:
    int failed_in_a_row = 0;
    Instant retry_at;
    std::shared_ptr<const LiveModel> previous;  // the champion before, without what it looks things up in: to
                                                // go back to it takes no loading
  };
  /// Nothing is loaded yet.
  static std::unique_ptr<Deployments> declare(const project::Project& project,
                                              std::shared_ptr<const Clock> clock,
                                              std::shared_ptr<ComputeSlots> slots);
  static std::shared_ptr<ComputeSlots> one_a_core() { return std::make_shared<ComputeSlots>(); }
  struct Outcome {
    bool swapped = false, failed = false;
  };
  Outcome load(Slot& slot, const std::optional<registry::Rollout>& rollout, registry::Registry& registry);
  using Loaded = std::vector<std::shared_ptr<const LiveModel>>;  // none null
  struct Wanted {
    std::string version;  // number or alias
    std::string role;
  };
  /// What is loaded already is used again; the very same, when nothing of it is new.
  Result<std::shared_ptr<const LiveModel>> load_version(const project::Deployment& declared,
                                                        const Wanted& wanted, registry::Registry& registry,
                                                        const Loaded& loaded) const;
  Result<std::shared_ptr<const LiveModel>> load_challenger(const project::Deployment& declared,
                                                           const registry::Rollout& rollout,
                                                           registry::Registry& registry, const Loaded& loaded,
                                                           const LiveModel& champion) const;
  std::map<std::string, std::unique_ptr<Slot>> slots_;
  Path home_;
  int64_t memory_bytes_ = 0;  // of one version that looks things up; 0: as much as there may be
  std::shared_ptr<const Clock> clock_;
  std::shared_ptr<ComputeSlots> compute_slots_ = one_a_core();
  std::mutex refresh_mutex_;
  int64_t generation_ = -1;
};

}  // namespace tidemill::serving
