// What changes what is live, over HTTP: promote, rollback and rollout, each in the audit trail with who,
// when, what and from where; and what there is to see of deployments.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "api/endpoint.hpp"
#include "serving/deployments.hpp"

namespace tidemill::api {

/// Writes to the home with a registry of its own for each change: whoever looks at the server's waits for
/// none. A change is a worker's work, and the deployments have followed it when it is answered. One at a
/// time.
class Changes {
 public:
  /// The deployments must outlive it. clock: when changes are made.
  Changes(serving::Deployments& deployments, Path home, std::shared_ptr<const Clock> clock = system_clock())
      : deployments_(deployments), home_(std::move(home)), clock_(std::move(clock)) {}

  /// act(registry) → Result<Json>.
  template <class Act>
  Response make(const Request& request, const Parameters& parameters, const Act& act);
  serving::Deployments& deployments() { return deployments_; }

 private:
  serving::Deployments& deployments_;
  const Path home_;
  const std::shared_ptr<const Clock> clock_;
  std::mutex mutex_;
};

/// The changes must outlive what is returned.
std::vector<Endpoint> change_endpoints(Changes& changes);

}  // namespace tidemill::api
