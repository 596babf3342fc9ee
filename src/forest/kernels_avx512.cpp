// The kernels for AVX-512 (F, BW, DQ, VL): 512 rows to a word, leaves and thresholds looked up in registers.
#ifdef __x86_64__
#include <immintrin.h>

#include "forest/kernels_body.hpp"
#include "forest/transpose_avx512.hpp"
#include "forest/walk_avx512.hpp"

namespace tidemill::forest {
namespace {

constexpr int kSelect = 0xCA;  // of vpternlog: a ? b : c

/// Four levels of a search tree in one register: heap order, entries 1 … 15.
inline __m512i descend(__m512 x, __m512 table, __m512i at, int levels) {
  for (int level = 0; level < levels; ++level) {
    const __mmask16 right = _mm512_cmp_ps_mask(_mm512_permutexvar_ps(at, table), x, _CMP_LE_OQ);
    at = _mm512_add_epi32(at, at);
    at = _mm512_mask_add_epi32(at, right, at, _mm512_set1_epi32(1));
  }
  return at;
}

/// Entry `at` of 32 in two registers, of 64 in four, of 128 in eight.
inline __m512 entry32(const float* table, __m512i at) {
  return _mm512_permutex2var_ps(_mm512_loadu_ps(table), at, _mm512_loadu_ps(table + 16));
}
inline __m512 entry64(const float* table, __m512i at) {
  const __mmask16 upper = _mm512_test_epi32_mask(at, _mm512_set1_epi32(32));
  return _mm512_mask_blend_ps(upper, entry32(table, at), entry32(table + 32, at));
}
inline __m512 entry128(const float* table, __m512i at) {
  const __mmask16 upper = _mm512_test_epi32_mask(at, _mm512_set1_epi32(64));
  return _mm512_mask_blend_ps(upper, entry64(table, at), entry64(table + 64, at));
}
inline __m512i step(__m512 x, __m512 thresholds, __m512i at) {
  const __mmask16 right = _mm512_cmp_ps_mask(thresholds, x, _CMP_LE_OQ);
  at = _mm512_add_epi32(at, at);
  return _mm512_mask_add_epi32(at, right, at, _mm512_set1_epi32(1));
}

/// Ranks of 16 values in a search tree of `Levels`.
template <int Levels>
inline __m512i ranks16(const float* table, __m512 x) {
  __m512i at = descend(x, _mm512_loadu_ps(table), _mm512_set1_epi32(1), Levels < 4 ? Levels : 4);
  // `at` is 2^level + rank so far; the permutations take its low bits.
  if constexpr (Levels > 4) at = step(x, _mm512_permutexvar_ps(at, _mm512_loadu_ps(table + 16)), at);
  if constexpr (Levels > 5) at = step(x, entry32(table + 32, at), at);
  if constexpr (Levels > 6) at = step(x, entry64(table + 64, at), at);
  if constexpr (Levels > 7) at = step(x, entry128(table + 128, at), at);
  return _mm512_sub_epi32(at, _mm512_set1_epi32(1 << Levels));
}
inline void store16(uint8_t* out, __m512i ranks) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(ranks));
}
inline void store16(uint16_t* out, __m512i ranks) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi32_epi16(ranks));
}
/// Four registers of values at a time: one search alone waits for its own answers.
template <int Levels, class K>
void search_column(const float* table, const float* x, size_t rows, K* out) {
  for (size_t r = 0; r < rows; r += 64) {
    const __m512i a = ranks16<Levels>(table, _mm512_load_ps(x + r));
    const __m512i b = ranks16<Levels>(table, _mm512_load_ps(x + r + 16));
    const __m512i c = ranks16<Levels>(table, _mm512_load_ps(x + r + 32));
    const __m512i d = ranks16<Levels>(table, _mm512_load_ps(x + r + 48));
    store16(out + r, a);
    store16(out + r + 16, b);
    store16(out + r + 32, c);
    store16(out + r + 48, d);
  }
}

