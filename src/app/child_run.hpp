// `tidemill run` as a child process: in a group of its own, at low priority, the first to go when memory runs
// out. So neither training nor a bug in it can stall or kill who predicts.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/session.hpp"

namespace tidemill::app {

class ChildRun {
 public:
  struct End {
    int code = 0;          // of its exit, or 128 + signal
    bool stopped = false;  // because it was asked to end
    std::string output;    // the end of what it printed
    /// The last line of it that says something; never empty.
    std::string last_line() const;
  };
  /// The same program with the same project and home; `arguments` behind "run".
  ChildRun(const GlobalOptions& global, const std::vector<std::string>& arguments);
  /// Asks it to end, as Ctrl-C does, and waits; a run that does not end in time is killed.
  ~ChildRun();
  ChildRun(const ChildRun&) = delete;
  void stop() { stop_ = true; }
  bool is_over() const { return over_.load(); }
  /// Once it is over.
  const End& end() const { return end_; }

 private:
  std::atomic<bool> stop_{false}, over_{false};
  End end_;
  std::thread thread_;  // last: it uses all else
};

}  // namespace tidemill::app
