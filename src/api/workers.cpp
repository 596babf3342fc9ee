#include "api/workers.hpp"

#include <utility>

namespace tidemill::api {

size_t thread_count(int wanted) {
  return wanted > 0 ? static_cast<size_t>(wanted) : std::max(1U, std::thread::hardware_concurrency());
}

Workers::Workers(Options options)
    : max_queued_(options.max_queued),
      slots_(options.slots ? std::move(options.slots)
                           : std::make_shared<serving::ComputeSlots>(options.threads)) {
  for (size_t i = 0; i < options.threads; ++i) threads_.emplace_back([this] { run(); });
}

bool Workers::submit(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || queue_.size() >= max_queued_) return false;
    queue_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

void Workers::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
    if (stopped_) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    {
      const serving::ComputeSlots::Turn turn(*slots_);
      work();
    }
    work = nullptr;  // what it holds goes before the next wait, not after it
    lock.lock();
  }
}

void Workers::stop() {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

}  // namespace tidemill::api
