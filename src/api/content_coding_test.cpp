#include "api/content_coding.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidemill::api {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

RC_GTEST_PROP(ContentCoding, decodes_what_it_encoded, (const std::string& body)) {
  for (const Coding coding : {Coding::Identity, Coding::Gzip, Coding::Deflate}) {
    const auto decoded = decode(encode(body, coding), coding, kMegabyte);
    RC_ASSERT(decoded);
    RC_ASSERT(*decoded == body);
  }
}

RC_GTEST_PROP(ContentCoding, refuses_what_breaks_off_or_goes_on, (const std::string& body)) {
  const Coding coding = *rc::gen::element(Coding::Gzip, Coding::Deflate);
  const std::string encoded = encode(body, coding);
  const auto length = *rc::gen::inRange<size_t>(0, encoded.size());
  RC_ASSERT(decode(encoded.substr(0, length), coding, kMegabyte).error().code == "http.coding");
  RC_ASSERT(decode(encoded + "x", coding, kMegabyte).error().code == "http.coding");
}

TEST(ContentCoding, stops_at_the_limit_whatever_the_body_unfolds_to) {
  const std::string bomb = encode(std::string(64 * kMegabyte, 'a'), Coding::Gzip);
  EXPECT_LT(bomb.size(), kMegabyte);
  EXPECT_EQ(decode(bomb, Coding::Gzip, kMegabyte).error().code, "http.too_large");
}

TEST(ContentCoding, takes_the_coding_a_client_likes_best) {
  EXPECT_EQ(accepted_coding(""), Coding::Identity);
  EXPECT_EQ(accepted_coding("gzip, deflate, br"), Coding::Gzip);
  EXPECT_EQ(accepted_coding("br;q=1.0, deflate;q=0.8, gzip;q=0.5"), Coding::Deflate);
  EXPECT_EQ(accepted_coding("gzip;q=0"), Coding::Identity);
  EXPECT_EQ(accepted_coding("identity, gzip;q=0.5"), Coding::Identity);
  EXPECT_EQ(accepted_coding("gzip;q=x, *"), Coding::Identity);
  EXPECT_EQ(accepted_coding(" GZIP "), Coding::Gzip);
}

TEST(ContentCoding, knows_one_coding_at_a_time) {
  EXPECT_EQ(content_coding("Deflate"), Coding::Deflate);
  EXPECT_EQ(content_coding("gzip, gzip").error().code, "http.media_type");
  EXPECT_EQ(content_coding("br").error().code, "http.media_type");
}

Response length_of(const Request& request) {
  return {200, "text/plain", std::string(request.body.size(), '.'), {}};
}

// A request in gzip, with the bytes that it refers to.
struct Coded {
  explicit Coded(std::string_view plain, std::string_view accept = "") : body(encode(plain, Coding::Gzip)) {
    request.body = body;
    request.headers = {{"content-encoding", "gzip"}};
    if (!accept.empty()) request.headers.emplace_back("accept-encoding", accept);
  }
  const std::string body;
  Request request;
};

TEST(ContentCoding, long_bodies_are_decoded_by_a_worker) {
  const Coded little("abc"), much(std::string(kMegabyte, 'a'), "gzip");
  const Answer at_once = answer_coded(little.request, 2 * kMegabyte, length_of);
  EXPECT_EQ(std::get<Response>(at_once).body, "...");
  const Answer later = answer_coded(much.request, 2 * kMegabyte, length_of);
  const Response response = std::get<Work>(later)();
  EXPECT_EQ(response.headers.at(0), (std::pair<std::string_view, std::string>{"Content-Encoding", "gzip"}));
  EXPECT_EQ(decode(response.body, Coding::Gzip, 2 * kMegabyte)->size(), kMegabyte);
  const Answer too_much = answer_coded(much.request, kMegabyte - 1, length_of);
  EXPECT_EQ(std::get<Work>(too_much)().status, 413);
}

TEST(ContentCoding, keeps_a_decoded_body_until_its_work_is_done) {
  const Coded coded("abc");
  const Answer answer = answer_coded(coded.request, kMegabyte, [](const Request& decoded) -> Answer {
    return Work([&decoded] { return length_of(decoded); });
  });
  EXPECT_EQ(std::get<Work>(answer)().body, "...");
}

}  // namespace
}  // namespace tidemill::api
