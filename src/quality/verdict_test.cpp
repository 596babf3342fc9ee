#include "quality/verdict.hpp"

#include <gtest/gtest.h>

namespace tidemill::quality {
namespace {

project::Check not_null(const std::string& column) {
  project::Check check;
  check.kind = "not_null";
  check.columns = {column};
  return check;
}

std::string said(const project::Check& check, int64_t rows, int64_t failing) {
  return sentence(check, rows, failing, judge(check, rows, failing));
}

TEST(Verdict, sentence_is_the_one_of_the_documentation) {
  project::Check check = not_null("tailnum");
  check.mostly = 0.99;
  EXPECT_EQ(said(check, 27004, 412), "412 of 27 004 rows have no tailnum, 1.5 % (limit 1 %)");
  EXPECT_EQ(judge(check, 27004, 412).status, CheckStatus::Failed);
}

TEST(Verdict, one_row_has_and_no_limit_is_not_spoken_of) {
  EXPECT_EQ(said(not_null("tailnum"), 1000, 1), "1 of 1 000 rows has no tailnum, 0.1 %");
  EXPECT_EQ(said(not_null("tailnum"), 1234567, 0), "0 of 1 234 567 rows have no tailnum");
}

TEST(Verdict, percent_never_says_nothing_for_something_or_all_for_less) {
  EXPECT_EQ(percent(0), "0 %");
  EXPECT_EQ(percent(1), "100 %");
  EXPECT_EQ(percent(0.5), "50 %");
  EXPECT_EQ(percent(0.015257), "1.5 %");
  EXPECT_EQ(percent(0.000012345), "0.0012 %");
  EXPECT_EQ(percent(0.0799999), "8 %");
  EXPECT_EQ(percent(0.99999), "> 99 %");
  EXPECT_EQ(percent(1e-12), "< 0.000001 %");
}

TEST(Verdict, exactly_as_many_as_mostly_asks_for_pass) {
  project::Check check = not_null("x");
  for (const int percent_passing :
       {7, 29, 57, 58, 97, 99}) {  // some shares times 100 are not whole numbers in binary
    check.mostly = percent_passing / 100.0;
    EXPECT_EQ(judge(check, 100, 100 - percent_passing).status, CheckStatus::Passed) << percent_passing;
    EXPECT_EQ(judge(check, 100, 101 - percent_passing).status, CheckStatus::Failed) << percent_passing;
  }
}

TEST(Verdict, warn_if_and_error_if_are_limits_of_their_own) {
  project::Check check = not_null("x");
  check.warn_if = {.count = 10};
  check.error_if = {.share = 0.05};
  EXPECT_EQ(judge(check, 1000, 10).status, CheckStatus::Passed);
  EXPECT_EQ(judge(check, 1000, 11).status, CheckStatus::Warned);
  EXPECT_EQ(judge(check, 1000, 50).status, CheckStatus::Warned);
  EXPECT_EQ(judge(check, 1000, 51).status, CheckStatus::Failed);
  EXPECT_EQ(judge(check, 1000, 51).limit, "limit 5 %");
  check.severity = project::Severity::Warn;
  EXPECT_EQ(judge(check, 1000, 900).status, CheckStatus::Warned);
}

TEST(Verdict, warn_if_alone_never_fails_unless_mostly_says_so) {
  project::Check check = not_null("x");
  check.warn_if = {.count = 0};
  EXPECT_EQ(judge(check, 100, 100).status, CheckStatus::Warned);
  check.mostly = 0.9;
  EXPECT_EQ(judge(check, 100, 5).status, CheckStatus::Warned);
  EXPECT_EQ(judge(check, 100, 11).status, CheckStatus::Failed);
}

TEST(Verdict, no_rows_pass_every_rule) {
  project::Check check = not_null("x");
  check.error_if = {.share = 0.0};
  EXPECT_EQ(judge(check, 0, 0).status, CheckStatus::Passed);
}

TEST(Verdict, what_stops_depends_on_on_fail_and_severity) {
  CheckResult result = result_of(not_null("x"));
  result.status = CheckStatus::Failed;
  EXPECT_TRUE(result.stops());
  result.on_fail = project::OnFail::Continue;
  EXPECT_FALSE(result.stops());
  result.on_fail = project::OnFail::Quarantine;
  EXPECT_TRUE(result.stops());  // nothing can be set aside
  result.failing_where = "x IS NULL";
  EXPECT_FALSE(result.stops());
  result.status = CheckStatus::Error;
  EXPECT_TRUE(result.stops());
  result.severity = project::Severity::Warn;
  EXPECT_FALSE(result.stops());
}

}  // namespace
}  // namespace tidemill::quality
