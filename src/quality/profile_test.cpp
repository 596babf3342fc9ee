#include "quality/tables_test.hpp"

namespace tidemill::quality {
namespace {

class Profiles : public Tables {
 protected:
  Profile profiled(const std::string& relation) {
    auto made = profile(*connection_, relation);
    EXPECT_TRUE(made) << (made ? "" : tidemill::to_text(made.error()));
    return made ? *made : Profile();
  }
};

TEST_F(Profiles, columns_are_described_by_what_their_type_allows) {
  execute(
      R"(CREATE TABLE t AS SELECT i AS id, CASE WHEN i % 4 = 0 THEN NULL ELSE i * 0.5 END AS half, ['x', 'yy', 'x'][i % 3 + 1] AS word,
             i % 2 = 0 AS even, DATE '2013-01-01' + CAST(i AS INTEGER) AS day, [i] AS list, CASE WHEN i = 7 THEN 'inf'::DOUBLE ELSE i END AS wild
             FROM range(100) r(i))");
  const Profile profile = profiled("t");
  EXPECT_EQ(profile.rows, 100);
  ASSERT_EQ(profile.columns.size(), 7U);
  const Json &half = profile.columns[1], &word = profile.columns[2], &day = profile.columns[4];
  EXPECT_EQ(half["nulls"], 25);
  EXPECT_EQ(half["null_share"], 0.25);
  EXPECT_EQ(half["min"], 0.5);
  EXPECT_EQ(half["max"], 49.5);
  EXPECT_EQ(half["mean"], 25);
  EXPECT_NEAR(half["quantiles"]["0.5"].get<double>(), 25, 1);
  EXPECT_EQ(word["distinct"], 2);
  EXPECT_EQ(word["top"][0], Json({{"value", "x"}, {"rows", 67}}));
  EXPECT_EQ(word["longest"], 2);
  EXPECT_EQ(day["min"], "2013-01-01");
  EXPECT_FALSE(profile.columns[5].contains("min"));
  EXPECT_EQ(profile.columns[6]["not_finite"], 1);
  EXPECT_EQ(profile.columns[6]["max"], 99);
}

TEST_F(Profiles, values_are_counted_or_marked_as_estimated) {
  execute("CREATE TABLE t AS SELECT 'C' || i AS id, i // 3 AS thirds FROM range(30000) r(i)");
  const Profile counted = profiled("t");
  EXPECT_EQ(counted.columns[0]["distinct"], 30000);
  EXPECT_EQ(counted.columns[1]["distinct"], 10000);
  EXPECT_FALSE(counted.columns[0].contains("distinct_is_estimated"));

  execute("CREATE TABLE many AS SELECT i AS id, i % 5 AS few FROM range(2000001) r(i)");
  const Profile estimated = profiled("many");
  EXPECT_EQ(estimated.columns[0]["distinct_is_estimated"], true);
  EXPECT_FALSE(estimated.columns[1].contains("distinct_is_estimated"));
  EXPECT_EQ(estimated.suggested_checks["id"], Json::parse(R"(["not_null", "unique"])"));
}

TEST_F(Profiles, suggested_checks_are_in_the_project_files_form) {
  execute(
      R"(CREATE TABLE t AS SELECT i AS id, ['EWR', 'JFK', 'LGA'][i % 3 + 1] AS origin, (i * 7919) % 1000 AS distance, CASE WHEN i % 100 > 0 THEN i END AS seldom,
             CASE WHEN i % 2 = 0 THEN 'x' || i END AS half, (i - 500) / 10 AS signed FROM range(1000) r(i))");
  const Json rules = profiled("t").suggested_checks;
  EXPECT_EQ(rules["id"], Json::parse(R"(["not_null", "unique"])"));
  EXPECT_EQ(rules["origin"], Json::parse(R"(["not_null", {"accepted_values": ["EWR", "JFK", "LGA"]}])"));
  EXPECT_EQ(rules["seldom"][0], Json::parse(R"({"not_null": {}, "mostly": 0.98})"));
  EXPECT_EQ(rules["half"], Json::parse(R"(["unique"])"));
  EXPECT_EQ(rules["signed"][1], Json::parse(R"({"range": [-75, 75]})"));
}

TEST_F(Profiles, a_table_passes_what_is_suggested_for_it) {
  execute(
      R"(CREATE TABLE t AS SELECT i, sin(i) * pow(10, i % 5) AS x, -abs(cos(i)) AS negative, (i % 13) AS few, 'k' || (i % 11) AS k,
             CASE WHEN i % 30 > 0 THEN i / 7.0 END AS y FROM range(3000) r(i))");
  const Json rules = profiled("t").suggested_checks;
  std::vector<project::Check> checks;
  for (const auto& [column, list] : rules.items())
    for (const Json& rule : list) {
      const std::string kind = rule.is_string() ? rule.get<std::string>() : rule.begin().key();
      Json arguments = Json::object();
      if (kind == "range") arguments = {{"min", rule["range"][0]}, {"max", rule["range"][1]}};
      if (kind == "accepted_values") arguments = {{"values", rule["accepted_values"]}};
      checks.push_back(check(kind, {column}, arguments));
      if (rule.is_object()) checks.back().mostly = rule.value("mostly", 1.0);
    }
  EXPECT_GE(checks.size(), 10U);
  for (const CheckResult& result : run("t", checks).results)
    EXPECT_EQ(result.status, CheckStatus::Passed) << result.message;
}

TEST_F(Profiles, empty_tables_and_columns_of_nothing_suggest_nothing) {
  execute("CREATE TABLE t AS SELECT 1 AS a, NULL::VARCHAR AS b WHERE false");
  EXPECT_EQ(profiled("t").rows, 0);
  EXPECT_TRUE(profiled("t").suggested_checks.empty());
  execute("CREATE TABLE u AS SELECT NULL::DOUBLE AS a FROM range(100)");
  EXPECT_TRUE(profiled("u").suggested_checks.empty());
  EXPECT_TRUE(profiled("u").columns[0]["mean"].is_null());
}

TEST_F(Profiles, a_relation_that_is_not_there_is_an_error) { EXPECT_FALSE(profile(*connection_, "nowhere")); }

}  // namespace
}  // namespace tidemill::quality
