// Rows of several requests made into features together: whoever asks while others are being answered waits,
// and the next to be free takes along all that wait. Alone, a request waits for nobody. What one execution of
// the SQL costs, whatever the number of rows, is shared.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "serving/compute_slots.hpp"
#include "serving/row_features.hpp"

namespace tidemill::serving {

class JoinedRows final : public RowFeatures {
 public:
  static constexpr size_t kMostRows = 64;
  /// Each row's features must depend on no other row (what replay() has tried). Who has one of
  /// the slots leaves it while it waits, and takes one to execute. most_rows: of one execution; a single
  /// request may have more.
  JoinedRows(std::shared_ptr<const RowFeatures> features, std::shared_ptr<ComputeSlots> slots,
             size_t most_rows = kMostRows);
  const RequestSchema& schema() const override { return features_->schema(); }
  /// As those of a request alone: where rows that were joined cannot be answered together, each request is
  /// answered by itself, so that nobody gets another's error.
  Result<std::vector<Tensor>> features(RequestRows rows) const override;
  /// Requests that nobody makes yet.
  size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  struct Waiting {
    RequestRows rows;
    std::optional<Result<std::vector<Tensor>>> answer =
        {};  // from `taken` until `done`, of who took it alone
    bool taken = false, done = false;
  };
  /// Makes answers until its own is done. with_slot: each execution takes one.
  void wait_for(Waiting& own, bool with_slot) const;
  std::vector<Waiting*> take() const;
  void answer(const std::vector<Waiting*>& together) const;

  const std::shared_ptr<const RowFeatures> features_;
  const std::shared_ptr<ComputeSlots> slots_;
  const size_t most_rows_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::deque<Waiting*> waiting_;
  mutable size_t running_ = 0;  // executions, and those that wait for a slot
};

}  // namespace tidemill::serving
