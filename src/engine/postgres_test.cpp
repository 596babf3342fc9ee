#include <gtest/gtest.h>

#include <fmt/format.h>

#include "engine/postgres_for_tests.hpp"
#include "engine/scan.hpp"
#include "engine/scratch_for_tests.hpp"

namespace tidemill::engine {
namespace {

/// One server for all tests of this file.
class postgres : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = PostgresForTests::start();
    ASSERT_TRUE(started) << to_text(started.error());
    server = std::move(*started);
  }
  static void TearDownTestSuite() { server.reset(); }
  void SetUp() override { ASSERT_TRUE(server); }

  Result<void> execute(const std::string& sql) {
    return connection.execute(fmt::format("CALL postgres_execute('ops', {})", quote_text(sql)));
  }
  Result<void> attach(Attach mode) { return attach_postgres(connection, "ops", server->secret(), mode); }

  static inline std::unique_ptr<PostgresForTests> server;
  std::unique_ptr<Database> database = *Database::open(
      {.threads = 2, .timezone = "America/New_York", .access = DatabaseOptions::Access::Open});
  Connection connection = *database->connect();
};

TEST_F(postgres, reads_every_common_type) {
  ASSERT_TRUE(attach(Attach::Writable));
  ASSERT_TRUE(execute("DROP TABLE IF EXISTS types"));
  ASSERT_TRUE(
      execute("CREATE TABLE types (id bigint, n numeric(12,2), name text, c char(3), ts timestamptz, plain "
              "timestamp, d date, b boolean, "
              "j jsonb, u uuid, list int[], bytes bytea, f real, x double precision, s smallint)"));
  ASSERT_TRUE(execute(
      "INSERT INTO types VALUES (1, 12.34, 'Zürich ''x''', 'abc', '2013-07-01 05:00+00', '2013-07-01 05:00', "
      "'2013-01-02', true, "
      "'{\"a\": 1}', '9bbc6215-681d-4082-9372-d5f7a9dd1718', ARRAY[1,2], '\\x01', 1.5, 2.25, 7)"));
  ASSERT_TRUE(execute("INSERT INTO types (id) VALUES (2)"));
  const auto rows = connection.query("SELECT * FROM ops.public.types ORDER BY id");
  ASSERT_TRUE(rows) << to_text(rows.error());
  std::string types;
  for (const Column& column : rows->columns) types += column.type + "|";
  EXPECT_EQ(types,
            "BIGINT|DECIMAL(12,2)|VARCHAR|VARCHAR|TIMESTAMP WITH TIME "
            "ZONE|TIMESTAMP|DATE|BOOLEAN|VARCHAR|UUID|INTEGER[]|BLOB|FLOAT|DOUBLE|SMALLINT|");
  std::string first;
  std::string second;
  for (const Value& value : rows->rows.at(0)) first += to_text(value) + "|";
  for (const Value& value : rows->rows.at(1)) second += to_text(value) + "|";
  EXPECT_EQ(first,
            "1|12.34|Zürich 'x'|abc|2013-07-01 05:00:00+00|2013-07-01 05:00:00|2013-01-02|true|{\"a\": "
            "1}|9bbc6215-681d-4082-9372-d5f7a9dd1718|"
            "[1, 2]|\\x01|1.5|2.25|7|");
  EXPECT_EQ(second, "2|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|");
  const ScratchFolder folder;
  const auto written = connection.write_parquet("SELECT * FROM ops.public.types", folder / "t.parquet");
  ASSERT_TRUE(written) << to_text(written.error());
  EXPECT_EQ(written->rows, 2);
}

TEST_F(postgres, reads_many_rows_and_queries_in_its_own_sql) {
  ASSERT_TRUE(attach(Attach::Writable));
  ASSERT_TRUE(execute("DROP TABLE IF EXISTS many"));
  ASSERT_TRUE(
      execute("CREATE TABLE many AS SELECT g AS id, md5(g::text) AS t FROM generate_series(1, 100000) g"));
  ASSERT_TRUE(attach(Attach::ReadOnly));
  EXPECT_EQ(to_text(*connection.scalar(
                "SELECT count(*) || ' ' || sum(id) || ' ' || count(DISTINCT t) FROM ops.public.many")),
            "100000 5000050000 100000");
  EXPECT_EQ(to_text(*connection.scalar(
                "SELECT n FROM postgres_query('ops', 'SELECT count(*) AS n FROM many WHERE t ~ ''^00''')")),
            to_text(*connection.scalar("SELECT count(*) FROM ops.public.many WHERE t LIKE '00%'")));
}

