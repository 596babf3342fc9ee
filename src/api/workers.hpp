// A few threads and a bounded queue for work that would hold up a server's own threads. When the queue is
// full the caller is told at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "serving/compute_slots.hpp"

namespace tidemill::api {

/// As many as wanted; 0: one a core.
size_t thread_count(int wanted);

class Workers {
 public:
  struct Options {
    size_t threads = 1;
    size_t max_queued = 64;
    /// Each piece of work takes one, so that more threads than slots help where some of them wait. Null: as
    /// many as there are threads.
    std::shared_ptr<serving::ComputeSlots> slots = nullptr;
  };
  explicit Workers(Options options);
  ~Workers() { stop(); }
  /// False, and nothing happens, when the queue is full or the workers were stopped.
  bool submit(std::function<void()> work);
  /// Drops what is queued and waits for what is being done.
  void stop();

 private:
  void run();
  const size_t max_queued_;
  const std::shared_ptr<serving::ComputeSlots> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tidemill::api
