// SplitMix64's finish: turns a 64-bit number into one in which every bit depends on every bit of it. Steele,
// Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; constants by Stafford, mix 13.
// Split hashes and table hashes that lie on disk are made with it: it never changes.
#pragma once

#include <cstdint>

namespace tidemill {

constexpr uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace tidemill
