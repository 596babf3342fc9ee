#include "engine/database.hpp"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/scratch_for_tests.hpp"

namespace tidemill::engine {
namespace {

struct Opened {
  std::unique_ptr<Database> database;
  Connection connection;
};

Opened open(DatabaseOptions options = {}) {
  auto database = Database::open(options);
  if (!database) throw std::runtime_error(to_text(database.error()));
  auto connection = (*database)->connect();
  if (!connection) throw std::runtime_error(to_text(connection.error()));
  return {std::move(*database), std::move(*connection)};
}

std::string text(Connection& connection, const std::string& sql) {
  const auto value = connection.scalar(sql);
  return value ? to_text(*value) : value.error().code + ": " + value.error().message;
}

Error error_of(Connection& connection, const std::string& sql) {
  auto rows = connection.query(sql);
  return rows ? Error{} : rows.error();
}

TEST(database, reads_every_plain_type_as_a_value) {
  Opened db = open({.timezone = "America/New_York"});
  auto rows = db.connection.query(
      "SELECT NULL AS nothing, true AS flag, (-3)::TINYINT AS tiny, 70000::UINTEGER AS u, "
      "18446744073709551615::UBIGINT AS big, "
      "170141183460469231731687303715884105727::HUGEINT AS huge, (-5)::HUGEINT AS small, 1.5::FLOAT AS f, "
      "2.25::DOUBLE AS d, "
      "12.345::DECIMAL(18,3) AS money, (-0.5)::DECIMAL(4,1) AS m4, 'Zürich' AS city, DATE '2013-02-28' AS "
      "day, "
      "TIMESTAMP '2013-02-28 10:11:12.5' AS at, TIMESTAMPTZ '2013-07-01 00:00:00-04' AS zoned, [1, NULL] AS "
      "list, "
      "{'a': 'it''s'} AS row, INTERVAL 90 MINUTE AS span, '\\x01'::BLOB AS bytes, 'x'::ENUM('x') AS e");
  ASSERT_TRUE(rows) << to_text(rows.error());
  std::string line;
  for (const Value& value : rows->rows.at(0)) line += to_text(value) + "|";
  EXPECT_EQ(
      line,
      "NULL|true|-3|70000|18446744073709551615|170141183460469231731687303715884105727|-5|1.5|2.25|12.345|-0."
      "5|Zürich|"
      "2013-02-28|2013-02-28 10:11:12.5|2013-07-01 04:00:00+00|[1, NULL]|{'a': 'it\\'s'}|01:30:00|\\x01|x|");
  EXPECT_EQ(rows->columns[15].type, "INTEGER[]");
  EXPECT_EQ(rows->columns[16].type, "STRUCT(a VARCHAR)");
  EXPECT_TRUE(std::holds_alternative<int64_t>(rows->rows[0][6]));
}

TEST(database, names_types_as_duckdb_does) {
  Opened db = open();
  for (const char* type : {"BOOLEAN",
                           "TINYINT",
                           "UBIGINT",
                           "HUGEINT",
                           "UHUGEINT",
                           "FLOAT",
                           "DECIMAL(38,3)",
                           "VARCHAR",
                           "BLOB",
                           "BIT",
                           "UUID",
                           "JSON",
                           "DATE",
                           "TIME",
                           "TIMESTAMP",
                           "TIMESTAMP_S",
                           "TIMESTAMP_NS",
                           "TIMESTAMP WITH TIME ZONE",
                           "TIME WITH TIME ZONE",
                           "INTERVAL",
                           "INTEGER[]",
                           "INTEGER[3][]",
                           "MAP(VARCHAR, DOUBLE)",
                           "STRUCT(a INTEGER, \"b c\" VARCHAR[], \"year\" INTEGER, \"at\" DATE, aB INTEGER)",
                           "ENUM('a', 'it''s')",
                           "UNION(n INTEGER, s VARCHAR)",
                           "BIGNUM",
                           "TIME_NS"}) {
    auto columns = db.connection.describe(std::string("SELECT NULL::") + type + " AS x");
    ASSERT_TRUE(columns) << to_text(columns.error());
    EXPECT_EQ(columns->at(0).type, type);
    EXPECT_EQ(text(db.connection, std::string("SELECT typeof(NULL::") + type + ")"), type);
  }
}

TEST(database, sandbox_reads_and_writes_only_where_allowed) {
  const ScratchFolder home;
  const ScratchFolder elsewhere;
  Opened db = open({.allowed_folders = {home.path()}});
  const std::string inside = quote_text((home / "a.parquet").string());
  const std::string outside = quote_text((elsewhere / "a.parquet").string());
  EXPECT_TRUE(db.connection.execute("COPY (SELECT 1 AS x) TO " + inside));
  EXPECT_EQ(text(db.connection, "SELECT x FROM " + inside), "1");
  for (const std::string& sql :
       {"COPY (SELECT 1 AS x) TO " + outside, "SELECT * FROM " + outside,
        std::string("SELECT * FROM glob('/etc/*')"), std::string("ATTACH '/tmp/x.db' AS x"),
        std::string("SELECT * FROM read_text('/etc/passwd')"),
        "COPY (SELECT 1) TO " + quote_text((home.path() / ".." / "escape.parquet").string())}) {
    auto done = db.connection.execute(sql);
    ASSERT_FALSE(done) << sql;
    EXPECT_EQ(done.error().code, "sql.permission") << sql;
  }
  for (const char* sql :
       {"SET threads = 1", "SET enable_external_access = true", "SET lock_configuration = false",
        "SET allowed_directories = ['/']", "RESET enable_external_access"})
    EXPECT_FALSE(db.connection.execute(sql)) << sql;
  EXPECT_FALSE(db.connection.execute("INSTALL httpfs"));
}

TEST(database, open_access_takes_settings_and_files_but_installs_nothing) {
  const ScratchFolder folder;
  Opened db = open({.access = DatabaseOptions::Access::Open});
  EXPECT_TRUE(db.connection.execute("SET threads = 1"));
  EXPECT_TRUE(db.connection.execute("COPY (SELECT 1 AS x) TO " + quote_text((folder / "x.csv").string())));
  EXPECT_EQ(text(db.connection, "SELECT current_setting('autoinstall_known_extensions')"), "false");
  EXPECT_EQ(text(db.connection, "SELECT current_setting('autoload_known_extensions')"), "false");
}

TEST(database, time_zone_belongs_to_every_session) {
  Opened db = open({.timezone = "America/New_York"});
  auto second = db.database->connect();
  ASSERT_TRUE(second);
  EXPECT_EQ(text(*second, "SELECT hour(TIMESTAMPTZ '2013-07-01 12:00:00+00')"), "8");
  auto wrong = Database::open({.timezone = "America/New_Yrk"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "project.timezone");
}

TEST(database, errors_carry_code_and_place_in_the_users_text) {
  Opened db = open();
  const Error column = error_of(db.connection, "SELECT 1,\n  'Zürich', foo FROM (SELECT 1 AS fooo)");
  EXPECT_EQ(column.code, "sql.unknown_column");
  EXPECT_EQ(column.where.line, 2);
  EXPECT_EQ(column.where.column, 13);
  EXPECT_NE(column.message.find("fooo"), std::string::npos);
  const Error syntax = error_of(db.connection, "SELECT 1\nFROM\nWHERE");
  EXPECT_EQ(syntax.code, "sql.syntax");
  EXPECT_EQ(syntax.where.line, 3);
  EXPECT_EQ(error_of(db.connection, "SELECT * FROM nowhere").code, "sql.unknown_table");
  EXPECT_EQ(error_of(db.connection, "SELECT nofunction(1)").code, "sql.unknown_function");
  EXPECT_EQ(error_of(db.connection, "SELECT 'abc'::INTEGER").code, "sql.conversion");
  EXPECT_EQ(error_of(db.connection, "SELECT 1; SELECT 2").code, "sql.many_statements");
  EXPECT_EQ(error_of(db.connection, " -- nothing\n").code, "sql.empty");
  EXPECT_EQ(error_of(db.connection, "SELECT $1").code, "sql.parameters");
  EXPECT_EQ(error_of(db.connection, "SELECT error('my words')").message, "my words");
  EXPECT_EQ(error_of(db.connection, "SELECT '\xff'").code, "sql.invalid_input");
  const ScratchFolder folder;
  Opened writer = open({.allowed_folders = {folder.path()}});
  auto file = writer.connection.write_parquet("SELECT 1 AS a,\n  'b'::INTEGER AS b;", folder / "x.parquet");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().where.line, 2) << to_text(file.error());
}

TEST(database, streams_in_chunks_and_stops_at_the_callbacks_error) {
  Opened db = open({.threads = 2});
  int64_t sum = 0;
  size_t chunks = 0;
  auto rows = db.connection.for_each_chunk(
      "SELECT range::BIGINT AS n, CASE WHEN range % 10 = 0 THEN NULL ELSE range::DOUBLE END AS d, 'row ' || "
      "range AS t "
      "FROM range(100000)",
      [&](const Chunk& chunk) -> Result<void> {
        ++chunks;
        for (size_t i = 0; i < chunk.rows(); ++i) {
          sum += chunk.bigints(0)[i];
          EXPECT_EQ(chunk.is_null(1, i), chunk.bigints(0)[i] % 10 == 0);
          EXPECT_EQ(chunk.varchar(2, i), "row " + std::to_string(chunk.bigints(0)[i]));
        }
        return {};
      });
  ASSERT_TRUE(rows);
  EXPECT_EQ(*rows, 100000);
  EXPECT_EQ(sum, 100000LL * 99999 / 2);
  EXPECT_GT(chunks, 10u);
  auto stopped = db.connection.for_each_chunk(
      "SELECT range FROM range(100000)",
      [](const Chunk&) -> Result<void> { return user_error("enough", "enough"); });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, "enough");
  EXPECT_EQ(text(db.connection, "SELECT 7"), "7")
      << "the connection is usable after a result was dropped half-way";
}

TEST(database, error_in_the_middle_of_a_stream_is_reported) {
  Opened db = open();
  auto rows = db.connection.for_each_chunk(
      "SELECT CASE WHEN range = 50000 THEN error('late') ELSE 'x' END FROM range(100000)",
      [](const Chunk&) -> Result<void> { return {}; });
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().message, "late");
}