// ---- masks without ranks ----
// Each step of the search answers one bit of the rank for sixteen rows: planes of bits. The rows whose rank
// is at least r follow from the planes, lowest bit first: of a rank with the bits r, "≥" is plane OR "≥ of
// the bits below" where r has a 0, plane AND that where it has a 1. All ranks with the same lower bits share
// what lies below.

constexpr int kMostLevels = 8;

template <int Levels>
inline void planes64(const float* table, const float* x, uint64_t* planes, size_t words) {
  __m512 value[4];
  __m512i at[4];
  for (int i = 0; i < 4; ++i) {
    value[i] = _mm512_load_ps(x + 16 * i);
    at[i] = _mm512_set1_epi32(1);
  }
  const auto level = [&](int number, auto entry) {
    __mmask16 right[4];
    for (int i = 0; i < 4; ++i) {
      right[i] = _mm512_cmp_ps_mask(entry(at[i]), value[i], _CMP_LE_OQ);
      at[i] = _mm512_add_epi32(at[i], at[i]);
      at[i] = _mm512_mask_add_epi32(at[i], right[i], at[i], _mm512_set1_epi32(1));
    }
    const __mmask32 low = _mm512_kunpackw(right[1], right[0]), high = _mm512_kunpackw(right[3], right[2]);
    planes[static_cast<size_t>(number) * words] = _mm512_kunpackd(high, low);
  };
  const __m512 upper = _mm512_loadu_ps(table);
  for (int l = 0; l < (Levels < 4 ? Levels : 4); ++l)
    level(l, [&](__m512i i) { return _mm512_permutexvar_ps(i, upper); });
  if constexpr (Levels > 4)
    level(4, [&](__m512i i) { return _mm512_permutexvar_ps(i, _mm512_loadu_ps(table + 16)); });
  if constexpr (Levels > 5) level(5, [&](__m512i i) { return entry32(table + 32, i); });
  if constexpr (Levels > 6) level(6, [&](__m512i i) { return entry64(table + 64, i); });
  if constexpr (Levels > 7) level(7, [&](__m512i i) { return entry128(table + 128, i); });
}

template <int Levels>
void planes_of(const float* table, const float* x, size_t rows, uint64_t* planes) {
  for (size_t r = 0; r < rows; r += 64) planes64<Levels>(table, x + r, planes + r / 64, rows / 64);
}

/// Rows that miss, as words.
inline bool missing_rows(const float* x, size_t rows, bool zero_too, uint64_t* words) {
  const __m512 zero = _mm512_set1_ps(1e-35F);
  uint64_t any = 0;
  for (size_t r = 0; r < rows; r += 64) {
    uint64_t word = 0;
    for (size_t i = 0; i < 4; ++i) {
      const __m512 value = _mm512_load_ps(x + r + 16 * i);
      __mmask16 missing = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
      if (zero_too) missing |= _mm512_cmp_ps_mask(_mm512_abs_ps(value), zero, _CMP_LE_OQ);
      word |= uint64_t{missing} << (16 * i);
    }
    words[r / 64] = word;
    any |= word;
  }
  return any != 0;
}

/// at_least[r] = rows whose rank is at least r, for the `levels` − 1 lower bits of the rank.
inline void lower_bits(const uint64_t* planes, int levels, __m512i* at_least) {
  at_least[0] = _mm512_set1_epi64(-1);
  for (int k = 0; k + 1 < levels; ++k) {
    const __m512i plane = _mm512_load_si512(planes + static_cast<size_t>(levels - 1 - k) * 8);
    const size_t half = size_t{1} << k;
    for (size_t s = 0; s < half; ++s) {
      const __m512i below = _mm512_load_si512(at_least + s);
      _mm512_store_si512(at_least + half + s, _mm512_and_si512(plane, below));
      _mm512_store_si512(at_least + s, _mm512_or_si512(plane, below));
    }
  }
}
/// The same for 64 rows to a mask: eight masks to a register.
inline void lower_bits(const uint64_t* planes, int levels, uint64_t* at_least) {
  at_least[0] = ~uint64_t{0};
  for (int k = 0; k + 1 < levels; ++k) {
    const uint64_t plane = planes[levels - 1 - k];
    const size_t half = size_t{1} << k;
    if (half < 8) {
      for (size_t s = 0; s < half; ++s) {
        at_least[half + s] = plane & at_least[s];
        at_least[s] |= plane;
      }
      continue;
    }
    const __m512i planes8 = _mm512_set1_epi64(static_cast<int64_t>(plane));
    for (size_t s = 0; s < half; s += 8) {
      const __m512i below = _mm512_load_si512(at_least + s);
      _mm512_store_si512(at_least + half + s, _mm512_and_si512(planes8, below));
      _mm512_store_si512(at_least + s, _mm512_or_si512(planes8, below));
    }
  }
}

