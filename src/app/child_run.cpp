#include "app/child_run.hpp"

#include <sys/resource.h>

#include <fmt/format.h>

#include "base/process.hpp"

namespace tidemill::app {

namespace {

constexpr std::string_view kFirstToGo = "500\n";  // of 1000, in /proc/PID/oom_score_adj
constexpr size_t kKeptOutput = size_t{16} << 10;
constexpr Duration kGrace{30'000'000};
// The budget bounds what SQL and training plan with; beside it are threads, libraries and what they hold
// for a moment.
constexpr int64_t kMemoryPerBudget = 2, kMemoryBeside = int64_t{1} << 30;

// Sanitizers reserve more than there is.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsMemory = false;
#else
constexpr bool kLimitsMemory = true;
#endif

std::string this_program() {
  std::error_code error;
  const Path path = std::filesystem::read_symlink("/proc/self/exe", error);
  // Replaced by another version meanwhile: the one that runs is still there under this name.
  return error || !std::filesystem::exists(path, error) ? "/proc/self/exe" : path.native();
}

std::vector<std::string> command_of(const GlobalOptions& global, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{this_program(), "run", "--quiet", "--no-color"};
  const auto add = [&](const char* option, const std::string& value) {
    command.insert(command.end(), {option, value});
  };
  if (!global.project.empty()) add("--project", global.project.native());
  if (!global.environment.empty()) add("--env", global.environment);
  if (global.home) add("--home", global.home->native());
  for (const auto& [name, value] : global.parameters) add("--param", fmt::format("{}={}", name, value));
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

void stand_back(int pid, const std::optional<int64_t>& budget) {
  const auto group = static_cast<id_t>(pid);
  ::setpriority(PRIO_PGRP, group, kLowPriority);
  if (std::FILE* file = std::fopen(fmt::format("/proc/{}/oom_score_adj", pid).c_str(), "w")) {
    std::fwrite(kFirstToGo.data(), 1, kFirstToGo.size(), file);
    std::fclose(file);
  }
  if (!kLimitsMemory || !budget) return;
  const auto most = static_cast<rlim_t>(*budget * kMemoryPerBudget + kMemoryBeside);
  const rlimit limit{most, most};
  ::prlimit(pid, RLIMIT_DATA, &limit, nullptr);
}

}  // namespace

std::string ChildRun::End::last_line() const {
  std::string_view rest = output;
  while (!rest.empty()) {
    while (!rest.empty() && (rest.back() == '\n' || rest.back() == ' ')) rest.remove_suffix(1);
    const size_t begin = rest.rfind('\n') == std::string_view::npos ? 0 : rest.rfind('\n') + 1;
    const std::string_view line = rest.substr(begin);
    // An error is its first line; what is set in below it says where, and what to do.
    if (!line.empty() && line[0] != ' ') return std::string(line);
    rest = rest.substr(0, begin);
  }
  return fmt::format("exit code {}", code);
}

ChildRun::ChildRun(const GlobalOptions& global, const std::vector<std::string>& arguments) {
  thread_ = std::thread([this, command = command_of(global, arguments), budget = global.memory_bytes] {
    ChildOptions options;
    options.command = command;
    options.grace = kGrace;
    options.stop = &stop_;
    options.on_started = [&](int pid, int64_t) { stand_back(pid, budget); };
    options.on_output = [this](std::string_view piece) {
      end_.output += piece;
      if (end_.output.size() > kKeptOutput) end_.output.erase(0, end_.output.size() - kKeptOutput);
    };
    const auto exit = run_child(options);
    if (exit) {
      end_.code = exit->code;
      end_.stopped = exit->stopped;
    } else {
      end_.code = exit_code(exit.error());
      end_.output = to_text(exit.error());
    }
    over_ = true;
  });
}

ChildRun::~ChildRun() {
  stop();
  thread_.join();
}

}  // namespace tidemill::app
