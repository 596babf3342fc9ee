#include "serving/compute_slots.hpp"

#include <algorithm>
#include <thread>

namespace tidemill::serving {

namespace {

// Whose slot this thread has.
thread_local const ComputeSlots* slot_of = nullptr;

}  // namespace

ComputeSlots::ComputeSlots() : ComputeSlots(std::max(1U, std::thread::hardware_concurrency())) {}

size_t ComputeSlots::waiting() const {
  const std::lock_guard lock(mutex_);
  return asked_ > served_ ? asked_ - served_ : 0;
}

void ComputeSlots::take() {
  std::unique_lock lock(mutex_);
  const uint64_t own = asked_++;
  changed_.wait(lock, [&] { return own < served_; });
  slot_of = this;
}

void ComputeSlots::give() {
  {
    const std::lock_guard lock(mutex_);
    ++served_;
  }
  slot_of = nullptr;
  changed_.notify_all();
}

ComputeSlots::Turn::Turn(ComputeSlots& slots) : slots_(slots) { slots_.take(); }
ComputeSlots::Turn::~Turn() { slots_.give(); }

ComputeSlots::Pause::Pause(ComputeSlots& slots) : slots_(slots), had_one_(slot_of == &slots) {
  if (had_one_) slots_.give();
}
ComputeSlots::Pause::~Pause() {
  if (had_one_) slots_.take();
}

}  // namespace tidemill::serving
