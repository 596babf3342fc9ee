// How many bytes of request bodies all connections may hold together. A body's share grows with what has
// come, not with what its head claims, and is given back when its answer is made.
#pragma once

#include <atomic>
#include <cstddef>

namespace tidemill::api {

class BodyBudget {
 public:
  explicit BodyBudget(size_t max_bytes) : max_bytes_(max_bytes) {}
  size_t used() const { return used_.load(); }

  class Share {
   public:
    explicit Share(BodyBudget& budget) : budget_(budget) {}
    ~Share() { give_back(); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    /// False, and the share stays as it was, when the budget has not so much left.
    bool grow_to(size_t bytes) {
      if (bytes <= held_) return true;
      const size_t more = bytes - held_;
      if (budget_.used_.fetch_add(more) + more > budget_.max_bytes_) {
        budget_.used_ -= more;
        return false;
      }
      held_ = bytes;
      return true;
    }
    void give_back() {
      budget_.used_ -= held_;
      held_ = 0;
    }

   private:
    BodyBudget& budget_;
    size_t held_ = 0;
  };

 private:
  const size_t max_bytes_;
  std::atomic<size_t> used_{0};
};

}  // namespace tidemill::api
