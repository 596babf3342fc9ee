// One HTTP connection as a state machine: reads requests, has them answered, writes the answers, in order.
// Belongs to its lane's thread; only what a worker does for it happens elsewhere.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "api/body_budget.hpp"
#include "api/channel.hpp"
#include "api/event_loop.hpp"
#include "api/handler.hpp"
#include "api/server.hpp"
#include "api/workers.hpp"

namespace tidemill::api {

/// What the connections of a server share.
struct Shared {
  Shared(const ServerOptions& server_options, Handler server_handler, Beginner server_beginner);
  const ServerOptions options;
  const Handler handler;
  const Beginner beginner;  // may be empty
  BodyBudget budget;
  Workers workers;
};

class Connection;

/// What the connections of one thread share, and who hears of their end.
struct Lane {
  Lane(Shared& all, std::unique_ptr<EventLoop> event_loop) : shared(all), loop(std::move(event_loop)) {}
  Shared& shared;
  std::unique_ptr<EventLoop> loop;
  bool draining = false;  // every answer is the last of its connection
  std::vector<std::unique_ptr<char[]>> free_blocks = {};
  std::string date = {};  // of the second that is
  SteadyTime date_until = {};
  /// The connection may be gone when it returns.
  std::function<void(Connection&)> ended = {};
  /// Their short requests have come: first all are answered, then all answers are written, so that each part
  /// of the kernel's code and of ours stays in the processor's cache for a few requests.
  std::vector<std::shared_ptr<Connection>> came = {};
  bool gathers = true;

  void answer_those_that_came();
  std::unique_ptr<char[]> take_block();
  void give_block(std::unique_ptr<char[]> block);
  std::string_view date_now();
};

class Connection : public EventLoop::Watcher, public std::enable_shared_from_this<Connection> {
 public:
  /// Owns the descriptor. Not watched yet: begin() does that, and false is its refusal.
  Connection(int fd, const TlsIdentity* tls, std::string peer, Lane& lane);
  ~Connection() override;
  bool begin();
  void ready(uint32_t events) override;
  /// Closes it when its time is over. False: it has ended.
  bool still_in_time(SteadyTime now);
  /// The answer in flight, if any, is the last; a connection between two requests ends.
  void drain();
  /// What Lane does with those that came.
  void answer_now();
  void go_on();
  int fd() const { return channel_.fd(); }

 private:
  // What it waits for next.
  enum class Phase { Handshake, Head, Body, Chunks, Came, Work, Writing, Lingering, Ended };
  enum class Step { On, Wait };  // go on at once, or when the descriptor is ready

  Step step();
  Step shake_hands();
  Step read_head();
  Step begin_body();
  std::optional<Response> refusal_before_body();
  Step read_body();
  Step read_chunks();
  Step short_body_came();
  Step body_came();
  Step answer(Response response);
  Step refuse(Response response);
  Step refuse(const Error& error);
  Step write();
  Step next_request();
  Step linger();
  Step read_into_block();
  Step wait_for(Channel::State state);
  Step have_done(Work work);
  void work_done(Response response);
  void allow(Duration time);
  void watch(uint32_t events);
  void end();

  Lane& lane_;
  const ServerOptions& options_;
  Channel channel_;
  const std::string peer_;
  Phase phase_ = Phase::Handshake;
  uint32_t watched_ = 0;
  bool watching_ = false;
  SteadyTime deadline_, lingers_until_;
  SteadyTime begun_;  // of the request: its first byte

  // A block holds a head and what came behind it; none between two requests.
  std::unique_ptr<char[]> block_;
  size_t filled_ = 0;
  size_t searched_ = 0;  // no end of a head before
  size_t head_bytes_ = 0;
  size_t taken_ = 0;  // of the block, by the request that is being answered
  Head head_;
  Handler begun_by_;       // answers it, where its body came after its head; else the server's handler
  bool with_body_ = true;  // the answer has one: it is none to HEAD
  bool last_ = false;      // the connection ends after this answer
  bool unread_ = false;    // more may be on its way that nobody will read

  BodyBudget::Share share_;
  std::string body_;  // unless it lies in the block
  std::unique_ptr<ChunkedBody> chunked_;
  std::string out_head_, out_body_;  // the answer
  size_t sent_ = 0;
  std::atomic<bool> vanished_{false};  // nobody waits for what a worker does
};

}  // namespace tidemill::api
