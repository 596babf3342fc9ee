#include "base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include <fmt/format.h>

extern char** environ;

namespace tidemill {

namespace {

std::vector<std::string> environment_of(const ChildOptions& options) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    all[std::string(text.substr(0, equals))] = std::string(text.substr(equals + 1));
  }
  for (const auto& [name, value] : options.environment) all[name] = value;
  std::vector<std::string> out;
  for (const auto& [name, value] : all) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

constexpr auto kPoll = std::chrono::milliseconds(5);
constexpr size_t kPieceBytes = size_t{64} << 10;
constexpr int kMaxPiecesAfterEnd =
    64;  // what a pipe holds, and more; a process that left the group may write on

/// Groups of running children, where a signal's handler can find them.
constexpr size_t kMaxRunning = 256;
std::array<std::atomic<pid_t>, kMaxRunning> running_groups{};

/// A child that is noted as long as this lives; one beyond the last place is not.
class Running {
 public:
  explicit Running(pid_t pid) : pid_(pid) {
    for (place_ = 0; place_ < kMaxRunning; ++place_)
      if (pid_t none = 0; running_groups[place_].compare_exchange_strong(none, pid_)) return;
  }
  ~Running() {
    if (place_ < kMaxRunning) running_groups[place_] = 0;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  pid_t pid_;
  size_t place_ = 0;
};

/// Who started us may have had SIGCHLD ignored: the kernel would then reap our children, and how they ended
/// would be lost.
void be_told_of_children() {
  struct sigaction now{};
  if (::sigaction(SIGCHLD, nullptr, &now) != 0) return;
  if (now.sa_handler == SIG_IGN || (now.sa_flags & SA_NOCLDWAIT) != 0) ::signal(SIGCHLD, SIG_DFL);
}

/// What we ignore is ours to ignore: a child's pipeline ends by SIGPIPE, and it waits for its own children.
sigset_t signals_as_usual() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  sigaddset(&set, SIGCHLD);
  return set;
}

/// The reading end of a child's stdout and stderr.
class OutputPipe {
 public:
  OutputPipe() = default;
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;
  ~OutputPipe() {
    close_writing();
    if (ends_[0] >= 0) ::close(ends_[0]);
  }

  Result<void> open() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) return errno_error("open", "a pipe", errno);
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    piece_.resize(kPieceBytes);
    return {};
  }
  bool is_open() const { return ends_[0] >= 0; }
  int writing_end() const { return ends_[1]; }
  void close_writing() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  /// Waits for output at most so long; returns early when the child closed its end.
  bool wait_for_output(std::chrono::milliseconds longest) const {
    pollfd wanted{ends_[0], POLLIN, 0};
    return ::poll(&wanted, 1, static_cast<int>(longest.count())) > 0 && (wanted.revents & POLLIN) != 0;
  }
  /// One piece, if there is one.
  bool hand_over(const std::function<void(std::string_view)>& taker) {
    const ssize_t read = ::read(ends_[0], piece_.data(), piece_.size());
    if (read <= 0) return false;
    taker(std::string_view(piece_.data(), static_cast<size_t>(read)));
    return true;
  }

 private:
  int ends_[2] = {-1, -1};
  std::string piece_;
};

}  // namespace

std::optional<int64_t> process_start_ticks(int pid) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return std::nullopt;
  // The command name is in parentheses and may hold spaces: count fields after the last one. Field 3 follows
  // it.
  size_t at = stat->rfind(')');
  if (at == std::string::npos) return std::nullopt;
  ++at;
  for (int field = 3; field <= 22; ++field) {
    at = stat->find_first_not_of(' ', at);
    if (at == std::string::npos) return std::nullopt;
    const size_t end = stat->find(' ', at);
    if (field == 22) return std::stoll(stat->substr(at, end - at));
    at = end;
  }
  return std::nullopt;
}

void end_process_group(int pid, int64_t start_ticks) {
  if (pid <= 1) return;
  // A pid stays reserved while its group has members: a leader that started at another time means the group
  // is gone and the number reused.
  if (const auto ticks = process_start_ticks(pid); ticks && *ticks != start_ticks) return;
  ::kill(-pid, SIGKILL);
}

void kill_children() {
  for (const std::atomic<pid_t>& group : running_groups)
    if (const pid_t pid = group.load(); pid > 1) ::kill(-pid, SIGKILL);
}

Result<ChildExit> run_child(const ChildOptions& options) {
  if (options.command.empty()) return user_error("usage.command", "the command is empty");
  std::vector<std::string> arguments = options.command;
  std::vector<std::string> environment = environment_of(options);
  std::vector<char*> argv = pointers(arguments);
  std::vector<char*> envp = pointers(environment);

  OutputPipe pipe;
  if (options.on_output) TM_CHECK(pipe.open());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (pipe.is_open()) {
    posix_spawn_file_actions_adddup2(&actions, pipe.writing_end(), 1);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
  } else if (!options.output_path.empty()) {
    posix_spawn_file_actions_addopen(&actions, 1, options.output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
  }
  if (!options.folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, options.folder.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  const sigset_t usual = signals_as_usual();
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  be_told_of_children();
  pid_t pid = 0;
  const int status = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (status != 0)
    return user_error("usage.command",
                      fmt::format("cannot start '{}': {}", options.command[0], std::strerror(status)), {},
                      "is it installed, in PATH and executable?");
  const Running running(pid);
  pipe.close_writing();
  const int64_t start = process_start_ticks(pid).value_or(0);
  if (options.on_started) options.on_started(pid, start);

  ChildExit exit;
  const auto begun = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::time_point> asked_to_end;
  for (;;) {
    int wait_status = 0;
    const pid_t done = ::waitpid(pid, &wait_status, WNOHANG);
    if (done == pid) {
      exit.code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
      ::kill(-pid, SIGKILL);  // what the head left behind
      for (int pieces = 0;
           pipe.is_open() && pieces < kMaxPiecesAfterEnd && pipe.hand_over(options.on_output);)
        ++pieces;
      return exit;
    }
    if (done < 0 && errno != EINTR) {
      const int error_number = errno;
      ::kill(-pid, SIGKILL);
      return errno_error("wait for", options.command[0], error_number);
    }
    const auto now = std::chrono::steady_clock::now();
    if (!asked_to_end) {
      exit.timed_out =
          options.time_limit && now - begun >= std::chrono::microseconds(options.time_limit->micros);
      exit.stopped = options.stop != nullptr && options.stop->load();
      if (exit.timed_out || exit.stopped) {
        ::kill(-pid, SIGTERM);
        asked_to_end = now;
      }
    } else if (now - *asked_to_end >= std::chrono::microseconds(options.grace.micros)) {
      ::kill(-pid, SIGKILL);
    }
    if (!pipe.is_open() || !pipe.wait_for_output(kPoll) || !pipe.hand_over(options.on_output))
      std::this_thread::sleep_for(kPoll);
  }
}

// Linux has priorities for threads, too.
void lower_thread_priority(int nice) {
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice));
}

}  // namespace tidemill
