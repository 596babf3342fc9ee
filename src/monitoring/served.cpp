#include "monitoring/served.hpp"

namespace tidemill::monitoring {

namespace {

/// Of what a deployment's alias names: nothing was trained or promoted.
bool is_nothing_yet(const Error& error) {
  return error.code == "registry.unknown_version" || error.code == "registry.unknown_model";
}

}  // namespace

Result<std::vector<ServedVersion>> served_versions(const registry::Registry& registry,
                                                   const project::Deployment& deployment) {
  std::vector<ServedVersion> versions;
  const auto champion = registry.version(deployment.model, deployment.version);
  if (!champion && !is_nothing_yet(champion.error())) return std::unexpected(champion.error());
  if (champion) versions.push_back({champion->number, champion->package});
  TM_TRY(const auto rollouts, registry.rollouts());
  const auto rollout = rollouts.find(deployment.name);
  if (rollout == rollouts.end() || rollout->second.model != deployment.model) return versions;
  if (champion && champion->number == rollout->second.version) return versions;
  TM_TRY(const auto challenger, registry.version(deployment.model, std::to_string(rollout->second.version)));
  versions.push_back({challenger.number, challenger.package});
  return versions;
}

}  // namespace tidemill::monitoring
