#include "forest/compile.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tidemill::forest {

namespace {

constexpr uint32_t kMaxPerfectDepth = 10;  // of the walk: 2^depth places a tree
constexpr uint32_t kMaxSlicedBits = 8;     // of a leaf's number
constexpr size_t kMinLeafTable = 16;       // what a register holds

const Node& child(const Tree& tree, const Node& node, bool right) {
  return tree.nodes[static_cast<size_t>(right ? node.right : node.left)];
}

struct Shape {
  uint32_t depth = 0;
  uint32_t leaves = 0;
  uint32_t inner = 0;
};
Shape shape_of(const Tree& tree) {
  Shape out;
  std::vector<std::pair<int32_t, uint32_t>> open = {{0, 0}};
  while (!open.empty()) {
    const auto [at, depth] = open.back();
    open.pop_back();
    const Node& node = tree.nodes[static_cast<size_t>(at)];
    out.depth = std::max(out.depth, depth);
    if (node.is_leaf()) {
      ++out.leaves;
      continue;
    }
    ++out.inner;
    open.emplace_back(node.left, depth + 1);
    open.emplace_back(node.right, depth + 1);
  }
  return out;
}

uint32_t bits_for(uint32_t leaves) { return static_cast<uint32_t>(std::bit_width(leaves - 1)); }

template <class T>
T leaf_value(const Forest& forest, size_t tree, const Node& node) {
  const T weight = forest.tree_weights.empty() ? T{1} : static_cast<T>(forest.tree_weights[tree]);
  return static_cast<T>(node.value) * weight;
}

/// In-order positions of a perfect search tree → heap order, for the kernels that look thresholds up in
/// registers.
template <class T>
void heap_order(const std::vector<T>& sorted, uint32_t levels, T* out) {
  const size_t size = size_t{1} << levels;
  out[0] = std::numeric_limits<T>::quiet_NaN();
  for (size_t at = 1; at < size; ++at) {
    const auto level = static_cast<uint32_t>(std::bit_width(at) - 1);
    const size_t place = ((2 * (at - (size_t{1} << level)) + 1) << (levels - level - 1)) - 1;
    out[at] = place < sorted.size() ? sorted[place] : std::numeric_limits<T>::quiet_NaN();
  }
}

template <class T, class K>
class Compiler {
 public:
  Compiler(const Forest& forest, const KeyIndex<T>& index) : forest_(forest), index_(index) {}

  CompiledForest<T, K> run() {
    out_.features = forest_.features;
    out_.outputs = forest_.outputs;
    out_.base.assign(forest_.base_margins.begin(), forest_.base_margins.end());
    out_.keys = index_.keys();
    for (const Tree& tree : forest_.trees) shapes_.push_back(shape_of(tree));
    add_columns();
    add_walk();
    add_slices();
    return std::move(out_);
  }

 private:
  void add_columns() {
    constexpr T kNone = std::numeric_limits<T>::quiet_NaN();
    // Places in `thresholds`, which moves while it grows.
    struct Places {
      size_t sorted, splitters, search;
    };
    std::vector<Places> places;
    out_.numeric_keys.resize(index_.keys());
    for (const auto& [feature, numeric] : index_.numeric()) {
      const std::vector<T>& sorted = numeric.thresholds;
      const auto count = static_cast<uint32_t>(sorted.size());
      NumericColumn<T> column{};
      column.feature = feature;
      column.count = count;
      column.levels = static_cast<uint32_t>(std::bit_width(count));
      column.keys = static_cast<uint32_t>(numeric.keys.size());
      column.first_key = numeric.keys.begin()->second;
      for (const auto& [rule, key] : numeric.keys) {
        column.first_key = std::min(column.first_key, key);
        NumericKey& to = out_.numeric_keys[key];
        to.zero_is_missing = rule.missing == Missing::NanAndZero ? 1 : 0;
        to.missing = rule.default_left ? 0 : count;
        if (rule.missing == Missing::Nothing)  // NaN is 0
          to.missing =
              static_cast<uint32_t>(std::upper_bound(sorted.begin(), sorted.end(), T{0}) - sorted.begin());
      }
      std::vector<T>& to = out_.thresholds;
      Places place{to.size(), 0, 0};
      to.insert(to.end(), sorted.begin(), sorted.end());
      to.resize(place.sorted + (count / kSplitterStride + 1) * kSplitterStride, kNone);
      place.splitters = to.size();
      for (uint32_t j = 1; j <= kSplitters; ++j)
        to.push_back(j * kSplitterStride < count ? sorted[j * kSplitterStride] : kNone);
      place.search = to.size();
      if (count <= kMaxByteRank) {
        to.resize(place.search + std::max<size_t>(16, size_t{1} << column.levels), kNone);
        heap_order(sorted, column.levels, to.data() + place.search);
      }
      places.push_back(place);
      out_.numeric.push_back(column);
    }
    for (size_t c = 0; c < places.size(); ++c) {
      out_.numeric[c].sorted = out_.thresholds.data() + places[c].sorted;
      out_.numeric[c].splitters = out_.thresholds.data() + places[c].splitters;
      out_.numeric[c].search = out_.thresholds.data() + places[c].search;
    }
    add_categories();
  }

