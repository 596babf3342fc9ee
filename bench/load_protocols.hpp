// What http_load says and understands: its file of requests, HTTP/1.1, and as much of HTTP/2 as unary gRPC
// calls need.
#pragma once

#include <arpa/inet.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace load {

[[noreturn]] inline void fail(const std::string& why) {
  fmt::print(stderr, "http_load: {}\n", why);
  std::exit(1);
}

struct Exchange {
  std::string request, expected;
};

struct Script {
  bool grpc = false;
  std::string first_head, next_head;
  std::vector<Exchange> exchanges;
};

inline Script read_script(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  size_t at = 0;
  const auto block = [&] {
    uint32_t size = 0;
    if (bytes.size() - at < sizeof size) fail(path + " ends too early");
    std::memcpy(&size, bytes.data() + at, sizeof size);
    at += sizeof size;
    if (bytes.size() - at < size) fail(path + " ends too early");
    std::string out = bytes.substr(at, size);
    at += size;
    return out;
  };
  Script script;
  script.grpc = block() == "grpc";
  if (script.grpc) {
    script.first_head = block();
    script.next_head = block();
  }
  while (at < bytes.size()) {
    Exchange& exchange = script.exchanges.emplace_back();
    exchange.request = block();
    exchange.expected = block();
  }
  if (script.exchanges.empty()) fail(path + " has no requests");
  return script;
}

// What a reply was: "200" where all is well, else a word or status to count errors under.
using Outcome = std::string;
inline const Outcome kWell = "200";

// The replies of one connection, as they come.
class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual std::string opening() { return {}; }
  virtual void add_request(const Exchange& exchange, std::string& out) = 0;
  // Takes what it can use of `in` and says how much; answers, such as acknowledgements, go to `out`.
  virtual size_t take(std::string_view in, const Exchange& exchange, std::string& out) = 0;
  std::optional<Outcome> outcome;  // set once the reply is complete
};

class Http : public Protocol {
 public:
  void add_request(const Exchange& exchange, std::string& out) override { out += exchange.request; }
  size_t take(std::string_view in, const Exchange& exchange, std::string&) override {
    const size_t end = in.find("\r\n\r\n");
    if (end == in.npos) return 0;
    const std::string_view head = in.substr(0, end + 2);
    size_t field = head.find("\r\nContent-Length: ");
    if (field == head.npos) field = head.find("\r\ncontent-length: ");
    if (field == head.npos) {
      outcome = "no Content-Length";
      return in.size();
    }
    size_t length = 0;
    std::from_chars(head.data() + field + 18, head.data() + head.size(), length);
    if (in.size() < end + 4 + length) return 0;
    const std::string_view status = head.substr(9, 3), body = in.substr(end + 4, length);
    outcome = status != kWell                             ? Outcome(status)
              : body.find(exchange.expected) == body.npos ? "wrong body"
                                                          : kWell;
    return end + 4 + length;
  }
};

// As much of HTTP/2 as unary calls one after another need: no HPACK is read, for an answer that is not OK has
// no message.
class Grpc : public Protocol {
 public:
  explicit Grpc(const Script& script) : script_(script) {}
  std::string opening() override {
    std::string out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    add_frame(out, Settings, 0, 0, "");
    const uint32_t window = htonl((uint32_t{1} << 31) - 1 - 65'535);  // of the connection: the largest
    add_frame(out, WindowUpdate, 0, 0, {reinterpret_cast<const char*>(&window), sizeof window});
    return out;
  }
  void add_request(const Exchange& exchange, std::string& out) override {
    stream_ += 2;
    add_frame(out, Headers, kEndHeaders, stream_, stream_ == 1 ? script_.first_head : script_.next_head);
    add_frame(out, Data, kEndStream, stream_, exchange.request);
    body_.clear();
  }
  size_t take(std::string_view in, const Exchange& exchange, std::string& out) override {
    size_t used = 0;
    while (!outcome && in.size() - used >= kFrameHead) {
      const auto* head = reinterpret_cast<const uint8_t*>(in.data()) + used;
      const size_t length = size_t{head[0]} << 16 | size_t{head[1]} << 8 | head[2];
      if (in.size() - used < kFrameHead + length) break;
      read_frame(head[3], head[4], in.substr(used + kFrameHead, length), exchange, out);
      used += kFrameHead + length;
    }
    return used;
  }

 private:
  enum Type : uint8_t {
    Data = 0,
    Headers = 1,
    Reset = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8
  };
  static constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;
  static constexpr size_t kFrameHead = 9;

  static void add_frame(std::string& out, Type type, uint8_t flags, uint32_t stream,
                        std::string_view payload) {
    const auto size = static_cast<uint32_t>(payload.size());
    const uint32_t of = htonl(stream);
    out += {static_cast<char>(size >> 16), static_cast<char>(size >> 8), static_cast<char>(size),
            static_cast<char>(type), static_cast<char>(flags)};
    out.append(reinterpret_cast<const char*>(&of), sizeof of).append(payload);
  }
  void read_frame(uint8_t type, uint8_t flags, std::string_view payload, const Exchange& exchange,
                  std::string& out) {
    if (type == Settings && (flags & kAck) == 0) add_frame(out, Settings, kAck, 0, "");
    if (type == Ping && (flags & kAck) == 0) add_frame(out, Ping, kAck, 0, payload);
    if (type == GoAway) outcome = "GOAWAY";
    if (type == Reset) outcome = "RST_STREAM";
    if (type == Data) body_ += payload;
    if ((type == Data || type == Headers) && (flags & kEndStream) != 0)
      outcome = body_.empty()                                 ? "no message"
                : body_.find(exchange.expected) == body_.npos ? "wrong message"
                                                              : kWell;
  }

  const Script& script_;
  uint32_t stream_ = static_cast<uint32_t>(-1);  // the first is 1, then every second
  std::string body_;
};

}  // namespace load
