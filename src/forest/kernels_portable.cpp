// The kernels in plain C++: what runs on any machine.
#include "forest/kernels_body.hpp"

namespace tidemill::forest {
namespace {

struct Portable {
  struct Wide {
    static constexpr size_t kRows = 256;
    uint64_t w[4];
  };
  static Wide load(const uint64_t* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static void store(uint64_t* p, Wide v) {
    for (size_t i = 0; i < 4; ++i) p[i] = v.w[i];
  }
  static Wide select(Wide c, Wide yes, Wide no) {
    for (size_t i = 0; i < 4; ++i) no.w[i] ^= c.w[i] & (yes.w[i] ^ no.w[i]);
    return no;
  }
  static Wide both(Wide a, Wide b) {
    for (size_t i = 0; i < 4; ++i) a.w[i] &= b.w[i];
    return a;
  }
  static Wide without(Wide a, Wide b) {
    for (size_t i = 0; i < 4; ++i) a.w[i] &= ~b.w[i];
    return a;
  }
  static Wide either(Wide a, Wide b) {
    for (size_t i = 0; i < 4; ++i) a.w[i] |= b.w[i];
    return a;
  }
  template <class T>
  static uint32_t at_most(const T* table, T x) {
    uint32_t count = 0;
    for (size_t i = 0; i < 16; ++i) count += table[i] <= x ? 1 : 0;
    return count;
  }
  template <class T, class K>
  static void rank_column(const NumericColumn<T>& column, const T* x, size_t rows, K* out) {
    body::rank_column<Portable>(column, x, rows, out);
  }
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

}  // namespace

const Kernels kPortableKernels = body::kernels<Portable>("portable");

}  // namespace tidemill::forest