TEST(database, refuses_more_rows_than_asked_for) {
  Opened db = open();
  auto rows = db.connection.query("SELECT * FROM range(11)", 10);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, "engine.too_many_rows");
  EXPECT_TRUE(db.connection.query("SELECT * FROM range(10)", 10));
}

TEST(database, interrupt_from_another_thread_ends_the_statement) {
  Opened db = open({.threads = 2});
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) db.connection.interrupt();
  });
  auto rows =
      db.connection.query("SELECT sum(hash(a.range * b.range)) FROM range(10000000) a, range(1000000) b");
  done = true;
  other.join();
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, "interrupted");
  EXPECT_EQ(text(db.connection, "SELECT 1"), "1") << "and does not touch the next one";
}

TEST(database, tells_progress_while_a_statement_runs) {
  Opened db = open({.threads = 2});
  ASSERT_TRUE(db.connection.execute("CREATE TABLE t AS SELECT range AS n FROM range(3000000)"));
  std::atomic<bool> seen = false;
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!seen && !done) seen = db.connection.progress().value_or(0) > 0;
  });
  auto rows = db.connection.query("SELECT max(md5(md5(md5(md5(n::VARCHAR))))) FROM t");
  done = true;
  other.join();
  EXPECT_TRUE(rows);
  EXPECT_TRUE(seen);
  EXPECT_FALSE(db.connection.progress());
}

