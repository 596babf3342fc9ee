// The kernels for AVX2: 256 rows to a word; leaves and thresholds are looked up one by one.
#ifdef __x86_64__
#include <immintrin.h>

#include "forest/kernels_body.hpp"

namespace tidemill::forest {
namespace {

struct Avx2 : body::Plain<Avx2> {
  struct Wide {
    static constexpr size_t kRows = 256;
    __m256i w;
  };
  static Wide load(const uint64_t* p) { return {_mm256_load_si256(reinterpret_cast<const __m256i*>(p))}; }
  static void store(uint64_t* p, Wide v) { _mm256_store_si256(reinterpret_cast<__m256i*>(p), v.w); }
  static Wide select(Wide c, Wide yes, Wide no) {
    return {_mm256_xor_si256(no.w, _mm256_and_si256(c.w, _mm256_xor_si256(yes.w, no.w)))};
  }
  static Wide both(Wide a, Wide b) { return {_mm256_and_si256(a.w, b.w)}; }
  static Wide without(Wide a, Wide b) { return {_mm256_andnot_si256(b.w, a.w)}; }
  static Wide either(Wide a, Wide b) { return {_mm256_or_si256(a.w, b.w)}; }

  static uint32_t at_most(const float* table, float x) {
    const __m256 value = _mm256_set1_ps(x);
    const int low = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(table), value, _CMP_LE_OQ));
    const int high = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(table + 8), value, _CMP_LE_OQ));
    return static_cast<uint32_t>(__builtin_popcount(static_cast<uint32_t>(low | high << 8)));
  }
  static uint32_t at_most(const double* table, double x) {
    const __m256d value = _mm256_set1_pd(x);
    int bits = 0;
    for (int i = 0; i < 4; ++i)
      bits |= _mm256_movemask_pd(_mm256_cmp_pd(_mm256_loadu_pd(table + 4 * i), value, _CMP_LE_OQ)) << (4 * i);
    return static_cast<uint32_t>(__builtin_popcount(static_cast<uint32_t>(bits)));
  }
};

}  // namespace

const Kernels kAvx2Kernels = body::kernels<Avx2>("avx2");

}  // namespace tidemill::forest
#endif
