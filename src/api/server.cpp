#include "api/server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "api/address.hpp"
#include "api/connection.hpp"

namespace tidemill::api {

namespace {

// A listening socket; closed when it goes.
class Listener {
 public:
  explicit Listener(int fd) : fd_(fd) {}
  Listener(Listener&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Listener() { close(); }
  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

// At a port that the lanes of this server share.
Result<Listener> listen_at(const std::string& host, int port) {
  TM_TRY(const Address address, address_of(host, port));
  Listener listener(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  const bool listens =
      listener.open() && ::setsockopt(listener.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      ::setsockopt(listener.fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
      ::bind(listener.fd(), address.socket(), address.length) == 0 && ::listen(listener.fd(), SOMAXCONN) == 0;
  if (listens) return listener;
  return cannot_listen(address, Listens::Http, std::strerror(errno));
}

int port_of(const Listener& listener) {
  Address address;
  ::getsockname(listener.fd(), address.socket(), &address.length);
  return address.port();
}

// One thread's share of the server. Everything in it is touched by its own thread only, but for `open`.
class ServingLane : public EventLoop::Watcher {
 public:
  ServingLane(Shared& shared, std::unique_ptr<EventLoop> loop, Listener listener,
              const std::atomic<std::shared_ptr<const TlsIdentity>>& tls)
      : lane_(shared, std::move(loop)), listener_(std::move(listener)), tls_(tls) {
    lane_.ended = [this](Connection& connection) {
      connections_.erase(connection.fd());
      count();
    };
    const auto& options = shared.options;
    constexpr int64_t kMost = 250'000, kLeast = 5'000;  // µs: how late a connection may be closed
    const int64_t period =
        std::clamp(std::min(options.idle_timeout.micros, options.request_timeout.micros) / 4, kLeast, kMost);
    lane_.loop->settle_with([this] { lane_.answer_those_that_came(); });
    lane_.loop->every(std::chrono::microseconds(period), [this] { look(); });
  }
  ~ServingLane() override {
    connections_.clear();
    lane_.came.clear();
    lane_.loop->drop_posted();  // what workers still handed in holds connections
  }
  ServingLane(const ServingLane&) = delete;
  ServingLane& operator=(const ServingLane&) = delete;

  bool start() {
    if (!lane_.loop->watch(listener_.fd(), EPOLLIN, *this)) return false;
    thread_ = std::thread([this] { lane_.loop->run(); });
    return true;
  }
  /// Accepts no more, and every answer is the last of its connection.
  void drain(std::atomic<size_t>& draining) {
    lane_.loop->post([this, &draining] {
      accept_all();
      if (accepting_) lane_.loop->forget(listener_.fd());
      accepting_ = false;
      listener_.close();
      lane_.draining = true;
      for (auto next = connections_.begin(); next != connections_.end();) (next++)->second->drain();
      ++draining;
    });
  }
  void end() {
    lane_.loop->stop();
    if (thread_.joinable()) thread_.join();
  }
  size_t open() const { return open_.load(); }

 private:
  void ready(uint32_t) override { accept_all(); }

  void accept_all() {
    constexpr int kAtOnce = 64;
    for (int i = 0; i < kAtOnce && listener_.open(); ++i) {
      Address from;
      const int fd = ::accept4(listener_.fd(), from.socket(), &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        if (errno == ECONNABORTED || errno == EINTR) continue;
        // Out of descriptors or memory: a pause lets some connections end.
        lane_.loop->forget(listener_.fd());
        accepting_ = false;
        lane_.loop->keep_looking(true);
        return;
      }
      if (connections_.size() >= lane_.shared.options.max_connections) {
        ::close(fd);
        continue;
      }
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const auto tls = tls_.load();
      auto connection = std::make_shared<Connection>(fd, tls.get(), from.host(), lane_);
      if (!connection->begin()) continue;
      connections_.emplace(fd, std::move(connection));
      count();
    }
  }

  // What the loop does not tell of: time that is over.
  void look() {
    if (!accepting_ && listener_.open()) accepting_ = lane_.loop->watch(listener_.fd(), EPOLLIN, *this);
    const SteadyTime now = lane_.loop->now();
    for (auto next = connections_.begin(); next != connections_.end();) {
      const auto connection = (next++)->second;
      connection->still_in_time(now);
    }
    count();
  }

  void count() {
    open_.store(connections_.size());
    lane_.loop->keep_looking(!connections_.empty() || !accepting_);
  }

  Lane lane_;
  Listener listener_;
  const std::atomic<std::shared_ptr<const TlsIdentity>>& tls_;
  bool accepting_ = true;
  std::unordered_map<int, std::shared_ptr<Connection>> connections_;
  std::atomic<size_t> open_{0};
  std::thread thread_;
};

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& options, Handler handler, Beginner beginner)
      : shared(options, std::move(handler), std::move(beginner)), tls(options.tls), port(options.port) {}
  // Destroyed last: connections of lanes that were cut off give their shares back.
  Shared shared;
  std::atomic<std::shared_ptr<const TlsIdentity>> tls;
  std::vector<std::unique_ptr<ServingLane>> lanes;
  int port;
  bool stopped = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Handler handler,
                                              Beginner beginner) {
  auto impl = std::make_unique<Impl>(options, std::move(handler), std::move(beginner));
  // With SO_REUSEPORT a second server of the same user would share the port in silence: a plain bind first
  // tells whether it is taken.
  TM_CHECK(check_listening(options.host, options.port, Listens::Http));
  const size_t threads = thread_count(options.threads);
  for (size_t i = 0; i < threads; ++i) {
    TM_TRY(Listener listener, listen_at(options.host, impl->port));
    impl->port = port_of(listener);
    TM_TRY(std::unique_ptr<EventLoop> loop, EventLoop::open());
    impl->lanes.push_back(
        std::make_unique<ServingLane>(impl->shared, std::move(loop), std::move(listener), impl->tls));
  }
  auto server = std::unique_ptr<Server>(new Server(std::move(impl)));
  for (auto& lane : server->impl_->lanes)
    if (!lane->start()) return environment_error("server.descriptors", "cannot wait for connections");
  return server;
}

int Server::port() const { return impl_->port; }

void Server::use(std::shared_ptr<const TlsIdentity> tls) { impl_->tls.store(std::move(tls)); }

bool Server::stop(Duration limit) {
  if (impl_->stopped) return true;
  impl_->stopped = true;
  std::atomic<size_t> draining{0};  // lanes that accept no more
  for (auto& lane : impl_->lanes) lane->drain(draining);
  const SteadyTime deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(limit.micros);
  const auto busy = [&] {
    return draining.load() < impl_->lanes.size() ||
           std::ranges::any_of(impl_->lanes, [](const auto& lane) { return lane->open() > 0; });
  };
  while (busy() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const bool finished = !busy();
  for (auto& lane : impl_->lanes) lane->end();
  impl_->shared.workers.stop();  // before the lanes go, to which what is being done reports
  return finished;
}

Server::~Server() {
  if (impl_) stop(Duration{0});
}

}  // namespace tidemill::api
