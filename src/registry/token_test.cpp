#include "registry/token.hpp"

#include <rapidcheck/gtest.h>

#include "base/sha256.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

TEST(Tokens, have_a_form_of_their_own_and_a_checksum) {
  const std::string token = new_token();
  EXPECT_TRUE(is_token(token));
  EXPECT_NE(token, new_token());
  for (size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == '0' ? '1' : '0';
    EXPECT_FALSE(is_token(other)) << i;
  }
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token(token + "0"));
}

TEST(Tokens, are_kept_as_keyed_hashes_only) {
  const TestHome home;
  const auto registry = home.open();
  const std::string token = must(registry->create_token({"ann", {"predict:late", "read"}}));
  const Tokens tokens = must(registry->tokens());
  ASSERT_EQ(tokens.all.size(), 1U);
  EXPECT_EQ(tokens.all[0].hash, hmac_sha256(tokens.key, token));
  EXPECT_EQ(tokens.all[0].id, token_id(token));
  EXPECT_EQ(tokens.all[0].scopes, (std::vector<std::string>{"predict:late", "read"}));
  EXPECT_EQ(tidemill::to_text(must(registry->audit(1))[0].details).find(token.substr(12)), std::string::npos);
}

TEST(Tokens, end_when_they_expire_or_are_revoked) {
  const TestHome home;
  const auto registry = home.open();
  const Instant later{home.clock->at.micros + 1'000'000};
  must(registry->create_token({"short", {"read"}, later}));
  must(registry->create_token({"long", {"read"}}));
  must(registry->revoke_token("long"));
  const Tokens tokens = must(registry->tokens());
  for (const Token& token : tokens.all) {
    EXPECT_EQ(token.usable(home.clock->at), token.name == "short");
    EXPECT_FALSE(token.usable(later));
  }
  EXPECT_EQ(code_of(registry->revoke_token("long")), "registry.unknown_token");
  EXPECT_EQ(code_of(registry->create_token({"short", {"read"}})), "registry.token_exists");
  EXPECT_EQ(code_of(registry->create_token({"long", {"read"}})), "no error");
}

TEST(Tokens, are_limited_to_a_thousand_that_open_something) {
  const TestHome home;
  const auto registry = home.open();
  const Instant soon{home.clock->at.micros + 1'000'000};
  for (int i = 0; i < 1000; ++i) must(registry->create_token({std::to_string(i), {"read"}, soon}));
  EXPECT_EQ(code_of(registry->create_token({"more", {"read"}})), "registry.too_many_tokens");
  must(registry->revoke_token("7"));
  must(registry->create_token({"more", {"read"}}));
  EXPECT_EQ(code_of(registry->create_token({"and more", {"read"}})), "registry.too_many_tokens");
  home.clock->at = soon;
  must(registry->create_token({"8", {"read"}}));  // its namesake has expired
  for (int i = 0; i < 5; ++i) must(registry->create_token({"later" + std::to_string(i), {"read"}}));
  EXPECT_LE(must(registry->tokens()).all.size(), 1007U);
}

TEST(Tokens, have_scopes_that_are_known) {
  const TestHome home;
  const auto registry = home.open();
  EXPECT_EQ(code_of(registry->create_token({"a", {}})), "registry.bad_scope");
  for (const char* scope : {"", "predict:", "all", "predict late", "Read"})
    EXPECT_EQ(code_of(registry->create_token({"a", {scope}})), "registry.bad_scope") << scope;
}

// RFC 4231, test case 2.
TEST(Tokens, are_hashed_as_the_standard_says) {
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace tidemill::registry
