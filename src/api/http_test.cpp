#include "api/http.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidemill::api {
namespace {

std::string code_of(std::string_view text) {
  const auto head = parse_head(text);
  return head ? "" : head.error().code;
}

TEST(Http, reads_method_path_query_and_headers) {
  const auto head = parse_head(
      "POST /v2/models/la%74e/infer?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nX-Y:  z \r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->request.method, "POST");
  EXPECT_EQ(head->request.path, "/v2/models/late/infer");
  EXPECT_EQ(head->request.query, "x=1");
  EXPECT_EQ(head->request.header("x-y"), "z");
  EXPECT_EQ(head->content_length, 12U);
  EXPECT_TRUE(head->request.keep_alive);
}

TEST(Http, refuses_what_could_be_read_in_two_ways) {
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            "http.bad_request");
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "http.bad_request");
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost : a\r\n\r\n"), "http.bad_request");
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"), "http.bad_request");
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
    return parse_head("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n")->request.keep_alive;
  };
  EXPECT_TRUE(keeps("Connection: closed-captions\r\n"));
  EXPECT_FALSE(keeps("Connection: Close, keep-alive\r\n"));
  EXPECT_FALSE(keeps("Connection: close\r\nConnection: keep-alive\r\n"));
  EXPECT_FALSE(parse_head("GET / HTTP/1.0\r\nConnection: not-keep-alive\r\n\r\n")->request.keep_alive);
  EXPECT_TRUE(parse_head("GET / HTTP/1.0\r\nConnection: x,\tkeep-alive\r\n\r\n")->request.keep_alive);
}

TEST(Http, ignores_an_expectation_of_http_1_0) {
  EXPECT_FALSE(parse_head("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")->expects_continue);
}

TEST(Http, closes_for_http_1_0_and_when_asked) {
  EXPECT_FALSE(parse_head("GET / HTTP/1.0\r\n\r\n")->request.keep_alive);
  EXPECT_FALSE(parse_head("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")->request.keep_alive);
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
  const auto head = parse_head(*rc::gen::arbitrary<std::string>());
  RC_ASSERT(head.has_value() || !head.error().code.empty());
}

}  // namespace
}  // namespace tidemill::api
