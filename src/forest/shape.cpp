#include "forest/shape.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace tidemill::forest {

std::unexpected<Error> invalid(std::string message) {
  return data_error("forest.invalid", "not a model file: " + std::move(message));
}
std::unexpected<Error> unsupported(std::string code, std::string message, std::string hint) {
  return data_error(std::move(code), std::move(message), {}, std::move(hint));
}

Result<void> check_shape(Tree& tree, uint32_t features, const std::vector<bool>& splits_on_categories) {
  const auto size = static_cast<int32_t>(tree.nodes.size());
  std::vector<bool> seen(tree.nodes.size());
  std::vector<std::pair<int32_t, int>> open = {{0, 0}};
  seen[0] = true;
  while (!open.empty()) {
    const auto [at, depth] = open.back();
    open.pop_back();
    Node& node = tree.nodes[static_cast<size_t>(at)];
    if (depth > kMaxTreeDepth) return invalid(fmt::format("a tree is deeper than {}", kMaxTreeDepth));
    if (node.left < 0) {
      if (node.right >= 0) return invalid(fmt::format("node {} has one child", at));
      if (!std::isfinite(node.value)) return invalid(fmt::format("the leaf {} is not a finite number", at));
      node.categories = -1;
      continue;
    }
    if (node.feature >= features)
      return invalid(fmt::format("node {} splits on feature {} of {}", at, node.feature, features));
    if (std::isnan(node.value) && node.categories < 0)
      return invalid(fmt::format("the threshold of node {} is not a number", at));
    if (splits_on_categories[static_cast<size_t>(at)] && node.categories < 0)
      return invalid(fmt::format("node {} has no set of categories", at));
    if (!splits_on_categories[static_cast<size_t>(at)]) node.categories = -1;
    for (const int32_t child : {node.left, node.right}) {
      if (child < 0 || child >= size)
        return invalid(fmt::format("node {} has a child {} of {} nodes", at, child, size));
      if (seen[static_cast<size_t>(child)]) return invalid(fmt::format("node {} is reached twice", child));
      seen[static_cast<size_t>(child)] = true;
      open.emplace_back(child, depth + 1);
    }
  }
  for (size_t i = 0; i < tree.nodes.size(); ++i)
    if (!seen[i]) tree.nodes[i] = {};
  return {};
}

Result<void> check_categories(const Forest& forest) {
  struct OfFeature {
    size_t sets = 0, codes = 0;
  };
  std::map<uint32_t, OfFeature> of_features;
  for (const Tree& tree : forest.trees)
    for (const Node& node : tree.nodes) {
      if (node.left < 0 || node.categories < 0) continue;
      const std::vector<uint32_t>& set = tree.category_sets[static_cast<size_t>(node.categories)];
      OfFeature& of = of_features[node.feature];
      ++of.sets;
      if (!set.empty()) of.codes = std::max(of.codes, size_t{set.back()} + 1);
    }
  size_t bytes = 0;
  for (const auto& [feature, of] : of_features) bytes += of.sets * of.codes;
  if (bytes > kMaxCategoryBytes)
    return unsupported(
        "forest.too_large",
        fmt::format("its sets of categories would take {} bytes (limit {})", bytes, kMaxCategoryBytes));
  return {};
}

}  // namespace tidemill::forest
