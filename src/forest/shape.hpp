// What must hold of a forest whatever file it came from, and the limits of a model file.
#pragma once

#include <string>
#include <vector>

#include "forest/forest.hpp"

namespace tidemill::forest {

inline constexpr size_t kMaxTrees = 1'000'000;
inline constexpr double kMaxFeatures = 1 << 20;
inline constexpr double kMaxOutputs = 1 << 16;
inline constexpr int kMaxTreeDepth = 4096;
inline constexpr double kMaxCategory = 1 << 24;  // codes are float32: beyond this they are not exact
// An engine keeps, for each set, a byte for every code up to the highest that its feature knows.
inline constexpr size_t kMaxCategoryBytes = size_t{1} << 30;

std::unexpected<Error> invalid(std::string message);
std::unexpected<Error> unsupported(std::string code, std::string message, std::string hint = {});

/// Walks from the root: each node at most once, children in range, features known, thresholds and leaves
/// numbers. Nodes that pruning left unreachable become empty leaves.
Result<void> check_shape(Tree& tree, uint32_t features, const std::vector<bool>& splits_on_categories);
/// That its sets of categories fit what an engine may take.
Result<void> check_categories(const Forest& forest);

}  // namespace tidemill::forest
