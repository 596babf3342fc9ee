// What the nodes of a forest ask, as keys and ranks.
#include <algorithm>

#include "forest/compile.hpp"

namespace tidemill::forest {

template <class T>
KeyIndex<T>::KeyIndex(const Forest& forest) {
  for (const Tree& tree : forest.trees)
    for (const Node& node : tree.nodes) {
      if (node.is_leaf()) continue;
      if (node.categories >= 0) {
        Category& category = categories_[node.feature];
        const Set set = set_of(tree, node);
        if (!set.codes.empty()) category.slots = std::max(category.slots, set.codes.back() + 1);
        category.keys.emplace(set, 0);
      } else {
        Numeric& numeric = numeric_[node.feature];
        numeric.thresholds.push_back(static_cast<T>(node.value));
        numeric.keys.emplace(rule_of(node), 0);
      }
    }
  uint32_t next = 0;
  for (auto& [feature, numeric] : numeric_) {
    std::sort(numeric.thresholds.begin(), numeric.thresholds.end());
    numeric.thresholds.erase(std::unique(numeric.thresholds.begin(), numeric.thresholds.end()),
                             numeric.thresholds.end());
    most_ranks_ = std::max(most_ranks_, numeric.thresholds.size());
    for (auto& [rule, key] : numeric.keys) key = next++;
  }
  for (auto& [feature, category] : categories_)
    for (auto& [set, key] : category.keys) key = next++;
  keys_ = next;
}

template <class T>
Asked KeyIndex<T>::asked(const Tree& tree, const Node& node) const {
  if (node.categories >= 0) return {categories_.at(node.feature).keys.at(set_of(tree, node)), 1};
  const Numeric& numeric = numeric_.at(node.feature);
  const auto place =
      std::lower_bound(numeric.thresholds.begin(), numeric.thresholds.end(), static_cast<T>(node.value));
  return {numeric.keys.at(rule_of(node)), static_cast<uint32_t>(place - numeric.thresholds.begin()) + 1};
}

template class KeyIndex<float>;
template class KeyIndex<double>;

}  // namespace tidemill::forest
