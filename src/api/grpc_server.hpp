// The listening side of gRPC: connections, time-outs, limits, drain. A few threads take what happens from one
// queue; what a method means is the router's business.
#pragma once

#include <memory>
#include <string>

#include "api/grpc_method.hpp"
#include "base/clock.hpp"

namespace tidemill::serving {
class ComputeSlots;
}

namespace tidemill::api {

class TlsIdentity;

struct GrpcServerOptions {
  std::string host = "127.0.0.1";
  int port = 8081;                                   // 0: any free one
  int threads = 0;                                   // 0: one a core
  size_t max_message_bytes = kMaxBodyBytes;          // as sent, and once decoded; beyond: RESOURCE_EXHAUSTED
  size_t max_bytes_in_flight = size_t{256} << 20;    // of all messages together; beyond: UNAVAILABLE
  int max_streams = 1000;                            // a connection; a client waits with the rest
  size_t max_calls = 4096;                           // of all connections; beyond: UNAVAILABLE
  int workers = 0;                                   // threads for what takes long; 0: one a core
  size_t max_queued = 64;                            // work that waits for a worker; beyond: UNAVAILABLE
  Duration queue_timeout{5'000'000};                 // work that waited longer is not done: UNAVAILABLE
  Duration request_timeout{30'000'000};              // from a call's head to its first message
  Duration watch_interval{250'000};                  // what is watched is looked at so often
  std::shared_ptr<const TlsIdentity> tls = nullptr;  // null: plain
  /// That workers compute in. Null: each has one of its own.
  std::shared_ptr<serving::ComputeSlots> slots = nullptr;
};

class GrpcServer {
 public:
  /// The router must outlive the server. Errors: library.missing, server.address (cannot listen there, with
  /// the reason).
  static Result<std::unique_ptr<GrpcServer>> start(const GrpcServerOptions& options,
                                                   const GrpcRouter& router);
  ~GrpcServer();
  int port() const;
  /// For connections from now on; the server must have been started with TLS.
  void use(std::shared_ptr<const TlsIdentity> tls);
  /// Stops accepting, ends streams after the message they are at, lets other calls finish (at most `limit`)
  /// and cancels the rest. Returns true when all had finished.
  bool stop(Duration limit);

  struct Impl;

 private:
  explicit GrpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemill::api
