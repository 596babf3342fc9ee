// Random numbers from a counter: the n-th number of a stream is a function of (seed, stream, n) alone, so
// nothing depends on who asks first. SplitMix64 (Steele, Lea & Flood 2014) read at any place.
#pragma once

#include <cstdint>

#include "base/mix.hpp"

namespace tidemill::statistics {

__extension__ using Wide = unsigned __int128;

class CounterRandom {
 public:
  constexpr CounterRandom(uint64_t seed, uint64_t stream)
      : key_(mix(mix(seed + kStep) ^ (stream * kStep + 1))) {}
  constexpr uint64_t at(uint64_t n) const { return mix(key_ + (n + 1) * kStep); }
  /// 0 … bound−1. Lemire's multiply-shift without rejection: off by less than bound/2⁶⁴.
  constexpr uint64_t below(uint64_t n, uint64_t bound) const {
    return static_cast<uint64_t>((static_cast<Wide>(at(n)) * bound) >> 64);
  }
  /// In [0, 1).
  constexpr double unit(uint64_t n) const { return static_cast<double>(at(n) >> 11) * 0x1p-53; }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15ULL;
  uint64_t key_;
};

}  // namespace tidemill::statistics
