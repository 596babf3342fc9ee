// Takes a subject's rows out of all that is kept of a deployment's predictions: the log, the labels, and rows
// that a check set aside; proves that they are gone there; and says which snapshots and versions hold them
// still.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::monitoring {

struct Forgotten {
  std::string subject;  // its key, hashed as the log hashes keys: who has the home's hash.key can tell
  struct Removed {
    int64_t rows = 0;
    size_t files = 0;
  };
  Removed log, labels, set_aside;
  /// In segments that a process is writing: they are never in the log's table again, and on the disk until
  /// the segment ends, with its hour at the latest.
  int64_t waiting = 0;
  size_t unreadable = 0;  // files of the log that were set aside: nobody knows whose rows they hold
  struct Holder {
    std::string table;
    int64_t snapshot = 0, rows = 0;
    bool is_live = false;
  };
  std::vector<Holder> snapshots;
  std::vector<std::string> versions;  // "late@3": trained on one of them
  Json to_json() const;
};

/// key: an object of the columns of the deployment's request source's key. May be said again. Errors:
/// forget.no_key (its requests have no key, or the log none of them), label.key, forget.left (they are not
/// gone), io.*, engine.*, registry.*.
Result<Forgotten> forget(const project::Project& project, const registry::Registry& registry,
                         const project::Deployment& deployment, const Json& key, Instant now);

/// The snapshots and versions that forget() would list, and nothing is removed. Errors as forget()'s.
Result<Forgotten> find_holders(const project::Project& project, const registry::Registry& registry,
                               const project::Deployment& deployment, const Json& key);

}  // namespace tidemill::monitoring
