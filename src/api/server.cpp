#include "api/server.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <sys/socket.h>
#include <asio.hpp>

#include "api/body_budget.hpp"
#include "api/replies.hpp"
#include "api/workers.hpp"
#include "base/log.hpp"

namespace tidemill::api {

namespace {

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using SteadyTime = std::chrono::steady_clock::time_point;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

std::chrono::microseconds micros(Duration duration) { return std::chrono::microseconds(duration.micros); }

Error overloaded(std::string message) {
  return Error{ErrorKind::Environment, "http.overloaded", std::move(message)};
}

Error no_room() { return overloaded("too many bytes of other requests are being worked on"); }

// Work that a worker does and the connection waits for: the timer never runs out, the worker ends it.
struct Pending {
  explicit Pending(const asio::any_io_executor& executor)
      : executor(executor), done(executor, asio::steady_timer::time_point::max()) {}
  asio::any_io_executor executor;
  asio::steady_timer done;
  Response response;
};

}  // namespace

// What the connections of a server share.
struct Shared {
  Shared(const ServerOptions& server_options, Handler server_handler)
      : options(server_options),
        handler(std::move(server_handler)),
        budget(server_options.max_bytes_in_flight),
        workers({thread_count(server_options.workers), server_options.max_queued}) {}
  ServerOptions options;
  Handler handler;
  BodyBudget budget;
  Workers workers;
};

// One connection: its socket, what was read and not yet used, and a watchdog that closes it when its deadline
// passes.
// g++ 12 destroys some temporaries of a full expression with co_await twice: what has a destructor gets a
// name first.
struct Connection : std::enable_shared_from_this<Connection> {
  Connection(tcp::socket connected, Shared& server)
      : socket(std::move(connected)),
        watchdog(socket.get_executor()),
        shared(server),
        options(server.options) {}

  tcp::socket socket;
  asio::steady_timer watchdog;
  Shared& shared;
  const ServerOptions& options;
  std::string buffer;
  bool idle = true;  // between two requests: may be closed at any time
  bool draining = false;

  void allow(Duration time) {
    watchdog.expires_after(micros(time));
    watchdog.async_wait([weak = weak_from_this()](const asio::error_code& error) {
      if (error) return;
      if (const auto self = weak.lock()) self->close();
    });
  }
  void close() {
    asio::error_code ignored;
    socket.close(ignored);
  }
  void drain() {
    draining = true;
    if (idle) close();
  }

  awaitable<bool> read_more() {
    const size_t before = buffer.size();
    constexpr size_t kRead = 16 << 10;
    buffer.resize(before + kRead);
    asio::error_code error;
    const size_t n = co_await socket.async_read_some(asio::buffer(buffer.data() + before, kRead),
                                                     asio::redirect_error(use_awaitable, error));
    buffer.resize(before + (error ? 0 : n));
    co_return !error;
  }

  awaitable<bool> send(const Response& response, bool keep_alive, bool with_body = true) {
    const std::string head = response_head(response, keep_alive);
    const std::array<asio::const_buffer, 2> parts{
        asio::buffer(head), with_body ? asio::buffer(response.body) : asio::const_buffer{}};
    asio::error_code error;
    co_await asio::async_write(socket, parts, asio::redirect_error(use_awaitable, error));
    co_return !error;
  }

  // The body of a request whose head was read; nothing when the peer vanished.
  awaitable<std::optional<Result<std::string>>> read_body(const Head& head, BodyBudget::Share& share) {
    if (head.content_length.value_or(0) > options.max_body_bytes)
      co_return Result<std::string>(user_error(
          "http.too_large",
          fmt::format("the body has {} bytes (limit {})", *head.content_length, options.max_body_bytes)));
    if (head.expects_continue) {
      asio::error_code error;
      co_await asio::async_write(socket, asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")),
                                 asio::redirect_error(use_awaitable, error));
      if (error) co_return std::nullopt;
    }
    if (head.chunked) {
      auto body = co_await read_chunks(share);
      co_return std::move(body);
    }
    const size_t length = head.content_length.value_or(0);
    std::string body = buffer.substr(0, length);
    buffer.erase(0, length);
    for (;;) {
      if (!share.grow_to(body.size())) co_return Result<std::string>(std::unexpected(no_room()));
      if (body.size() == length) co_return Result<std::string>(std::move(body));
      const size_t before = body.size();
      // As much again as has come: a claim alone takes no memory.
      constexpr size_t kLeast = 16 << 10, kMost = 1 << 20;
      body.resize(before + std::min(std::clamp(before, kLeast, kMost), length - before));
      asio::error_code error;
      const size_t n =
          co_await socket.async_read_some(asio::buffer(body.data() + before, body.size() - before),
                                          asio::redirect_error(use_awaitable, error));
      if (error) co_return std::nullopt;
      body.resize(before + n);
    }
  }