/// The highest bit, for the ranks first … last (a whole number of registers).
inline void highest_bit(const __m512i plane, bool set, const __m512i* below, size_t count, __m512i* masks) {
  for (size_t i = 0; i < count; ++i) {
    const __m512i word = _mm512_load_si512(below + i);
    _mm512_store_si512(masks + i, set ? _mm512_and_si512(plane, word) : _mm512_or_si512(plane, word));
  }
}

struct Avx512 : body::Plain<Avx512> {
  struct Wide {
    static constexpr size_t kRows = 512;
    __m512i w;
  };
  static Wide load(const uint64_t* p) { return {_mm512_load_si512(p)}; }
  static void store(uint64_t* p, Wide v) { _mm512_store_si512(p, v.w); }
  static Wide select(Wide c, Wide yes, Wide no) {
    return {_mm512_ternarylogic_epi64(c.w, yes.w, no.w, kSelect)};
  }
  static Wide both(Wide a, Wide b) { return {_mm512_and_si512(a.w, b.w)}; }
  static Wide without(Wide a, Wide b) { return {_mm512_andnot_si512(b.w, a.w)}; }
  static Wide either(Wide a, Wide b) { return {_mm512_or_si512(a.w, b.w)}; }

  static uint32_t at_most(const float* table, float x) {
    return static_cast<uint32_t>(
        __builtin_popcount(_mm512_cmp_ps_mask(_mm512_loadu_ps(table), _mm512_set1_ps(x), _CMP_LE_OQ)));
  }
  static uint32_t at_most(const double* table, double x) {
    const __m512d value = _mm512_set1_pd(x);
    const uint32_t low = _mm512_cmp_pd_mask(_mm512_loadu_pd(table), value, _CMP_LE_OQ);
    const uint32_t high = _mm512_cmp_pd_mask(_mm512_loadu_pd(table + 8), value, _CMP_LE_OQ);
    return static_cast<uint32_t>(__builtin_popcount(low | high << 8));
  }
  template <class K>
  static void rank_column(const NumericColumn<float>& column, const float* x, size_t rows, K* out) {
    if (column.count > kMaxByteRank) return body::rank_column<Avx512>(column, x, rows, out);
    switch (column.levels) {
      case 1:
        return search_column<1>(column.search, x, rows, out);
      case 2:
        return search_column<2>(column.search, x, rows, out);
      case 3:
        return search_column<3>(column.search, x, rows, out);
      case 4:
        return search_column<4>(column.search, x, rows, out);
      case 5:
        return search_column<5>(column.search, x, rows, out);
      case 6:
        return search_column<6>(column.search, x, rows, out);
      case 7:
        return search_column<7>(column.search, x, rows, out);
      default:
        return search_column<8>(column.search, x, rows, out);
    }
  }
  using Plain::rank_column;

