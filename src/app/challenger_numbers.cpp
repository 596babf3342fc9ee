#include "app/challenger_numbers.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/metrics.hpp"

namespace tidemill::app {

namespace {

const serving::Tensor* scores_of(const serving::PredictionRecord& record) {
  if (record.response == nullptr) return nullptr;
  for (const serving::Tensor& tensor : record.response->outputs)
    if (tensor.name == "score" || tensor.name == "prediction") return &tensor;
  return nullptr;
}

bool same_stage(const registry::Rollout& a, const registry::Rollout& b) {
  return a.version == b.version && a.stage == b.stage && a.percent == b.percent && a.since == b.since;
}

}  // namespace

void ChallengerNumbers::predicted(const serving::PredictionRecord& record) {
  if (any_.load(std::memory_order_relaxed)) {
    std::shared_ptr<Scores> watched;
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = watched_.find(record.deployment); found != watched_.end())
        watched = found->second;
    }
    if (watched) count(*watched, record);
  }
  if (next_ != nullptr) next_->predicted(record);
}

void ChallengerNumbers::count(Scores& scores, const serving::PredictionRecord& record) {
  const bool challenges = record.version == scores.stage.version;
  if (!challenges && record.role != scores.stage.alias) return;
  const serving::Tensor* const values = scores_of(record);
  const std::lock_guard lock(scores.mutex);
  if (record.package.task == forest::Task::Multiclass) scores.not_numbers = true;
  if (values == nullptr || scores.not_numbers) return;
  if (scores.bins.edges.empty()) {
    // An imported version has no baseline; the other's bins do as well.
    const auto baseline = record.package.baseline.find("score");
    const auto read = baseline == record.package.baseline.end() ? Result<statistics::Baseline>()
                                                                : statistics::read_baseline(*baseline);
    if (!read || read->numbers.edges.empty()) return;
    scores.bins = read->numbers;
  }
  statistics::NewestScores& newest = challenges ? scores.challenger : scores.champion;
  for (const double value : values->numbers) newest.add(value);
}

monitoring::Facts::Challenger ChallengerNumbers::of(const std::string& deployment,
                                                    const registry::Rollout* rollout) {
  std::shared_ptr<Scores> watched;
  {
    const std::unique_lock lock(mutex_);
    const auto found = watched_.find(deployment);
    if (rollout == nullptr) {
      if (found != watched_.end()) watched_.erase(found);
      any_ = !watched_.empty();
      return {};
    }
    if (found != watched_.end() && same_stage(found->second->stage, *rollout)) {
      watched = found->second;
    } else {
      watched = std::make_shared<Scores>();
      watched->stage = *rollout;
      watched->before = inference_->answers(deployment, rollout->version, to_text(rollout->stage));
      watched_[deployment] = watched;
      any_ = true;
    }
  }
  return numbers_of(deployment, *watched);
}

monitoring::Facts::Challenger ChallengerNumbers::numbers_of(const std::string& deployment,
                                                            Scores& scores) const {
  monitoring::Facts::Challenger numbers;
  const registry::Rollout& stage = scores.stage;
  const auto answers = inference_->answers(deployment, stage.version, to_text(stage.stage)) - scores.before;
  // A shadow is sent only what the champion could answer; of a canary, a caller's mistake is the caller's.
  const bool shadow = stage.stage == registry::Rollout::Stage::Shadow;
  const uint64_t predictions = answers.requests - (shadow ? 0 : std::min(answers.requests, answers.refused));
  numbers.predictions = static_cast<int64_t>(predictions);
  if (predictions == 0) return numbers;
  const uint64_t failed = answers.failed + (shadow ? answers.refused : 0);
  numbers.errors = static_cast<double>(failed) / static_cast<double>(predictions);
  if (const auto p99 = answers.quantile_seconds(0.99))
    numbers.p99 = Duration{static_cast<int64_t>(*p99 * 1e6)};
  std::vector<double> champion, challenger;
  statistics::NumberBins bins;
  {
    const std::lock_guard lock(scores.mutex);
    champion = scores.champion.values();
    challenger = scores.challenger.values();
    bins = scores.bins;
  }
  if (static_cast<int64_t>(std::min(champion.size(), challenger.size())) >= monitoring::kMinStagePredictions)
    numbers.score_drift = statistics::score_drift(bins, champion, challenger);
  return numbers;
}

std::string ChallengerNumbers::metrics() const {
  const std::shared_lock lock(mutex_);
  if (watched_.empty()) return {};
  std::string out;
  std::map<std::string, monitoring::Facts::Challenger> numbers;
  for (const auto& [deployment, scores] : watched_) numbers[deployment] = numbers_of(deployment, *scores);
  const auto family = [&](std::string_view name, std::string_view help, auto value) {
    api::append_family(out, name, "gauge", help);
    for (const auto& [deployment, scores] : watched_)
      if (const std::optional<double> number = value(numbers[deployment]))
        out += fmt::format("{}{{model=\"{}\",version=\"{}\"}} {}\n", name, api::label_value(deployment),
                           scores->stage.version, api::number_text(*number));
  };
  using Numbers = monitoring::Facts::Challenger;
  using Number = std::optional<double>;
  family("tidemill_challenger_predictions", "Requests that the challenger answered in its stage.",
         [](const Numbers& one) { return Number(static_cast<double>(one.predictions.value_or(0))); });
  family("tidemill_challenger_error_ratio", "The share of them that failed.",
         [](const Numbers& one) { return Number(one.errors); });
  family("tidemill_challenger_p99_seconds", "The 99th percentile of their latency.",
         [](const Numbers& one) { return one.p99 ? Number(one.p99->seconds()) : Number(); });
  family("tidemill_challenger_score_psi",
         "The PSI of its scores against the champion's in the same time, without what only steps make.",
         [](const Numbers& one) { return Number(one.score_drift); });
  return out;
}

}  // namespace tidemill::app
