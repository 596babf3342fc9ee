// What the kernels of all instruction sets share, as templates over an Isa that knows its widest word of
// rows, how to rank, to transpose and to look leaves up. Included by kernels_*.cpp only; everything has
// internal linkage, since each of them is compiled for another machine.
#pragma once

#include "forest/kernels.hpp"

namespace tidemill::forest {
namespace {
namespace body {

/// Number of sorted[0 … count) ≤ x; NaN gives 0.
template <class T>
inline uint32_t search(const T* sorted, uint32_t count, T x) {
  const T* base = sorted;
  uint32_t left = count;
  if (left == 0) return 0;
  while (left > 1) {
    const uint32_t half = left / 2;
    base += base[half - 1] <= x ? half : 0;
    left -= half;
  }
  return static_cast<uint32_t>(base - sorted) + (*base <= x ? 1 : 0);
}

/// One value among at most 255 thresholds: a splitter for each sixteen, then those sixteen. Isa::at_most
/// counts in a table of sixteen.
template <class Isa, class T>
inline uint32_t rank(const NumericColumn<T>& column, T x) {
  if (column.count > kMaxByteRank) return search(column.sorted, column.count, x);
  const uint32_t stride = column.count <= kSplitterStride ? 0 : Isa::at_most(column.splitters, x);
  return stride * kSplitterStride + Isa::at_most(column.sorted + stride * kSplitterStride, x);
}
template <class Isa, class T, class K>
inline void rank_column(const NumericColumn<T>& column, const T* x, size_t rows, K* out) {
  for (size_t r = 0; r < rows; ++r) out[r] = static_cast<K>(rank<Isa>(column, x[r]));
}

template <class T>
inline void transpose(const T* rows, size_t stride, size_t count, size_t columns, size_t block, T* out) {
  for (size_t r = 0; r < count; ++r)
    for (size_t c = 0; c < columns; ++c) out[c * block + r] = rows[r * stride + c];
}

/// The eight bits of a byte as eight bytes of 0 and 1, lowest first.
inline uint64_t spread(uint64_t byte) {
  const uint64_t own_bit = (byte * 0x0101010101010101ULL) & 0x8040201008040201ULL;
  return ((own_bit + 0x7f7f7f7f7f7f7f7fULL) & 0x8080808080808080ULL) >> 7;
}

/// Adds the leaf that `count` bits number to each of 64 sums. Bit b of the rows of a chunk: bits[b·words +
/// chunk].
template <class T>
inline void add_leaves(const uint64_t* bits, size_t words, size_t chunk, uint32_t count, const T* leaves,
                       T* sums) {
  for (uint32_t octet = 0; octet < 8; ++octet) {
    uint64_t number = 0;  // eight leaf numbers
    for (uint32_t b = 0; b < count; ++b)
      number |= spread((bits[b * words + chunk] >> (8 * octet)) & 0xff) << b;
    for (uint32_t i = 0; i < 8; ++i) sums[8 * octet + i] += leaves[(number >> (8 * i)) & 0xff];
  }
}

/// What an instruction set does in plain C++ unless it has something better: to be inherited by Isa.
template <class Isa>
struct Plain {
  template <class T, class K>
  static void rank_column(const NumericColumn<T>& column, const T* x, size_t rows, K* out) {
    body::rank_column<Isa>(column, x, rows, out);
  }
  /// Makes all masks of a column without its ranks, or says that it cannot.
  template <class Word, class T, class K>
  static bool masks_in_planes(const Compiled<T, K>&, const NumericColumn<T>&, const T*,
                              const Scratch<T, K>&) {
    return false;
  }
  template <class T>
  static void transpose(const T* rows, size_t stride, size_t count, size_t columns, size_t block, T* out) {
    body::transpose(rows, stride, count, columns, block, out);
  }
  template <class T>
  static void add_leaves(const uint64_t* bits, size_t words, size_t chunk, uint32_t count, const T* leaves,
                         T* sums) {
    body::add_leaves(bits, words, chunk, count, leaves, sums);
  }
};

constexpr float kFirstInexactCategory = 16777216.0F;  // see forest.cpp

template <class T>
inline uint32_t slot_of(const CategoryColumn& column, T x) {
  if (__builtin_isnan(x)) return column.slots + 1;
  // LightGBM, whose rows are doubles, truncates (−1, 0) to code 0; to XGBoost it is no code.
  const bool negative = sizeof(T) == sizeof(double) ? !(x > -1) : !(x >= 0);
  if (negative || x >= static_cast<T>(kFirstInexactCategory)) return column.slots;
  const uint32_t code = static_cast<uint32_t>(x);
  return code < column.slots ? code : column.slots;
}

template <class T>
inline bool is_missing(T x, uint32_t zero_is_missing) {
  constexpr T kZero = static_cast<T>(1e-35F);
  // Without branches: which rows are missing nothing foretells.
  return static_cast<bool>(static_cast<int>(__builtin_isnan(x)) |
                           (static_cast<int>(zero_is_missing != 0) & static_cast<int>(x >= -kZero) &
                            static_cast<int>(x <= kZero)));
}

// ---- the walk: few rows ----

template <class Isa, class T, class K>
inline void keys_of_row(const Compiled<T, K>& forest, const T* row, K* keys) {
  for (size_t c = 0; c < forest.numeric_columns; ++c) {
    const NumericColumn<T> column = forest.numeric[c];  // a copy: for all that is known, keys lie over it
    const NumericKey* key = forest.numeric_keys + column.first_key;
    const T x = row[column.feature];
    const uint32_t rank = body::rank<Isa>(column, x);
    for (uint32_t k = 0; k < column.keys; ++k) {
      const uint32_t missing = is_missing(x, key[k].zero_is_missing) ? ~0U : 0U;
      keys[column.first_key + k] = static_cast<K>(rank ^ ((rank ^ key[k].missing) & missing));
    }
  }
  for (size_t c = 0; c < forest.category_columns; ++c) {
    const CategoryColumn& column = forest.categories[c];
    const uint32_t slot = slot_of(column, row[column.feature]);
    const uint8_t* table = column.tables;
    for (uint32_t k = 0; k < column.keys; ++k, table += column.slots + 2)
      keys[column.first_key + k] = table[slot];
  }
}

/// Adds leaves to the outputs of a row in tree order. With one output the sum stays in a register.
template <class T, bool One>
struct Sums {
  T* margins;
  T sum;
  explicit Sums(T* to) : margins(to), sum(*to) {}
  void add(uint32_t output, T leaf) {
    if constexpr (One)
      sum += leaf;
    else
      margins[output] += leaf;
  }
  void end() {
    if constexpr (One) *margins = sum;
  }
};

template <class K>
inline size_t child_of(const WalkNode<K>* node, const K* keys, size_t at) {
  const size_t right = 2 * at + 1;
  return right - (keys[node->key] < node->rank ? 1 : 0);  // a compare and a subtraction with its carry
}

/// From `step` on, where the trees are at at[].
template <class T, class K, class S>
inline void walk_perfect(const WalkGroup<T, K>& group, const K* keys, uint32_t step, size_t* at, S& sums) {
  const uint32_t depth = group.depth;
  const WalkNode<K>* low = group.nodes;
  const WalkNode<K>* high = group.nodes + (size_t{4} << depth);
  for (; step < depth; ++step) {
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; ++j) {
      at[j] = child_of(low + 4 * at[j] + j, keys, at[j]);
      at[4 + j] = child_of(high + 4 * at[4 + j] + j, keys, at[4 + j]);
    }
  }
  const size_t first = size_t{1} << depth;
  for (size_t j = 0; j < group.trees; ++j)
    sums.add(group.outputs[j], group.leaves[(j << depth) + (at[j] - first)]);
}

template <class T, class K, class S>
inline void walk_linked(const WalkGroup<T, K>& group, const K* keys, S& sums) {
  uint32_t at[kTreesInFlight];
  for (size_t j = 0; j < kTreesInFlight; ++j) at[j] = group.roots[j];
  for (uint32_t step = 0; step < group.depth;) {
    uint32_t moved = 0;
    for (uint32_t two = 0; two < 2; ++two, ++step) {
#pragma GCC unroll 8
      for (size_t j = 0; j < kTreesInFlight; ++j) {
        const LinkedNode node = group.linked[at[j]];
        const uint32_t next = node.left + 1 - (keys[node.key] < node.rank ? 1 : 0);
        moved |= next ^ at[j];
        at[j] = next;
      }
    }
    if (moved == 0) break;
  }
  for (size_t j = 0; j < group.trees; ++j) sums.add(group.outputs[j], group.leaves[at[j]]);
}

template <class Isa, bool One, class T, class K>
void walk_rows(const Compiled<T, K>& forest, const T* rows, size_t count, T* margins,
               const Scratch<T, K>& scratch) {
  for (size_t r = 0; r < count; ++r) {
    T* to = margins + r * forest.outputs;
    for (uint32_t o = 0; o < forest.outputs; ++o) to[o] = forest.base[o];
    keys_of_row<Isa>(forest, rows + r * forest.features, scratch.keys);
    Sums<T, One> sums(to);
    for (size_t g = 0; g < forest.walk_groups; ++g) {
      const WalkGroup<T, K>& group = forest.groups[g];
      if (group.nodes != nullptr) {
        size_t at[kTreesInFlight] = {1, 1, 1, 1, 1, 1, 1, 1};
        walk_perfect(group, scratch.keys, 0, at, sums);
      } else {
        walk_linked(group, scratch.keys, sums);
      }
    }
    sums.end();
  }
}

template <class Isa, class T, class K>
void walk(const Compiled<T, K>& forest, const T* rows, size_t count, T* margins,
          const Scratch<T, K>& scratch) {
  if (forest.outputs == 1)
    walk_rows<Isa, true>(forest, rows, count, margins, scratch);
  else
    walk_rows<Isa, false>(forest, rows, count, margins, scratch);
}

// ---- the bit-sliced engine: blocks of rows ----

/// A word of 64 rows has the operations of a wide one.
template <class Isa>
struct Narrow {
  struct Wide {
    static constexpr size_t kRows = 64;
    uint64_t w;
  };
  static Wide load(const uint64_t* p) { return {*p}; }
  static void store(uint64_t* p, Wide v) { *p = v.w; }
  static Wide select(Wide c, Wide yes, Wide no) { return {no.w ^ (c.w & (yes.w ^ no.w))}; }
  static Wide both(Wide a, Wide b) { return {a.w & b.w}; }
  static Wide without(Wide a, Wide b) { return {a.w & ~b.w}; }
  static Wide either(Wide a, Wide b) { return {a.w | b.w}; }
};

/// The masks of one key, by its rows: sorted into their ranks, then united from the highest rank down.
template <class Word, class K>
void masks_of_key(const K* keys, uint32_t ranks, uint64_t* scratch, uint64_t* masks) {
  constexpr size_t kRows = Word::Wide::kRows, kWords = kRows / 64;
  for (size_t i = 0; i < (ranks + 1) * kWords; ++i) scratch[i] = 0;
  for (size_t r = 0; r < kRows; ++r) scratch[keys[r] * kWords + r / 64] |= uint64_t{1} << (r % 64);
  auto rows = Word::load(scratch + ranks * kWords);
  Word::store(masks + ranks * kWords, rows);
  for (uint32_t rank = ranks; rank-- > 1;) {
    rows = Word::either(rows, Word::load(scratch + rank * kWords));
    Word::store(masks + rank * kWords, rows);
  }
}

template <class Isa, class Word, class T, class K>
void numeric_masks(const Compiled<T, K>& forest, const NumericColumn<T>& column, const T* x,
                   const Scratch<T, K>& scratch) {
  constexpr size_t kRows = Word::Wide::kRows, kWords = kRows / 64;
  if (Isa::template masks_in_planes<Word>(forest, column, x, scratch)) return;
  K ranks[kRows];
  Isa::rank_column(column, x, kRows, ranks);
  for (uint32_t k = column.first_key; k < column.first_key + column.keys; ++k) {
    const NumericKey& key = forest.numeric_keys[k];
    const bool as_ranked = key.missing == 0 && key.zero_is_missing == 0;  // NaN has rank 0 by itself
    if (!as_ranked) {
      const K missing = static_cast<K>(key.missing);
      for (size_t r = 0; r < kRows; ++r)
        scratch.keys[r] = is_missing(x[r], key.zero_is_missing) ? missing : ranks[r];
    }
    masks_of_key<Word>(as_ranked ? ranks : scratch.keys, column.count, scratch.ranks,
                       scratch.masks + forest.mask_first[k] * kWords);
  }
}

template <class Word, class T, class K>
void category_masks(const Compiled<T, K>& forest, const CategoryColumn& column, const T* x,
                    const Scratch<T, K>& scratch) {
  constexpr size_t kRows = Word::Wide::kRows, kWords = kRows / 64;
  uint32_t slots[kRows];
  for (size_t r = 0; r < kRows; ++r) slots[r] = slot_of(column, x[r]);
  const uint8_t* table = column.tables;
  for (uint32_t k = 0; k < column.keys; ++k, table += column.slots + 2) {
    uint64_t* mask = scratch.masks + (forest.mask_first[column.first_key + k] + 1) * kWords;
    for (size_t w = 0; w < kWords; ++w) {
      uint64_t rows = 0;
      for (size_t i = 0; i < 64; ++i) rows |= uint64_t{table[slots[64 * w + i]]} << i;
      mask[w] = rows;
    }
  }
}

/// One mask for each (key, rank): the rows whose key is at least the rank.
template <class Isa, class Word, class T, class K>
void masks_of_block(const Compiled<T, K>& forest, const T* rows, size_t count, const Scratch<T, K>& scratch) {
  constexpr size_t kRows = Word::Wide::kRows;
  constexpr uint32_t kColumns = 16;
  size_t numeric = 0, category = 0;
  for (uint32_t first = 0; first < forest.features; first += kColumns) {
    const uint32_t end = first + kColumns < forest.features ? first + kColumns : forest.features;
    const auto column_of = [&](uint32_t feature) { return scratch.columns + (feature - first) * kRows; };
    const bool used = (numeric < forest.numeric_columns && forest.numeric[numeric].feature < end) ||
                      (category < forest.category_columns && forest.categories[category].feature < end);
    if (!used) continue;
    Isa::transpose(rows + first, forest.features, count, end - first, kRows, scratch.columns);
    for (; numeric < forest.numeric_columns && forest.numeric[numeric].feature < end; ++numeric) {
      const NumericColumn<T>& column = forest.numeric[numeric];
      numeric_masks<Isa, Word>(forest, column, column_of(column.feature), scratch);
    }
    for (; category < forest.category_columns && forest.categories[category].feature < end; ++category) {
      const CategoryColumn& column = forest.categories[category];
      category_masks<Word>(forest, column, column_of(column.feature), scratch);
    }
  }
}

template <class Word, uint32_t Level>
__attribute__((always_inline)) inline typename Word::Wide pick(const uint64_t* masks, const uint32_t* ids,
                                                               const typename Word::Wide* taken) {
  if constexpr (Level == 0) {
    return Word::load(masks + size_t{*ids} * (Word::Wide::kRows / 64));
  } else {
    const auto left = pick<Word, Level - 1>(masks, ids, taken + 1);
    const auto right = pick<Word, Level - 1>(masks, ids + (1U << (Level - 1)), taken + 1);
    return Word::select(*taken, right, left);
  }
}

/// A perfect tree as a multiplexer: the decision of each level is picked by those before it.
template <class Word, uint32_t Level, uint32_t Depth>
__attribute__((always_inline)) inline void decide(const uint64_t* masks, const uint32_t* ids,
                                                  typename Word::Wide* taken) {
  if constexpr (Level < Depth) {
    taken[Level] = pick<Word, Level>(masks, ids + ((1U << Level) - 1), taken);
    decide<Word, Level + 1, Depth>(masks, ids, taken);
  }
}
template <class Word, uint32_t Depth>
void number_perfect(const uint64_t* masks, const uint32_t* ids, uint64_t* bits) {
  constexpr size_t kWords = Word::Wide::kRows / 64;
  typename Word::Wide taken[Depth];
  decide<Word, 0, Depth>(masks, ids, taken);
  for (uint32_t level = 0; level < Depth; ++level)
    Word::store(bits + (Depth - 1 - level) * kWords, taken[level]);
}

template <class Word, class T>
void number_reaching(const SlicedTree<T>& tree, const uint64_t* masks, uint64_t* words, uint64_t* bits) {
  constexpr size_t kWords = Word::Wide::kRows / 64;
  for (size_t i = 0; i < kWords; ++i) words[i] = ~uint64_t{0};
  const uint32_t* program = tree.program;
  for (uint32_t n = 0; n < tree.inner; ++n, program += 3) {
    const auto right = Word::load(masks + size_t{program[0]} * kWords);
    const auto here = Word::load(words + size_t{n} * kWords);
    Word::store(words + size_t{program[1]} * kWords, Word::without(here, right));
    Word::store(words + size_t{program[2]} * kWords, Word::both(here, right));
  }
  for (uint32_t b = 0; b < tree.bits; ++b) {
    const uint32_t count = *program++;
    auto rows = Word::load(words + size_t{program[0]} * kWords);
    for (uint32_t i = 1; i < count; ++i)
      rows = Word::either(rows, Word::load(words + size_t{program[i]} * kWords));
    program += count;
    Word::store(bits + b * kWords, rows);
  }
}

template <class Isa, class Word, class T, class K>
void sliced_block(const Compiled<T, K>& forest, const T* rows, size_t count, T* margins,
                  const Scratch<T, K>& scratch) {
  constexpr size_t kRows = Word::Wide::kRows, kWords = kRows / 64;
  masks_of_block<Isa, Word>(forest, rows, count, scratch);
  for (uint32_t o = 0; o < forest.outputs; ++o)
    for (size_t r = 0; r < kRows; ++r) scratch.sums[o * kRows + r] = forest.base[o];
  const size_t chunks = (count + 63) / 64;
  for (size_t t = 0; t < forest.trees; ++t) {
    const SlicedTree<T>& tree = forest.sliced_trees[t];
    alignas(64) uint64_t bits[8 * kWords];
    if (tree.perfect == 0) {
      number_reaching<Word>(tree, scratch.masks, scratch.words, bits);
    } else {
      switch (tree.bits) {
        case 0:
          break;
        case 1:
          number_perfect<Word, 1>(scratch.masks, tree.program, bits);
          break;
        case 2:
          number_perfect<Word, 2>(scratch.masks, tree.program, bits);
          break;
        case 3:
          number_perfect<Word, 3>(scratch.masks, tree.program, bits);
          break;
        case 4:
          number_perfect<Word, 4>(scratch.masks, tree.program, bits);
          break;
        case 5:
          number_perfect<Word, 5>(scratch.masks, tree.program, bits);
          break;
        case 6:
          number_perfect<Word, 6>(scratch.masks, tree.program, bits);
          break;
        case 7:
          number_perfect<Word, 7>(scratch.masks, tree.program, bits);
          break;
        default:
          number_perfect<Word, 8>(scratch.masks, tree.program, bits);
          break;
      }
    }
    T* sums = scratch.sums + tree.output * kRows;
    for (size_t chunk = 0; chunk < chunks; ++chunk)
      Isa::add_leaves(bits, kWords, chunk, tree.bits, tree.leaves, sums + 64 * chunk);
  }
  for (size_t r = 0; r < count; ++r)
    for (uint32_t o = 0; o < forest.outputs; ++o)
      margins[r * forest.outputs + o] = scratch.sums[o * kRows + r];
}

template <class Isa, class T, class K>
void sliced(const Compiled<T, K>& forest, Width width, const T* rows, size_t count, T* margins,
            const Scratch<T, K>& scratch) {
  if (width == Width::Rows64)
    sliced_block<Isa, Narrow<Isa>>(forest, rows, count, margins, scratch);
  else
    sliced_block<Isa, Isa>(forest, rows, count, margins, scratch);
}

template <class Isa, class T, class K>
constexpr KernelsOf<T, K> kernels_of() {
  return {walk<Isa, T, K>, sliced<Isa, T, K>};
}

template <class Isa>
constexpr Kernels kernels(const char* name) {
  return {name,
          Isa::Wide::kRows,
          kernels_of<Isa, float, uint8_t>(),
          kernels_of<Isa, float, uint16_t>(),
          kernels_of<Isa, double, uint8_t>(),
          kernels_of<Isa, double, uint16_t>()};
}

}  // namespace body
}  // namespace
}  // namespace tidemill::forest
