// Ending a step that must not go on: its time is over, the run's is, or somebody pressed Ctrl-C. A step's
// connections are watched, so that the running statement can be interrupted from outside; between statements
// the step asks check().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "engine/database.hpp"

namespace tidemill::pipeline {

class Cancellation {
 public:
  enum class Reason { None, Stopped, StepTimeout, RunTimeout };

  /// The first reason counts.
  void cancel(Reason reason);
  Reason reason() const { return reason_.load(); }
  /// Set as soon as the step must end; for children and training.
  const std::atomic<bool>& flag() const { return flag_; }
  /// Error interrupted, timeout.step or timeout.run, once cancelled.
  Result<void> check(std::optional<Duration> limit = std::nullopt) const;
  /// The error to show for one that came out of a step: the reason, if the step was cancelled.
  Error explain(Error error, std::optional<Duration> limit) const;
  /// Interrupts the running statements again: one that began after cancel() is caught by the next call.
  void interrupt();
  /// Share done of the running statement.
  std::optional<double> progress() const;
  void note_share(double share, std::string what);
  std::string note() const;
  /// Sleeps; false when cancelled meanwhile.
  bool wait_for(std::chrono::microseconds time);

 private:
  friend class Watched;
  std::atomic<Reason> reason_{Reason::None};
  std::atomic<bool> flag_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<engine::Connection*> watched_;
  std::optional<double> share_;
  std::string note_;
};

/// A connection that its step's cancellation can interrupt, as long as this lives.
class Watched {
 public:
  using GiveBack = std::function<void(std::shared_ptr<engine::Database>, engine::Connection)>;
  /// give_back takes the connection at the end, unless the step was cancelled.
  Watched(std::shared_ptr<engine::Database> database, engine::Connection connection,
          Cancellation& cancellation, GiveBack give_back = {});
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  engine::Connection& operator*() { return connection_; }
  engine::Connection* operator->() { return &connection_; }

 private:
  std::shared_ptr<engine::Database>
      database_;  // outlives its connection, though another step may have given it up
  engine::Connection connection_;
  Cancellation& cancellation_;
  GiveBack give_back_;
};

}  // namespace tidemill::pipeline
