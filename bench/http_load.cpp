// Asks a server on this machine over HTTP/1.1 or gRPC and prints one JSON object: requests, errors, seconds,
// latencies and, of the processes named, the processor time meanwhile. Every reply is held against the bytes
// it must contain. One thread that never sleeps while requests are due, so it wants a core of its own.
//   http_load --port N --requests FILE [--connections N] [--seconds S] [--warm-up S] [--rate N] [--pid N,N…]
// Without --rate a connection sends its next request when it has its reply. With it requests are due at fixed
// instants whatever the replies do, and a latency counts from the instant at which the request was due, also
// when no connection was free: an answer that comes late makes the requests behind it late too (no
// coordinated omission). FILE holds blocks, each a u32 length (little-endian) and so many bytes: "http" or
// "grpc"; for gRPC the HPACK block of a connection's first request and that of all others; then of each
// request its bytes (for gRPC: its message with the prefix) and what its reply's body must contain. Requests
// are sent in turn.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "load_protocols.hpp"

namespace {

using load::Exchange;
using load::fail;
using load::kWell;
using load::Outcome;
using load::Script;
using Nanos = int64_t;
constexpr size_t kBuffer = 64 << 10;  // of one connection; a longer reply is an error
constexpr Nanos kSecond = 1'000'000'000, kSilence = 10 * kSecond;  // without any reply: the server hangs
constexpr uint64_t kMostErrors = 1000;

Nanos now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Connection {
  int socket = -1;
  std::unique_ptr<load::Protocol> protocol;
  std::vector<char> buffer = std::vector<char>(kBuffer);
  size_t filled = 0;
  std::string out;
  const Exchange* exchange = nullptr;  // what is asked; none when idle
  Nanos since = 0;
};

struct Options {
  int port = 0;
  size_t connections = 32;
  double seconds = 3, warm_up = 0.3, rate = 0;
  std::vector<int> pids;
};

double cpu_seconds(const std::vector<int>& pids) {
  double ticks = 0;
  for (const int pid : pids) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const size_t name_ends = text.rfind(')');
    if (name_ends == text.npos) fail(fmt::format("process {} has ended", pid));
    uint64_t user = 0, system = 0;
    std::sscanf(text.c_str() + name_ends + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                &system);
    ticks += static_cast<double>(user + system);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

class Load {
 public:
  Load(const Options& options, const Script& script)
      : options_(options),
        script_(script),
        connections_(options.connections),
        poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (Connection& connection : connections_) connect(connection);
  }

  void run() {
    const Nanos begun = now(), measured_from = begun + nanos(options_.warm_up),
                until = measured_from + nanos(options_.seconds);
    const double gap = options_.rate > 0 ? 1e9 / options_.rate : 0;
    from_ = until;               // nothing counts until it is said to
    uint64_t due = 0, sent = 0;  // of the schedule
    bool measuring = false;
    double cpu_before = 0, own_before = 0;
    Nanos measured = 0;
    last_reply_ = begun;
    for (;;) {
      const Nanos at = now();
      if (!measuring && at >= measured_from) {
        measuring = true;
        cpu_before = cpu_seconds(options_.pids);
        own_before = own_cpu_seconds();
        from_ = measured_from;
      }
      if (measured == 0 && at >= until) {
        measured = at - measured_from;
        cpu_ = cpu_seconds(options_.pids) - cpu_before;
        own_cpu_ = own_cpu_seconds() - own_before;
        in_window_ = replies_;
      }
      const bool over = at >= until;
      if (gap > 0) {
        due = static_cast<uint64_t>(static_cast<double>(std::min(at, until) - begun) / gap);
        for (; sent < due && !idle_.empty(); ++sent)
          send(begun + static_cast<Nanos>(static_cast<double>(sent) * gap));
        if (over && sent >= due && idle_.size() == connections_.size()) break;
      } else {
        while (!over && !idle_.empty()) send(now());
        if (over && idle_.size() == connections_.size()) break;
      }
      if (at - last_reply_ > kSilence && idle_.size() < connections_.size()) {
        count("no answer", from_);
        for (; sent < due; ++sent) ++errors_["not sent"];
        break;
      }
      wait(over ? 1000 : 0);  // never asleep in between: to wake us would be the server's work
    }
    seconds_ = static_cast<double>(measured > 0 ? measured : now() - measured_from) / 1e9;
  }

  std::string json() {
    std::sort(latencies_.begin(), latencies_.end());
    const auto quantile = [&](double share) {
      if (latencies_.empty()) return 0.0;
      const auto rank = static_cast<size_t>(share * static_cast<double>(latencies_.size()));
      return static_cast<double>(latencies_[std::min(rank, latencies_.size() - 1)]) / 1000;
    };
    uint64_t failed = 0;
    std::string errors;
    for (const auto& [what, times] : errors_) {
      errors += fmt::format("{}\"{}\":{}", errors.empty() ? "" : ",", what, times);
      failed += times;
    }
    return fmt::format(
        R"({{"requests":{},"failed":{},"errors":{{{}}},"seconds":{:.6f},"per_second":{:.1f},"cpu_seconds":{:.3f},)"
        R"("load_cpu_seconds":{:.3f},"p50_us":{:.1f},"p90_us":{:.1f},"p99_us":{:.1f},"p999_us":{:.1f},"max_us":{:.1f}}})",
        in_window_, failed, errors, seconds_, static_cast<double>(in_window_) / seconds_, cpu_, own_cpu_,
        quantile(0.5), quantile(0.9), quantile(0.99), quantile(0.999), quantile(1));
  }

 private:
  static Nanos nanos(double seconds) { return static_cast<Nanos>(seconds * 1e9); }

  void connect(Connection& connection) {
    connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(options_.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      fail(fmt::format("cannot connect to port {}: {}", options_.port, std::strerror(errno)));
    const int yes = 1;
    ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, connection.socket, &event);
    if (script_.grpc)
      connection.protocol = std::make_unique<load::Grpc>(script_);
    else
      connection.protocol = std::make_unique<load::Http>();
    connection.filled = 0;
    connection.exchange = nullptr;
    connection.out = connection.protocol->opening();
    flush(connection);
    idle_.push_back(&connection);
  }

  // Requests are far smaller than a socket's buffer, and there is one at a time.
  static void flush(Connection& connection) {
    const auto size = static_cast<ssize_t>(connection.out.size());
    if (size > 0) {
      const ssize_t sent = ::send(connection.socket, connection.out.data(), connection.out.size(),
                                  MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0 && sent != size) fail("a request does not fit into the socket's buffer");
    }
    connection.out.clear();  // a broken connection shows when it is read
  }

  void send(Nanos since) {
    Connection& connection = *idle_.back();
    idle_.pop_back();
    connection.exchange = &script_.exchanges[next_++ % script_.exchanges.size()];
    connection.since = since;
    connection.protocol->add_request(*connection.exchange, connection.out);
    flush(connection);
  }

  void wait(int milliseconds) {
    std::array<epoll_event, 64> events;
    const int n = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), milliseconds);
    for (int i = 0; i < n; ++i) read(*static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr));
  }

  void read(Connection& connection) {
    const ssize_t n = ::recv(connection.socket, connection.buffer.data() + connection.filled,
                             kBuffer - connection.filled, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      lose(connection, kBuffer == connection.filled ? "reply too long" : "closed");
      return;
    }
    connection.filled += static_cast<size_t>(n);
    static const Exchange kNone;
    load::Protocol& protocol = *connection.protocol;
    const size_t used =
        protocol.take({connection.buffer.data(), connection.filled},
                      connection.exchange != nullptr ? *connection.exchange : kNone, connection.out);
    connection.filled -= used;
    std::memmove(connection.buffer.data(), connection.buffer.data() + used, connection.filled);
    flush(connection);
    if (!protocol.outcome) return;
    const Outcome outcome = *std::exchange(protocol.outcome, std::nullopt);
    if (connection.exchange == nullptr) {
      lose(connection, outcome == "GOAWAY" ? outcome : "reply without request");
      return;
    }
    connection.exchange = nullptr;
    count(outcome, connection.since);
    idle_.push_back(&connection);
  }

  void lose(Connection& connection, const Outcome& why) {
    count(why, from_);
    std::erase(idle_, &connection);
    ::close(connection.socket);
    connect(connection);
  }

  // Closed loop: what was answered in the window. Open loop: what was due in it.
  void count(const Outcome& outcome, Nanos since) {
    const Nanos at = last_reply_ = now();
    if (outcome != kWell) {
      const uint64_t times = ++errors_[outcome];
      if (times > kMostErrors) fail(fmt::format("{} times: {}", times, outcome));
      return;
    }
    if (since < from_) return;
    ++replies_;
    latencies_.push_back(at - since);
  }

  const Options& options_;
  const Script& script_;
  std::vector<Connection> connections_;
  int poll_;
  std::vector<Connection*> idle_;
  size_t next_ = 0;
  Nanos from_ = 0, last_reply_ = 0;
  uint64_t replies_ = 0, in_window_ = 0;
  std::map<Outcome, uint64_t> errors_;
  std::vector<Nanos> latencies_;
  double seconds_ = 0, cpu_ = 0, own_cpu_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::string requests;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--port")
      options.port = std::stoi(value);
    else if (name == "--requests")
      requests = value;
    else if (name == "--connections")
      options.connections = std::stoul(value);
    else if (name == "--seconds")
      options.seconds = std::stod(value);
    else if (name == "--warm-up")
      options.warm_up = std::stod(value);
    else if (name == "--rate")
      options.rate = std::stod(value);
    else if (name == "--pid")
      for (size_t at = 0; at < value.size();) {
        const size_t comma = std::min(value.find(',', at), value.size());
        options.pids.push_back(std::stoi(value.substr(at, comma - at)));
        at = comma + 1;
      }
    else
      fail(fmt::format("unknown option {}", name));
  }
  if (options.port == 0 || requests.empty()) fail("--port and --requests must be said");
  const Script script = load::read_script(requests);
  Load load(options, script);
  load.run();
  fmt::print("{}\n", load.json());
}
