#include "serving/background.hpp"

#include <bit>

#include "base/process.hpp"

namespace tidemill::serving {

struct Background::Cell {
  std::atomic<size_t> turn{0};
  Work work;
  size_t bytes = 0;
};

Background::Background(Options options)
    : options_(options),
      cells_(std::bit_ceil(options.max_queued + 1)),  // one more: that of the work just being taken
      ring_(std::make_unique<Cell[]>(cells_)) {
  for (size_t i = 0; i < cells_; ++i) ring_[i].turn.store(i, std::memory_order_relaxed);
  thread_ = std::thread([this] { run(); });
}

Background::~Background() {
  stopped_.store(true);
  ++rings_;
  rings_.notify_one();
  thread_.join();
}

bool Background::take_room(size_t bytes) {
  if (stopped_.load(std::memory_order_relaxed)) return false;
  if (queued_.fetch_add(1) < options_.max_queued) {
    if (bytes_.fetch_add(bytes) + bytes <= options_.max_bytes) return true;
    bytes_.fetch_sub(bytes);
  }
  queued_.fetch_sub(1);
  return false;
}

void Background::put(Work work, size_t bytes) {
  const size_t place = puts_.fetch_add(1, std::memory_order_relaxed);
  Cell& cell = ring_[place % cells_];
  while (cell.turn.load(std::memory_order_acquire) != place) {  // it is: only this thread may not see it yet
  }
  cell.work = std::move(work);
  cell.bytes = bytes;
  cell.turn.store(place + 1, std::memory_order_release);
  rings_.fetch_add(1);
  rings_.notify_one();
}

bool Background::take(Work& work, size_t& bytes) {
  Cell& cell = ring_[takes_ % cells_];
  if (cell.turn.load(std::memory_order_acquire) != takes_ + 1) return false;
  work = std::move(cell.work);
  cell.work = nullptr;
  bytes = cell.bytes;
  cell.turn.store(takes_ + cells_, std::memory_order_release);
  ++takes_;
  return true;
}

void Background::run() {
  constexpr int kLowest = 19;
  lower_thread_priority(kLowest);
  while (!stopped_.load()) {
    const uint32_t seen = rings_.load();
    Work work;
    size_t bytes = 0;
    if (!take(work, bytes)) {
      if (!stopped_.load()) rings_.wait(seen);
      continue;
    }
    work();
    work = nullptr;  // before there is room again
    bytes_.fetch_sub(bytes);
    queued_.fetch_sub(1);
  }
}

}  // namespace tidemill::serving
