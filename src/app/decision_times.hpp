// When what is so of retrainings is gathered and decided anew: that reads much of the registry, so that it is
// not done at each look of the scheduler, several times a second.
#pragma once

#include <functional>
#include <optional>

#include "app/retrainer.hpp"

namespace tidemill::app {

class DecisionTimes {
 public:
  /// Every minute, whenever something of the registry moved (a request to retrain does), and when the last
  /// decision asked for it: soon, or once a run may begin, which `may_begin` is asked for then alone.
  bool is_time(Instant now, const Result<int64_t>& generation, Retrainer::Again again,
               const std::function<bool()>& may_begin);
  /// The next look decides.
  void decide_now() { decided_at_.reset(); }

 private:
  std::optional<Instant> decided_at_;
  int64_t generation_ = -1;
};

}  // namespace tidemill::app
