// A competitor that has no C functions: a child process takes the turns and keeps the time, on its own clock.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "forest_libraries.hpp"

namespace bench {

namespace {

/// Speaks lines; ends with its owner.
class Child {
 public:
  explicit Child(const std::string& command) {
    std::array<int, 2> to{}, from{};
    if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      ::execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    to_ = ::fdopen(to[1], "w");
    from_ = ::fdopen(from[0], "r");
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    std::fclose(to_);  // the end of its input ends it
    std::fclose(from_);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string line() {
    std::array<char, 4096> buffer{};
    if (std::fgets(buffer.data(), buffer.size(), from_) == nullptr)
      throw std::runtime_error("its process ended; what it said stands above");
    std::string out(buffer.data());
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }
  std::string ask(const std::string& question) {
    std::fprintf(to_, "%s\n", question.c_str());
    std::fflush(to_);
    return line();
  }

 private:
  pid_t pid_ = -1;
  FILE *to_ = nullptr, *from_ = nullptr;
};

}  // namespace

std::vector<Contender> measured_elsewhere(const std::string& name, const std::string& command) {
  const auto child = std::make_shared<Child>(command);
  const std::string file = child->line();  // of its scores of all rows, float32; or "absent: " and why
  if (file.starts_with("absent: ")) throw std::runtime_error(file.substr(std::string("absent: ").size()));
  const auto scores = std::make_shared<std::vector<float>>(kRows);
  std::ifstream(file, std::ios::binary)
      .read(reinterpret_cast<char*>(scores->data()), static_cast<std::streamsize>(kRows * sizeof(float)));
  std::vector<Contender> out;
  for (const int threads : {1, 2})
    out.push_back({.name = name,
                   .threads = threads,
                   .predict = [](size_t, size_t) {},
                   .score = [scores](size_t i) { return double{(*scores)[i]}; },
                   .timed =
                       [child, threads](size_t rows, double seconds) {
                         return std::stod(child->ask(fmt::format("{} {} {}", rows, threads, seconds)));
                       }});
  return out;
}

}  // namespace bench
