// Rows into columns with AVX-512. Included by kernels_avx512.cpp only, and all of it has internal linkage,
// since that is compiled for another machine.
#pragma once

#include <immintrin.h>
#include <cstddef>

namespace tidemill::forest {
namespace {

inline void transpose16(const float* rows, size_t stride, __mmask16 columns, size_t block, float* out) {
  __m512 a[16], b[16];
  for (size_t i = 0; i < 16; ++i) a[i] = _mm512_maskz_loadu_ps(columns, rows + i * stride);
  for (size_t i = 0; i < 8; ++i) {
    b[2 * i] = _mm512_unpacklo_ps(a[2 * i], a[2 * i + 1]);
    b[2 * i + 1] = _mm512_unpackhi_ps(a[2 * i], a[2 * i + 1]);
  }
  for (size_t i = 0; i < 4; ++i) {
    const auto pd = [](__m512 v) { return _mm512_castps_pd(v); };
    a[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(pd(b[4 * i]), pd(b[4 * i + 2])));
    a[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(pd(b[4 * i]), pd(b[4 * i + 2])));
    a[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(pd(b[4 * i + 1]), pd(b[4 * i + 3])));
    a[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(pd(b[4 * i + 1]), pd(b[4 * i + 3])));
  }
  for (size_t i = 0; i < 4; ++i) {
    b[i] = _mm512_shuffle_f32x4(a[i], a[4 + i], 0x88);
    b[4 + i] = _mm512_shuffle_f32x4(a[i], a[4 + i], 0xdd);
    b[8 + i] = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0x88);
    b[12 + i] = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0xdd);
  }
  for (size_t i = 0; i < 8;
       ++i) {  // b[i] holds lanes of columns i and i + 8 for the rows 0-7, b[8 + i] for 8-15
    _mm512_storeu_ps(out + i * block, _mm512_shuffle_f32x4(b[i], b[8 + i], 0x88));
    _mm512_storeu_ps(out + (i + 8) * block, _mm512_shuffle_f32x4(b[i], b[8 + i], 0xdd));
  }
}

/// A block's columns of doubles lie 4096 bytes apart, all in the same set of the nearest cache: one store for
/// eight rows, not eight.
inline void transpose8(const double* rows, size_t stride, __mmask8 columns, size_t count, size_t block,
                       double* out) {
  __m512d a[8], b[8];
  for (size_t i = 0; i < 8; ++i) a[i] = _mm512_maskz_loadu_pd(columns, rows + i * stride);
  for (size_t i = 0; i < 4; ++i) {
    b[2 * i] = _mm512_unpacklo_pd(a[2 * i], a[2 * i + 1]);
    b[2 * i + 1] = _mm512_unpackhi_pd(a[2 * i], a[2 * i + 1]);
  }
  for (size_t i = 0; i < 2;
       ++i) {  // pairs of rows: columns 0 and 4 (then 2 and 6) of four rows, for i = 0 the even ones
    a[i] = _mm512_shuffle_f64x2(b[i], b[2 + i], 0x88);
    a[2 + i] = _mm512_shuffle_f64x2(b[i], b[2 + i], 0xdd);
    a[4 + i] = _mm512_shuffle_f64x2(b[4 + i], b[6 + i], 0x88);
    a[6 + i] = _mm512_shuffle_f64x2(b[4 + i], b[6 + i], 0xdd);
  }
  __m512d column[8];
  for (size_t i = 0; i < 4; ++i) {
    column[i] = _mm512_shuffle_f64x2(a[i], a[4 + i], 0x88);
    column[4 + i] = _mm512_shuffle_f64x2(a[i], a[4 + i], 0xdd);
  }
  for (size_t i = 0; i < count; ++i) _mm512_storeu_pd(out + i * block, column[i]);
}

}  // namespace
}  // namespace tidemill::forest
