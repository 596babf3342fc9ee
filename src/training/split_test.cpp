// Splits as properties: parts are disjoint, equal times stand together, a row keeps its side when rows are
// added, and a rule read back from its JSON assigns every row as before.
#include "training/split.hpp"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "training/training.hpp"

namespace tidemill::training {
namespace {

constexpr int64_t kDay = 86'400'000'000;

RC_GTEST_PROP(time_split, stands_rows_of_equal_time_on_one_side_in_order_with_the_gap_between, ()) {
  const auto ticks = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 60)));
  std::vector<int64_t> times;
  for (const int tick : ticks) times.push_back(1'704'067'200'000'000 + tick * (kDay / 2));
  project::Split split{.kind = project::Split::Kind::Time, .column = "at"};
  if (*rc::gen::arbitrary<bool>())
    split.test = *rc::gen::inRange(1, 60) / 100.0;
  else
    split.test = Duration{*rc::gen::inRange(1, 20) * kDay};
  if (*rc::gen::arbitrary<bool>())
    split.validation = *rc::gen::inRange(0, 39) / 100.0;
  else
    split.validation = Duration{*rc::gen::inRange(0, 10) * kDay};
  split.gap = Duration{*rc::gen::inRange(0, 3) * kDay};
  const auto rule = plan_split(split, times);
  RC_ASSERT(rule.has_value());
  const auto back = split_from_json(to_json(*rule));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == *rule);
  std::sort(times.begin(), times.end());
  // Training, gap, validation, gap, test: in this order along time.
  const auto rank = [&](int64_t t) {
    switch (rule->of_time(t)) {
      case Part::Train:
        return 0;
      case Part::Validation:
        return 2;
      case Part::Test:
        return 4;
      case Part::Gap:
        return t < rule->validation_from.value_or(rule->test_from) ? 1 : 3;
      default:
        return 5;
    }
  };
  for (size_t i = 1; i < times.size(); ++i) {
    RC_ASSERT(rank(times[i - 1]) <= rank(times[i]));
    if (times[i] == times[i - 1]) RC_ASSERT(rule->of_time(times[i]) == rule->of_time(times[i - 1]));
  }
  RC_ASSERT(rule->of_time(times.back()) == Part::Test);
  RC_ASSERT(rule->of_time(times.back() + 1) == Part::New);
  // A gap's width lies between the last row to learn from and the first of the next part.
  for (const int64_t t : times)
    for (const int64_t u : times)
      if (rule->of_time(t) == Part::Train && rule->of_time(u) == Part::Test)
        RC_ASSERT(u - t > split.gap.micros || split.gap.micros == 0);
}

TEST(time_split, takes_the_newest_span_without_its_far_end) {
  std::vector<int64_t> times;
  for (int day = 0; day < 60; ++day) times.push_back(day * kDay);
  project::Split split{.kind = project::Split::Kind::Time,
                       .column = "at",
                       .validation = Duration{14 * kDay},
                       .test = Duration{28 * kDay},
                       .gap = Duration{2 * kDay}};
  const auto rule = plan_split(split, times);
  ASSERT_TRUE(rule);
  std::map<Part, int> counts;
  for (const int64_t t : times) ++counts[rule->of_time(t)];
  EXPECT_EQ(counts[Part::Test], 28);
  EXPECT_EQ(counts[Part::Validation], 14);
  EXPECT_EQ(counts[Part::Gap], 4);
  EXPECT_EQ(counts[Part::Train], 14);
}

TEST(time_split, keeps_ties_together_when_a_share_falls_among_them) {
  std::vector<int64_t> times(10, 5);
  for (int i = 0; i < 90; ++i) times.push_back(i < 70 ? 0 : 9);  // 70 × 0, 10 × 5, 20 × 9
  project::Split split{.kind = project::Split::Kind::Time, .column = "at", .validation = 0.0, .test = 0.22};
  const auto rule = plan_split(split, times);
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->test_from, 9);  // 20 rows are nearer to 22 than 30 are
  split.test = 0.28;
  EXPECT_EQ(plan_split(split, times)->test_from, 5);
}

RC_GTEST_PROP(hash_split, gives_a_row_its_side_whatever_other_rows_there_are,
              (const std::vector<std::string>& key)) {
  SplitHash once, again;
  for (const std::string& text : key) once.add(text);
  for (const std::string& text : key) again.add(text);
  RC_ASSERT(once.value() == again.value());
  RC_ASSERT(once.share() >= 0 && once.share() < 1);
  const SplitRule rule{.test = 0.3, .validation = 0.2};
  const auto back = split_from_json(to_json(rule));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->of_share(once.share()) == rule.of_share(once.share()));
}

TEST(hash_split, divides_evenly_and_tells_columns_apart) {
  std::map<Part, int> counts;
  const SplitRule rule{.test = 0.2, .validation = 0.1};
  for (int i = 0; i < 100'000; ++i) {
    SplitHash hash;
    hash.add(std::to_string(i));
    ++counts[rule.of_share(hash.share())];
  }
  // Five standard deviations of a binomial.
  EXPECT_NEAR(counts[Part::Test], 20'000, 5 * 126);
  EXPECT_NEAR(counts[Part::Validation], 10'000, 5 * 95);
  SplitHash a, b, c, d;
  a.add("ab"), a.add("c");
  b.add("a"), b.add("bc");
  c.add(""), d.add_null();
  EXPECT_NE(a.value(), b.value());
  EXPECT_NE(c.value(), d.value());
}

TEST(hash_split, has_the_value_that_the_format_promises) {
  SplitHash hash;
  hash.add("42");
  // FNV-1a over 02 00 00 00 00 00 00 00 '4' '2', then SplitMix64's mix; computed apart from this program.
  EXPECT_EQ(hash.value(), 0x15aec47d70a8e61cULL);
}

TEST(split_from_json, refuses_what_is_no_split) {
  for (const Json& json : {Json(3), Json::object(), Json{{"kind", "moon"}}, Json{{"kind", "hash"}},
                           Json{{"kind", "time"}, {"test_from", "x"}}})
    EXPECT_FALSE(split_from_json(json)) << json.dump();
}

TEST(plan_split, refuses_shares_that_leave_nothing_and_spans_without_time) {
  EXPECT_FALSE(plan_split({.validation = 0.5, .test = 0.5}, {}));
  EXPECT_FALSE(plan_split({.validation = Duration{kDay}, .test = 0.5}, {}));
}

TEST(test_rows_overlap, where_spans_do_and_wherever_a_share_is_the_test_part) {
  const auto days = [](int64_t from, int64_t to) {
    constexpr int64_t kDay = 86'400'000'000;
    return to_json(SplitRule{
        .kind = project::Split::Kind::Time, .column = "at", .test_from = from * kDay, .test_to = to * kDay});
  };
  EXPECT_TRUE(test_rows_overlap(days(10, 20), days(11, 21)));
  EXPECT_TRUE(test_rows_overlap(days(10, 20), days(20, 30)));
  EXPECT_FALSE(test_rows_overlap(days(10, 20), days(21, 31)));
  EXPECT_FALSE(test_rows_overlap(days(21, 31), days(10, 20)));
  const Json hash = to_json(SplitRule{.test = 0.2, .validation = 0.2});
  EXPECT_TRUE(test_rows_overlap(hash, hash));
  EXPECT_TRUE(test_rows_overlap(hash, days(10, 20)));
  EXPECT_FALSE(test_rows_overlap(hash, Json::object()));
}

}  // namespace
}  // namespace tidemill::training
