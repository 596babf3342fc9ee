// A database in memory with one table of made-up rows, and a model declared on it, for the tests of this
// room.
#pragma once

#include <gtest/gtest.h>

#include "training/training.hpp"

namespace tidemill::training {

class TableTest : public testing::Test {
 protected:
  void SetUp() override {
    auto database = engine::Database::open({.threads = 1, .access = engine::DatabaseOptions::Access::Open});
    ASSERT_TRUE(database) << database.error().message;
    database_ = std::move(*database);
    auto connection = database_->connect();
    ASSERT_TRUE(connection) << connection.error().message;
    connection_.emplace(std::move(*connection));
  }
  void sql(const std::string& text) {
    const auto done = connection_->execute(text);
    ASSERT_TRUE(done) << done.error().message << "\n" << text;
  }
  /// Table t of `rows` rows over 100 days: id, at, customer, x (number), n (number with gaps), city (text),
  /// rare (text), y 0/1, amount, kind. y depends on x and city; hash() makes it the same in every run.
  void make_table(int rows = 4000) {
    sql("CREATE OR REPLACE TABLE t"
        " AS WITH r AS (SELECT i, (hash(i) % 10000) / 10000.0 AS u, (hash(i + 1000003) % 10000) / 10000.0 AS "
        "v, (hash(i + 7000003) % 10000) / 10000.0 AS w "
        "FROM range(" +
        std::to_string(rows) +
        ") q(i)) "
        "SELECT i AS id, TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (i * 8640000 // " +
        std::to_string(rows) +
        ") SECOND AS \"at\", "
        "CAST(hash(i * 31 + 5) % 300 AS VARCHAR) AS customer, u AS x, CASE WHEN i % 7 = 0 THEN NULL ELSE "
        "round(v * 20) END AS n, "
        "['ams', 'ber', 'cdg', 'dub'][1 + CAST(hash(i + 99) % 4 AS INTEGER)] AS city, "
        "CASE WHEN i % 400 = 3 THEN 'rare' || i ELSE 'often' END AS rare, "
        "CAST(u + CASE WHEN hash(i + 99) % 4 = 1 THEN 0.4 ELSE 0 END + 0.3 * w > 0.85 AS INTEGER) AS y, "
        "10 + 5 * u + w AS amount, "
        "CASE WHEN u < 0.3 THEN 'low' WHEN u + 0.1 * w < 0.7 THEN 'middle' ELSE 'top' END AS kind FROM r");
  }
  project::Model model() const {
    project::Model m;
    m.name = "late";
    m.from = "t";
    m.key = {"id"};
    m.target = "y";
    m.exclude = {"at", "customer", "amount", "kind"};
    m.train.rounds = 20;
    m.train.params = {{"max_depth", 4}, {"eta", 0.3}};
    return m;
  }
  TrainInput input(const project::Model& m, const std::string& relation = "t") {
    TrainInput in;
    in.connection = &*connection_;
    in.relation = relation;
    auto columns = connection_->describe("SELECT * FROM " + relation);
    EXPECT_TRUE(columns) << columns.error().message;
    if (columns) in.columns = *columns;
    in.model = &m;
    return in;
  }
  std::unique_ptr<engine::Database> database_;
  std::optional<engine::Connection> connection_;
};

#define ASSERT_OK(result) \
  if (const auto& made_ = (result); !made_) FAIL() << made_.error().code << ": " << made_.error().message
#define EXPECT_ERROR(result, expected)                                  \
  do {                                                                  \
    const auto& made_ = (result);                                       \
    if (made_)                                                          \
      ADD_FAILURE() << "no error, expected " << (expected);             \
    else                                                                \
      EXPECT_EQ(made_.error().code, expected) << made_.error().message; \
  } while (false)

}  // namespace tidemill::training
