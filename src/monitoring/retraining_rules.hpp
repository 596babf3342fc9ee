// The rules that decide() asks, each a question with a short answer: may a retraining begin, does a stage
// hold its limits.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitoring/retraining.hpp"

namespace tidemill::monitoring {

/// Requests first, in their order, then alerts, then labels.
std::optional<Trigger> trigger_of(const Policy& policy, const Retraining& state, const Facts& facts);
/// Why nothing may begin, whoever asks: bad data, a hold, a challenger; empty: something may.
std::string obstacle_of(const Facts& facts);
/// Why a retraining does not begin now; empty: it may. The text stays the same while the reason does.
std::string refusal_of(const Policy& policy, const Retraining& state, const Facts& facts,
                       const Trigger& trigger, Instant now);

struct StageVerdict {
  std::string breach;                // which limit is past, and by what; empty: none
  std::vector<std::string> missing;  // numbers that are not known
  bool enough = false;               // predictions
};
/// `needed` predictions, and never fewer than kMinStagePredictions before a limit is held against them.
StageVerdict judge_stage(const Policy& policy, const Facts::Challenger& seen, int64_t needed);

}  // namespace tidemill::monitoring
