// A PostgreSQL server of a test's own: made in a temporary folder, on a free port of 127.0.0.1, ended by its
// pid. As root it runs as user postgres, which PostgreSQL insists on. Other rooms' tests may include this.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "base/secret.hpp"

namespace tidemill::engine {

class PostgresForTests {
 public:
  static constexpr const char* kUser = "tidemill";
  static constexpr const char* kPassword = "pa55 w'rd";

  /// Error: what is missing on this machine, or what the server said.
  static Result<std::unique_ptr<PostgresForTests>> start() {
    std::unique_ptr<PostgresForTests> server(new PostgresForTests);
    if (server->programs_.empty())
      return environment_error("test.postgres", "there is no /usr/lib/postgresql/*/bin/initdb");
    TM_CHECK(server->make());
    TM_CHECK(server->run());
    return server;
  }
  ~PostgresForTests() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  PostgresForTests(const PostgresForTests&) = delete;
  PostgresForTests& operator=(const PostgresForTests&) = delete;

  int port() const { return port_; }
  /// "host=… port=… user=… password=… dbname=postgres"
  std::string dsn() const {
    return "host=127.0.0.1 port=" + std::to_string(port_) + " user=" + kUser +
           " password='pa55 w\\'rd' dbname=postgres";
  }
  Secret secret() const { return Secret("${env:TEST_DSN}", dsn()); }

  /// Ends the server at once: open connections break. run() starts it again on the same data and port.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGQUIT);  // PostgreSQL's immediate shutdown: its children end too
    (void)as_owner(
        {programs_ / "pg_ctl", "stop", "-w", "-m", "immediate", "-D", (folder_ / "data").string()});
    pid_ = 0;
  }
  Result<void> run() {
    const std::string options =
        "-p " + std::to_string(port_) + " -k '' -c listen_addresses=127.0.0.1 -c fsync=off";
    TM_CHECK(as_owner({programs_ / "pg_ctl", "start", "-w", "-s", "-D", (folder_ / "data").string(), "-l",
                       (folder_ / "server.log").string(), "-o", options}));
    std::ifstream(folder_ / "data" / "postmaster.pid") >> pid_;
    if (pid_ <= 0) return environment_error("test.postgres", "the server wrote no pid");
    return {};
  }

 private:
  PostgresForTests() {
    std::error_code ignored;
    std::vector<Path> found;
    for (std::filesystem::directory_iterator entry("/usr/lib/postgresql", ignored), end;
         !ignored && entry != end; entry.increment(ignored))
      if (std::filesystem::exists(entry->path() / "bin" / "initdb")) found.push_back(entry->path() / "bin");
    std::sort(found.begin(), found.end());
    if (!found.empty()) programs_ = found.back();
    std::string name = (std::filesystem::temp_directory_path() / "tidemill-postgres-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }

  Result<void> make() {
    if (::getuid() == 0) {
      const passwd* owner = ::getpwnam("postgres");
      if (!owner) return environment_error("test.postgres", "there is no user postgres");
      if (::chown(folder_.c_str(), owner->pw_uid, owner->pw_gid) != 0)
        return errno_error("chown", folder_.string(), errno);
    }
    const Path password = folder_ / "password";
    std::ofstream(password) << kPassword << "\n";
    std::filesystem::permissions(password, std::filesystem::perms(0644));
    port_ = free_port();
    return as_owner({programs_ / "initdb", "-D", (folder_ / "data").string(), "-A", "scram-sha-256", "-U",
                     kUser, "-E", "UTF8", "--no-sync", "--locale=C", "--pwfile=" + password.string()});
  }

  Result<void> as_owner(std::vector<std::string> command) const {
    ChildOptions options;
    if (::getuid() == 0) options.command = {"runuser", "-u", "postgres", "--"};
    options.command.insert(options.command.end(), command.begin(), command.end());
    options.folder = folder_;
    options.output_path = folder_ / "commands.log";
    TM_TRY(const ChildExit done, run_child(options));
    if (done.code == 0) return {};
    const auto log = read_file(options.output_path);
    return environment_error("test.postgres", command[0] + " failed: " + (log ? *log : ""));
  }

  static int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    int port = 0;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0)
      port = ntohs(address.sin_port);
    ::close(fd);
    return port;
  }

  Path programs_;
  Path folder_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace tidemill::engine
