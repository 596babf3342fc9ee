// Threads that outlive a step: each goes from one job to the next, so that a short step pays neither for a
// thread's birth nor for its cold memory. Threads are born as jobs need them, up to a limit.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tidemill::pipeline {

class Workers {
 public:
  explicit Workers(size_t most) : most_(most) {}
  /// Waits for the jobs that were given.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Runs the job on a thread that is free, or as soon as one is. A job must not throw.
  void give(std::function<void()> job);

 private:
  void work();

  const size_t most_;
  std::mutex mutex_;
  std::condition_variable given_;
  std::deque<std::function<void()>> jobs_;  // at most as many as steps that have begun
  size_t idle_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tidemill::pipeline