  void add_categories() {
    std::vector<size_t> places;
    for (const auto& [feature, category] : index_.categories()) {
      CategoryColumn column{};
      column.feature = feature;
      column.slots = category.slots;
      column.keys = static_cast<uint32_t>(category.keys.size());
      column.first_key = std::numeric_limits<uint32_t>::max();
      for (const auto& [set, key] : category.keys) column.first_key = std::min(column.first_key, key);
      places.push_back(out_.tables.size());
      const size_t width = column.slots + 2;
      out_.tables.resize(out_.tables.size() + width * column.keys, 0);
      for (const auto& [set, key] : category.keys) {
        uint8_t* table = out_.tables.data() + places.back() + width * (key - column.first_key);
        for (const uint32_t code : set.codes) table[code] = 1;
        table[column.slots + 1] = set.default_left ? 0 : 1;
      }
      out_.categories.push_back(column);
    }
    for (size_t c = 0; c < places.size(); ++c) out_.categories[c].tables = out_.tables.data() + places[c];
  }

  // ---- the walk ----

  void add_walk() {
    struct Places {
      size_t nodes, leaves, tops_or_paths;
    };
    std::vector<Places> places;
    for (size_t first = 0; first < forest_.trees.size(); first += kTreesInFlight) {
      WalkGroup<T, K> group{};
      group.trees = static_cast<uint32_t>(std::min(kTreesInFlight, forest_.trees.size() - first));
      size_t leaves = 0, most_leaves = 0;
      for (uint32_t j = 0; j < group.trees; ++j) {
        group.depth = std::max(group.depth, shapes_[first + j].depth);
        leaves += shapes_[first + j].leaves;
        most_leaves = std::max<size_t>(most_leaves, shapes_[first + j].leaves);
        group.outputs[j] = forest_.trees[first + j].output;
      }
      // Perfect while most of the places are used, or the whole is small.
      const bool perfect = group.depth <= 6 ||
                           (group.depth <= kMaxPerfectDepth && (kTreesInFlight << group.depth) <= 6 * leaves);
      if (perfect) {
        places.push_back({out_.walk_nodes.size(), out_.walk_leaves.size(), out_.walk_tops.size()});
        const size_t size = kTreesInFlight << group.depth;
        out_.walk_nodes.resize(out_.walk_nodes.size() + size);
        out_.walk_leaves.resize(out_.walk_leaves.size() + size);
        for (uint32_t j = 0; j < group.trees; ++j) lay_perfect(first, j, group.depth);
        if constexpr (sizeof(K) == 1) add_tops(places.back().nodes, group.depth);
      } else {
        places.push_back({0, out_.path_leaves.size(), out_.walk_paths.size()});
        if (sizeof(K) == 1 && most_leaves <= kMostPathLeaves)
          group.path_leaves = most_leaves <= kMostPathLeaves / 2 ? kMostPathLeaves / 2 : kMostPathLeaves;
        for (size_t j = 0; j < group.trees && group.path_leaves > 0; ++j)
          add_paths(first + j, group.path_leaves);
        for (size_t j = 0; j < kTreesInFlight; ++j)
          group.roots[j] = static_cast<uint32_t>(j < group.trees ? link(first + j) : link_leaf(0));
      }
      group.nodes = perfect ? out_.walk_nodes.data() : nullptr;  // its place is not known yet
      out_.groups.push_back(group);
    }
    for (size_t g = 0; g < places.size(); ++g) {
      WalkGroup<T, K>& group = out_.groups[g];
      if (group.nodes != nullptr) {
        group.nodes = out_.walk_nodes.data() + places[g].nodes;
        group.leaves = out_.walk_leaves.data() + places[g].leaves;
        group.tops = out_.walk_tops.empty() ? nullptr : out_.walk_tops.data() + places[g].tops_or_paths;
      } else {
        group.linked = out_.linked_nodes.data();
        group.leaves = out_.linked_leaves.data();
        if (group.path_leaves == 0) continue;
        group.paths = out_.walk_paths.data() + places[g].tops_or_paths;
        group.leaves_of_paths = out_.path_leaves.data() + places[g].leaves;
      }
    }
  }

