// The published side of a deployment's requests: which snapshots they look things up in, and those made ready
// and proved.
#pragma once

#include <vector>

#include "registry/registry.hpp"
#include "serving/compute_slots.hpp"
#include "serving/request_path.hpp"
#include "serving/row_features.hpp"

namespace tidemill::serving {

/// The live snapshots of path.tables, in that order. Error serving.no_table.
Result<std::vector<registry::Table>> tables_of(const RequestPath& path, const registry::Registry& registry);

struct RowFeaturesOptions {
  std::shared_ptr<const forest::Predictor> predictor;
  RequestPath path;
  std::vector<registry::Table> tables;
  Path home;
  int64_t memory_bytes = 0;             // 0: as much as there may be
  std::shared_ptr<ComputeSlots> slots;  // of who asks
};

/// Loads the tables, and replays rows of the request source's live snapshot. Errors: serving.*, io.*,
/// engine.memory.
Result<std::shared_ptr<const RowFeatures>> open_row_features(RowFeaturesOptions options,
                                                             const registry::Registry& registry);

}  // namespace tidemill::serving
