#include "engine/given_rows.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/repeated_query.hpp"

namespace tidemill::engine {
namespace {

class Given : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Database::open({.threads = 1, .timezone = "America/New_York"});
    ASSERT_TRUE(opened) << to_text(opened.error());
    database = std::move(*opened);
    connection = std::make_unique<Connection>(*database->connect());
  }
  std::string text_of(RepeatedQuery& query) {
    std::string out;
    const auto ran = query.run([&](const Chunk& chunk) -> Result<void> {
      for (size_t r = 0; r < chunk.rows(); ++r)
        out += (chunk.is_null(0, r) ? "NULL" : std::string(chunk.varchar(0, r))) + ";";
      return {};
    });
    return ran ? out : ran.error().code;
  }
  std::unique_ptr<Database> database;
  std::unique_ptr<Connection> connection;
};

TEST_F(Given, every_kind_arrives_as_it_was_given) {
  auto rows = GivenRows::offer(*connection, {{"b", GivenKind::Boolean},
                                             {"i", GivenKind::Integer},
                                             {"r", GivenKind::Real},
                                             {"t", GivenKind::Text},
                                             {"d", GivenKind::Date},
                                             {"ts", GivenKind::Timestamp},
                                             {"tz", GivenKind::TimestampTz}});
  ASSERT_TRUE(rows) << to_text(rows.error());
  const std::vector<GivenValues> values{
      {.missing = {0, 1}, .wholes = {1, 0}},
      {.missing = {0, 0}, .wholes = {INT64_MIN, INT64_MAX}},
      {.missing = {0, 1}, .reals = {0.1, 7}},
      {.missing = {0, 0}, .texts = {"longer than twelve bytes: Zürich", ""}},
      {.missing = {0, 1}, .wholes = {-1, 0}},
      {.missing = {0, 1}, .wholes = {1, 0}},
      {.missing = {0, 1}, .wholes = {0, 0}},
  };
  rows->give(values, 2);
  auto query = RepeatedQuery::prepare(
      *connection, fmt::format("SELECT concat_ws('|', b, i, r, t, d, ts, tz) FROM {}", rows->relation()));
  ASSERT_TRUE(query) << to_text(query.error());
  EXPECT_EQ(text_of(*query),
            "true|-9223372036854775808|0.1|longer than twelve bytes: Zürich|1969-12-31|1970-01-01 "
            "00:00:00.000001|1969-12-31 19:00:00-05;9223372036854775807|;");
}

TEST_F(Given, a_query_sees_what_was_given_last_and_no_other_connection_does) {
  auto rows = GivenRows::offer(*connection, {{"n", GivenKind::Integer}});
  ASSERT_TRUE(rows);
  Connection second = *database->connect();
  auto others = GivenRows::offer(second, {{"n", GivenKind::Integer}});
  ASSERT_TRUE(others);
  ASSERT_TRUE(connection->execute("CREATE TEMP VIEW asked AS SELECT * FROM " + rows->relation()));
  auto query = RepeatedQuery::prepare(
      *connection, "SELECT concat(count(*), ' ', sum(n)) FROM asked JOIN asked b USING (n)");
  ASSERT_TRUE(query) << to_text(query.error());
  EXPECT_EQ(text_of(*query), "0 ;");
  for (const size_t count : {size_t{1}, size_t{2048}, size_t{5000}, size_t{0}}) {
    GivenValues values;
    for (size_t i = 0; i < count; ++i) {
      values.missing.push_back(0);
      values.wholes.push_back(static_cast<int64_t>(i));
    }
    rows->give({&values, 1}, count);
    EXPECT_EQ(text_of(*query),
              fmt::format("{} {};", count, count == 0 ? "" : std::to_string(count * (count - 1) / 2)));
  }
  others->give({}, 0);
  EXPECT_EQ(std::get<int64_t>(*second.scalar("SELECT count(*) FROM " + others->relation())), 0);
}

// DuckDB 1.5.5 fails for good when it runs such a plan again; with few rows it plans a loop instead.
TEST_F(Given, an_asof_join_is_planned_for_each_run) {
  ASSERT_TRUE(
      connection->execute("CREATE TABLE history AS SELECT range AS moment, range * 10 AS seen FROM "
                          "range(100000)"));
  auto rows = GivenRows::offer(*connection, {{"moment", GivenKind::Integer}});
  ASSERT_TRUE(rows);
  GivenValues many;
  for (int64_t i = 0; i < 1000; ++i) {
    many.missing.push_back(0);
    many.wholes.push_back(i * 1000);
  }
  rows->give({&many, 1}, 1000);
  auto query = RepeatedQuery::prepare(
      *connection, fmt::format("SELECT CAST(sum(seen) AS VARCHAR) FROM {} asked ASOF LEFT JOIN history USING "
                               "(moment)",
                               rows->relation()));
  ASSERT_TRUE(query) << to_text(query.error());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(text_of(*query), "949491000;");
}

TEST_F(Given, rows_that_are_gone_are_an_error) {
  std::string relation;
  {
    auto rows = GivenRows::offer(*connection, {{"n", GivenKind::Integer}});
    ASSERT_TRUE(rows);
    relation = rows->relation();
  }
  EXPECT_FALSE(connection->scalar("SELECT count(*) FROM " + relation));
}

TEST_F(Given, pieces_arrive_one_after_the_other_until_one_is_empty) {
  auto rows = GivenRows::offer(*connection, {{"n", GivenKind::Integer}, {"t", GivenKind::Text}});
  ASSERT_TRUE(rows) << to_text(rows.error());
  const std::vector<size_t> sizes{1, 5000, 2048, 7};  // less than a chunk, more than two, one
  size_t piece = 0;
  int64_t n = 0;
  std::vector<GivenValues> values(2);
  rows->stream([&]() -> GivenPiece {
    if (piece == sizes.size()) return {};
    const size_t count = sizes[piece++];
    values[0].wholes.clear();
    values[1].texts.clear();
    for (size_t r = 0; r < count; ++r) {
      values[0].wholes.push_back(n++);
      values[1].texts.push_back(fmt::format("the text of row {}", n));
    }
    for (GivenValues& column : values) column.missing.assign(count, 0);
    return {values, count};
  });
  const auto sums = connection->query(fmt::format(
      "SELECT count(*), sum(n), count(DISTINCT n), bool_and(t = 'the text of row ' || n + 1) FROM {}",
      rows->relation()));
  ASSERT_TRUE(sums) << to_text(sums.error());
  const int64_t all = 1 + 5000 + 2048 + 7;
  EXPECT_EQ(to_text(sums->rows[0][0]), std::to_string(all));
  EXPECT_EQ(to_text(sums->rows[0][1]), std::to_string(all * (all - 1) / 2));
  EXPECT_EQ(to_text(sums->rows[0][2]), std::to_string(all));
  EXPECT_EQ(to_text(sums->rows[0][3]), "true");
}

}  // namespace
}  // namespace tidemill::engine
