// The prediction logs of the deployments that have `log`: what is served flows in, files of rows come out,
// and what happened to them is told to /metrics.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "app/driven_clock.hpp"
#include "monitoring/label_text.hpp"
#include "monitoring/left_logs.hpp"
#include "monitoring/prediction_log.hpp"
#include "monitoring/roll.hpp"
#include "serving/prediction_record.hpp"

namespace tidemill::app {

/// What the log has to know of a version.
enum class Keys { Stored, None };
monitoring::PredictionLog::Version logged_version(const std::string& model, int number,
                                                  const forest::Package& package, Keys keys);

class PredictionLogs final : public serving::PredictionSink {
 public:
  /// No deployment with a log: it takes nothing. roll_every: rows are in the log's table after at most so
  /// long. only: of that deployment; empty: of all, and what is left of others ends in its time. Of all, a
  /// log that cannot be written now is opened later, at a roll, and what is predicted until then is left out
  /// and counted. The project must live as long. Errors: those of PredictionLog::open().
  static Result<std::unique_ptr<PredictionLogs>> open(const project::Project& project, Duration roll_every,
                                                      const std::string& only = {});
  /// Writes what there is and rolls it; of all deployments, segments for five seconds: what is left then is
  /// for the next one who rolls. Nobody may predict any more.
  ~PredictionLogs() override;
  bool empty() const { return logs_.empty(); }
  void predicted(const serving::PredictionRecord& record) override;
  bool listens() const override { return !empty(); }
  /// In Prometheus' text format; empty without logs.
  std::string metrics() const;

 private:
  struct Logged {
    std::atomic<bool> is_open{false};  // then log, roller and keys stay as they are
    std::atomic<uint64_t> rows_before{0}, failed_openings{0};
    std::unique_ptr<monitoring::PredictionLog> log;
    std::unique_ptr<monitoring::Roller> roller;
    monitoring::KeyRules keys;
    uint64_t torn_bytes = 0, roll_failures = 0;  // under rolled_
    bool roll_fails = false;                     // of the rolling thread
  };
  using GoesOn = std::function<bool()>;
  PredictionLogs(const project::Project& project, Duration roll_every, monitoring::LeftLogs left, bool of_all)
      : project_(project),
        roll_every_(std::max(roll_every, kShortestRollInterval)),
        left_(std::move(left)),
        of_all_(of_all) {}
  static constexpr Duration kShortestRollInterval{100'000};
  Result<void> open(const project::Deployment& deployment, Logged& logged) const;
  void open_again(const std::string& name, Logged& logged) const;
  static monitoring::PredictionLog::Counts counts_of(const Logged& logged);
  void roll_until(const std::stop_token& stop);
  /// How many segments it left.
  size_t roll(Logged& logged, const GoesOn& goes_on);
  void roll_left();

  const project::Project& project_;
  const Duration roll_every_;
  const std::shared_ptr<const Clock> clock_ = clock_of_process();
  std::map<std::string, Logged, std::less<>> logs_;
  const monitoring::LeftLogs left_;
  const bool of_all_;
  std::string left_problem_;  // that was logged
  mutable std::mutex rolled_;
  std::jthread rolling_;
};

}  // namespace tidemill::app
