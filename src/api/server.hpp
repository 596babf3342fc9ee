// The listening side: sockets, time-outs, limits, drain. One event loop a thread, each with its own listening
// socket (SO_REUSEPORT). What a request means is the handler's business.
#pragma once

#include <memory>
#include <string>

#include "api/handler.hpp"
#include "base/clock.hpp"

namespace tidemill::serving {
class ComputeSlots;
}

namespace tidemill::api {

class TlsIdentity;

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: any free one
  int threads = 0;  // 0: one a core
  size_t max_body_bytes = kMaxBodyBytes;
  size_t max_bytes_in_flight = size_t{256} << 20;    // of all bodies together; beyond: 503
  size_t max_connections = 4096;                     // a thread
  int workers = 0;                                   // threads for what takes long; 0: one a core
  size_t max_queued = 64;                            // work that waits for a worker; beyond: 503
  Duration queue_timeout{5'000'000};                 // work that waited longer is not done: 503
  Duration idle_timeout{75'000'000};                 // between requests of a connection
  Duration request_timeout{30'000'000};              // from a request's first byte to its last
  std::shared_ptr<const TlsIdentity> tls = nullptr;  // null: plain HTTP
  /// That workers compute in. Null: each has one of its own.
  std::shared_ptr<serving::ComputeSlots> slots = nullptr;
};

class Server {
 public:
  /// Errors: server.address (cannot listen there, with the reason).
  /// Without a beginner every body is read before its request is looked at.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Handler handler,
                                               Beginner beginner = {});
  ~Server();
  int port() const;
  /// For connections from now on; the server must have been started with TLS.
  void use(std::shared_ptr<const TlsIdentity> tls);
  /// Stops accepting, lets requests in flight finish (at most `limit`), closes the rest. Returns true when
  /// all had finished.
  bool stop(Duration limit);

  struct Impl;

 private:
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemill::api
