#include <cmath>

#include <gtest/gtest.h>

#include "engine/database.hpp"

namespace tidemill::engine {
namespace {

struct Seen {
  size_t calls = 0;
  size_t rows = 0;
  std::vector<Column> columns;
};

/// Scores x: nan for 13, an error for 99, else 2 * x; counts what it is asked.
struct Scorer {
  Seen seen;
  std::unique_ptr<Database> database = *Database::open({.threads = 1, .timezone = "UTC"});
  Connection connection = *database->connect();

  Scorer() {
    const auto done =
        database->register_predict([this](const PredictBatch& batch) -> Result<std::vector<double>> {
          ++seen.calls;
          seen.rows += batch.rows;
          seen.columns = batch.columns;
          if (batch.model != "late@champion")
            return user_error("model.unknown", "there is no model " + batch.model);
          std::vector<double> scores;
          for (const double x : batch.read(0).numbers) {
            if (std::isnan(x)) {
              scores.push_back(-1);
            } else if (x == 99) {
              return data_error("model.bad_value", "x is 99", {}, "make it 98");
            } else {
              scores.push_back(x == 13 ? std::nan("") : 2 * x);
            }
          }
          return scores;
        });
    if (!done) throw std::runtime_error(to_text(done.error()));
  }
  std::string text(const std::string& sql) {
    const auto value = connection.scalar(sql);
    return value ? to_text(*value) : value.error().code + ": " + value.error().message;
  }
};

TEST(predict_function, scores_the_rows_of_a_table_alias_in_batches) {
  Scorer s;
  EXPECT_EQ(s.text("SELECT sum(predict('late@champion', f)) FROM (SELECT range + 100 AS x, 'a' AS t, DATE "
                   "'2013-01-01' AS d "
                   "FROM range(10000)) AS f"),
            std::to_string(2LL * (10000 * 100 + 10000 * 9999 / 2)));
  EXPECT_EQ(s.seen.rows, 10000u);
  EXPECT_LE(s.seen.calls, 10u);
  EXPECT_EQ(s.seen.columns, (std::vector<Column>{{"x", "BIGINT"}, {"t", "VARCHAR"}, {"d", "DATE"}}));
}

TEST(predict_function, null_rows_give_null_and_null_values_reach_the_model) {
  Scorer s;
  EXPECT_EQ(s.text("SELECT predict('late@champion', NULL)"), "NULL");
  EXPECT_EQ(s.text("SELECT predict('late@champion', NULL::STRUCT(x BIGINT))"), "NULL");
  EXPECT_EQ(s.text("SELECT predict(NULL, {'x': 1::BIGINT})"), "NULL");
  EXPECT_EQ(s.seen.calls, 0u);
  EXPECT_EQ(s.text("SELECT predict('late@champion', {'x': NULL::BIGINT})"), "-1");
  EXPECT_EQ(s.text("SELECT predict('late@champion', {'x': 13::BIGINT})"), "NULL")
      << "a score that is not a number";
  EXPECT_EQ(s.text("SELECT string_agg(coalesce(predict('late@champion', r)::INTEGER::VARCHAR, '-'), ' ' "
                   "ORDER BY i) FROM (SELECT range AS i, "
                   "CASE WHEN range % 3 = 0 THEN NULL ELSE {'x': range} END AS r FROM range(1, 8))"),
            "2 4 - 8 10 - 14");
}

TEST(predict_function, errors_of_the_model_become_errors_of_the_sql) {
  Scorer s;
  EXPECT_EQ(s.text("SELECT predict('late@champion', {'x': 99::BIGINT})"), "model.bad_value: x is 99");
  const auto failed = s.connection.scalar("SELECT predict('late@champion', {'x': 99::BIGINT})");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::Data);
  EXPECT_EQ(failed.error().hint, "make it 98");
  EXPECT_EQ(s.text("SELECT predict('other', {'x': 1::BIGINT})"), "model.unknown: there is no model other");
  EXPECT_NE(s.text("SELECT predict('late@champion', 1)").find("a row, not a INTEGER"), std::string::npos);
  EXPECT_NE(s.text("SELECT predict('late@champion', {'x': [1]})").find("column \"x\" of type INTEGER[]"),
            std::string::npos);
  EXPECT_NE(s.text("SELECT sum(predict('m' || range, {'x': range})) FROM range(10)").find("one model a call"),
            std::string::npos);
  EXPECT_EQ(s.text("SELECT 1"), "1");
}

}  // namespace
}  // namespace tidemill::engine
