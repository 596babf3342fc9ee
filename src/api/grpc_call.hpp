// One gRPC call from its head to its status. The completion queue tells what has happened to it; threads,
// workers and the ticker may do so at once, and its mutex puts them in order.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "api/body_budget.hpp"
#include "api/content_coding.hpp"
#include "api/grpc_library.hpp"
#include "api/grpc_server.hpp"
#include "api/workers.hpp"

namespace tidemill::api {

class GrpcCall;

/// What the calls of a server share.
class GrpcCalls {
 public:
  GrpcCalls(const GrpcServerOptions& server_options, const GrpcRouter& methods);
  /// False when there are as many as there may be.
  bool add(const std::shared_ptr<GrpcCall>& call);
  void remove(const std::shared_ptr<GrpcCall>& call);
  std::set<std::shared_ptr<GrpcCall>> all() const;

  const GrpcServerOptions options;
  const GrpcRouter& router;
  BodyBudget budget;
  Workers workers;

 private:
  mutable std::mutex mutex_;
  std::set<std::shared_ptr<GrpcCall>> calls_;
};

class GrpcCall : public std::enable_shared_from_this<GrpcCall> {
 public:
  enum class Step { Accepted, Received, Sent, Closed };
  /// What the completion queue gives back, once; holds the call until then. What is written before it is lent
  /// is seen by whoever has taken it back.
  struct Tag {
    std::shared_ptr<GrpcCall> call;
    Step step;
    void* lend();
    static std::unique_ptr<Tag> take_back(void* lent);
  };

  explicit GrpcCall(GrpcCalls& calls);
  ~GrpcCall();
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  /// Becomes the next call that comes to the server.
  void accept(grpc_server* server, grpc_completion_queue* queue);
  void happened(Step step, bool ok);
  /// From time to time: gives up on what does not come, and says again what is watched if it has changed.
  void tick();
  /// The server ends: a stream or watch ends with what it is at, one that waits at once.
  void drain();

 private:
  using Clock = std::chrono::steady_clock;
  class Batch;

  void begin();
  void received(bool ok);
  void sent(bool ok);
  void closed();
  Access::Claim claim() const { return {host_, origin_, authorization_}; }
  void answer(Coding coding);
  void have_done(GrpcWork work);
  GrpcReply decode_and_answer(Coding coding);
  Clock::time_point deadline() const;
  std::optional<GrpcReply> too_late(Clock::time_point queued) const;
  void deliver(const GrpcReply& reply);
  // These expect the mutex to be held.
  void receive();
  void send(const std::string& message);
  void finish(const GrpcReply& reply);

  GrpcCalls& calls_;
  grpc_call* call_ = nullptr;
  grpc_call_details details_;
  grpc_metadata_array metadata_;
  grpc_byte_buffer* received_ = nullptr;
  int cancelled_ = 0;

  std::string path_, host_, origin_, authorization_;
  const GrpcMethod* method_ = nullptr;
  Clock::time_point begun_;
  std::string message_;  // what is being answered; a watch's to its end
  BodyBudget::Share share_;

  std::mutex mutex_;
  // Waiting: for a message. Working: on one. Sending: an answer that is not the last. Idle: a watch between
  // two.
  enum class State { Waiting, Working, Sending, Idle, Finished } state_ = State::Waiting;
  bool first_ = true;    // no message has come yet
  bool headed_ = false;  // the answer's initial metadata was sent
  bool draining_ = false;
  std::atomic<bool> gone_{false};  // nobody waits for an answer any more
  std::string told_;               // a watch's last answer
};

}  // namespace tidemill::api
