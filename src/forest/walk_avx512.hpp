// The walk of kernels_avx512.cpp on machines with VBMI, where bytes are looked up in registers: all nodes of
// a small tree, or of the top of a greater one, decide at once.
#pragma once

#include <immintrin.h>

#include "forest/kernels_body.hpp"

namespace tidemill::forest {
namespace {

// The first six levels of a tree at once: its 63 nodes take their keys from registers and are compared
// together; the way down is six bits of the answer.
#define TIDEMILL_VBMI __attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt")))

struct KeyRegisters {
  __m512i k[4];
};

template <bool Wide>
TIDEMILL_VBMI inline uint64_t decisions(const uint8_t* top, const KeyRegisters& keys) {
  const __m512i ids = _mm512_loadu_si512(top + 64);
  __m512i key = _mm512_permutex2var_epi8(keys.k[0], ids, keys.k[1]);
  if constexpr (Wide)
    key = _mm512_mask_blend_epi8(_mm512_movepi8_mask(ids), key,
                                 _mm512_permutex2var_epi8(keys.k[2], ids, keys.k[3]));
  return _mm512_cmpge_epu8_mask(key, _mm512_loadu_si512(top));
}

/// The nodes of eight trees that their decisions lead to, each 2·at + the bit of its parent.
TIDEMILL_VBMI inline __m512i descend(__m512i right, uint32_t steps) {
  const __m512i one = _mm512_set1_epi64(1);
  __m512i at = one;
  for (uint32_t step = 0; step < steps; ++step)
    at = _mm512_add_epi64(_mm512_add_epi64(at, at), _mm512_and_si512(_mm512_srlv_epi64(right, at), one));
  return at;
}

/// The leaf whose nodes all decide as they have to.
template <bool Wide, uint32_t Leaves>
TIDEMILL_VBMI inline size_t leaf_at_end(const uint8_t* path, const KeyRegisters& keys) {
  const uint64_t right = decisions<Wide>(path, keys);
  const uint8_t* const asked = path + 128;
  const uint8_t* const wanted = asked + Leaves * Leaves / 8;
  uint64_t reached = 0;
  if constexpr (Leaves == 32) {
    const __m512i all = _mm512_set1_epi32(static_cast<int>(right));
    for (size_t i = 0; i < 2; ++i) {
      const __m512i other = _mm512_xor_si512(all, _mm512_loadu_si512(wanted + 64 * i));
      reached |= uint64_t{_mm512_testn_epi32_mask(other, _mm512_loadu_si512(asked + 64 * i))} << (16 * i);
    }
  } else {
    const __m512i all = _mm512_set1_epi64(static_cast<int64_t>(right));
    for (size_t i = 0; i < 8; ++i) {
      const __m512i other = _mm512_xor_si512(all, _mm512_loadu_si512(wanted + 64 * i));
      reached |= uint64_t{_mm512_testn_epi64_mask(other, _mm512_loadu_si512(asked + 64 * i))} << (8 * i);
    }
  }
  return static_cast<size_t>(__builtin_ctzll(reached));
}

template <bool Wide, uint32_t Leaves, class T>
TIDEMILL_VBMI inline void find_ends(const WalkGroup<T, uint8_t>& group, const KeyRegisters& keys,
                                    size_t* at) {
  for (size_t j = 0; j < group.trees; ++j)
    at[j] = j * Leaves + leaf_at_end<Wide, Leaves>(group.paths + j * kPathBytes<Leaves>, keys);
}

/// Groups that are walked together, stage by stage: what a stage stores has reached the cache when the next
/// one asks for it in another width,.
constexpr size_t kGroupsAtOnce = 16;

/// Where eight trees are: nodes as at[] of walk_perfect, or, where the top is all of a tree and at the ends
/// of paths, places of leaves.
struct alignas(64) Places {
  size_t at[kTreesInFlight];
};

template <class T>
TIDEMILL_VBMI inline __m512i leaves_of(const WalkGroup<T, uint8_t>& group, __m512i nodes) {
  const __m512i trees = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i first = _mm512_sub_epi64(_mm512_sllv_epi64(trees, _mm512_set1_epi64(group.depth)),
                                         _mm512_set1_epi64(int64_t{1} << group.depth));
  return _mm512_add_epi64(first, nodes);
}

template <bool Wide, class T>
TIDEMILL_VBMI inline void find_places(const WalkGroup<T, uint8_t>* groups, size_t count,
                                      const KeyRegisters& keys, Places* places) {
  for (size_t g = 0; g < count; ++g) {
    if (groups[g].paths != nullptr) {
      if (groups[g].path_leaves == 32)
        find_ends<Wide, 32>(groups[g], keys, places[g].at);
      else
        find_ends<Wide, 64>(groups[g], keys, places[g].at);
    }
    if (groups[g].tops == nullptr) continue;
#pragma GCC unroll 8
    for (size_t j = 0; j < kTreesInFlight; ++j)
      places[g].at[j] = decisions<Wide>(groups[g].tops + 128 * j, keys);
  }
  for (size_t g = 0; g < count; ++g) {
    const WalkGroup<T, uint8_t>& group = groups[g];
    if (group.tops == nullptr) continue;
    const bool all = group.depth <= kTopDepth;
    const __m512i nodes = descend(_mm512_load_si512(places + g), all ? group.depth : kTopDepth);
    _mm512_store_si512(places + g, all ? leaves_of(group, nodes) : nodes);
  }
}

template <class Isa, bool Wide, bool One, class T>
TIDEMILL_VBMI void walk_tops(const Compiled<T, uint8_t>& forest, const T* rows, size_t count, T* margins,
                             const Scratch<T, uint8_t>& scratch) {
  Places places[kGroupsAtOnce];
  for (size_t r = 0; r < count; ++r) {
    T* to = margins + r * forest.outputs;
    for (uint32_t o = 0; o < forest.outputs; ++o) to[o] = forest.base[o];
    body::keys_of_row<Isa>(forest, rows + r * forest.features, scratch.keys);
    KeyRegisters keys;
    for (size_t i = 0; i < 4; ++i) keys.k[i] = _mm512_load_si512(scratch.keys + 64 * i);
    body::Sums<T, One> sums(to);
    for (size_t from = 0; from < forest.walk_groups; from += kGroupsAtOnce) {
      const size_t left = forest.walk_groups - from, some = left < kGroupsAtOnce ? left : kGroupsAtOnce;
      const WalkGroup<T, uint8_t>* groups = forest.groups + from;
      find_places<Wide>(groups, some, keys, places);
      asm("" : "+m"(places));  // eight numbers from here on: what is left of the way looks up one by one
      for (size_t g = 0; g < some; ++g) {
        const WalkGroup<T, uint8_t>& group = groups[g];
        if (group.paths != nullptr)
          for (size_t j = 0; j < group.trees; ++j)
            sums.add(group.outputs[j], group.leaves_of_paths[places[g].at[j]]);
        else if (group.tops == nullptr)
          body::walk_linked(group, scratch.keys, sums);
        else if (group.depth > kTopDepth)
          body::walk_perfect(group, scratch.keys, kTopDepth, places[g].at, sums);
        else
          for (size_t j = 0; j < group.trees; ++j) sums.add(group.outputs[j], group.leaves[places[g].at[j]]);
      }
    }
    sums.end();
  }
}

template <class Isa, class T>
TIDEMILL_VBMI void walk_vbmi(const Compiled<T, uint8_t>& forest, const T* rows, size_t count, T* margins,
                             const Scratch<T, uint8_t>& scratch) {
  const bool wide = forest.keys > 128, one = forest.outputs == 1;
  if (wide && one) return walk_tops<Isa, true, true>(forest, rows, count, margins, scratch);
  if (wide) return walk_tops<Isa, true, false>(forest, rows, count, margins, scratch);
  if (one) return walk_tops<Isa, false, true>(forest, rows, count, margins, scratch);
  walk_tops<Isa, false, false>(forest, rows, count, margins, scratch);
}

}  // namespace
}  // namespace tidemill::forest
