// One thread that waits for many file descriptors (epoll, level-triggered) and for what other threads hand
// it. Knows no protocol. Everything but post() and stop() is called by the loop's own thread, or before it
// runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/error.hpp"

namespace tidemill::api {

using SteadyTime = std::chrono::steady_clock::time_point;

class EventLoop {
 public:
  /// Has a file descriptor that is waited for. It may end itself while it is told, but no other that is
  /// watched.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    /// events: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR.
    virtual void ready(uint32_t events) = 0;
  };

  /// Error environment: out of descriptors.
  static Result<std::unique_ptr<EventLoop>> open();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// False when the kernel has no room for it.
  bool watch(int fd, uint32_t events, Watcher& watcher);
  void change(int fd, uint32_t events, Watcher& watcher);
  void forget(int fd);
  /// Called about that often for as long as there is something to look after.
  void every(std::chrono::microseconds period, std::function<void()> look);
  /// Whether `look` is to be called: without, an idle loop sleeps.
  void keep_looking(bool looking) { looking_ = looking; }
  /// Called when a few events have been told, and before the loop sleeps: for what is cheaper done together.
  void settle_with(std::function<void()> settle) { settle_ = std::move(settle); }
  /// When the events that are being handled came.
  SteadyTime now() const { return now_; }

  void run();
  void stop();
  /// Runs in the loop's thread, soon. What was posted after the loop had ended is dropped with what it holds.
  void post(std::function<void()> task);
  void drop_posted();

 private:
  EventLoop(int epoll, int wake) : epoll_(epoll), wake_(wake) {}
  void run_posted();
  void wake();
  const int epoll_, wake_;
  SteadyTime now_ = std::chrono::steady_clock::now();
  std::chrono::microseconds period_{0};
  std::function<void()> look_, settle_;
  bool looking_ = false;
  std::mutex mutex_;  // of what follows
  std::vector<std::function<void()>> posted_;
  bool stopped_ = false;
};

}  // namespace tidemill::api
