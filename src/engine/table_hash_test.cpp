#include "engine/table_hash.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fmt/ranges.h>

#include "engine/scratch_for_tests.hpp"

namespace tidemill::engine {
namespace {

struct Session {
  std::unique_ptr<Database> database;
  Connection connection;
};
Session open(int threads, const Path& folder, const std::string& timezone = "UTC") {
  auto database = *Database::open({.threads = threads, .timezone = timezone, .allowed_folders = {folder}});
  Connection connection = *database->connect();
  return {std::move(database), std::move(connection)};
}

std::string hash_of(Connection& connection, const std::string& select) {
  auto hash = connection.hash(select);
  return hash ? hash->logical : to_text(hash.error());
}

TEST(table_hash, tells_tables_apart_that_differ_in_anything_that_counts) {
  const ScratchFolder folder;
  Session s = open(1, folder.path());
  const char* all_different[] = {
      "SELECT 1 AS a, 2 AS b",
      "SELECT 2 AS a, 1 AS b",
      "SELECT 1 AS b, 2 AS a",
      "SELECT 2 AS b, 1 AS a",
      "SELECT 1::BIGINT AS a, 2 AS b",
      "SELECT 1 AS a, NULL::INTEGER AS b",
      "SELECT NULL::INTEGER AS a, 1 AS b",
      "SELECT 0 AS a, NULL::INTEGER AS b",
      "SELECT 1 AS a, 2 AS b WHERE false",
      "FROM (VALUES (1, 2), (1, 2)) AS t(a, b)",
      "FROM (VALUES (1, 2), (1, 2), (1, 2)) AS t(a, b)",
      "FROM (VALUES (1, 2), (3, 4)) AS t(a, b)",
      "FROM (VALUES (1, 4), (3, 2)) AS t(a, b)",  // two rows that swap a value
      "SELECT '' AS a",
      "SELECT NULL::VARCHAR AS a",
      "SELECT 'NULL' AS a",
      "SELECT []::INTEGER[] AS a",
      "SELECT NULL::INTEGER[] AS a",
      "SELECT [NULL]::INTEGER[] AS a",
      "SELECT [0] AS a",
      "SELECT [0, 0] AS a",
      "SELECT [1, 2] AS a",
      "SELECT [2, 1] AS a",
      "SELECT [[1, 2]] AS a",
      "SELECT [[1], [2]] AS a",
      "SELECT ['a, b'] AS a",
      "SELECT ['a', 'b'] AS a",
      "SELECT ['NULL'] AS a",
      "SELECT [NULL::VARCHAR] AS a",
      "SELECT ['''a'''] AS a",
      "SELECT {'x': NULL::INTEGER} AS a",
      "SELECT NULL::STRUCT(x INTEGER) AS a",
      "SELECT {'x': 1, 'y': 2} AS a",
      "SELECT {'x': 2, 'y': 1} AS a",
      "SELECT MAP {'x': 1} AS a",
      "SELECT MAP {}::MAP(VARCHAR, INTEGER) AS a",
      "SELECT MAP {'x': 2} AS a",
      "SELECT MAP {'x': 1, 'y': 2} AS a",
      "SELECT [{'x': NULL::INTEGER}] AS a",
      "SELECT [NULL::STRUCT(x INTEGER)] AS a",
      "SELECT [{'x': 1, 'y': 2}, {'x': 3, 'y': 4}] AS a",
      "SELECT [{'x': 1, 'y': 4}, {'x': 3, 'y': 2}] AS a",
      "SELECT [[]::INTEGER[]] AS a",
      "SELECT [NULL::INTEGER[]] AS a",
      "SELECT [[1, 2], []] AS a",
      "SELECT [[], [1, 2]] AS a",
      "SELECT ['', ''] AS a",
      "SELECT [''] AS a",
      "SELECT ['\x01'::BLOB] AS a",
      "SELECT ['12345678', '9'] AS a",
      "SELECT ['1234567', '89'] AS a",
      "SELECT [INTERVAL 1 MONTH] AS a",
      "SELECT [INTERVAL 30 DAY] AS a",
      "SELECT [1.5::DECIMAL(4,1)] AS a",
      "SELECT [1.6::DECIMAL(4,1)] AS a",
      "SELECT ['00000000-0000-0000-0000-000000000001'::UUID] AS a",
      "SELECT ['00000001-0000-0000-0000-000000000000'::UUID] AS a",
      "SELECT [TIMESTAMPTZ '2013-01-01 00:00:00+00'] AS a",
      "SELECT [TIMESTAMPTZ '2013-01-01 00:00:00+01'] AS a",
      "SELECT [true] AS a",
      "SELECT [false] AS a",
      "SELECT INTERVAL 1 MONTH AS a",
      "SELECT INTERVAL 30 DAY AS a",
      "SELECT 'nan'::DOUBLE AS a",
      "SELECT NULL::DOUBLE AS a",
      "SELECT 0::DOUBLE AS a",
      "SELECT TIMESTAMPTZ '2013-01-01 00:00:00+00' AS a",
      "SELECT TIMESTAMP '2013-01-01 00:00:00' AS a",
  };
  std::map<std::string, std::string> seen;
  for (const char* sql : all_different) {
    const auto [first, fresh] = seen.try_emplace(hash_of(s.connection, sql), sql);
    EXPECT_TRUE(fresh) << sql << " hashes as " << first->second;
    EXPECT_EQ(first->first.size(), 32u) << first->first;
  }
}

TEST(table_hash, joins_what_is_equal) {
  const ScratchFolder folder;
  Session utc = open(1, folder.path());
  Session york = open(2, folder.path(), "America/New_York");
  const std::pair<const char*, const char*> equal[] = {
      {"SELECT 0.0::DOUBLE AS a", "SELECT -0.0::DOUBLE AS a"},
      {"SELECT 'nan'::DOUBLE AS a", "SELECT -('nan'::DOUBLE) AS a"},
      {"SELECT TIMESTAMPTZ '2013-01-01 00:00:00+00' AS a",
       "SELECT TIMESTAMPTZ '2013-01-01 05:00:00+05' AS a"},
      {"FROM (VALUES (1), (2), (2)) AS t(a)", "FROM (VALUES (2), (1), (2)) AS t(a) -- other order\n;"},
      {"SELECT range AS a FROM range(300000)", "SELECT range AS a FROM range(300000) ORDER BY hash(range)"},
      {"SELECT 'x'::ENUM('x', 'y') AS a", "SELECT 'x' AS a"},
      {"SELECT 5::HUGEINT AS a", "SELECT 5::BIGINT AS a"},
      {"SELECT [0.0::DOUBLE, 'nan'::DOUBLE] AS a", "SELECT [-0.0::DOUBLE, -('nan'::DOUBLE)] AS a"},
      {"SELECT {'x': 0.0::FLOAT} AS a", "SELECT {'x': -0.0::FLOAT} AS a"},
      {"SELECT [TIMESTAMPTZ '2013-01-01 00:00:00+00'] AS a",
       "SELECT [TIMESTAMPTZ '2013-01-01 05:00:00+05'] AS a"},
      {"SELECT [1, 2]::INTEGER[2] AS a", "SELECT [1, 2] AS a"},
      {"SELECT {'x': ['x'::ENUM('x', 'y')]} AS a", "SELECT {'x': ['x']} AS a"},
  };
  for (const auto& [left, right] : equal) {
    EXPECT_EQ(hash_of(utc.connection, left), hash_of(utc.connection, right)) << left;
    EXPECT_EQ(hash_of(utc.connection, left), hash_of(york.connection, right))
        << left << " in another time zone, on more threads";
  }
}

TEST(table_hash, neither_order_nor_threads_nor_files_change_it) {
  const ScratchFolder folder;
  Session one = open(1, folder.path());
  Session two = open(2, folder.path());
  EXPECT_TRUE(rc::check([&] {
    using Row = std::tuple<int, int, int>;
    auto rows = *rc::gen::container<std::vector<Row>>(
        rc::gen::tuple(rc::gen::inRange(0, 5), rc::gen::inRange(-2, 3), rc::gen::inRange(0, 1000000)));
    const int copies =
        *rc::gen::element(1, 1, 1, 1, 1, 1, 1, 1, 3000);  // small, and now and then more than a row group
    const auto select_of = [&](const std::vector<Row>& order) {
      std::string values = "(NULL, NULL, 0)";
      for (const auto& [a, b, c] : order) values += fmt::format(", ({}, {}, {})", a, b, c);
      return fmt::format(
          "SELECT a, CASE WHEN b <> 0 THEN b / 3 END AS b, 'text ' || (c % 7) AS t, [a, c] AS l, {{'c': c, "
          "'b': b}} AS s, "
          "c::DECIMAL(18,2) / 7 AS d, a = 1 AS f, TIMESTAMPTZ '2013-01-01 00:00:00Z' + INTERVAL 1 SECOND * c "
          "AS z "
          "FROM (VALUES {}) AS v(a, b, c), range({})",
          values, copies);
    };
    const std::string select = select_of(rows);
    std::shuffle(rows.begin(), rows.end(), std::mt19937(static_cast<unsigned>(rows.size())));
    const std::string shuffled = select_of(rows) + " ORDER BY hash(c, a, range)";
    const auto written = one.connection.write_parquet(select, folder / "a.parquet");
    const auto again = two.connection.write_parquet(shuffled, folder / "b.parquet");
    RC_ASSERT(written.has_value());
    RC_ASSERT(again.has_value());
    RC_ASSERT(written->logical == again->logical);
    RC_ASSERT(written->rows == static_cast<int64_t>(rows.size() + 1) * copies);
    const auto of_query = two.connection.hash(select);
    const auto of_file = two.connection.hash("FROM " + quote_text((folder / "a.parquet").string()));
    RC_ASSERT(of_query.has_value());
    RC_ASSERT(of_file.has_value());
    RC_ASSERT(of_query->logical == written->logical);
    RC_ASSERT(of_file->logical == written->logical);
    RC_ASSERT(of_file->rows == written->rows);
    // One value changed in one row.
    const auto other =
        one.connection.hash(fmt::format("SELECT * REPLACE (a + 1 AS a) FROM ({}) LIMIT 1", select));
    RC_ASSERT(other.has_value());
    const auto changed = one.connection.hash(
        fmt::format("WITH q AS ({}), n AS (SELECT *, row_number() OVER (ORDER BY a NULLS FIRST) AS i FROM q) "
                    "SELECT * EXCLUDE (i) REPLACE (CASE WHEN i = 1 THEN 77 ELSE a END AS a) FROM n",
                    select));
    RC_ASSERT(changed.has_value());
    RC_ASSERT(changed->rows == written->rows);
    RC_ASSERT(changed->logical != written->logical);
  }));
}

TEST(table_hash, how_duckdb_holds_nested_values_does_not_change_it) {
  // Constants, dictionaries, slices and lists that share elements, against the same rows read from a file.
  const ScratchFolder folder;
  Session s = open(1, folder.path());
  for (const char* select : {
           "SELECT {'c': range, 'b': 5, 'n': NULL, 't': 'x'} AS v FROM range(5000)",
           "SELECT [{'c': range, 'b': 5}, {'c': 1, 'b': 5}] AS v FROM range(5000)",
           "SELECT {'l': [1, 2], 's': {'a': 1, 'b': range}} AS v FROM range(5000)",
           "SELECT [3, 1, 2] AS v FROM range(5000)",
           "SELECT list_sort([range, 3, range % 7]) AS v FROM range(5000)",
           "SELECT list_filter([range, 3, range % 7], lambda x: x > 2) AS v FROM range(5000)",
           "SELECT list_reverse([range, 3, range % 7])[1:2] AS v FROM range(5000)",
           "SELECT v FROM (SELECT {'g': g, 'l': list({'r': r, 't': r::VARCHAR} ORDER BY r)} AS v, g FROM "
           "(SELECT range AS r, range % 37 AS g FROM range(5000)) GROUP BY g) JOIN range(100) ON range % 37 "
           "= g",
           "SELECT CASE WHEN range % 3 = 0 THEN NULL WHEN range % 3 = 1 THEN [] ELSE [range, NULL] END AS v "
           "FROM range(5000) WHERE range % 5 > 1",
           "SELECT MAP([range, -1 - range], ['a', repeat('long text ', 3)]) AS v FROM range(5000)",
           "SELECT unnest([{'a': range, 'b': [range]}, {'a': 0, 'b': []}, NULL]) AS v FROM range(2000)",
       }) {
    const auto written = s.connection.write_parquet(select, folder / "t.parquet");
    ASSERT_TRUE(written) << select << ": " << to_text(written.error());
    EXPECT_EQ(written->logical, hash_of(s.connection, "FROM " + quote_text((folder / "t.parquet").string())))
        << select;
    EXPECT_EQ(written->logical,
              hash_of(s.connection, fmt::format("SELECT v FROM ({}) ORDER BY hash(v)", select)))
        << select;
  }
}

TEST(table_hash, columns_written_are_the_columns_read) {
  const ScratchFolder folder;
  Session s = open(2, folder.path());
  for (const char* value : {"1::HUGEINT",
                            "1::UHUGEINT",
                            "'a'::ENUM('a')",
                            "TIMESTAMP_S '2013-01-01 00:00:00'",
                            "'2013-01-01'::TIMESTAMP_MS",
                            "'2013-01-01'::TIMESTAMP_NS",
                            "TIMESTAMPTZ '2013-01-01 00:00:00+01'",
                            "TIME '10:00:00'",
                            "'10:00:00+02'::TIMETZ",
                            "INTERVAL 1 DAY",
                            "'101'::BIT",
                            "uuid()",
                            "'{\"a\": 1}'::JSON",
                            "[1, 2]::INTEGER[2]",
                            "MAP {'a': 1}",
                            "'\\x01'::BLOB",
                            "1::UTINYINT",
                            "1::UBIGINT",
                            "1.5::DECIMAL(38,3)",
                            "123::BIGNUM",
                            "{'a b': 1, 'c': {'d': 1::HUGEINT, 'e': ['x'::ENUM('x')]}}",
                            "[[1::HUGEINT]]",
                            "NULL",
                            "true",
                            "1.5::FLOAT",
                            "DATE '2013-01-01'",
                            "TIME_NS '10:00:00'",
                            "'x'"}) {
    const Path file = folder / "t.parquet";
    const auto written =
        s.connection.write_parquet(fmt::format("SELECT {} AS x FROM range(3000)", value), file);
    ASSERT_TRUE(written) << value << ": " << to_text(written.error());
    const std::string from = "FROM " + quote_text(file.string());
    EXPECT_EQ(written->columns, *s.connection.describe(from)) << value;
    EXPECT_EQ(written->rows, 3000);
    EXPECT_EQ(written->logical, hash_of(s.connection, from)) << value;
    EXPECT_EQ(written->bytes, static_cast<int64_t>(std::filesystem::file_size(file)));
  }
}

TEST(table_hash, refuses_what_a_table_cannot_hold) {
  const ScratchFolder folder;
  Session s = open(1, folder.path());
  const auto code = [&](const std::string& select) {
    const auto written = s.connection.write_parquet(select, folder / "t.parquet");
    return written ? "" : written.error().code;
  };
  EXPECT_EQ(code("SELECT 1::UNION(a INTEGER) AS x"), "sql.unstorable_type");
  EXPECT_EQ(code("SELECT 1 AS x, 2 AS X"), "sql.duplicate_column");
  EXPECT_EQ(code("SELECT 1 AS x) TO '/etc/passwd'; COPY (SELECT 1"), "sql.syntax");
  EXPECT_EQ(code("SELECT 1 AS x; SELECT 2"), "sql.many_statements");
  EXPECT_EQ(code("CREATE TABLE t (x INTEGER)"), "sql.not_select");
  EXPECT_EQ(code("SELECT 99999999999999999999::HUGEINT AS x"), "sql.conversion");
  EXPECT_EQ(code("SELECT 1 AS x -- and a comment at the end"), "");
  EXPECT_EQ(code("SELECT 1 AS x;\n\n-- end\n;"), "");
  EXPECT_EQ(code("SELECT 1 AS \"a \"\"b\"\"\", [1] AS \"select\""), "");
}

TEST(table_hash, writing_an_empty_table_keeps_its_columns) {
  const ScratchFolder folder;
  Session s = open(2, folder.path());
  const auto written =
      s.connection.write_parquet("SELECT 1 AS a, 'x' AS b WHERE false", folder / "t.parquet");
  ASSERT_TRUE(written) << to_text(written.error());
  EXPECT_EQ(written->rows, 0);
  EXPECT_EQ(*s.connection.describe("FROM " + quote_text((folder / "t.parquet").string())), written->columns);
}

TEST(table_hash, order_by_and_limit_of_the_select_are_kept) {
  const ScratchFolder folder;
  Session s = open(2, folder.path());
  const auto written = s.connection.write_parquet(
      "SELECT range AS n, -range AS m FROM range(500000) ORDER BY n DESC LIMIT 300000", folder / "t.parquet");
  ASSERT_TRUE(written) << to_text(written.error());
  EXPECT_EQ(written->rows, 300000);
  EXPECT_EQ(to_text(*s.connection.scalar(fmt::format(
                "SELECT bool_and(n = 499999 - file_row_number) FROM read_parquet({}, file_row_number = true)",
                quote_text((folder / "t.parquet").string())))),
            "true");
}

}  // namespace
}  // namespace tidemill::engine
