#include "pipeline/keys.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "pipeline/attempt.hpp"
#include "pipeline/report.hpp"

namespace tidemill::pipeline {
namespace {

TEST(Keys, do_not_depend_on_the_order_of_parts_or_of_members) {
  const Json a{{"kind", "transform/1"}, {"inputs", {{"x", "1"}, {"y", "2"}}}};
  const Json b{{"inputs", {{"y", "2"}, {"x", "1"}}}, {"kind", "transform/1"}};
  EXPECT_EQ(key_of(a), key_of(b));
}

TEST(Keys, tell_a_text_from_a_number_and_one_part_from_two) {
  EXPECT_NE(key_of({{"seed", "1"}}), key_of({{"seed", 1}}));
  EXPECT_NE(key_of({{"a", "bc"}}), key_of({{"ab", "c"}}));
  EXPECT_NE(key_of({{"a", "1"}}), key_of({{"a", "1"}, {"b", ""}}));
}

TEST(Keys, any_changed_part_changes_the_key_and_is_named) {
  rc::check(
      "one change, one name", [](const std::map<std::string, std::string>& parts, const std::string& value) {
        RC_PRE(!parts.empty());
        Json before = Json::object();
        for (const auto& [name, text] : parts)
          before["p" + std::to_string(std::hash<std::string>{}(name))] = "v" + std::to_string(text.size());
        Json after = before;
        const std::string changed = *rc::gen::elementOf([&] {
          std::vector<std::string> names;
          for (const auto& [name, text] : before.items()) names.push_back(name);
          return names;
        }());
        after[changed] = "w" + std::to_string(value.size());
        RC_ASSERT(key_of(before) != key_of(after));
        const auto changes = compare_parts(before, after);
        RC_ASSERT(changes.size() == 1U);
        RC_ASSERT(changes[0].part == changed);
      });
}

TEST(Keys, name_the_input_the_parameter_and_the_script_that_changed) {
  const Json before{{"inputs", {{"flights", "aa"}, {"planes", "bb"}}},
                    {"engine", "v1.5.4"},
                    {"scripts", {{"train.py", "1"}}}};
  const Json after{{"inputs", {{"flights", "ab"}, {"weather", "cc"}}},
                   {"engine", "v1.5.5"},
                   {"scripts", {{"train.py", "2"}}}};
  std::string all;
  for (const PartChange& change : compare_parts(before, after))
    all += describe_change("features", change) + "; ";
  EXPECT_EQ(all,
            "flights is other data; weather is a new input; planes is no input any more; DuckDB is v1.5.5, "
            "was v1.5.4; "
            "script train.py changed; ");
}

TEST(Backoff, doubles_up_to_a_minute_within_a_quarter) {
  const Duration first{500'000};
  EXPECT_EQ(backoff(first, 2, 0.5), (Duration{500'000}));
  EXPECT_EQ(backoff(first, 4, 0.5), (Duration{2'000'000}));
  EXPECT_EQ(backoff(first, 90, 0.5), (Duration{60'000'000}));
  EXPECT_EQ(backoff(first, 2, 0.0), (Duration{375'000}));
  EXPECT_EQ(backoff(first, 2, 1.0), (Duration{625'000}));
}

TEST(Retries, are_for_networks_and_locks_only) {
  const auto error = [](ErrorKind kind, const char* code) { return Error{kind, code, ""}; };
  EXPECT_TRUE(may_pass(error(ErrorKind::Environment, "connection.failed"), true));
  EXPECT_TRUE(may_pass(error(ErrorKind::Environment, "lock.held"), false));
  EXPECT_TRUE(may_pass(error(ErrorKind::Environment, "io.failed"), true));
  EXPECT_FALSE(may_pass(error(ErrorKind::Environment, "io.failed"), false));
  EXPECT_FALSE(may_pass(error(ErrorKind::User, "sql.binder"), true));
  EXPECT_FALSE(may_pass(error(ErrorKind::Data, "check.not_null"), true));
  for (const char* code : {"connection.extension", "connection.refused", "connection.dsn"})
    EXPECT_FALSE(may_pass(error(ErrorKind::Environment, code), true)) << code;
}

TEST(ExitCode, is_the_gravest_of_the_steps) {
  EXPECT_EQ(gravest(3, 4), 3);
  EXPECT_EQ(gravest(0, 4), 4);
  EXPECT_EQ(gravest(3, 1), 1);
  EXPECT_EQ(gravest(6, 1), 6);
  EXPECT_EQ(gravest(130, 70), 130);
  EXPECT_EQ(step_exit({ErrorKind::User, "sql.conversion", ""}), 1)
      << "a step that fails at its run is no usage error";
  EXPECT_EQ(step_exit({ErrorKind::Data, "gate.rejected", ""}), 4);
  EXPECT_EQ(step_exit({ErrorKind::Environment, "timeout.step", ""}), 6);
  EXPECT_EQ(step_exit({ErrorKind::Internal, "internal.x", ""}), 70);
}

}  // namespace
}  // namespace tidemill::pipeline
