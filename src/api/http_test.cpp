#include "api/http.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidemill::api {
namespace {

std::string code_of(std::string_view text) {
  Head head;
  const auto read = parse_head(text, head);
  return read ? "" : read.error().code;
}

// A head with the bytes that its views lead to.
struct Parsed {
  explicit Parsed(std::string sent) : text(std::move(sent)) { EXPECT_TRUE(parse_head(text, head)); }
  const std::string text;
  Head head;
};

TEST(Http, reads_method_path_query_and_headers) {
  const Parsed parsed(
      "POST /v2/models/la%74e/infer?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nX-Y:  z \r\n\r\n");
  const Head* head = &parsed.head;
  EXPECT_EQ(head->request.method, "POST");
  EXPECT_EQ(head->request.path, "/v2/models/late/infer");
  EXPECT_EQ(head->request.query, "x=1");
  EXPECT_EQ(head->request.header("x-y"), "z");
  EXPECT_EQ(head->content_length, 12U);
  EXPECT_EQ(head->persistence, Persistence::KeepAlive);
}

TEST(Http, refuses_what_could_be_read_in_two_ways) {
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            "http.bad_request");
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "http.bad_request");
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost : a\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"), "http.bad_request");
  for (const std::string_view line : {"X", "X\r\nY: 1", ": 1", "X Y: 1", "X: a\nY: b", "X: a\rb", "X: a\r\r"})
    EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n"), "http.bad_request")
        << line;
  EXPECT_EQ(code_of(std::string("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 35)), "http.bad_request");
  EXPECT_EQ(code_of("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), "http.version");
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"), "http.not_implemented");
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: " + std::string(kMaxHeadBytes, 'x') + "\r\n\r\n"),
            "http.head_too_large");
}

TEST(Http, refuses_two_hosts_and_transfer_encodings_that_another_reader_would_frame_otherwise) {
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n"),
            "http.bad_request");
}

TEST(Http, reads_the_options_of_connection_as_words_and_close_wins) {
  const auto keeps = [](std::string_view lines) {
    const Parsed parsed("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n");
    return parsed.head.persistence == Persistence::KeepAlive;
  };
  EXPECT_TRUE(keeps("Connection: closed-captions\r\n"));
  EXPECT_FALSE(keeps("Connection: Close, keep-alive\r\n"));
  EXPECT_FALSE(keeps("Connection: close\r\nConnection: keep-alive\r\n"));
  EXPECT_EQ(Parsed("GET / HTTP/1.0\r\nConnection: not-keep-alive\r\n\r\n").head.persistence,
            Persistence::Close);
  EXPECT_EQ(Parsed("GET / HTTP/1.0\r\nConnection: x,\tkeep-alive\r\n\r\n").head.persistence,
            Persistence::SaidKeepAlive);
}

TEST(Http, a_head_keeps_nothing_of_the_one_before) {
  Head head;
  const std::string first =
      "POST /%41?q HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\nX-Request-Timeout-Ms: "
      "5\r\n"
      "Connection: close\r\n\r\n";
  ASSERT_TRUE(parse_head(first, head));
  EXPECT_EQ(head.timeout, std::chrono::milliseconds(5));
  ASSERT_TRUE(parse_head("GET /b HTTP/1.1\r\nHost: a\r\n\r\n", head));
  EXPECT_EQ(head.request.path, "/b");
  EXPECT_EQ(head.request.query, "");
  EXPECT_EQ(head.request.headers.size(), 1U);
  EXPECT_FALSE(head.content_length || head.timeout || head.chunked || head.expects_continue);
  EXPECT_EQ(head.persistence, Persistence::KeepAlive);
}

TEST(Http, writes_a_date_as_http_has_it) {
  EXPECT_EQ(http_date(std::chrono::system_clock::from_time_t(784111777)), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(Http, refuses_a_timeout_that_is_no_number_of_milliseconds) {
  for (const char* timeout : {"-1", "1.5", "1s", "", "99999999999"})
    EXPECT_EQ(code_of(fmt::format("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Timeout-Ms: {}\r\n\r\n", timeout)),
              "http.bad_request")
        << timeout;
}

TEST(Http, ignores_an_expectation_of_http_1_0) {
  EXPECT_FALSE(Parsed("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").head.expects_continue);
}

TEST(Http, closes_for_http_1_0_and_when_asked) {
  EXPECT_EQ(Parsed("GET / HTTP/1.0\r\n\r\n").head.persistence, Persistence::Close);
  EXPECT_EQ(Parsed("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").head.persistence,
            Persistence::Close);
}

RC_GTEST_PROP(Http, a_chunked_body_is_the_same_however_it_is_cut, ()) {
  const auto parts = *rc::gen::container<std::vector<std::string>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::arbitrary<char>())));
  std::string wire, body;
  for (const std::string& part : parts) {
    wire += fmt::format("{:x};name=value\r\n", part.size()) + part + "\r\n";
    body += part;
  }
  wire += "0\r\nTrailer: x\r\n\r\nNEXT";
  ChunkedBody chunked(1 << 20);
  std::string buffer;
  size_t at = 0;
  while (!chunked.done()) {
    RC_ASSERT(at < wire.size());
    const size_t n = std::min<size_t>(*rc::gen::inRange<size_t>(1, 12), wire.size() - at);
    buffer += wire.substr(at, n);
    at += n;
    const auto used = chunked.feed(buffer);
    RC_ASSERT(used.has_value());
    buffer.erase(0, *used);
  }
  RC_ASSERT(chunked.take() == body);
  RC_ASSERT(buffer + wire.substr(at) == "NEXT");
}

TEST(Http, a_chunk_beyond_the_limit_is_refused_before_it_is_read) {
  ChunkedBody chunked(10);
  const auto used = chunked.feed("ffffffff\r\n");
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, "http.too_large");
}

RC_GTEST_PROP(Http, no_bytes_crash_the_parser, ()) {
  const auto text = *rc::gen::arbitrary<std::string>();
  Head head;
  const auto read = parse_head(text, head);
  RC_ASSERT(read.has_value() || !read.error().code.empty());
}

}  // namespace
}  // namespace tidemill::api
