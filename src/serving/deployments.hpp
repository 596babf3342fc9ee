// The deployments of a project and the version each one serves now. A new version is loaded and warmed beside
// the old one and swapped by one atomic store: a request keeps the version it began with. Knows no transport.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "forest/package.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::serving {

class RowFeatures;

/// What a deployment serves at an instant; immutable.
struct LiveModel {
  std::string deployment;
  std::string model;
  int version = 0;
  std::shared_ptr<const forest::Predictor> predictor;
  std::string role = {};  // the alias it is served under, or "pinned"
  /// How rows of the request source become features; null when requests are the features.
  std::shared_ptr<const RowFeatures> row_features = nullptr;
  std::vector<registry::Table> tables = {};  // the snapshots that it looks things up in
};

class Deployments {
 public:
  /// Loads every deployment's version. One that cannot be loaded is not ready and says why; the others serve.
  static std::unique_ptr<Deployments> open(const project::Project& project, registry::Registry& registry,
                                           std::shared_ptr<const Clock> clock = system_clock());

  /// The live model of a deployment, or nothing when it has none (yet).
  std::shared_ptr<const LiveModel> find(const std::string& deployment) const;
  bool has(const std::string& deployment) const { return slots_.contains(deployment); }
  std::vector<std::string> names() const;
  bool ready() const;  // every deployment has a live model
  std::string problem(
      const std::string& deployment) const;  // why the newest version is not live; empty when it is

  uint64_t load_failures(const std::string& deployment) const;  // since the start

  /// Looks whether an alias or a table moved and swaps what changed; a version that fails to load, or whose
  /// requests cannot pass its SQL over the tables as they are now, leaves the old one live with its tables,
  /// and is tried again after a pause that doubles from a second to a minute. Returns the number of swaps.
  int refresh(registry::Registry& registry);

 private:
  struct Slot {
    project::Deployment declared;
    std::atomic<std::shared_ptr<const LiveModel>> live;
    mutable std::mutex problem_mutex;
    std::string problem;
    std::atomic<uint64_t> load_failures{0};
    int failed_in_a_row = 0;  // of refresh() alone
    Instant retry_at;
  };
  enum class Loaded { Same, Swapped, Failed };
  Loaded load(const std::string& name, Slot& slot, registry::Registry& registry);
  /// Nothing: what is live is still right.
  Result<std::shared_ptr<const LiveModel>> load_anew(const project::Deployment& declared,
                                                     registry::Registry& registry,
                                                     const LiveModel* before) const;
  std::map<std::string, std::unique_ptr<Slot>> slots_;
  Path home_;
  int64_t memory_bytes_ = 0;  // of one deployment that looks things up; 0: as much as there may be
  std::shared_ptr<const Clock> clock_;
  int64_t generation_ = -1;
};

}  // namespace tidemill::serving
