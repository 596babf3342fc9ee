// What a run shows while it goes on: a live line per running step on a terminal, a line when a step ends
// anywhere else.
#pragma once

#include <chrono>
#include <map>
#include <mutex>

#include "app/session.hpp"
#include "pipeline/run.hpp"

namespace tidemill::app {

class Progress {
 public:
  explicit Progress(const GlobalOptions& global);
  ~Progress();
  void show(const pipeline::RunEvent& event);

 private:
  struct Running {
    std::chrono::steady_clock::time_point since;
    std::optional<double> share;
    std::string message;
  };
  void ended(const pipeline::RunEvent& event);
  void draw();   // the live lines, below everything printed
  void erase();  // them again

  const GlobalOptions& global_;
  bool live_;
  size_t drawn_ = 0;
  std::chrono::steady_clock::time_point last_draw_{};
  std::map<std::string, Running> running_;
  std::mutex mutex_;
};

}  // namespace tidemill::app
