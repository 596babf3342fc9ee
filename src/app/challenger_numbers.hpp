// What the versions that challenge are measured at, from what this process serves: predictions, failures and
// latency from its metrics, the drift of scores from its predictions. Counted since a stage was first asked
// for.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "api/inference.hpp"
#include "monitoring/retraining.hpp"
#include "serving/prediction_record.hpp"
#include "statistics/score_drift.hpp"

namespace tidemill::app {

class ChallengerNumbers final : public serving::PredictionSink {
 public:
  /// `next` is told of every prediction as well; null: nobody.
  explicit ChallengerNumbers(serving::PredictionSink* next) : next_(next) {}
  /// Before anybody asks: where the metrics are. It must outlive this.
  void read_from(const api::Inference& inference) { inference_ = &inference; }
  void predicted(const serving::PredictionRecord& record) override;
  bool listens() const override {
    return any_.load(std::memory_order_relaxed) || (next_ != nullptr && next_->listens());
  }

  /// In Prometheus' text format; empty while nothing challenges.
  std::string metrics() const;
  /// Of the challenger since it was first asked for in this stage. Null: nothing challenges there any more.
  monitoring::Facts::Challenger of(const std::string& deployment, const registry::Rollout* rollout);

 private:
  /// The scores of both, and bins of one's test scores.
  struct Scores {
    registry::Rollout stage;
    api::InferenceSeries::Answers before;
    std::mutex mutex;
    statistics::NumberBins bins;  // no edges: none that has a baseline was seen yet
    statistics::NewestScores champion, challenger;
    bool not_numbers = false;  // classes have no one score
  };
  static void count(Scores& scores, const serving::PredictionRecord& record);
  monitoring::Facts::Challenger numbers_of(const std::string& deployment, Scores& scores) const;
  serving::PredictionSink* next_;
  const api::Inference* inference_ = nullptr;
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<Scores>, std::less<>> watched_;
  std::atomic<bool> any_{false};
};

}  // namespace tidemill::app
