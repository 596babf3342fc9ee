#include "monitoring/retraining_rules.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tidemill::monitoring {

std::optional<Trigger> trigger_of(const Policy& policy, const Retraining& state, const Facts& facts) {
  for (const Trigger& request : facts.requests)
    if (request.id > state.handled) return request;
  if (!facts.standing.empty()) return facts.standing.front();
  if (policy.every_labels && facts.new_labels >= *policy.every_labels)
    return Trigger{Trigger::Kind::Labels,
                   fmt::format("{} labels are new since it was trained last", facts.new_labels)};
  return std::nullopt;
}

std::string obstacle_of(const Facts& facts) {
  if (!facts.failed_checks.empty())
    return fmt::format("checks on the data fail: {}", fmt::join(facts.failed_checks, ", "));
  if (!facts.bad_data.empty())
    return fmt::format("live data are not as they should be: {}", fmt::join(facts.bad_data, ", "));
  if (facts.hold) return fmt::format("promotion is on hold: {}", *facts.hold);
  if (facts.rollout)
    return fmt::format("version {} challenges in deployment {} already", facts.rollout->version,
                       facts.rollout->deployment);
  return {};
}

std::string refusal_of(const Policy& policy, const Retraining& state, const Facts& facts,
                       const Trigger& trigger, Instant now) {
  if (std::string obstacle = obstacle_of(facts); !obstacle.empty()) return obstacle;
  if (trigger.kind == Trigger::Kind::Person) return {};
  if (state.rejections >= policy.stop_after)
    return fmt::format(
        "{} retrainings in a row were rejected, so no more begin by themselves until a person begins one",
        state.rejections);
  if (trigger.kind == Trigger::Kind::Schedule) return {};
  if (state.ended && now.micros - state.ended->micros < policy.cooldown.micros)
    return fmt::format("the last one ended less than {} ago, at {}", to_text(policy.cooldown),
                       to_text(*state.ended));
  if (facts.new_labels < policy.min_new_labels)
    return fmt::format("there are fewer than {} new labels to learn from", policy.min_new_labels);
  if (state.starts.size() >= static_cast<size_t>(std::max(policy.max_per_week, 0)))
    return fmt::format("{} began within a week, which is the most", policy.max_per_week);
  return {};
}

StageVerdict judge_stage(const Policy& policy, const Facts::Challenger& seen, int64_t needed) {
  StageVerdict verdict;
  if (!seen.predictions) {
    verdict.missing.emplace_back("its number of predictions");
    return verdict;
  }
  verdict.enough = *seen.predictions >= std::max(needed, kMinStagePredictions);
  if (*seen.predictions < kMinStagePredictions) return verdict;
  const auto past = [&](std::string text) {
    if (verdict.breach.empty()) verdict.breach = std::move(text);
  };
  if (policy.max_errors && !seen.errors)
    verdict.missing.emplace_back("its share of errors");
  else if (policy.max_errors && !(*seen.errors <= *policy.max_errors))
    past(fmt::format("{:.3g} % of its predictions fail, limit {:.3g} %", 100 * *seen.errors,
                     100 * *policy.max_errors));
  if (policy.max_p99 && !seen.p99)
    verdict.missing.emplace_back("its latency");
  else if (policy.max_p99 && *seen.p99 > *policy.max_p99)
    past(fmt::format("its p99 is {}, limit {}", to_text(*seen.p99), to_text(*policy.max_p99)));
  if (policy.max_score_drift && !seen.score_drift)
    verdict.missing.emplace_back("the drift of its scores");
  else if (policy.max_score_drift && !(*seen.score_drift <= *policy.max_score_drift))
    past(fmt::format("its scores are a PSI of {:.3g} from the champion's, limit {:.3g}", *seen.score_drift,
                     *policy.max_score_drift));
  return verdict;
}

}  // namespace tidemill::monitoring
