// A bounded queue of records as bytes: producers take turns, one consumer, and neither waits for the other.
// A record lies in one piece: where it does not fit before the end, the end is skipped.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <string_view>

namespace tidemill::monitoring {

class Ring {
 public:
  /// capacity: a power of two, and more than twice what the largest record takes. Its pages are touched as
  /// they are used.
  explicit Ring(size_t capacity)
      : capacity_(capacity), bytes_(std::make_unique_for_overwrite<char[]>(capacity)) {}

  /// write(char*) fills `bytes` of them. False: no room, and write was not called. end: where the record
  /// ends, for consumed().
  template <class Write>
  bool push(size_t bytes, const Write& write, uint64_t& end) {
    const size_t taken = rounded(kLengthBytes + bytes);
    const std::lock_guard lock(producers_);  // of one core: seldom does another one hold it
    uint64_t head = head_.load(std::memory_order_relaxed);
    const size_t left = capacity_ - head % capacity_;
    const size_t skipped = left < taken ? left : 0;
    if (head + skipped + taken - tail_.load(std::memory_order_acquire) > capacity_) return false;
    if (skipped > 0) set_length(head, kSkip);
    head += skipped;
    set_length(head, bytes);
    write(bytes_.get() + head % capacity_ + kLengthBytes);
    end = head + taken;
    head_.store(end, std::memory_order_release);
    return true;
  }

  /// Hands over what there is, one record after the other, until take(std::string_view) says false: that one
  /// stays, as do those behind it.
  template <class Take>
  void drain(const Take& take) {
    const uint64_t head = head_.load(std::memory_order_acquire);
    uint64_t tail = tail_.load(std::memory_order_relaxed);
    while (tail != head) {
      uint64_t length;
      std::memcpy(&length, bytes_.get() + tail % capacity_, sizeof length);
      if (length == kSkip) {
        tail += capacity_ - tail % capacity_;
        continue;
      }
      if (!take(std::string_view(bytes_.get() + tail % capacity_ + kLengthBytes, length))) break;
      tail += rounded(kLengthBytes + length);
    }
    tail_.store(tail, std::memory_order_release);
  }

  /// Where the consumer is: records that end there or before were handed over.
  uint64_t consumed() const { return tail_.load(std::memory_order_acquire); }
  size_t used() const {
    return head_.load(std::memory_order_acquire) - tail_.load(std::memory_order_acquire);
  }
  size_t capacity() const { return capacity_; }

 private:
  static constexpr size_t kLengthBytes = sizeof(uint64_t);
  static constexpr uint64_t kSkip = std::numeric_limits<uint64_t>::max();
  static size_t rounded(size_t bytes) { return (bytes + kLengthBytes - 1) / kLengthBytes * kLengthBytes; }
  void set_length(uint64_t at, uint64_t length) {
    std::memcpy(bytes_.get() + at % capacity_, &length, sizeof length);
  }

  const size_t capacity_;
  const std::unique_ptr<char[]> bytes_;
  std::mutex producers_;
  alignas(64) std::atomic<uint64_t> head_{0};  // counted from the beginning; the place is its remainder
  alignas(64) std::atomic<uint64_t> tail_{0};
};

}  // namespace tidemill::monitoring
