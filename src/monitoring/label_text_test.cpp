#include "monitoring/label_text.hpp"

#include <gtest/gtest.h>

#include "monitoring/column_rules.hpp"

namespace tidemill::monitoring {

namespace {

using Rule = project::PredictionLog::Column::Rule;

const Secret kSecret("key", std::string(64, 'a'));

project::PredictionLog log_with(Rule others,
                                std::map<std::string, project::PredictionLog::Column> columns = {}) {
  project::PredictionLog log;
  log.others = {others};
  log.columns = std::move(columns);
  return log;
}

}  // namespace

TEST(LabelText, is_one_text_of_equal_values) {
  EXPECT_EQ(label_text(Json(7)), "7");
  EXPECT_EQ(label_text(Json(7.0)), "7");
  EXPECT_EQ(label_text(Json(0.1)), "0.1");
  EXPECT_EQ(label_text(Json(true)), "1");
  EXPECT_EQ(label_text(Json("false")), "0");
  EXPECT_EQ(label_text(Json("red")), "red");
  EXPECT_EQ(label_text(Json(uint64_t{18446744073709551615U})), "18446744073709551615");
}

TEST(LabelText, of_a_key_that_is_an_instant_is_the_instant) {
  for (const char* text : {"2026-11-29T10:00:00Z", "2026-11-29 10:00:00+00", "2026-11-29T05:00:00-05:00"})
    EXPECT_EQ(key_text(Json(text)), "2026-11-29T10:00:00Z") << text;
  for (const char* text : {"2026-11-29", "2026-11-29 or so it says", "007"})
    EXPECT_EQ(key_text(Json(text)), text);
}

TEST(KeyRules, hash_what_nobody_said_to_keep) {
  const KeyRules rules({"id"}, log_with(Rule::Known), kSecret);
  ASSERT_TRUE(rules.stores());
  EXPECT_EQ(rules.stored(Json{{"id", 7}}).value(), hashed(kSecret, "7"));
  EXPECT_EQ(rules.stored(Json{{"id", "7"}}).value(), hashed(kSecret, "7"));
  const KeyRules kept({"id"}, log_with(Rule::Known, {{"id", {Rule::Keep}}}), kSecret);
  EXPECT_EQ(kept.stored(Json{{"id", 7}}).value(), "7");
}

TEST(KeyRules, of_several_columns_are_a_list_in_the_keys_order) {
  const KeyRules rules({"carrier", "flight"}, log_with(Rule::Keep, {{"flight", {Rule::Hash}}}), kSecret);
  EXPECT_EQ(rules.stored(Json{{"flight", 15}, {"carrier", "UA"}}).value(),
            fmt::format("[\"UA\",\"{}\"]", hashed(kSecret, "15")));
}

TEST(KeyRules, store_none_where_a_column_is_not_stored) {
  EXPECT_FALSE(KeyRules({"id"}, log_with(Rule::Drop), kSecret).stores());
  EXPECT_FALSE(KeyRules({"id"}, log_with(Rule::Keep, {{"id", {Rule::Bucket, 10}}}), kSecret).stores());
  EXPECT_FALSE(KeyRules().stores());
  EXPECT_FALSE(KeyRules({}, log_with(Rule::Keep), kSecret).stores());
}

TEST(KeyRules, refuse_what_is_no_key) {
  const KeyRules rules({"id", "leg"}, log_with(Rule::Keep), kSecret);
  for (const char* json : {"7", R"({"id": 7})", R"({"id": 7, "leg": null})", R"({"id": 7, "leg": [1]})",
                           R"({"id": 7, "leg": 1, "more": 2})"}) {
    const auto stored = rules.stored(Json::parse(json));
    ASSERT_FALSE(stored) << json;
    EXPECT_EQ(stored.error().code, "label.key");
  }
  EXPECT_FALSE(rules.stored(Json{{"id", std::string(2000, 'x')}, {"leg", 1}}));
}

}  // namespace tidemill::monitoring
