#include "api/routes.hpp"

#include <gtest/gtest.h>

namespace tidemill::api {
namespace {

int status_for(std::string_view header, std::string_view value) {
  serving::Deployments none;
  Routes routes(none, {});
  Request request;
  request.method = "GET";
  request.path = "/v2/health/live";
  request.headers.emplace_back(header, value);
  return std::get<Response>(routes.answer(request)).status;
}

TEST(Routes, answer_this_machine_only_by_the_names_it_has_itself) {
  for (const char* host : {"127.0.0.1:8080", "127.0.0.1", "localhost:8080", "[::1]:8080", "[::1]"})
    EXPECT_EQ(status_for("host", host), 200) << host;
  for (const char* host : {"127.attacker.com", "127.0.0.1.evil.com", "evil.com:80", "localhost:80@evil.com",
                           "[::1]evil.com", "[::1", "127.0.0.1:x", "::1", ":80", "user@localhost"})
    EXPECT_EQ(status_for("host", host), 403) << host;
}

TEST(Routes, answer_no_page_of_a_foreign_origin) {
  for (const char* origin : {"http://127.0.0.1:3000", "http://localhost", "https://[::1]:1"})
    EXPECT_EQ(status_for("origin", origin), 200) << origin;
  for (const char* origin : {"http://127.0.0.1.evil.com", "http://127.attacker.com", "null", "localhost",
                             "http://localhost/x", "http://localhost:80.evil.com"})
    EXPECT_EQ(status_for("origin", origin), 403) << origin;
}

}  // namespace
}  // namespace tidemill::api