  /// Tree j of the group that is laid last. Below a leaf that is not deep enough every way leads to it.
  void lay_perfect(size_t first, size_t j, uint32_t depth) {
    struct Open {
      const Node* node;
      size_t at;  // heap order, from 1
    };
    const size_t tree = first + j, first_leaf = size_t{1} << depth;
    WalkNode<K>* nodes = &*(out_.walk_nodes.end() - static_cast<std::ptrdiff_t>(kTreesInFlight << depth));
    T* leaves =
        &*(out_.walk_leaves.end() - static_cast<std::ptrdiff_t>(kTreesInFlight << depth)) + (j << depth);
    std::vector<Open> open = {{&forest_.trees[tree].nodes[0], 1}};
    while (!open.empty()) {
      const auto [node, at] = open.back();
      open.pop_back();
      if (at >= first_leaf) {
        leaves[at - first_leaf] = leaf_value<T>(forest_, tree, *node);
      } else if (node->is_leaf()) {
        open.push_back({node, 2 * at});
        open.push_back({node, 2 * at + 1});
      } else {
        const Asked asked = index_.asked(forest_.trees[tree], *node);
        nodes[walk_place(j, depth, at)] = {static_cast<K>(asked.rank), static_cast<K>(asked.key)};
        open.push_back({&child(forest_.trees[tree], *node, false), 2 * at});
        open.push_back({&child(forest_.trees[tree], *node, true), 2 * at + 1});
      }
    }
  }
  static size_t walk_place(size_t j, uint32_t depth, size_t at) {
    return (((j / 4) << depth) + at) * 4 + j % 4;
  }

  /// The first levels of the group's trees once more, ranks and keys apart.
  void add_tops(size_t nodes, uint32_t depth) {
    const size_t top = out_.walk_tops.size(), inner = size_t{1} << std::min(depth, kTopDepth);
    out_.walk_tops.resize(top + 128 * kTreesInFlight);
    for (size_t j = 0; j < kTreesInFlight; ++j)
      for (size_t at = 1; at < inner; ++at) {
        const WalkNode<K> node = out_.walk_nodes[nodes + walk_place(j, depth, at)];
        out_.walk_tops[top + 128 * j + at] = static_cast<uint8_t>(node.rank);
        out_.walk_tops[top + 128 * j + 64 + at] = static_cast<uint8_t>(node.key);
      }
  }

  /// A tree as the ways to its leaves, with room for so many.
  void add_paths(size_t tree, uint32_t most) {
    struct Way {
      const Node* node;
      uint64_t asked, right;
    };
    const size_t at = out_.walk_paths.size(), first_leaf = out_.path_leaves.size();
    out_.walk_paths.resize(at + (most == 32 ? kPathBytes<32> : kPathBytes<64>));
    out_.path_leaves.resize(first_leaf + most);
    uint8_t* const path = out_.walk_paths.data() + at;
    uint32_t inner = 0, leaf = 0;
    const auto set = [&](uint32_t of, uint64_t asked, uint64_t right) {
      for (uint32_t byte = 0; byte < most / 8; ++byte) {
        path[128 + of * (most / 8) + byte] = static_cast<uint8_t>(asked >> 8 * byte);
        path[128 + (most + of) * (most / 8) + byte] = static_cast<uint8_t>(right >> 8 * byte);
      }
    };
    std::vector<Way> open = {{&forest_.trees[tree].nodes[0], 0, 0}};
    while (!open.empty()) {
      const Way way = open.back();
      open.pop_back();
      if (way.node->is_leaf()) {
        out_.path_leaves[first_leaf + leaf] = leaf_value<T>(forest_, tree, *way.node);
        set(leaf++, way.asked, way.right);
        continue;
      }
      const Asked asked = index_.asked(forest_.trees[tree], *way.node);
      path[inner] = static_cast<uint8_t>(asked.rank);
      path[64 + inner] = static_cast<uint8_t>(asked.key);
      const uint64_t here = uint64_t{1} << inner++;
      open.push_back({&child(forest_.trees[tree], *way.node, true), way.asked | here, way.right | here});
      open.push_back({&child(forest_.trees[tree], *way.node, false), way.asked | here, way.right});
    }
    // The last node's place is nobody's, of rank 0, so it goes right: what asks it to go left is never
    // reached.
    for (; leaf < most; ++leaf) set(leaf, uint64_t{1} << (most - 1), 0);
  }

