#include "project/scalar.hpp"

#include <gtest/gtest.h>

#include "project/time_zone.hpp"

namespace tidemill::project {

namespace {
YamlNode plain(const std::string& text) {
  YamlNode node{YamlNode::Kind::Scalar, text, text};
  node.plain = true;
  return node;
}
YamlNode quoted(const std::string& text) { return YamlNode{YamlNode::Kind::Scalar, text, text}; }
bool fits(Scalar::Kind kind, const YamlNode& node) { return !misfit(Scalar{kind}, node); }
}  // namespace

using Kind = Scalar::Kind;

TEST(Scalar, types_are_those_of_yaml_1_2) {
  EXPECT_EQ(scalar_type(plain("NO")), ScalarType::Text);
  EXPECT_EQ(scalar_type(plain("yes")), ScalarType::Text);
  EXPECT_EQ(scalar_type(plain("2013-01-01")), ScalarType::Text);
  EXPECT_EQ(scalar_type(plain("1%")), ScalarType::Text);
  EXPECT_EQ(scalar_type(plain("1.5.2")), ScalarType::Text);
  EXPECT_EQ(scalar_type(plain("0x10")), ScalarType::Text);
  EXPECT_EQ(scalar_type(plain("-")), ScalarType::Text);
  EXPECT_EQ(scalar_type(plain("+-5")), ScalarType::Text);
  EXPECT_EQ(scalar_type(plain("-12")), ScalarType::Integer);
  EXPECT_EQ(scalar_type(plain("1e-3")), ScalarType::Number);
  EXPECT_EQ(scalar_type(plain(".5")), ScalarType::Number);
  EXPECT_EQ(scalar_type(plain("True")), ScalarType::Bool);
  EXPECT_EQ(scalar_type(plain("~")), ScalarType::Null);
  EXPECT_EQ(scalar_type(quoted("12")), ScalarType::Text);
}

TEST(Scalar, share_is_a_percent_or_a_number_up_to_1) {
  EXPECT_EQ(parse_share(plain("1%")), 0.01);
  EXPECT_EQ(parse_share(quoted("97.5 %")), 0.975);
  EXPECT_EQ(parse_share(plain("0.2")), 0.2);
  for (const char* bad : {"101%", "-1%", "1.5", "-0.1", "%", "x%", ".nan", ".inf", "1e-400x"})
    EXPECT_FALSE(parse_share(plain(bad))) << bad;
}

TEST(Scalar, bytes_have_units_of_1000_and_1024) {
  EXPECT_EQ(parse_bytes("4GB"), 4'000'000'000);
  EXPECT_EQ(parse_bytes("1.5 GiB"), 1'610'612'736);
  for (const char* bad : {"4", "GB", "0MB", "-1MB", "4 gigs", "99999999999TB", ""})
    EXPECT_FALSE(parse_bytes(bad)) << bad;
}

TEST(Scalar, fail_limit_is_a_count_or_a_share) {
  EXPECT_EQ(parse_fail_limit("> 10")->count, 10);
  EXPECT_EQ(parse_fail_limit(">1%")->share, 0.01);
  EXPECT_EQ(parse_fail_limit("7")->count, 7);
  for (const char* bad : {"", ">", "< 5", ">= 5", "> -1", "> 1.5", "> 101%", "99999999999999999999"})
    EXPECT_FALSE(parse_fail_limit(bad)) << bad;
}

TEST(Scalar, model_reference_has_an_alias_or_a_version) {
  EXPECT_EQ(parse_model_reference("late")->version, "champion");
  EXPECT_EQ(parse_model_reference("late@7")->version, "7");
  EXPECT_EQ(parse_model_reference("late@challenger")->model, "late");
  for (const char* bad :
       {"", "@", "late@", "late@0", "late@07", "late@a@b", "Late@1", "late@12345678901", "late @1"})
    EXPECT_FALSE(parse_model_reference(bad)) << bad;
}

TEST(Scalar, selector_is_names_with_plus) {
  EXPECT_EQ(parse_selector("+late features+  a")->size(), 3u);
  for (const char* bad : {"", " ", "+", "++a", "a++", "A", "a,b", "a + b"})
    EXPECT_FALSE(parse_selector(bad)) << bad;
}

TEST(Scalar, names_are_not_words_of_sql_or_of_the_engine) {
  for (const char* good : {"late", "_x", "a1", "metric", "date"})
    EXPECT_TRUE(fits(Kind::Identifier, quoted(good))) << good;
  for (const char* bad : {"", "1a", "Late", "a-b", "a b", "é", "order", "select", "duckdb_tables", "pg_type",
                          "sqlite_master", "predictions"})
    EXPECT_FALSE(fits(Kind::Identifier, quoted(bad))) << bad;
  EXPECT_FALSE(fits(Kind::Identifier, quoted(std::string(64, 'a'))));
  EXPECT_EQ(misfit({Kind::Identifier}, quoted("My Table"))->hint, "write my_table");
}

TEST(Scalar, hints_name_what_was_meant) {
  Scalar metric{Kind::Metric};
  EXPECT_EQ(misfit(metric, quoted("auc"))->hint, "did you mean 'roc_auc'?");
  EXPECT_EQ(misfit({Kind::Share, 0, 1}, plain("89"))->hint, "write 89%");
  EXPECT_EQ(misfit({Kind::Share, 0, 1}, plain("-3"))->hint, "write 1% or 0.01");
}

TEST(Scalar, column_types_nest) {
  for (const char* good :
       {"varchar", "TIMESTAMPTZ", "decimal(10, 2)", "double[]", "struct(a integer, b varchar)",
        "map(varchar, double)", "timestamp with time zone", "varchar(3)[]"})
    EXPECT_TRUE(fits(Kind::ColumnType, quoted(good))) << good;
  for (const char* bad : {"varchr", "decimal(10", "int)", "varchar; drop", "(int)"})
    EXPECT_FALSE(fits(Kind::ColumnType, quoted(bad))) << bad;
}

TEST(Scalar, text_that_looks_like_a_number_needs_quotes) {
  EXPECT_EQ(misfit({Kind::Text}, plain("2013"))->code, "project.wrong_type");
  EXPECT_TRUE(fits(Kind::Text, quoted("2013")));
  YamlNode replaced = quoted("2013");
  replaced.interpolated = true;
  EXPECT_TRUE(fits(Kind::Text, replaced));
  EXPECT_TRUE(fits(Kind::Integer, replaced));
}

TEST(TimeZone, knows_the_machines_zones_and_the_nearest) {
  if (!std::filesystem::is_directory(kZoneFolder)) GTEST_SKIP() << "this machine has no " << kZoneFolder;
  for (const char* good : {"UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Etc/GMT+3"})
    EXPECT_TRUE(is_time_zone(good)) << good;
  for (const char* bad :
       {"", "America", "Mars/Base", "../../etc/passwd", "/etc/passwd", "america/new_york", "tzdata.zi"})
    EXPECT_FALSE(is_time_zone(bad)) << bad;
  EXPECT_EQ(nearest_time_zone("america/new york"), "America/New_York");
  EXPECT_EQ(nearest_time_zone("Berlin"), "Europe/Berlin");
}

TEST(TimeZone, without_a_database_only_the_form_counts) {
  EXPECT_TRUE(is_time_zone("Mars/Base", "/no/such/folder"));
  EXPECT_FALSE(is_time_zone("../etc", "/no/such/folder"));
  EXPECT_EQ(nearest_time_zone("Berlin", "/no/such/folder"), "");
}

}  // namespace tidemill::project
