// How many threads compute at a time, whoever they are: each takes a slot, in the order in which they came.
// What a server's own threads do at once, in about a millisecond, takes none.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace tidemill::serving {

class ComputeSlots {
 public:
  explicit ComputeSlots(size_t slots) : size_(slots), served_(slots) {}
  /// One a core.
  ComputeSlots();
  ComputeSlots(const ComputeSlots&) = delete;
  ComputeSlots& operator=(const ComputeSlots&) = delete;
  size_t size() const { return size_; }
  /// Threads that have none yet.
  size_t waiting() const;

  /// A slot of this thread, which must have none; waits for it.
  class Turn {
   public:
    explicit Turn(ComputeSlots& slots);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    ComputeSlots& slots_;
  };
  /// Gives another the slot of this thread, if it has one, while it waits for something else.
  class Pause {
   public:
    explicit Pause(ComputeSlots& slots);
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;
    bool had_one() const { return had_one_; }

   private:
    ComputeSlots& slots_;
    const bool had_one_;
  };

 private:
  void take();
  void give();
  const size_t size_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t asked_ = 0;  // for a slot, since the start
  uint64_t served_;     // of them: the first so many have got one, or will when they ask
};

}  // namespace tidemill::serving
