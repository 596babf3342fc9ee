// How two versions, runs or snapshots of a table differ: data, SQL, parameters, metrics. Only what differs is
// listed.
#pragma once

#include <string>

#include "base/json.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

/// a and b: both versions ("late@1", "late@champion"), both runs (ids), or both snapshots of tables
/// ("features@12", the snapshot's id). Error usage.diff when they are not of one kind or not there.
Result<Json> diff(registry::Registry& registry, const std::string& a, const std::string& b);

/// The release of this number. Error usage.unknown_release.
Result<registry::Release> release_of(const registry::Registry& registry, const std::string& id);

/// Which tables and aliases differ between two releases. Error usage.unknown_release.
Result<Json> diff_releases(registry::Registry& registry, const std::string& a, const std::string& b);

}  // namespace tidemill::pipeline
