// A forest as the plain arrays that kernels read. KeyIndex says what nodes ask; compile() lays trees out for
// both engines.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "forest/engine.hpp"
#include "forest/kernels.hpp"

namespace tidemill::forest {

/// What a node asks: key ≥ rank goes right.
struct Asked {
  uint32_t key;
  uint32_t rank;
};

template <class T>
class KeyIndex {
 public:
  explicit KeyIndex(const Forest& forest);

  Asked asked(const Tree& tree, const Node& node) const;
  /// Whether keys and their numbers are small enough.
  template <class K>
  bool fits() const {
    constexpr size_t kMost = std::numeric_limits<K>::max();
    // A linked leaf needs a rank above every key.
    return keys_ <= kMost + 1 && most_ranks_ < size_t{std::numeric_limits<uint16_t>::max()} &&
           most_ranks_ <= kMost;
  }

  struct Rule {  // of a numeric key
    bool default_left;
    Missing missing;
    auto operator<=>(const Rule&) const = default;
  };
  struct Set {  // of a category key: where missing goes, and the codes that go right
    bool default_left;
    std::vector<uint32_t> codes;
    auto operator<=>(const Set&) const = default;
  };
  struct Numeric {
    std::vector<T> thresholds;  // sorted, distinct
    std::map<Rule, uint32_t> keys;
  };
  struct Category {
    uint32_t slots = 0;  // one more than the highest code
    std::map<Set, uint32_t> keys;
  };
  const std::map<uint32_t, Numeric>& numeric() const { return numeric_; }
  const std::map<uint32_t, Category>& categories() const { return categories_; }
  size_t keys() const { return keys_; }
  size_t most_ranks() const { return most_ranks_; }

 private:
  static Rule rule_of(const Node& node) { return {node.default_left, node.missing}; }
  static Set set_of(const Tree& tree, const Node& node) {
    return {node.default_left, tree.category_sets[static_cast<size_t>(node.categories)]};
  }

  std::map<uint32_t, Numeric> numeric_;
  std::map<uint32_t, Category> categories_;
  size_t keys_ = 0;
  size_t most_ranks_ = 1;
};

/// Owns the arrays that a Compiled points into.
template <class T, class K>
class CompiledForest {
 public:
  CompiledForest() = default;
  CompiledForest(CompiledForest&&) noexcept = default;  // a copy's pointers would point into the original
  Compiled<T, K> view() const;

  uint32_t features = 0, outputs = 0;
  std::vector<T> base;
  std::vector<T> thresholds;  // sorted, splitters and search trees of all columns
  std::vector<NumericColumn<T>> numeric;
  std::vector<NumericKey> numeric_keys;
  std::vector<uint8_t> tables;
  std::vector<CategoryColumn> categories;
  size_t keys = 0;
  std::vector<WalkNode<K>> walk_nodes;
  std::vector<LinkedNode> linked_nodes;
  std::vector<uint8_t> walk_tops, walk_paths;
  std::vector<T> walk_leaves, linked_leaves, path_leaves;
  std::vector<WalkGroup<T, K>> groups;
  bool slices = false;
  std::vector<uint32_t> programs;
  std::vector<T> sliced_leaves;
  std::vector<SlicedTree<T>> sliced_trees;
  std::vector<uint32_t> mask_first;
  size_t masks = 0;
  size_t most_words = 1, most_ranks = 8;
};

template <class T, class K>
CompiledForest<T, K> compile(const Forest& forest, const KeyIndex<T>& index);

/// Estimated nanoseconds on one core (costs.cpp): only their order matters.
struct Costs {
  double walk_row = 0;
  double block64 = 0;
  double wide_block = 0;
};
template <class T, class K>
Costs costs_of(const CompiledForest<T, K>& forest, InstructionSet set);

}  // namespace tidemill::forest