  size_t link_leaf(T value) {
    const size_t at = out_.linked_nodes.size();
    set_leaf(grow(1), value);
    return at;
  }
  size_t grow(size_t nodes) {
    const size_t at = out_.linked_nodes.size();
    out_.linked_nodes.resize(at + nodes);
    out_.linked_leaves.resize(at + nodes);
    return at;
  }
  void set_leaf(size_t at, T value) {
    // No key reaches this rank, so it goes left, to itself.
    out_.linked_nodes[at] = {std::numeric_limits<uint16_t>::max(), 0, static_cast<uint32_t>(at)};
    out_.linked_leaves[at] = value;
  }
  /// Children lie side by side; returns the root's place.
  size_t link(size_t tree) {
    const size_t root = grow(1);
    std::vector<std::pair<const Node*, size_t>> open = {{&forest_.trees[tree].nodes[0], root}};
    while (!open.empty()) {
      const auto [node, at] = open.back();
      open.pop_back();
      if (node->is_leaf()) {
        set_leaf(at, leaf_value<T>(forest_, tree, *node));
        continue;
      }
      const size_t left = grow(2);
      const Asked asked = index_.asked(forest_.trees[tree], *node);
      out_.linked_nodes[at] = {static_cast<uint16_t>(asked.rank), static_cast<uint16_t>(asked.key),
                               static_cast<uint32_t>(left)};
      open.emplace_back(&child(forest_.trees[tree], *node, true), left + 1);
      open.emplace_back(&child(forest_.trees[tree], *node, false), left);
    }
    return root;
  }

  // ---- the bit-sliced engine ----

  void add_slices() {
    for (const Shape& shape : shapes_)
      if (bits_for(shape.leaves) > kMaxSlicedBits) return;
    out_.slices = true;
    add_masks();
    struct Places {
      size_t program, leaves;
    };
    std::vector<Places> places;
    for (size_t t = 0; t < forest_.trees.size(); ++t) {
      const Shape& shape = shapes_[t];
      places.push_back({out_.programs.size(), out_.sliced_leaves.size()});
      SlicedTree<T> tree{};
      tree.output = forest_.trees[t].output;
      tree.inner = shape.inner;
      const uint32_t bits = bits_for(shape.leaves);
      // A perfect node costs a load and a select, a reaching one two loads and two stores, and its bits.
      const size_t reaching = size_t{4} * shape.inner + size_t{shape.leaves} * bits / 2;
      const bool perfect =
          shape.depth <= kMaxSlicedBits && (size_t{1} << shape.depth) * 3 / 2 <= reaching + 8;
      tree.perfect = perfect ? 1 : 0;
      tree.bits = perfect ? shape.depth : bits;
      out_.sliced_leaves.resize(places.back().leaves + std::max(kMinLeafTable, size_t{1} << tree.bits));
      if (perfect)
        slice_perfect(t, tree.bits, places.back().leaves);
      else
        slice_reaching(t, tree.bits, places.back().leaves);
      out_.sliced_trees.push_back(tree);
    }
    for (size_t t = 0; t < places.size(); ++t) {
      out_.sliced_trees[t].program = out_.programs.data() + places[t].program;
      out_.sliced_trees[t].leaves = out_.sliced_leaves.data() + places[t].leaves;
    }
  }

  /// A key has a mask for each rank, also for those that only other keys of its feature ask: they come at
  /// once.
  void add_masks() {
    const auto add = [&](uint32_t key, size_t ranks) {
      out_.mask_first[key] = static_cast<uint32_t>(out_.masks);
      const size_t masks = (ranks + 8) / 8 * 8;  // rank 0 has one that nobody asks
      out_.masks += masks;
      out_.most_ranks = std::max(out_.most_ranks, masks);
    };
    out_.mask_first.resize(index_.keys());
    for (const auto& [feature, numeric] : index_.numeric())
      for (const auto& [rule, key] : numeric.keys) add(key, numeric.thresholds.size());
    for (const auto& [feature, category] : index_.categories())
      for (const auto& [set, key] : category.keys) add(key, 1);
  }
  uint32_t mask_of(const Tree& tree, const Node& node) const {
    const Asked asked = index_.asked(tree, node);
    return out_.mask_first[asked.key] + asked.rank;
  }

