// The kernels in plain C++: what runs on any machine.
#include "forest/kernels_body.hpp"

namespace tidemill::forest {
namespace {

struct Portable : body::Plain<Portable> {
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
};

}  // namespace

const Kernels kPortableKernels = body::kernels<Portable>("portable");

}  // namespace tidemill::forest