TEST(database, out_of_memory_is_an_error_with_a_hint) {
  Opened db = open({.threads = 1, .memory_bytes = 20 << 20});
  const Error error = error_of(db.connection, "SELECT list(range ORDER BY hash(range)) FROM range(20000000)");
  EXPECT_EQ(error.code, "engine.memory") << to_text(error);
  EXPECT_FALSE(error.hint.empty());
  EXPECT_EQ(text(db.connection, "SELECT 1"), "1");
}

// Each of these keeps some 300 MB of rows, and with a cap of 8 MB on what is spilled it fails: so it spilled.
TEST(database, sorts_joins_and_aggregates_four_times_its_memory_by_spilling_up_to_the_cap) {
  const auto rows = [](int from) {
    return fmt::format("(SELECT range AS n, md5((range + {})::VARCHAR) AS t FROM range(4000000))", from);
  };
  const std::pair<std::string, int64_t> statements[] = {
      {fmt::format("SELECT * FROM {} ORDER BY hash(n)", rows(0)), 4000000},
      {fmt::format("SELECT a.n, a.t FROM {} AS a JOIN {} AS b USING (t)", rows(0), rows(1)), 3999999},
      {fmt::format("SELECT t, count(*) AS rows, max(n) AS last FROM {} GROUP BY t", rows(0)), 4000000}};
  for (const auto& [sql, expected_rows] : statements) {
    const ScratchFolder folder;
    DatabaseOptions options{.threads = 1, .memory_bytes = 64 << 20};
    options.spill_folder = folder / "spill";
    options.allowed_folders = {folder.path()};
    Opened db = open(options);
    auto written = db.connection.write_parquet(sql, folder / "a.parquet");
    ASSERT_TRUE(written) << to_text(written.error()) << "\n" << sql;
    EXPECT_EQ(written->rows, expected_rows) << sql;
    options.spill_cap_bytes = 8 << 20;
    Opened capped = open(options);
    written = capped.connection.write_parquet(sql, folder / "b.parquet");
    ASSERT_FALSE(written) << sql;
    EXPECT_EQ(written.error().code, "engine.memory") << sql;
  }
}

TEST(database, connection_outlives_its_database) {
  std::optional<Connection> connection;
  {
    Opened db = open();
    connection.emplace(std::move(db.connection));
  }
  EXPECT_EQ(text(*connection, "SELECT 1"), "1");
}

TEST(database, views_read_parquet_files) {
  const ScratchFolder folder;
  Opened db = open({.allowed_folders = {folder.path()}});
  ASSERT_TRUE(db.connection.write_parquet("SELECT 1 AS x", folder / "it's.parquet"));
  ASSERT_TRUE(db.connection.write_parquet("SELECT 2 AS x", folder / "b.parquet"));
  ASSERT_TRUE(db.connection.view_parquet("my \"view\"", {folder / "it's.parquet", folder / "b.parquet"}));
  EXPECT_EQ(text(db.connection, "SELECT sum(x) FROM \"my \"\"view\"\"\""), "3");
  ASSERT_TRUE(db.connection.view_parquet("my \"view\"", {folder / "b.parquet"}));
  EXPECT_EQ(text(db.connection, "SELECT sum(x) FROM \"MY \"\"view\"\"\""), "2");
}

}  // namespace
}  // namespace tidemill::engine
