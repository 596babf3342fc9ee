// Independent pieces of work on a few threads. Results go to places of their own, so nothing depends on who
// does what.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace tidemill::training {

/// Calls work(0) … work(count−1), each once. work must not throw.
inline void in_parallel(int threads, size_t count, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0;
  const auto loop = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> others;
  for (size_t t = 1; t < std::min<size_t>(static_cast<size_t>(std::max(threads, 1)), count); ++t)
    others.emplace_back(loop);
  loop();
}

}  // namespace tidemill::training
