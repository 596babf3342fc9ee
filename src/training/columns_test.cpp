#include "training/columns.hpp"

#include <algorithm>

#include "training/table_for_tests.hpp"

namespace tidemill::training {
namespace {

using Names = std::vector<std::string>;
using Features = std::vector<forest::Feature>;

const std::vector<engine::Column> kColumns = {
    {"id", "BIGINT"},   {"at", "TIMESTAMP"}, {"target", "INTEGER"}, {"weight", "DOUBLE"},
    {"Sex", "VARCHAR"}, {"x", "DOUBLE"},     {"hour", "BIGINT"},    {"city", "VARCHAR"}};

project::Model model() {
  project::Model m;
  m.from = "t";
  m.key = {"ID"};
  m.target = "target";
  m.weight = "weight";
  m.as_of = "\"at\" - INTERVAL 1 DAY";
  m.fairness_groups = {"sex"};
  return m;
}

TEST(feature_columns, are_all_that_have_no_other_part) {
  const auto names = feature_columns(model(), kColumns, std::nullopt);
  ASSERT_OK(names);
  EXPECT_EQ(*names, (Names{"x", "hour", "city"}));
}

TEST(feature_columns, may_be_called_like_a_word_of_as_ofs_sql) {
  std::vector<engine::Column> columns = kColumns;
  columns.push_back({"time", "DOUBLE"});
  columns.push_back({"date", "DOUBLE"});
  const Names all{"x", "hour", "city", "time", "date"};
  for (const char* as_of : {"at - INTERVAL 1 HOUR", "at - interval '1' hour", "at - INTERVAL '1 hour'",
                            "\"at\" + to_hours(-1)", "CAST(at AS DATE)", "at::DATE - INTERVAL 1 HOUR",
                            "at AT TIME ZONE 'UTC' - INTERVAL 1 HOUR", "date(at)"}) {
    project::Model m = model();
    m.as_of = as_of;
    const auto names = feature_columns(m, columns, std::nullopt);
    ASSERT_OK(names);
    EXPECT_EQ(*names, all) << as_of;
  }
  project::Model m = model();
  m.as_of = "at - INTERVAL 1 DAY * hour";
  EXPECT_EQ(*feature_columns(m, columns, std::nullopt), (Names{"x", "city", "time", "date"}));
}

TEST(feature_columns, are_what_is_included_even_a_group) {
  project::Model m = model();
  m.include = {"city", "Sex"};
  EXPECT_EQ(*feature_columns(m, kColumns, std::nullopt), (Names{"city", "Sex"}));
  m.include = {"target"};
  EXPECT_ERROR(feature_columns(m, kColumns, std::nullopt), "training.target_feature");
  m.include = {"citty"};
  const auto unknown = feature_columns(m, kColumns, std::nullopt);
  EXPECT_ERROR(unknown, "training.unknown_column");
  EXPECT_EQ(unknown.error().hint, "did you mean 'city'?");
}

TEST(feature_columns, refuse_an_included_column_that_is_named_twice) {
  project::Model m = model();
  m.include = {"x", "city", "X"};
  const auto twice = feature_columns(m, kColumns, std::nullopt);
  EXPECT_ERROR(twice, "training.named_twice");
  EXPECT_EQ(twice.error().message, "the feature x is included twice");
}

TEST(feature_columns, refuse_one_that_is_new_since_the_champion_until_it_is_named) {
  project::Model m = model();
  m.exclude = {"hour"};
  const std::optional<Features> champion = Features{{.name = "x"}};
  const auto refused = feature_columns(m, kColumns, champion);
  EXPECT_ERROR(refused, "training.new_column");
  EXPECT_NE(refused.error().message.find("city"), std::string::npos);
  const auto both = feature_columns(m, kColumns, Features{});
  EXPECT_ERROR(both, "training.new_column");
  EXPECT_NE(both.error().message.find("columns x, city, which"), std::string::npos) << both.error().message;
  EXPECT_NE(both.error().hint.find("`types: {x: numeric, city: category}`"), std::string::npos)
      << both.error().hint;
  m.types = {{"city", "category"}};
  EXPECT_EQ(*feature_columns(m, kColumns, champion), (Names{"x", "city"}));
  m.types = {};
  m.exclude = {"hour", "city"};
  EXPECT_EQ(*feature_columns(m, kColumns, champion), Names{"x"});
  m.exclude = {};
  m.include = {"x", "city"};
  EXPECT_EQ(*feature_columns(m, kColumns, champion), (Names{"x", "city"}));
}

TEST(feature_columns, have_the_type_that_is_declared_in_another_case) {
  project::Model m = model();
  m.exclude = {"hour"};
  m.types = {{"CITY", "category"}};
  EXPECT_EQ(*feature_columns(m, kColumns, Features{{.name = "x"}}), (Names{"x", "city"}));
  ASSERT_NE(declared_type(m, "city"), nullptr);
  EXPECT_EQ(*declared_type(m, "city"), "category");
  EXPECT_EQ(declared_type(m, "x"), nullptr);
  m.types = {{"CITY", "category"}, {"city", "numeric"}};
  EXPECT_ERROR(feature_columns(m, kColumns, std::nullopt), "training.named_twice");
}

TEST(feature_columns, refuse_a_table_that_leaves_none) {
  project::Model m = model();
  m.exclude = {"x", "hour", "city"};
  EXPECT_ERROR(feature_columns(m, kColumns, std::nullopt), "training.no_features");
}

TEST(kind_of, knows_duckdbs_types) {
  EXPECT_EQ(kind_of("UHUGEINT"), Kind::Integer);
  EXPECT_EQ(kind_of("DECIMAL(18,3)"), Kind::Decimal);
  EXPECT_EQ(kind_of("ENUM('a', 'b')"), Kind::Text);
  EXPECT_EQ(kind_of("TIMESTAMP WITH TIME ZONE"), Kind::Time);
  EXPECT_EQ(kind_of("INTEGER[]"), Kind::Other);
  EXPECT_EQ(kind_of("STRUCT(a INTEGER)"), Kind::Other);
  EXPECT_EQ(kind_of("TIME"), Kind::Other);
}

using Score = TableTest;

// The same value means the same float whatever type its column has: category codes of numbers, truth values,
// decimals.
TEST_F(Score, reads_a_feature_from_columns_of_another_type) {
  make_table(400);
  sql("CREATE TABLE typed AS SELECT id, y, CAST(n AS DOUBLE) AS code, x > 0.5 AS flag, CAST(x AS "
      "DECIMAL(9,4)) AS price FROM t");
  project::Model m = TableTest::model();
  m.exclude = {};
  m.types = {{"code", "category"}, {"flag", "category"}};
  m.train.rounds = 5;
  const auto output = train(input(m, "typed"));
  ASSERT_OK(output);
  const Names& codes = output->package.features[0].levels;
  EXPECT_TRUE(std::find(codes.begin(), codes.end(), "7") != codes.end());  // not "7.0"
  EXPECT_EQ(output->package.features[1].levels, (Names{"false", "true"}));
  const auto predictor = forest::Predictor::make(output->package, output->files.at("model.ubj"));
  ASSERT_OK(predictor);
  const auto scores = [&](const std::string& relation) {
    std::vector<double> all;
    forest::InputCounts counts;
    const auto done =
        score(*connection_, relation, **predictor, {"id"}, [&](const ScoredBatch& batch) -> Result<void> {
          all.insert(all.end(), batch.scores.begin(), batch.scores.end());
          counts.unseen_categories += batch.counts.unseen_categories;
          counts.unreadable += batch.counts.unreadable;
          return {};
        });
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(counts.unseen_categories + counts.unreadable, 0) << relation;
    return all;
  };
  const auto expected = scores("(SELECT * FROM typed ORDER BY id)");
  EXPECT_EQ(scores("(SELECT id, CAST(code AS BIGINT) AS code, flag, price FROM typed ORDER BY id)"),
            expected);
  EXPECT_EQ(scores("(SELECT id, CAST(CAST(code AS BIGINT) AS VARCHAR) AS code, CAST(flag AS VARCHAR) AS "
                   "flag, CAST(price AS VARCHAR) AS price FROM typed ORDER BY id)"),
            expected);
  EXPECT_ERROR(score(*connection_, "(SELECT id, code FROM typed)", **predictor, {"id"},
                     [](const ScoredBatch&) -> Result<void> { return {}; }),
               "training.missing_column");
}

TEST_F(Score, stops_when_the_caller_does) {
  make_table(400);
  const project::Model m = TableTest::model();
  const auto output = train(input(m));
  ASSERT_OK(output);
  const auto predictor = forest::Predictor::make(output->package, output->files.at("model.ubj"));
  ASSERT_OK(predictor);
  EXPECT_ERROR(
      score(*connection_, "t", **predictor, {"id"},
            [](const ScoredBatch&) -> Result<void> { return environment_error("io.disk_full", "full"); }),
      "io.disk_full");
}

}  // namespace
}  // namespace tidemill::training