  template <class Word, class K>
  static bool masks_in_planes(const Compiled<float, K>& forest, const NumericColumn<float>& column,
                              const float* x, const Scratch<float, K>& scratch) {
    constexpr size_t kRows = Word::Wide::kRows, kWords = kRows / 64;
    if (column.levels == 0 || column.count > kMaxByteRank) return false;
    alignas(64) uint64_t planes[kMostLevels * kWords];
    switch (column.levels) {
      case 1:
        planes_of<1>(column.search, x, kRows, planes);
        break;
      case 2:
        planes_of<2>(column.search, x, kRows, planes);
        break;
      case 3:
        planes_of<3>(column.search, x, kRows, planes);
        break;
      case 4:
        planes_of<4>(column.search, x, kRows, planes);
        break;
      case 5:
        planes_of<5>(column.search, x, kRows, planes);
        break;
      case 6:
        planes_of<6>(column.search, x, kRows, planes);
        break;
      case 7:
        planes_of<7>(column.search, x, kRows, planes);
        break;
      default:
        planes_of<8>(column.search, x, kRows, planes);
        break;
    }
    const int levels = static_cast<int>(column.levels);
    if constexpr (kWords == 8)
      lower_bits(planes, levels, reinterpret_cast<__m512i*>(scratch.ranks));
    else
      lower_bits(planes, levels, scratch.ranks);
    // In units of a register: one wide mask, or eight of 64 rows (a key has a multiple of eight).
    constexpr size_t kMasks = 8 / kWords;
    const size_t half = size_t{1} << (levels - 1), count = (column.count + kMasks) / kMasks;
    const __m512i top =
        kWords == 8 ? _mm512_load_si512(planes) : _mm512_set1_epi64(static_cast<int64_t>(planes[0]));
    for (uint32_t k = column.first_key; k < column.first_key + column.keys; ++k) {
      uint64_t* masks = scratch.masks + forest.mask_first[k] * kWords;
      auto* out = reinterpret_cast<__m512i*>(masks);
      const auto* from = reinterpret_cast<const __m512i*>(scratch.ranks);
      if (half < kMasks) {  // few masks: one by one
        for (size_t r = 0; r <= column.count; ++r) {
          const uint64_t word = scratch.ranks[r & (half - 1)];
          masks[r] = r < half ? planes[0] | word : planes[0] & word;
        }
      } else {
        const size_t low = half / kMasks < count ? half / kMasks : count;
        highest_bit(top, false, from, low, out);
        highest_bit(top, true, from, count - low, out + low);
      }
      add_missing<kWords>(forest.numeric_keys[k], column.count, x, masks);
    }
    return true;
  }
  using Plain::masks_in_planes;
  /// NaN has rank 0 by itself.
  template <size_t Words>
  static void add_missing(const NumericKey& key, uint32_t count, const float* x, uint64_t* masks) {
    if (key.missing == 0 && key.zero_is_missing == 0) return;
    uint64_t missing[Words];
    if (!missing_rows(x, 64 * Words, key.zero_is_missing != 0, missing)) return;
    for (uint32_t r = 1; r <= count; ++r)
      for (size_t w = 0; w < Words; ++w) {
        uint64_t& mask = masks[r * Words + w];
        mask = r <= key.missing ? mask | missing[w] : mask & ~missing[w];
      }
  }

  static void transpose(const float* rows, size_t stride, size_t count, size_t columns, size_t block,
                        float* out) {
    const auto mask = static_cast<__mmask16>((1U << columns) - 1);
    size_t r = 0;
    for (; r + 16 <= count; r += 16) transpose16(rows + r * stride, stride, mask, block, out + r);
    body::transpose(rows + r * stride, stride, count - r, columns, block, out + r);
  }
  static void transpose(const double* rows, size_t stride, size_t count, size_t columns, size_t block,
                        double* out) {
    size_t r = 0;
    for (; r + 8 <= count; r += 8)
      for (size_t c = 0; c < columns; c += 8) {
        const size_t some = columns - c < 8 ? columns - c : 8;
        transpose8(rows + r * stride + c, stride, static_cast<__mmask8>((1U << some) - 1), some, block,
                   out + c * block + r);
      }
    body::transpose(rows + r * stride, stride, count - r, columns, block, out + r);
  }

