// The listening side: sockets, time-outs, limits, drain. One io_context a thread, each with its own acceptor
// (SO_REUSEPORT). What a request means is the handler's business.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "api/http.hpp"
#include "base/clock.hpp"

namespace tidemill::api {

inline constexpr size_t kMaxBodyBytes = size_t{64} << 20;

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: any free one
  int threads = 0;  // 0: one a core
  size_t max_body_bytes = kMaxBodyBytes;
  size_t max_bytes_in_flight = size_t{256} << 20;  // of all bodies together; beyond: 503
  size_t max_connections = 4096;                   // a thread
  int workers = 0;                                 // threads for what takes long; 0: one a core
  size_t max_queued = 64;                          // work that waits for a worker; beyond: 503
  Duration queue_timeout{5'000'000};               // work that waited longer is not done: 503
  Duration idle_timeout{75'000'000};               // between requests of a connection
  Duration request_timeout{30'000'000};            // from a request's first byte to its last
};

/// What takes too long for the thread that serves other connections too; done by a worker. The request stays
/// until then. Must not throw.
using Work = std::function<Response()>;
using Answer = std::variant<Response, Work>;
/// Called from the server's threads, several at once. Must not throw.
using Handler = std::function<Answer(const Request&)>;

class Server {
 public:
  /// Errors: server.address (cannot listen there, with the reason).
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Handler handler);
  ~Server();
  int port() const;
  /// Stops accepting, lets requests in flight finish (at most `limit`), closes the rest. Returns true when
  /// all had finished.
  bool stop(Duration limit);

  struct Impl;

 private:
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// An address of this machine's own network, or exactly "localhost". Any other name could be made to lead
/// here by whoever owns it.
bool is_loopback(const std::string& host);

}  // namespace tidemill::api
