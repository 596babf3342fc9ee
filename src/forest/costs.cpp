// What a row or a block costs each engine: a few constants times the forest's shape.
#include "forest/compile.hpp"

namespace tidemill::forest {

namespace {

/// Nanoseconds, rounded from `./dev bench forest --engines`. They need not be right, only tell the engines
/// apart.
struct UnitCosts {
  double row_column, row_step;      // walk: rank one value; one level of one tree
  double row_path;                  // walk: a tree of at most 32 leaves by its paths; 0: not this way
  double column64, node64, leaf64;  // a block of 64 rows: masks of a column; a node; leaves of a tree
  double wide_column, wide_node, wide_leaf;  // a wide block
};
UnitCosts unit_costs(InstructionSet set) {
  switch (set) {
    case InstructionSet::Portable:
      return {13, 1.0, 0, 480, 0.9, 75, 1700, 2.4, 300};
    case InstructionSet::Avx2:
      return {9, 0.9, 0, 420, 0.9, 75, 1500, 1.2, 300};
    case InstructionSet::Avx512:
      return {8, 0.9, 0, 100, 0.7, 25, 700, 1.0, 170};
    case InstructionSet::Avx512Vbmi:
      return {8, 0.6, 6.0, 100, 0.7, 25, 700, 1.0, 170};
  }
  return {};
}

}  // namespace

template <class T, class K>
Costs costs_of(const CompiledForest<T, K>& forest, InstructionSet set) {
  const UnitCosts unit = unit_costs(set);
  double walk = 0, nodes = 0;
  for (const WalkGroup<T, K>& group : forest.groups)
    walk +=
        kTreesInFlight * (group.paths != nullptr && unit.row_path > 0 ? unit.row_path * group.path_leaves / 32
                                                                      : unit.row_step * group.depth);
  for (const SlicedTree<T>& tree : forest.sliced_trees)
    nodes += tree.perfect != 0 ? static_cast<double>((1U << tree.bits) - 1) : 4.0 * tree.inner;
  const auto columns = static_cast<double>(forest.numeric.size() + forest.categories.size());
  const auto trees = static_cast<double>(forest.sliced_trees.size());
  return {.walk_row = unit.row_column * columns + walk,
          .block64 = unit.column64 * columns + unit.node64 * nodes + unit.leaf64 * trees,
          .wide_block = unit.wide_column * columns + unit.wide_node * nodes + unit.wide_leaf * trees};
}

template Costs costs_of(const CompiledForest<float, uint8_t>&, InstructionSet);
template Costs costs_of(const CompiledForest<float, uint16_t>&, InstructionSet);
template Costs costs_of(const CompiledForest<double, uint8_t>&, InstructionSet);
template Costs costs_of(const CompiledForest<double, uint16_t>&, InstructionSet);

}  // namespace tidemill::forest