  awaitable<std::optional<Result<std::string>>> read_chunks(BodyBudget::Share& share) {
    ChunkedBody chunked(options.max_body_bytes);
    for (;;) {
      const auto used = chunked.feed(buffer);
      if (!used) co_return Result<std::string>(std::unexpected(used.error()));
      buffer.erase(0, *used);
      if (!share.grow_to(chunked.size())) co_return Result<std::string>(std::unexpected(no_room()));
      if (chunked.done()) co_return Result<std::string>(chunked.take());
      if (!co_await read_more()) co_return std::nullopt;
    }
  }

  // Has a worker do it while this thread serves others; refused when too much waits already.
  awaitable<Response> have_done(Work& work) {
    auto pending = std::make_shared<Pending>(socket.get_executor());
    const SteadyTime deadline = std::chrono::steady_clock::now() + micros(options.queue_timeout);
    std::function<void()> job = [pending, work = std::move(work), deadline] {
      pending->response = std::chrono::steady_clock::now() > deadline
                              ? error_reply(overloaded("the request waited too long for a worker"))
                              : work();
      asio::post(pending->executor, [pending] { pending->done.cancel(); });
    };
    if (!shared.workers.submit(std::move(job)))
      co_return error_reply(overloaded("too many long requests wait already"));
    asio::error_code ended;
    co_await pending->done.async_wait(asio::redirect_error(use_awaitable, ended));
    co_return std::move(pending->response);
  }

  awaitable<void> refuse(const Error& error, bool with_body) {
    const Response response = error_reply(error);
    co_await send(response, false, with_body);
  }

  // The answer to HEAD has no body, even where the head could not be read.
  static constexpr std::string_view kHead = "HEAD ";

  // One request and its answer; false when the connection is to be closed.
  awaitable<bool> serve_one() {
    idle = buffer.empty();
    allow(idle ? options.idle_timeout : options.request_timeout);
    constexpr std::string_view kEndOfHead = "\r\n\r\n";
    size_t end = buffer.find(kEndOfHead);
    for (; end == buffer.npos; end = buffer.find(kEndOfHead)) {
      if (buffer.size() > kMaxHeadBytes) {
        const Error error{ErrorKind::User, "http.head_too_large",
                          fmt::format("the request's head has more than {} bytes", kMaxHeadBytes)};
        co_await refuse(error, !buffer.starts_with(kHead));
        co_return false;
      }
      if (!co_await read_more()) co_return false;
      if (idle) allow(options.request_timeout);
      idle = false;
    }
    idle = false;
    auto head = parse_head(std::string_view(buffer).substr(0, end + kEndOfHead.size()));
    if (!head) {
      co_await refuse(head.error(), !buffer.starts_with(kHead));
      co_return false;
    }
    buffer.erase(0, end + kEndOfHead.size());
    const bool with_body = head->request.method != "HEAD";
    BodyBudget::Share share(shared.budget);
    auto body = co_await read_body(*head, share);
    if (!body) co_return false;
    if (!*body) {
      co_await refuse(body->error(), with_body);
      co_return false;
    }
    Request request = std::move(head->request);
    request.body = std::move(**body);
    Answer answer = shared.handler(request);
    allow(options.request_timeout);
    if (Work* work = std::get_if<Work>(&answer)) {
      Response response = co_await have_done(*work);
      answer = std::move(response);
    }
    std::string().swap(request.body);  // a client that reads its answer slowly holds no body meanwhile
    share.give_back();
    const bool keep_alive = request.keep_alive && !draining;
    co_return co_await send(std::get<Response>(answer), keep_alive, with_body) && keep_alive;
  }

  awaitable<void> serve() {
    // Draining may have begun while the answer was on its way: nobody else would close us then.
    while (co_await serve_one() && !draining) {
    }
    watchdog.cancel();
    asio::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    close();
  }
};

// One thread's share of the server. Everything in it is touched by its own thread only, but for `open`.
struct Lane {
  asio::io_context context{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  tcp::acceptor acceptor{context};
  std::set<std::shared_ptr<Connection>> connections;
  std::atomic<size_t> open{0};
  std::thread thread;
};

struct Server::Impl {
  Impl(const ServerOptions& server_options, Handler handler)
      : shared(server_options, std::move(handler)), port(server_options.port) {}
  // Destroyed last: connections of lanes that were cut off give their shares back.
  Shared shared;
  const ServerOptions& options = shared.options;
  std::vector<std::unique_ptr<Lane>> lanes;
  int port;
  bool stopped = false;