TEST_F(postgres, read_only_refuses_to_write) {
  ASSERT_TRUE(attach(Attach::Writable));
  ASSERT_TRUE(execute("DROP TABLE IF EXISTS target"));
  ASSERT_TRUE(execute("CREATE TABLE target (id bigint)"));
  ASSERT_TRUE(connection.execute("INSERT INTO ops.public.target VALUES (1)"));
  ASSERT_TRUE(attach(Attach::ReadOnly));
  EXPECT_FALSE(connection.execute("INSERT INTO ops.public.target VALUES (2)"));
  EXPECT_FALSE(execute("INSERT INTO target VALUES (3)"));
  EXPECT_EQ(to_text(*connection.scalar("SELECT count(*) FROM ops.public.target")), "1");
}

TEST_F(postgres, failures_tell_what_is_wrong_and_nothing_of_the_dsn) {
  const std::string port = std::to_string(server->port());
  struct Wrong {
    std::string dsn;
    const char* expected;
    const char* code = "connection.refused";
  };
  const Wrong wrong[] = {
      {"host=127.0.0.1 port=" + port + " user=tidemill password=wrongpassword dbname=postgres",
       "refused user or password"},
      {"postgresql://tidemill:wrongpassword@127.0.0.1:" + port + "/postgres", "refused user or password"},
      {"postgresql://tidemill:pa55%20w'rd@127.0.0.1:" + port + "/hiddenname", "does not exist"},
      {"host=127.0.0.1 port=1 user=tidemill password=wrongpassword", "nothing accepts connections",
       "connection.failed"},
      {"host=hiddenname.invalid user=x password=wrongpassword", "host is not known", "connection.failed"},
      {"postgresql://x:wrong@password@127.0.0.1:notaport/", "cannot be connected", "connection.dsn"},
      {"hiddenname", "cannot be connected", "connection.dsn"},
  };
  for (const auto& [dsn, expected, code] : wrong) {
    const auto done = attach_postgres(connection, "ops", Secret("${env:OPS_DSN}", dsn), Attach::ReadOnly);
    ASSERT_FALSE(done);
    const Error& error = done.error();
    EXPECT_EQ(error.code, code) << expected;
    const std::string said = error.message + error.hint + error.seen + error.expected;
    EXPECT_NE(said.find(expected), std::string::npos) << said;
    for (const char* secret : {"wrongpassword", "pa55", "hiddenname", "notaport", "wrong@"})
      EXPECT_EQ(said.find(secret), std::string::npos) << said;
    EXPECT_NE(said.find("${env:OPS_DSN}"), std::string::npos) << said;
  }
  EXPECT_EQ(attach_postgres(connection, "ops", Secret("${env:OPS_DSN}", ""), Attach::ReadOnly).error().code,
            "connection.dsn");
}

TEST_F(postgres, a_server_that_dies_midway_is_a_failed_connection) {
  ASSERT_TRUE(attach(Attach::Writable));
  ASSERT_TRUE(execute("DROP TABLE IF EXISTS slow"));
  ASSERT_TRUE(
      execute("CREATE TABLE slow AS SELECT g AS id, md5(g::text) AS t FROM generate_series(1, 300000) g"));
  ASSERT_TRUE(attach(Attach::ReadOnly));
  const auto rows =
      connection.for_each_chunk("SELECT id, t FROM ops.public.slow", [&](const Chunk&) -> Result<void> {
        server->kill();
        return {};
      });
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, "connection.failed") << to_text(rows.error());
  EXPECT_EQ(to_text(rows.error()).find("pa55"), std::string::npos);
  const auto down = connection.query("SELECT count(*) FROM ops.public.slow");
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, "connection.failed") << to_text(down.error());
  EXPECT_EQ(down.error().message.find("pa55"), std::string::npos) << down.error().message;
  ASSERT_TRUE(server->run());
  ASSERT_TRUE(attach(Attach::ReadOnly)) << "and the same session can come back";
  EXPECT_EQ(to_text(*connection.scalar("SELECT count(*) FROM ops.public.slow")), "300000");
}

TEST_F(postgres, a_missing_extension_says_where_it_was_looked_for) {
  const ScratchFolder folder;
  auto other = *Database::open({.access = DatabaseOptions::Access::Open, .extension_folder = folder.path()});
  auto session = *other->connect();
  const auto done = attach_postgres(session, "ops", server->secret(), Attach::ReadOnly);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "connection.extension");
  EXPECT_NE(done.error().message.find(folder.path().string()), std::string::npos);
}

}  // namespace
}  // namespace tidemill::engine
