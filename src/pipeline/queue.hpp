// Which step of a run may begin next. Pure: knows states and slots, not threads. A step is ready when all
// that it needs has settled; it is blocked when a table it needs is not there. Ready steps begin in the
// plan's order, so that a large one is not passed by for ever. Exports act on the world outside: they are
// held until all else has settled and what they send out is live.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/plan.hpp"

namespace tidemill::pipeline {

class StepQueue {
 public:
  /// Steps of the plan that this run has to settle; `slots` how many may run side by side.
  StepQueue(const Plan& plan, int slots);

  struct Next {
    size_t step = 0;         // index into the plan
    std::string blocked_by;  // not empty: what it needs failed; it is settled already
  };
  /// The next step to begin, if one is ready and fits. A blocked one takes no slot.
  std::optional<Next> take();
  /// A step that was taken (and not blocked) has ended. succeeded: what needs it can go on.
  void settle(size_t step, bool succeeded);
  /// Nothing but exports is left, and they wait for let_exports_go().
  bool holds_exports() const { return !held_.empty() && open_ == held_.size(); }
  void let_exports_go();
  bool all_settled() const { return open_ == 0; }
  /// Steps that were never taken, for a run that is cut short.
  std::vector<size_t> not_begun() const;

 private:
  int cost_of(size_t step) const;
  void finish(size_t step, bool succeeded);
  void make_ready(size_t step);

  const Plan& plan_;
  int slots_;
  int used_ = 0;
  size_t open_ = 0;
  std::vector<size_t> waiting_;  // how many of its needs are open
  std::vector<std::vector<size_t>> readers_;
  std::set<size_t> ready_;
  std::set<size_t> held_;  // exports that would be ready
  bool holding_ = true;
  std::map<size_t, std::string> blocked_by_;
  std::vector<bool> begun_;
};

}  // namespace tidemill::pipeline