  awaitable<void> serve_connection(Lane& lane, std::shared_ptr<Connection> connection) {
    co_await connection->serve();
    lane.connections.erase(connection);
    lane.open.store(lane.connections.size());
  }

  awaitable<void> accept(Lane& lane) {
    for (;;) {
      asio::error_code error;
      tcp::socket socket = co_await lane.acceptor.async_accept(asio::redirect_error(use_awaitable, error));
      if (error == asio::error::operation_aborted || !lane.acceptor.is_open()) co_return;
      if (error) {  // out of descriptors: a pause lets some connections end
        asio::steady_timer pause(lane.context, std::chrono::milliseconds(20));
        co_await pause.async_wait(use_awaitable);
        continue;
      }
      if (lane.connections.size() >= options.max_connections)
        continue;  // dropped at once: the socket closes here
      asio::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      auto connection = std::make_shared<Connection>(std::move(socket), shared);
      lane.connections.insert(connection);
      lane.open.store(lane.connections.size());
      asio::co_spawn(lane.context, serve_connection(lane, connection), asio::detached);
    }
  }

  Result<void> listen(Lane& lane) {
    asio::error_code error;
    const auto address =
        asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, error);
    if (error) return user_error("server.address", fmt::format("'{}' is not an IP address", options.host));
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(port));
    const auto failed = [&]() -> Result<void> {
      return environment_error("server.address",
                               fmt::format("cannot listen on {}:{}: {}", options.host, port, error.message()),
                               "is another server there? choose another with --port");
    };
    if (lane.acceptor.open(endpoint.protocol(), error); error) return failed();
    lane.acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (lanes.size() > 1) lane.acceptor.set_option(ReusePort(true), error);
    if (lane.acceptor.bind(endpoint, error); error) return failed();
    if (lane.acceptor.listen(asio::socket_base::max_listen_connections, error); error) return failed();
    port = lane.acceptor.local_endpoint().port();
    return {};
  }
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Handler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  const size_t threads = thread_count(options.threads);
  // With SO_REUSEPORT a second server of the same user would share the port in silence: a plain bind first
  // tells whether it is taken.
  if (options.port != 0) {
    impl->lanes.push_back(std::make_unique<Lane>());
    TM_CHECK(impl->listen(*impl->lanes[0]));
    impl->lanes.clear();
  }
  for (size_t i = 0; i < threads; ++i) impl->lanes.push_back(std::make_unique<Lane>());
  for (auto& lane : impl->lanes) TM_CHECK(impl->listen(*lane));
  for (auto& lane : impl->lanes) {
    lane->work.emplace(lane->context.get_executor());
    asio::co_spawn(lane->context, impl->accept(*lane), asio::detached);
    lane->thread = std::thread([&lane = *lane] { lane.context.run(); });
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::port() const { return impl_->port; }

bool Server::stop(Duration limit) {
  if (impl_->stopped) return true;
  impl_->stopped = true;
  std::atomic<size_t> draining{0};  // lanes that accept no more
  for (auto& lane : impl_->lanes)
    asio::post(lane->context, [&lane = *lane, &draining] {
      asio::error_code ignored;
      lane.acceptor.close(ignored);
      const auto connections = lane.connections;  // drain() may end some, and each erases itself
      for (const auto& connection : connections) connection->drain();
      ++draining;
    });
  const SteadyTime deadline = std::chrono::steady_clock::now() + micros(limit);
  const auto busy = [&] {
    return draining.load() < impl_->lanes.size() ||
           std::any_of(
               impl_->lanes.begin(), impl_->lanes.end(),
               [](const auto& lane) { return lane->open.load() > 0; });
  };
  while (busy() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const bool finished = !busy();
  for (auto& lane : impl_->lanes) {
    lane->work.reset();
    lane->context.stop();
    if (lane->thread.joinable()) lane->thread.join();
  }
  impl_->shared.workers.stop();  // before the lanes go, to which what is being done reports
  return finished;
}

Server::~Server() {
  if (impl_) stop(Duration{0});
}

bool is_loopback(const std::string& host) {
  asio::error_code error;
  const auto address = asio::ip::make_address(host, error);
  return error ? host == "localhost" : address.is_loopback();
}

}  // namespace tidemill::api
