#include "app/decision_times.hpp"

namespace tidemill::app {

namespace {

constexpr Duration kDecideEvery{60'000'000};

}  // namespace

bool DecisionTimes::is_time(Instant now, const Result<int64_t>& generation, Retrainer::Again again,
                            const std::function<bool()>& may_begin) {
  const bool moved = generation && *generation != generation_;
  if (generation) generation_ = *generation;
  const bool due =
      !decided_at_ || now < *decided_at_ || now.micros - decided_at_->micros >= kDecideEvery.micros;
  const bool asked =
      again == Retrainer::Again::Soon || (again == Retrainer::Again::WhenARunMayBegin && may_begin());
  if (!moved && !due && !asked) return false;
  decided_at_ = now;
  return true;
}

}  // namespace tidemill::app