  /// Leaf numbers of 64 rows as bytes: bit b of each from word b.
  static __m512i numbers(const uint64_t* bits, size_t words, size_t chunk, uint32_t count) {
    __m512i number = _mm512_setzero_si512();
    for (uint32_t b = 0; b < count; ++b) {
      const __m512i bit = _mm512_set1_epi8(static_cast<char>(1U << b));
      number = _mm512_mask_add_epi8(number, bits[b * words + chunk], number, bit);
    }
    return number;
  }
  template <int Quarter>
  static __m512i quarter(__m512i numbers) {
    return _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(numbers, Quarter));
  }
  template <int Eighth>
  static __m512i eighth(__m512i numbers) {
    const __m128i pair = _mm512_extracti32x4_epi32(numbers, Eighth / 2);
    return _mm512_cvtepu8_epi64(Eighth % 2 == 0 ? pair : _mm_unpackhi_epi64(pair, pair));
  }
  template <uint32_t Bits>
  static __m512 leaf(const float* leaves, __m512i at) {
    if constexpr (Bits <= 4) return _mm512_permutexvar_ps(at, _mm512_loadu_ps(leaves));
    if constexpr (Bits == 5) return entry32(leaves, at);
    if constexpr (Bits == 6) return entry64(leaves, at);
    if constexpr (Bits == 7) return entry128(leaves, at);
    const __mmask16 upper = _mm512_test_epi32_mask(at, _mm512_set1_epi32(128));
    return _mm512_mask_blend_ps(upper, entry128(leaves, at), entry128(leaves + 128, at));
  }
  template <uint32_t Bits>
  static __m512d leaf(const double* leaves, __m512i at) {
    if constexpr (Bits <= 4) {
      return _mm512_permutex2var_pd(_mm512_loadu_pd(leaves), at, _mm512_loadu_pd(leaves + 8));
    } else {
      const __mmask8 upper = _mm512_test_epi64_mask(at, _mm512_set1_epi64(1LL << (Bits - 1)));
      return _mm512_mask_blend_pd(upper, leaf<Bits - 1>(leaves, at),
                                  leaf<Bits - 1>(leaves + (1U << (Bits - 1)), at));
    }
  }
  template <uint32_t Bits>
  static void add(__m512i number, const float* leaves, float* sums) {
    const auto add16 = [&](__m512i at, float* to) {
      _mm512_store_ps(to, _mm512_add_ps(_mm512_load_ps(to), leaf<Bits>(leaves, at)));
    };
    add16(quarter<0>(number), sums);
    add16(quarter<1>(number), sums + 16);
    add16(quarter<2>(number), sums + 32);
    add16(quarter<3>(number), sums + 48);
  }
  template <uint32_t Bits>
  static void add(__m512i number, const double* leaves, double* sums) {
    const auto add8 = [&](__m512i at, double* to) {
      _mm512_store_pd(to, _mm512_add_pd(_mm512_load_pd(to), leaf<Bits>(leaves, at)));
    };
    add8(eighth<0>(number), sums);
    add8(eighth<1>(number), sums + 8);
    add8(eighth<2>(number), sums + 16);
    add8(eighth<3>(number), sums + 24);
    add8(eighth<4>(number), sums + 32);
    add8(eighth<5>(number), sums + 40);
    add8(eighth<6>(number), sums + 48);
    add8(eighth<7>(number), sums + 56);
  }
  template <class T>
  static void add_leaves(const uint64_t* bits, size_t words, size_t chunk, uint32_t count, const T* leaves,
                         T* sums) {
    const __m512i number = numbers(bits, words, chunk, count);
    switch (count) {
      case 5:
        return add<5>(number, leaves, sums);
      case 6:
        return add<6>(number, leaves, sums);
      case 7:
        return add<7>(number, leaves, sums);
      case 8:
        return add<8>(number, leaves, sums);
      default:
        return add<4>(number, leaves, sums);
    }
  }
};

constexpr Kernels with_vbmi() {
  Kernels kernels = body::kernels<Avx512>("avx512vbmi");
  kernels.float8.walk = walk_vbmi<Avx512, float>;
  kernels.double8.walk = walk_vbmi<Avx512, double>;
  return kernels;
}

}  // namespace

const Kernels kAvx512Kernels = body::kernels<Avx512>("avx512");
const Kernels kAvx512VbmiKernels = with_vbmi();

}  // namespace tidemill::forest
#endif
