// A forest compiled to plain arrays, and the kernels that predict with them: one table of functions for each
// instruction set, chosen at run time. Kernel files are compiled with flags of their own, so they include
// nothing that has inline functions: pointers and numbers only.
//
// Keys. Each feature's distinct thresholds are sorted, and a value becomes its rank: the number of thresholds
// ≤ it. A node asks key ≥ rank (right) of a key: the rank of one feature under one rule for missing values,
// so that the default direction costs nothing per step. A set of categories is a key of its own, 0 or 1.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidemill::forest {

inline constexpr size_t kWidestBlock = 512;      // rows of a bit-sliced block
inline constexpr size_t kTreesInFlight = 8;      // of the walk
inline constexpr uint32_t kSplitterStride = 16;  // thresholds a splitter stands for
inline constexpr uint32_t kSplitters = 16;
inline constexpr uint32_t kMaxByteRank = 255;  // of a key that fits a byte
inline constexpr size_t kMinKeys = 256;        // room for keys of a row: what four registers hold
inline constexpr uint32_t kTopDepth = 6;       // levels whose nodes fit 64 bits
inline constexpr uint32_t kMostPathLeaves = 64;
template <uint32_t Leaves>
inline constexpr size_t kPathBytes = 128 + size_t{2} * Leaves * Leaves / 8;

/// A feature that is compared with thresholds. T is float (XGBoost) or double (LightGBM).
template <class T>
struct NumericColumn {
  uint32_t feature;
  uint32_t count;      // thresholds
  uint32_t levels;     // of the search tree: 2^levels − 1 ≥ count
  uint32_t first_key;  // its keys are first_key … first_key + keys − 1
  uint32_t keys;
  const T* sorted;     // thresholds, NaN behind them up to a whole number of strides
  const T* splitters;  // splitters[j] = sorted[16·(j+1)] or NaN; only when count ≤ 255
  const T* search;     // perfect search tree in heap order, level after level; NaN where there is none
};

/// How a rank becomes a key.
struct NumericKey {
  uint32_t missing;          // the key of a missing value
  uint32_t zero_is_missing;  // 0 or 1: |x| ≤ 1e-35 counts as missing (LightGBM)
};

/// A feature whose nodes ask for categories. A value becomes a slot: its code, `slots` when it is no code or
/// one that no set names, slots + 1 when it is missing.
struct CategoryColumn {
  uint32_t feature;
  uint32_t slots;
  uint32_t first_key;
  uint32_t keys;
  const uint8_t* tables;  // keys × (slots + 2): 1 goes right
};

template <class K>
struct WalkNode {
  K rank;
  K key;
};
struct LinkedNode {
  uint16_t rank;
  uint16_t key;
  uint32_t left;  // right is left + 1; a leaf stays where it is
};

/// Trees that are walked together. Perfect: four trees lie side by side, so that one register addresses them:
/// node `at` (heap order, from 1) of tree j is nodes[((j / 4 << depth) + at) · 4 + j % 4]; the leaves of tree
/// j are leaves[j << depth …]. Linked: the nodes of all in one array, leaves beside them; and where keys are
/// bytes and no tree has more than kMostPathLeaves leaves, paths as well: 64 ranks and 64 keys of nodes in
/// any order, then for each of path_leaves leaves which nodes lead there, and of these, which go right; as
/// numbers of path_leaves bits, kPathBytes in all. The leaf is the one whose nodes all say so.
template <class T, class K>
struct WalkGroup {
  uint32_t trees;
  uint32_t depth;
  const WalkNode<K>* nodes;  // null when linked
  const LinkedNode* linked;  // null when perfect
  const uint8_t* tops;  // perfect, bytes: the first six levels of tree j as 64 ranks and 64 keys at 128·j
  uint32_t roots[kTreesInFlight];  // linked
  const T* leaves;
  const uint8_t* paths;  // linked, or null
  uint32_t path_leaves;  // of a tree: 32 or 64
  const T* leaves_of_paths;
  uint32_t outputs[kTreesInFlight];
};

/// A tree of the bit-sliced engine, as masks of rows. Perfect: program = 2^bits − 1 masks in heap order.
/// Reaching: program = triples (mask, left word, right word) for each inner node, parents first; word 0 are
/// all rows, words inner … inner + leaves − 1 those that reach a leaf; then for each bit of the leaf's number
/// a count and the words to be united.
template <class T>
struct SlicedTree {
  uint32_t perfect;  // 0 or 1
  uint32_t bits;     // of a leaf's number
  uint32_t inner;
  uint32_t output;
  const uint32_t* program;
  const T* leaves;  // 2^bits, at least 16
};

template <class T, class K>
struct Compiled {
  uint32_t features;
  uint32_t outputs;
  const T* base;  // one an output
  const NumericColumn<T>* numeric;
  size_t numeric_columns;
  const NumericKey* numeric_keys;
  const CategoryColumn* categories;
  size_t category_columns;
  size_t keys;
  const WalkGroup<T, K>* groups;
  size_t walk_groups;
  // bit-sliced; none when sliced_trees is null
  const SlicedTree<T>* sliced_trees;
  size_t trees;
  const uint32_t* mask_first;  // key → its masks: of rank r at mask_first + r, none of rank 0
  size_t masks;
  size_t most_words;  // of a reaching tree
  size_t most_ranks;  // of a key: its masks, a multiple of 8
};

/// Memory of one call, aligned to 64 bytes.
template <class T, class K>
struct Scratch {
  K* keys;          // of a row, or of the rows of a block for one key
  uint64_t* masks;  // masks × rows of a block / 64
  uint64_t* words;  // most_words × rows of a block / 64, of a reaching tree
  uint64_t* ranks;  // most_ranks × rows of a block / 64
  T* columns;       // 16 × rows of a block
  T* sums;          // outputs × rows of a block
};

enum class Width : uint32_t { Rows64, Wide };

template <class T, class K>
struct KernelsOf {
  /// Row by row; margins: rows × outputs, overwritten.
  void (*walk)(const Compiled<T, K>&, const T* rows, size_t count, T* margins, const Scratch<T, K>&);
  /// One block of at most `rows_of(width)` rows.
  void (*sliced)(const Compiled<T, K>&, Width, const T* rows, size_t count, T* margins, const Scratch<T, K>&);
};

struct Kernels {
  const char* name;
  size_t wide_rows;  // rows of a block of Width::Wide
  KernelsOf<float, uint8_t> float8;
  KernelsOf<float, uint16_t> float16;
  KernelsOf<double, uint8_t> double8;
  KernelsOf<double, uint16_t> double16;
};

extern const Kernels kPortableKernels;
#ifdef __x86_64__
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx512VbmiKernels;
#endif

}  // namespace tidemill::forest
