#include "api/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "api/address.hpp"

namespace tidemill::api {
namespace {

// A plain blocking client: what it reads is what is on the wire.
class Client {
 public:
  explicit Client(int port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { ::close(fd_); }
  void send(std::string_view text) {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // Reads until the text has come, or the peer has closed.
  std::string read_until(std::string_view end) {
    std::string text;
    char c = 0;
    while (text.find(end) == text.npos && ::recv(fd_, &c, 1, 0) == 1) text += c;
    return text;
  }
  // Reads so many bytes, or all that come.
  std::string read(size_t bytes) {
    std::string text(bytes, '\0');
    size_t done = 0;
    for (ssize_t n = 0; done < bytes && (n = ::recv(fd_, text.data() + done, bytes - done, 0)) > 0;)
      done += static_cast<size_t>(n);
    text.resize(done);
    return text;
  }
  bool closed() {  // or reset: it was never accepted
    char c = 0;
    return ::recv(fd_, &c, 1, 0) <= 0;
  }

 private:
  int fd_;
};

Response echo(const Request& request) {
  return Response{
      200, "text/plain", fmt::format("{} {} {}!", request.method, request.path, request.body), {}};
}

std::unique_ptr<Server> serve(ServerOptions options, Handler handler = echo, Beginner beginner = {}) {
  options.port = 0;
  options.threads = 2;
  auto server = Server::start(options, std::move(handler), std::move(beginner));
  EXPECT_TRUE(server);
  return std::move(*server);
}

TEST(Server, answers_pipelined_requests_in_order) {
  const auto server = serve({});
  Client client(server->port());
  client.send(
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nHost: x\r\nConnection: "
      "close\r\n\r\n");
  const std::string text = client.read_until("GET /b !");
  EXPECT_NE(text.find("POST /a hi!"), text.npos);
  EXPECT_LT(text.find("POST /a hi!"), text.find("GET /b !"));
  EXPECT_TRUE(client.closed());
}

TEST(Server, says_to_http_1_0_that_the_connection_goes_on) {
  const auto server = serve({});
  Client client(server->port());
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(client.read_until("GET /a !").find("\r\nConnection: keep-alive\r\n"), std::string::npos);
  client.send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_NE(client.read_until("GET /b !").find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_TRUE(client.closed());
  Client newer(server->port());
  newer.send("GET /c HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(newer.read_until("GET /c !").find("Connection"), std::string::npos);
}

TEST(Server, reads_chunked_bodies_and_says_continue) {
  const auto server = serve({});
  Client client(server->port());
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_NE(client.read_until("\r\n\r\n").find("100 Continue"), std::string::npos);
  client.send("2\r\nhi\r\n");
  client.send("0\r\n\r\n");
  EXPECT_NE(client.read_until("hi!").find("200 OK"), std::string::npos);
}

TEST(Server, refuses_a_body_over_the_limit_without_reading_it) {
  ServerOptions options;
  options.max_body_bytes = 10;
  const auto server = serve(options);
  Client client(server->port());
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n");
  EXPECT_NE(client.read_until("\r\n\r\n").find("413"), std::string::npos);
}

TEST(Server, survives_a_head_over_the_limit) {
  const auto server = serve({});
  for (int i = 0; i < 3; ++i) {
    Client client(server->port());
    client.send("GET /a HTTP/1.1\r\nHost: x\r\nX: " + std::string(kMaxHeadBytes, 'x'));
    EXPECT_NE(client.read_until("\r\n").find("431"), std::string::npos);
  }
  Client client(server->port());
  client.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(client.read_until("GET /b !").find("200"), std::string::npos);
}

TEST(Server, closes_a_connection_that_never_finishes_its_request) {
  ServerOptions options;
  options.request_timeout = Duration{50'000};
  const auto server = serve(options);
  Client client(server->port());
  client.send("GET /a HTT");
  EXPECT_TRUE(client.closed());
}

TEST(Server, finishes_what_is_in_flight_when_it_stops) {
  std::atomic<bool> entered{false}, release{false};
  const auto server = serve({}, [&](const Request& request) {
    entered = true;
    while (!release) std::this_thread::yield();
    return echo(request);
  });
  Client client(server->port()), idle(server->port());
  client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  while (!entered) std::this_thread::yield();
  std::thread stopper([&] { EXPECT_TRUE(server->stop(Duration{10'000'000})); });
  release = true;
  EXPECT_NE(client.read_until("GET /slow !").find("200 OK"), std::string::npos);
  stopper.join();
  EXPECT_TRUE(idle.closed());
}

TEST(Server, sends_no_body_when_it_refuses_a_head_request) {
  ServerOptions options;
  options.max_body_bytes = 10;
  const auto server = serve(options);
  for (const std::string head :
       {"HEAD /a HTTP/1.1\r\n\r\n", "HEAD /a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"}) {
    Client client(server->port());
    client.send(head);
    EXPECT_NE(client.read_until("\r\n\r\n").find(" 4"), std::string::npos);
    EXPECT_TRUE(client.closed());
  }
}

TEST(Server, refuses_long_work_at_once_when_its_queue_is_full) {
  ServerOptions options;
  options.max_queued = 0;
  std::atomic<bool> done{false};
  const auto server = serve(options, [&](const Request&) -> Answer {
    return Work([&] {
      done = true;
      return Response{};
    });
  });
  Client client(server->port());
  client.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.read_until("wait already");
  EXPECT_NE(answer.find("503 Service Unavailable"), answer.npos);
  EXPECT_NE(answer.find("Retry-After: "), answer.npos);
  EXPECT_FALSE(done);
}

TEST(Server, answers_others_while_its_workers_are_busy) {
  std::promise<void> begun, release;
  const std::shared_future<void> released = release.get_future().share();
  ServerOptions options;
  options.workers = 1;
  std::atomic<int> long_requests{0};
  const auto server = serve(options, [&](const Request& request) -> Answer {
    if (request.path != "/long") return echo(request);
    return Work([&, &request = request] {
      if (++long_requests == 1) begun.set_value();
      released.wait();
      return echo(request);
    });
  });
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 4; ++i) {  // more than there are lanes
    slow.push_back(std::make_unique<Client>(server->port()));
    slow.back()->send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  begun.get_future().wait();
  for (int i = 0; i < 8; ++i) {
    Client quick(server->port());
    quick.send("GET /quick HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_NE(quick.read_until("GET /quick !").find("200 OK"), std::string::npos);
  }
  release.set_value();
  for (const auto& client : slow)
    EXPECT_NE(client->read_until("GET /long !").find("200 OK"), std::string::npos);
}

TEST(Server, does_not_do_work_that_waited_too_long) {
  ServerOptions options;
  options.queue_timeout = Duration{-1};
  std::atomic<bool> done{false};
  const auto server = serve(options, [&](const Request& request) -> Answer {
    return Work([&, &request = request] {
      done = true;
      return echo(request);
    });
  });
  Client client(server->port());
  client.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(client.read_until("too long").find("503"), std::string::npos);
  EXPECT_FALSE(done);
}

TEST(Server, computes_nothing_past_the_deadline_of_a_request) {
  std::promise<void> begun, release;
  const std::shared_future<void> released = release.get_future().share();
  ServerOptions options;
  options.workers = 1;
  std::atomic<bool> computed{false};
  const auto server = serve(options, [&](const Request& request) -> Answer {
    if (request.path == "/first")
      return Work([&, &request = request] {
        begun.set_value();
        released.wait();
        return echo(request);
      });
    return Work([&, &request = request] {
      computed = true;
      return echo(request);
    });
  });
  Client first(server->port()), late(server->port());
  first.send("GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
  begun.get_future().wait();
  late.send("GET /late HTTP/1.1\r\nHost: x\r\nX-Request-Timeout-Ms: 1\r\n\r\n");
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
  while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
  release.set_value();
  EXPECT_NE(late.read_until("\r\n\r\n").find("504 Gateway Timeout"), std::string::npos);
  EXPECT_FALSE(computed);
  EXPECT_NE(first.read_until("first !").find("200 OK"), std::string::npos);
}

TEST(Server, a_refusal_arrives_although_its_body_was_never_read) {
  ServerOptions options;
  options.max_body_bytes = 10;
  const auto server = serve(options);
  Client client(server->port());
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
  client.send(std::string(4'000'000, 'x'));
  EXPECT_NE(client.read_until("(limit 10)\"}").find("413"), std::string::npos);
  EXPECT_TRUE(client.closed());
}

// Refuses by the head what is at /closed; the handler answers what it was not asked about.
std::unique_ptr<Server> serve_with_closed_doors(std::atomic<int>& asked) {
  return serve({}, echo, [&asked](const Request& head) -> Begun {
    ++asked;
    if (head.path == "/closed") return Response{401, "text/plain", "closed!", {}};
    return Handler([](const Request& request) -> Answer {
      return Response{200, "text/plain", fmt::format("begun {}!", request.body), {}};
    });
  });
}

TEST(Server, refuses_by_the_head_before_a_long_body_comes) {
  std::atomic<int> asked{0};
  const auto server = serve_with_closed_doors(asked);
  for (const std::string framing : {"Content-Length: 4000000\r\n", "Transfer-Encoding: chunked\r\n",
                                    "Content-Length: 5\r\nExpect: 100-continue\r\n"}) {
    Client client(server->port());
    client.send("POST /closed HTTP/1.1\r\nHost: x\r\n" + framing + "\r\n");
    const std::string answer = client.read_until("closed!");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 401 ")) << answer;
    EXPECT_NE(answer.find("Connection: close"), answer.npos);
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(asked, 3);
}

TEST(Server, goes_on_after_a_refusal_whose_body_is_short) {
  std::atomic<int> asked{0};
  const auto server = serve_with_closed_doors(asked);
  Client client(server->port());
  client.send("POST /closed HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
  while (asked == 0) std::this_thread::yield();
  client.send("hi");
  EXPECT_TRUE(client.read_until("closed!").starts_with("HTTP/1.1 401 "));
  client.send("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
  while (asked == 1) std::this_thread::yield();
  client.send("hi");
  EXPECT_TRUE(client.read_until("begun hi!").starts_with("HTTP/1.1 200 "));
  client.send("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_TRUE(client.read_until("POST /open hi!").starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(asked, 2);
}

TEST(Server, says_continue_to_whom_the_head_lets_in) {
  std::atomic<int> asked{0};
  const auto server = serve_with_closed_doors(asked);
  Client client(server->port());
  client.send("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_NE(client.read_until("\r\n\r\n").find("100 Continue"), std::string::npos);
  client.send("hi");
  EXPECT_TRUE(client.read_until("begun hi!").starts_with("HTTP/1.1 200 "));
}

TEST(Server, gives_an_answer_that_is_larger_than_the_kernel_takes_at_once) {
  const std::string body(8'000'000, 'y');
  const auto server = serve({}, [&](const Request&) { return Response{200, "text/plain", body + "!", {}}; });
  Client client(server->port());
  client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(client.read_until("\r\n\r\n").find("Content-Length: 8000001"), std::string::npos);
    EXPECT_EQ(client.read(body.size() + 1), body + "!");
  }
}

TEST(Server, ends_while_a_worker_is_busy_for_one_of_its_connections) {
  std::promise<void> begun, release;
  auto server = serve({}, [&](const Request& request) -> Answer {
    return Work([&, &request = request] {
      begun.set_value();
      release.get_future().wait();
      return echo(request);
    });
  });
  Client client(server->port());
  client.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
  begun.get_future().wait();
  std::thread ending([&] {
    EXPECT_FALSE(server->stop(Duration{0}));
    server.reset();
  });
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(20);  // its threads end meanwhile
  while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
  release.set_value();
  ending.join();
}

TEST(Server, tells_the_handler_who_asks) {
  const auto server = serve({}, [](const Request& request) {
    return Response{200, "text/plain", std::string(request.peer) + "!", {}};
  });
  Client client(server->port());
  client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(client.read_until("!").find("127.0.0.1!"), std::string::npos);
}

TEST(Server, refuses_bodies_beyond_what_all_may_hold_together) {
  ServerOptions options;
  options.max_bytes_in_flight = 1000;
  const auto server = serve(options);
  const std::string body(600, 'x');
  Client holding(server->port());
  holding.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 601\r\nExpect: 100-continue\r\n\r\n");
  holding.read_until("\r\n\r\n");
  holding.send(body);
  // Until the server has read the first body there is still room for another.
  std::string answer;
  do {
    Client other(server->port());
    other.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\nConnection: close\r\n\r\n" + body);
    answer = other.read_until("\r\n\r\n");
  } while (answer.find("200 OK") != answer.npos);
  EXPECT_NE(answer.find("503"), answer.npos);
  EXPECT_NE(answer.find("Retry-After: "), answer.npos);
  holding.send("x");
  EXPECT_NE(holding.read_until("x!").find("200 OK"), std::string::npos);
  Client after(server->port());
  after.send("POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\n\r\n" + body);
  EXPECT_NE(after.read_until("x!").find("200 OK"), std::string::npos);
}

TEST(Loopback, is_an_address_of_this_machine_or_exactly_localhost) {
  for (const char* host : {"127.0.0.1", "127.8.9.1", "::1", "localhost"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"127.attacker.com", "127.0.0.1.evil.com", "127.1", "127.", "localhost.evil.com",
                           "", "0.0.0.0", "10.0.0.1", "::"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

TEST(Server, says_when_its_port_is_taken) {
  const auto server = serve({});
  ServerOptions options;
  options.port = server->port();
  const auto second = Server::start(options, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "server.address");
  const auto asked = check_listening("127.0.0.1", options.port, Listens::Grpc);
  ASSERT_FALSE(asked);
  EXPECT_TRUE(asked.error().message.ends_with(" for gRPC: Address already in use")) << asked.error().message;
  constexpr int kAnyPort = 0;
  EXPECT_TRUE(check_listening("127.0.0.1", kAnyPort, Listens::Http));
}

}  // namespace
}  // namespace tidemill::api
