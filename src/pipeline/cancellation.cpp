#include "pipeline/cancellation.hpp"

#include <fmt/format.h>

namespace tidemill::pipeline {

void Cancellation::cancel(Reason reason) {
  Reason none = Reason::None;
  if (!reason_.compare_exchange_strong(none, reason)) return;
  {
    const std::lock_guard lock(mutex_);
    flag_ = true;
  }
  changed_.notify_all();
  interrupt();
}

Result<void> Cancellation::check(std::optional<Duration> limit) const {
  switch (reason()) {
    case Reason::None:
      return {};
    case Reason::Stopped:
      return environment_error("interrupted", "interrupted");
    case Reason::StepTimeout:
      return environment_error(
          "timeout.step",
          limit ? fmt::format("the step took longer than {}", to_text(*limit)) : "the step took too long",
          "raise its `timeout`, or look where the time goes: tidemill runs show ID --log STEP");
    case Reason::RunTimeout:
      return environment_error("timeout.run", "the run took longer than its time limit",
                               "what was done is kept: run again to do the rest");
  }
  return {};
}

Error Cancellation::explain(Error error, std::optional<Duration> limit) const {
  if (auto cancelled = check(limit); !cancelled) return std::move(cancelled).error();
  return error;
}

void Cancellation::interrupt() {
  const std::lock_guard lock(mutex_);
  for (engine::Connection* connection : watched_) connection->interrupt();
}

std::optional<double> Cancellation::progress() const {
  const std::lock_guard lock(mutex_);
  if (share_) return share_;
  for (const engine::Connection* connection : watched_)
    if (const auto share = connection->progress()) return share;
  return std::nullopt;
}

void Cancellation::note_share(double share, std::string what) {
  const std::lock_guard lock(mutex_);
  share_ = share;
  note_ = std::move(what);
}

std::string Cancellation::note() const {
  const std::lock_guard lock(mutex_);
  return note_;
}

bool Cancellation::wait_for(std::chrono::microseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return flag_.load(); });
}

Watched::Watched(std::shared_ptr<engine::Database> database, engine::Connection connection,
                 Cancellation& cancellation, GiveBack give_back)
    : database_(std::move(database)),
      connection_(std::move(connection)),
      cancellation_(cancellation),
      give_back_(std::move(give_back)) {
  const std::lock_guard lock(cancellation_.mutex_);
  cancellation_.watched_.insert(&connection_);
}

Watched::~Watched() {
  {
    const std::lock_guard lock(cancellation_.mutex_);
    cancellation_.watched_.erase(&connection_);
  }
  if (give_back_ && !cancellation_.flag()) give_back_(std::move(database_), std::move(connection_));
}

}  // namespace tidemill::pipeline
