#include "api/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace tidemill::api {

namespace {

epoll_event event_of(uint32_t events, EventLoop::Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  return event;
}

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::open() {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  auto loop = std::unique_ptr<EventLoop>(new EventLoop(epoll, wake));
  epoll_event woken = event_of(EPOLLIN, nullptr);
  if (epoll < 0 || wake < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &woken) != 0)
    return environment_error("server.descriptors",
                             fmt::format("cannot wait for connections: {}", std::strerror(errno)),
                             "raise the limit of open files: ulimit -n");
  return loop;
}

EventLoop::~EventLoop() {
  if (epoll_ >= 0) ::close(epoll_);
  if (wake_ >= 0) ::close(wake_);
}

bool EventLoop::watch(int fd, uint32_t events, Watcher& watcher) {
  epoll_event event = event_of(events, &watcher);
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::change(int fd, uint32_t events, Watcher& watcher) {
  epoll_event event = event_of(events, &watcher);
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::forget(int fd) { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

void EventLoop::every(std::chrono::microseconds period, std::function<void()> look) {
  period_ = period;
  look_ = std::move(look);
}

void EventLoop::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (const auto& task : tasks) task();
}

void EventLoop::run() {
  constexpr int kEventsAtOnce = 128, kToldAtOnce = 16;
  std::array<epoll_event, kEventsAtOnce> events;
  SteadyTime next_look = now_;
  for (;;) {
    int wait_ms = -1;
    if (looking_) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next_look - now_);
      wait_ms = static_cast<int>(std::max<int64_t>(0, left.count() + 1));
    }
    const int n = ::epoll_wait(epoll_, events.data(), kEventsAtOnce, wait_ms);
    now_ = std::chrono::steady_clock::now();
    bool woken = false;
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.ptr != nullptr)
        static_cast<Watcher*>(event.data.ptr)->ready(event.events);
      else
        woken = true;
      if (settle_ && (i + 1) % kToldAtOnce == 0) settle_();
    }
    if (woken) {
      uint64_t times = 0;
      [[maybe_unused]] const ssize_t read = ::read(wake_, &times, sizeof times);
      {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
      }
      run_posted();
    }
    if (!looking_) {
      next_look = now_ + period_;
    } else if (now_ >= next_look) {
      next_look = now_ + period_;
      look_();
    }
    if (settle_) settle_();
  }
}

void EventLoop::wake() {
  const uint64_t once = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &once, sizeof once);
}

void EventLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake();
}

void EventLoop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  wake();
}

void EventLoop::drop_posted() {
  std::vector<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped.swap(posted_);
  }
}

}  // namespace tidemill::api