  void slice_perfect(size_t t, uint32_t depth, size_t leaves) {
    const Tree& tree = forest_.trees[t];
    const size_t program = out_.programs.size(), first_leaf = size_t{1} << depth;
    out_.programs.resize(program + first_leaf - 1, 0);  // what lies below a leaf may ask anything
    std::vector<std::pair<const Node*, size_t>> open = {{&tree.nodes[0], 1}};
    while (!open.empty()) {
      const auto [node, at] = open.back();
      open.pop_back();
      if (at >= first_leaf) {
        out_.sliced_leaves[leaves + at - first_leaf] = leaf_value<T>(forest_, t, *node);
        continue;
      }
      if (!node->is_leaf()) out_.programs[program + at - 1] = mask_of(tree, *node);
      open.emplace_back(node->is_leaf() ? node : &child(tree, *node, false), 2 * at);
      open.emplace_back(node->is_leaf() ? node : &child(tree, *node, true), 2 * at + 1);
    }
  }

  void slice_reaching(size_t t, uint32_t bits, size_t leaves) {
    const Tree& tree = forest_.trees[t];
    const uint32_t inner = shapes_[t].inner;
    std::vector<uint32_t> steps(size_t{3} * inner);
    uint32_t next_inner = 0, next_leaf = 0;
    // Words are given when a node is met, so parents come first.
    const auto word_of = [&](const Node& node) {
      if (!node.is_leaf()) return next_inner++;
      out_.sliced_leaves[leaves + next_leaf] = leaf_value<T>(forest_, t, node);
      return inner + next_leaf++;
    };
    std::vector<std::pair<const Node*, uint32_t>> open = {{&tree.nodes[0], word_of(tree.nodes[0])}};
    for (size_t i = 0; i < open.size(); ++i) {
      const auto [node, word] = open[i];
      steps[size_t{3} * word] = mask_of(tree, *node);
      for (const bool right : {false, true}) {
        const Node& next = child(tree, *node, right);
        const uint32_t to = word_of(next);
        steps[size_t{3} * word + (right ? 2 : 1)] = to;
        if (!next.is_leaf()) open.emplace_back(&next, to);
      }
    }
    out_.programs.insert(out_.programs.end(), steps.begin(), steps.end());
    for (uint32_t b = 0; b < bits; ++b) {
      const size_t count = out_.programs.size();
      out_.programs.push_back(0);
      for (uint32_t leaf = 0; leaf < next_leaf; ++leaf)
        if ((leaf >> b & 1) != 0) out_.programs.push_back(inner + leaf);
      out_.programs[count] = static_cast<uint32_t>(out_.programs.size() - count - 1);
    }
    out_.most_words = std::max<size_t>(out_.most_words, inner + next_leaf);
  }

  const Forest& forest_;
  const KeyIndex<T>& index_;
  std::vector<Shape> shapes_;
  CompiledForest<T, K> out_;
};

}  // namespace

template <class T, class K>
Compiled<T, K> CompiledForest<T, K>::view() const {
  Compiled<T, K> out{};
  out.features = features;
  out.outputs = outputs;
  out.base = base.data();
  out.numeric = numeric.data();
  out.numeric_columns = numeric.size();
  out.numeric_keys = numeric_keys.data();
  out.categories = categories.data();
  out.category_columns = categories.size();
  out.keys = keys;
  out.groups = groups.data();
  out.walk_groups = groups.size();
  out.trees = sliced_trees.size();
  if (!slices) return out;
  out.sliced_trees = sliced_trees.data();
  out.mask_first = mask_first.data();
  out.masks = masks;
  out.most_words = most_words;
  out.most_ranks = most_ranks;
  return out;
}

template <class T, class K>
CompiledForest<T, K> compile(const Forest& forest, const KeyIndex<T>& index) {
  return Compiler<T, K>(forest, index).run();
}

template class CompiledForest<float, uint8_t>;
template class CompiledForest<float, uint16_t>;
template class CompiledForest<double, uint8_t>;
template class CompiledForest<double, uint16_t>;
template CompiledForest<float, uint8_t> compile(const Forest&, const KeyIndex<float>&);
template CompiledForest<float, uint16_t> compile(const Forest&, const KeyIndex<float>&);
template CompiledForest<double, uint8_t> compile(const Forest&, const KeyIndex<double>&);
template CompiledForest<double, uint16_t> compile(const Forest&, const KeyIndex<double>&);

}  // namespace tidemill::forest
