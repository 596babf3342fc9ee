// Rows of several requests made into features together: whoever asks while others are being answered waits,
// and the next to be free takes along all that wait. Alone, a request waits for nobody. What one execution of
// the SQL costs, whatever the number of rows, is shared.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "serving/row_features.hpp"

namespace tidemill::serving {

class JoinedRows final : public RowFeatures {
 public:
  struct Limits {
    size_t at_once = 1;  // executions at a time
    size_t rows = 64;    // of one execution; a single request may have more
  };
  /// Each row's features must depend on no other row (what replay() has tried).
  JoinedRows(std::shared_ptr<const RowFeatures> features, Limits limits);
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
  std::vector<Waiting*> take() const;
  void answer(const std::vector<Waiting*>& together) const;

  const std::shared_ptr<const RowFeatures> features_;
  const Limits limits_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::deque<Waiting*> waiting_;
  mutable size_t running_ = 0;
};

}  // namespace tidemill::serving
