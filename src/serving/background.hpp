// One thread of low priority for work that nobody waits for, behind a bounded queue that never blocks who
// offers: what finds no room is dropped, and under load that is this work first.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

namespace tidemill::serving {

class Background {
 public:
  /// Must not throw.
  using Work = std::function<void()>;
  struct Options {
    size_t max_queued = 64;
    size_t max_bytes = size_t{64} << 20;  // that all of it together refers to
  };
  explicit Background(Options options);
  /// Drops what is queued and waits for what is being done.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// make() → Work, called where there is room only. False, and nothing happens, when there is none.
  /// Thread-safe.
  template <class Make>
  bool offer(size_t bytes, const Make& make) {
    if (!take_room(bytes)) return false;
    put(make(), bytes);
    return true;
  }

 private:
  struct Cell;
  bool take_room(size_t bytes);
  void put(Work work, size_t bytes);
  bool take(Work& work, size_t& bytes);
  void run();

  const Options options_;
  // A ring of cells, each with the turn that it is at: D. Vyukov's bounded queue. With room taken beforehand
  // a cell is always free. A mutex would not do: a thread of low priority that is suspended while it holds
  // one holds up those that answer requests.
  const size_t cells_;
  std::unique_ptr<Cell[]> ring_;
  std::atomic<size_t> puts_{0};
  size_t takes_ = 0;  // of the thread alone
  std::atomic<size_t> queued_{0}, bytes_{0};
  std::atomic<uint32_t> rings_{0};  // changes when there is something to look at
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace tidemill::serving
