#include "api/access.hpp"

#include "registry/registry_test_support.hpp"

namespace tidemill::api {
namespace {

using registry::must;
using registry::TestHome;

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "" : result.error().code;
}

class Tokens : public ::testing::Test {
 protected:
  std::string make(const registry::Registry::NewToken& wanted) {
    std::string token = must(registry_->create_token(wanted));
    access_.use(must(registry_->tokens()));
    return token;
  }
  std::string ask(const std::string& token, Scope scope, std::string_view deployment = "") const {
    const std::string header = "Bearer " + token;
    const auto may = access_.allow({.authorization = header}, scope, deployment);
    return may ? "" : may.error().error.code;
  }
  TestHome home_;
  std::unique_ptr<registry::Registry> registry_ = home_.open();
  std::string could(const std::string& token, Scope scope) const {
    const std::string header = "Bearer " + token;
    const auto may = access_.could_allow({.authorization = header}, scope);
    return may ? "" : may.error().code;
  }
  Access access_{{.clock = home_.clock}};
};

TEST_F(Tokens, are_demanded_as_soon_as_there_is_one_and_ever_after) {
  EXPECT_TRUE(access_.allow({}, Scope::Predict, "late"));
  const std::string token = make({"ann", {"predict"}});
  EXPECT_EQ(ask("", Scope::Predict), "http.unauthorized");
  must(registry_->revoke_token("ann"));
  access_.use(must(registry_->tokens()));
  EXPECT_EQ(ask(token, Scope::Predict, "late"), "http.unauthorized");
  access_.use({});
  EXPECT_EQ(ask("", Scope::Predict), "http.unauthorized");
}

TEST_F(Tokens, that_are_all_revoked_leave_the_next_server_open_to_its_machine) {
  make({"ann", {"predict"}});
  make({.name = "bob", .scopes = {"read"}, .expires_at = Instant{home_.clock->at.micros + 1}});
  must(registry_->revoke_token("ann"));
  const auto next_server = [&] {
    Access next({.clock = home_.clock});
    next.use(must(registry_->tokens()));
    return next.demands_token();
  };
  home_.clock->at.micros += 2;
  EXPECT_TRUE(next_server()) << "one that has expired still closes it";
  must(registry_->revoke_token("bob"));
  EXPECT_FALSE(next_server());
}

TEST_F(Tokens, open_what_their_scopes_say) {
  const std::string late = make({"late", {"predict:late"}}), all = make({"all", {"predict"}});
  const std::string read = make({"read", {"read"}}), admin = make({"admin", {"admin"}});
  for (const std::string& token : {late, all, admin}) EXPECT_EQ(ask(token, Scope::Predict, "late"), "");
  EXPECT_EQ(ask(late, Scope::Predict, "later"), "http.forbidden");
  EXPECT_EQ(ask(late, Scope::Predict), "http.forbidden");
  EXPECT_EQ(ask(read, Scope::Predict, "late"), "http.forbidden");
  EXPECT_EQ(ask(late, Scope::Read, "late"), "");
  EXPECT_EQ(ask(late, Scope::Read, "later"), "http.forbidden");
  EXPECT_EQ(ask(late, Scope::Read), "http.forbidden");
  EXPECT_EQ(ask(read, Scope::Read), "");
  for (const std::string& token : {late, all, read}) EXPECT_EQ(ask(token, Scope::Promote), "http.forbidden");
  EXPECT_EQ(ask(admin, Scope::Promote), "");
}

TEST_F(Tokens, are_looked_at_before_it_is_known_which_deployment_is_meant) {
  const std::string late = make({"late", {"predict:late"}}), read = make({"read", {"read"}});
  EXPECT_EQ(could(late, Scope::Predict), "");
  EXPECT_EQ(could(late, Scope::Read), "");
  EXPECT_EQ(could(late, Scope::Promote), "http.forbidden");
  EXPECT_EQ(could(read, Scope::Predict), "http.forbidden");
  EXPECT_EQ(could("", Scope::Predict), "http.unauthorized");
  EXPECT_EQ(could("", Scope::Open), "");
}

TEST_F(Tokens, say_when_to_come_again) {
  const std::string token = make({.name = "ann", .scopes = {"read"}, .rate = 0.25});
  EXPECT_EQ(ask(token, Scope::Read), "");
  home_.clock->at.micros += 500'000;
  const std::string header = "Bearer " + token;
  const auto may = access_.allow({.authorization = header}, Scope::Read, "");
  ASSERT_FALSE(may);
  EXPECT_EQ(may.error().wait.micros, 3'500'000);
  const Response response = error_reply(may.error().error, ErrorForm::Plain, may.error().wait);
  EXPECT_EQ(response.headers, (decltype(response.headers){{"Retry-After", "4"}}));
}

TEST_F(Tokens, that_were_never_given_out_open_nothing) {
  const std::string token = make({"ann", {"admin"}});
  std::string other = registry::new_token();
  EXPECT_EQ(ask(other, Scope::Read), "http.unauthorized");
  EXPECT_EQ(ask(token.substr(0, token.size() - 1), Scope::Read), "http.unauthorized");
  EXPECT_EQ(ask("", Scope::Read), "http.unauthorized");
}

TEST_F(Tokens, that_were_verified_once_are_held_against_the_newest_list) {
  const std::string token = make({"ann", {"read"}});
  EXPECT_EQ(ask(token, Scope::Read), "");
  EXPECT_EQ(ask(token, Scope::Read), "");
  std::string nearly = token;
  nearly[8] = nearly[8] == '0' ? '1' : '0';
  EXPECT_EQ(ask(nearly, Scope::Read), "http.unauthorized");
  must(registry_->revoke_token("ann"));
  access_.use(must(registry_->tokens()));
  EXPECT_EQ(ask(token, Scope::Read), "http.unauthorized");
}

TEST_F(Tokens, are_made_ready_anew_only_when_one_of_them_is_another) {
  make({"ann", {"read"}});
  EXPECT_FALSE(access_.use(must(registry_->tokens())));
  must(registry_->revoke_token("ann"));
  EXPECT_TRUE(access_.use(must(registry_->tokens())));
  EXPECT_FALSE(access_.use(must(registry_->tokens())));
}

TEST_F(Tokens, expire) {
  const std::string token = make({"ann", {"read"}, Instant{home_.clock->at.micros + 1000}});
  EXPECT_EQ(ask(token, Scope::Read), "");
  home_.clock->at.micros += 1000;
  EXPECT_EQ(ask(token, Scope::Read), "http.unauthorized");
}

TEST_F(Tokens, have_a_rate_that_outlives_a_reload) {
  const std::string token = make({.name = "ann", .scopes = {"read"}, .rate = 2});
  EXPECT_EQ(ask(token, Scope::Read), "");
  make({"bob", {"read"}});
  EXPECT_EQ(ask(token, Scope::Read), "");
  EXPECT_EQ(ask(token, Scope::Read), "http.too_many_requests");
  home_.clock->at.micros += 500'000;
  EXPECT_EQ(ask(token, Scope::Read), "");
  EXPECT_EQ(ask(token, Scope::Read), "http.too_many_requests");
  home_.clock->at.micros += 3'600'000'000;  // an hour of silence saves up no more than a second's
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask(token, Scope::Read), "");
  EXPECT_EQ(ask(token, Scope::Read), "http.too_many_requests");
}

TEST(Authorization, holds_a_token_as_bearer_or_as_the_password_of_basic) {
  EXPECT_EQ(token_in("Bearer abc"), "abc");
  EXPECT_EQ(token_in("bEARER  abc"), "abc");
  EXPECT_EQ(token_in("Basic dXNlcjphYmM="), "abc");  // user:abc
  for (const char* other : {"", "abc", "Bearerabc", "Basic", "Basic !", "Basic dXNlcg==", "Digest abc"})
    EXPECT_EQ(token_in(other), "") << other;
}

TEST_F(Tokens, say_whose_they_are_where_something_changes) {
  const std::string header = "Bearer " + make({"ann", {"promote", "predict"}});
  EXPECT_EQ(access_.allow({.authorization = header}, Scope::Promote, "").value(), "ann");
  EXPECT_EQ(access_.allow({.authorization = header}, Scope::Predict, "late").value(), "");
}

}  // namespace
}  // namespace tidemill::api
