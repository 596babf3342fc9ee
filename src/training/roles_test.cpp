// Which part a column plays, and what is asked about one that could play another, on real tables in DuckDB.
#include "training/table_for_tests.hpp"

namespace tidemill::training {
namespace {

using RolesOfColumns = TableTest;

TEST_F(RolesOfColumns, finds_types_and_slices_in_whatever_case_they_are_written) {
  make_table();
  project::Model m = model();
  m.types = {{"N", "category"}};
  m.slices = {"CITY"};
  const auto output = train(input(m));
  ASSERT_OK(output);
  EXPECT_TRUE(output->package.features[1].category);
  ASSERT_FALSE(output->package.metrics["slices"].empty());
  EXPECT_EQ(output->package.metrics["slices"][0]["column"], "city");
}

TEST_F(RolesOfColumns, refuses_words_where_numbers_are_declared_and_shows_them) {
  make_table();
  sql("CREATE TABLE words AS SELECT * REPLACE (CASE WHEN id < 3 THEN 'n/a' WHEN id = 3 THEN 'many' ELSE "
      "CAST(n AS VARCHAR) END AS n) FROM t");
  project::Model m = model();
  m.types = {{"n", "numeric"}};
  m.place = {.file = "tidemill.yaml", .line = 7, .column = 3};
  const auto output = train(input(m, "words"));
  EXPECT_ERROR(output, "training.not_numeric");
  EXPECT_EQ(output.error().message, "n is declared numeric and 4 rows hold no number: 'n/a' (3), 'many' (1)");
  EXPECT_EQ(output.error().where.line, 7);
  sql("CREATE TABLE digits AS SELECT * REPLACE (CAST(n AS VARCHAR) AS n) FROM t");
  const auto numbers = train(input(m, "digits"));
  ASSERT_OK(numbers);
  EXPECT_FALSE(numbers->package.features[1].category);
}

TEST_F(RolesOfColumns, refuses_a_feature_that_changed_its_kind_since_the_champion_until_it_is_declared) {
  make_table();
  sql("CREATE TABLE stray AS SELECT * REPLACE (CASE WHEN id = 5 THEN 'n/a' ELSE CAST(n AS VARCHAR) END AS n) "
      "FROM t");
  project::Model m = model();
  m.max_categories = 100;
  TrainInput in = input(m, "stray");
  ASSERT_OK(train(in));  // nothing to compare with
  in.champion_features = {
      {.name = "x"}, {.name = "N"}, {.name = "city", .category = true}, {.name = "rare", .category = true}};
  const auto refused = train(in);
  EXPECT_ERROR(refused, "training.changed_kind");
  EXPECT_EQ(refused.error().message,
            "n is a category here (VARCHAR) and a number in the champion; 1 row holds no number: 'n/a' (1)");
  m.types = {{"n", "category"}};
  ASSERT_OK(train(in));
  m.types = {};
  sql("CREATE TABLE empty AS SELECT * REPLACE (CAST(NULL AS VARCHAR) AS n) FROM t");
  TrainInput empty = input(m, "empty");
  empty.champion_features = in.champion_features;
  const auto nothing = train(empty);
  EXPECT_ERROR(nothing, "training.changed_kind");
  EXPECT_EQ(nothing.error().hint,
            "say that it is a number: `types: {n: numeric}`; if it is to be a category now, say "
            "so: `types: {n: category}`");
  m.types = {{"n", "numeric"}};
  ASSERT_OK(train(empty));
  m.types = {};
  TrainInput back = input(m);
  back.champion_features = *in.champion_features;
  ASSERT_OK(train(back));
  back.champion_features->at(1).category = true;
  const auto number = train(back);
  EXPECT_ERROR(number, "training.changed_kind");
  EXPECT_EQ(number.error().message, "n is a number here (DOUBLE) and a category in the champion");
  m.types = {{"n", "numeric"}};
  ASSERT_OK(train(back));
}

}  // namespace
}  // namespace tidemill::training
