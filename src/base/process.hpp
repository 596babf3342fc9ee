// Child processes in groups of their own, with output to files and a time limit that ends the whole group;
// and how far threads and processes stand back behind others.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace tidemill {

struct ChildOptions {
  std::vector<std::string> command;                // command[0] is looked up in PATH
  std::map<std::string, std::string> environment;  // added to ours
  Path folder;                                     // working folder; empty: ours
  Path output_path;                                // stdout and stderr are appended here; empty: inherited
  std::function<void(std::string_view)>
      on_output;                       // or are handed over in pieces as they come, on our thread
  std::optional<Duration> time_limit;  // then SIGTERM to the group, SIGKILL after grace
  Duration grace{5'000'000};
  const std::atomic<bool>* stop = nullptr;  // set by another thread: ends the group
  std::function<void(int pid, int64_t start_ticks)> on_started;
};

struct ChildExit {
  int code = 0;  // exit status, or 128 + signal
  bool timed_out = false;
  bool stopped = false;
};

/// Runs a command to its end. Error: usage.command when it cannot be started.
Result<ChildExit> run_child(const ChildOptions& options);

/// Kills the groups of all children that are running, for a program that ends at once. Async-signal-safe.
void kill_children();

/// Start time of a process in clock ticks since boot (/proc/PID/stat, field 22), to tell a pid from its
/// reuse; empty when it is gone.
std::optional<int64_t> process_start_ticks(int pid);
/// Ends every process of the group if its leader is still the one that started at start_ticks, or the leader
/// is gone but members remain.
void end_process_group(int pid, int64_t start_ticks);

/// The nice value of what is done beside serving.
inline constexpr int kLowPriority = 10;
/// Of the calling thread. Where it is refused the thread is like any other.
void lower_thread_priority(int nice = kLowPriority);

}  // namespace tidemill
