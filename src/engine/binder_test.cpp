#include "engine/binder.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fmt/ranges.h>

#include "engine/names.hpp"
#include "engine/sql_shape.hpp"
#include "engine/sql_text.hpp"

namespace tidemill::engine {
namespace {

const std::map<std::string, std::vector<Column>> kTables{
    {"flights",
     {{"id", "BIGINT"},
      {"tail", "VARCHAR"},
      {"dest", "VARCHAR"},
      {"ts", "TIMESTAMP WITH TIME ZONE"},
      {"delay", "DOUBLE"},
      {"tags", "VARCHAR[]"}}},
    {"airports", {{"faa", "VARCHAR"}, {"lat", "DOUBLE"}, {"geo", "STRUCT(x DOUBLE, \"y z\" DECIMAL(9,4))"}}},
    {"weather", {{"ts", "TIMESTAMP WITH TIME ZONE"}, {"wind", "FLOAT"}}},
    {"Zürich Süd", {{"größe", "INTEGER"}}},
    {"predictions.late", {{"key", "VARCHAR"}, {"score", "DOUBLE"}}},
};

Result<std::vector<Column>> look_up(const std::string& name) {
  for (const auto& [table, columns] : kTables)
    if (same_name(table, name)) return columns;
  std::vector<std::string> names;
  for (const auto& [table, columns] : kTables) names.push_back(table);
  return user_error("plan.unknown_table", "no table is called " + name, {}, did_you_mean(name, names));
}

// Opened once for all tests, and closed before main ends: an instance that a static closes finds DuckDB's own
// thread-local state gone.
std::unique_ptr<Binder> binder;

class WithBinder final : public ::testing::Environment {
  void SetUp() override { binder = *Binder::open("America/New_York"); }
  void TearDown() override { binder.reset(); }
};
[[maybe_unused]] const auto* const kWithBinder = ::testing::AddGlobalTestEnvironment(new WithBinder);

/// "tables → columns", then "; never cached: …" and "; models: …"; or "code@line:column".
std::string bound(const std::string& sql, const TableLookup& lookup = look_up) {
  auto query = binder->bind(sql, {.file = "transforms/t.sql"}, lookup);
  if (!query) {
    const Error& error = query.error();
    EXPECT_EQ(error.where.file, "transforms/t.sql") << sql << "\n" << to_text(error);
    return fmt::format("{}@{}:{}", error.code, error.where.line, error.where.column);
  }
  std::vector<std::string> columns;
  for (const Column& column : query->columns) columns.push_back(column.name + " " + column.type);
  std::string text = fmt::format("{} -> {}", fmt::join(query->tables, ", "), fmt::join(columns, ", "));
  if (!query->volatile_reasons.empty())
    text += fmt::format("; never cached: {}", fmt::join(query->volatile_reasons, ", "));
  if (!query->models.empty()) text += fmt::format("; models: {}", fmt::join(query->models, ", "));
  return text;
}

TEST(binder, finds_tables_and_columns_of_every_form_of_select) {
  const std::pair<const char*, const char*> golden[] = {
      {"SELECT id FROM flights", "flights -> id BIGINT"},
      {"FROM flights SELECT id, delay", "flights -> id BIGINT, delay DOUBLE"},
      {"FROM weather", "weather -> ts TIMESTAMP WITH TIME ZONE, wind FLOAT"},
      {"TABLE weather;", "weather -> ts TIMESTAMP WITH TIME ZONE, wind FLOAT"},
      {"VALUES (1, 'a'), (2, 'b')", " -> col0 INTEGER, col1 VARCHAR"},
      {"SELECT 1 AS x; -- the end\n ;", " -> x INTEGER"},
      {"-- head\n/* a /* nested */ comment */ SELECT 'FROM nowhere' AS x, $$;$$ AS y",
       " -> x VARCHAR, y VARCHAR"},
      {"WITH f AS (SELECT id FROM flights) SELECT * FROM f", "flights -> id BIGINT"},
      {"WITH flights AS (SELECT faa FROM airports) SELECT * FROM flights", "airports -> faa VARCHAR"},
      {"WITH flights AS (SELECT id FROM flights WHERE delay > 0) SELECT * FROM flights",
       "flights -> id BIGINT"},
      {"WITH flights AS (SELECT 1 AS one) SELECT f.one, m.id FROM flights f, main.flights m",
       "flights -> one INTEGER, id BIGINT"},
      {"WITH nowhere AS (SELECT 1 AS x) SELECT * FROM nowhere", " -> x INTEGER"},
      {"WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < (SELECT count(*) FROM "
       "weather)) FROM n",
       "weather -> i INTEGER"},
      {"SELECT id FROM flights WHERE EXISTS (SELECT 1 FROM airports WHERE faa = dest)",
       "airports, flights -> id BIGINT"},
      {"SELECT id FROM flights WHERE dest IN (SELECT faa FROM airports)", "airports, flights -> id BIGINT"},
      {"SELECT (SELECT max(lat) FROM airports) AS top", "airports -> top DOUBLE"},
      {"SELECT id, l.m FROM flights f, LATERAL (SELECT max(wind) AS m FROM weather w WHERE w.ts < f.ts) l",
       "flights, weather -> id BIGINT, m FLOAT"},
      {"SELECT id, wind FROM flights ASOF LEFT JOIN weather USING (ts)",
       "flights, weather -> id BIGINT, wind FLOAT"},
      {"SELECT id, wind FROM flights f ASOF JOIN weather w ON f.ts >= w.ts",
       "flights, weather -> id BIGINT, wind FLOAT"},
      {"SELECT ts, count(*) AS n FROM flights JOIN weather USING (ts) GROUP BY ALL",
       "flights, weather -> ts TIMESTAMP WITH TIME ZONE, n BIGINT"},
      {"SELECT id FROM flights QUALIFY row_number() OVER (PARTITION BY tail ORDER BY ts) = 1",
       "flights -> id BIGINT"},
      {"PIVOT flights ON dest IN ('JFK', 'EWR') USING count(*) GROUP BY tail",
       "flights -> tail VARCHAR, JFK BIGINT, EWR BIGINT"},
      {"FROM flights PIVOT (avg(delay) FOR dest IN ('JFK')  GROUP BY tail)",
       "flights -> tail VARCHAR, JFK DOUBLE"},
      {"UNPIVOT airports ON lat INTO NAME what VALUE v",
       "airports -> faa VARCHAR, geo STRUCT(x DOUBLE, \"y z\" DECIMAL(9,4)), what VARCHAR, v DOUBLE"},
      {"SELECT id FROM flights UNION ALL BY NAME SELECT wind AS id FROM weather",
       "flights, weather -> id FLOAT"},
      {"SELECT * EXCLUDE (lat, geo) FROM airports", "airports -> faa VARCHAR"},
      {"SELECT * REPLACE (lat::INTEGER AS lat) FROM airports",
       "airports -> faa VARCHAR, lat INTEGER, geo STRUCT(x DOUBLE, \"y z\" DECIMAL(9,4))"},
      {"SELECT COLUMNS('^(id|d.*)$') FROM flights", "flights -> id BIGINT, dest VARCHAR, delay DOUBLE"},
      {"SELECT id, unnest(tags) AS tag FROM flights", "flights -> id BIGINT, tag VARCHAR"},
      {"SELECT id, t.tag FROM flights, unnest(tags) AS t(tag)", "flights -> id BIGINT, tag VARCHAR"},
      {"SELECT * FROM range(3) AS r(i), generate_series(1, 2) AS g(j)", " -> i BIGINT, j BIGINT"},
      {"SELECT geo.x, geo.\"y z\" AS y FROM airports", "airports -> x DOUBLE, y DECIMAL(9,4)"},
      {"SELECT list_transform([1], lambda v: v + 1) AS l, [w * 2 for w in [1, 2]] AS m",
       " -> l INTEGER[], m INTEGER[]"},
      {"SELECT \"größe\" FROM \"Zürich Süd\"", "Zürich Süd -> größe INTEGER"},
      {"SELECT f FROM weather AS f", "weather -> f STRUCT(ts TIMESTAMP WITH TIME ZONE, wind FLOAT)"},
      {"SELECT ID FROM Flights JOIN FLIGHTS AS g USING (id)", "Flights -> id BIGINT"},
      {"SELECT id FROM main.flights", "flights -> id BIGINT"},
      {"SELECT hour(ts) AS h FROM flights WINDOW w AS (ORDER BY ts)", "flights -> h BIGINT"},
      {"SELECT count(*) FILTER (WHERE delay > 15) AS late FROM flights GROUP BY ROLLUP (dest)",
       "flights -> late BIGINT"},
      {"SELECT flights.* FROM flights SEMI JOIN airports ON faa = dest ANTI JOIN weather USING (ts)",
       "airports, flights, weather -> id BIGINT, tail VARCHAR, dest VARCHAR, ts TIMESTAMP WITH TIME ZONE, "
       "delay DOUBLE, tags "
       "VARCHAR[]"},
      // What Parquet has no place for is stored as something exact.
      {"SELECT sum(id) AS s, 'a'::ENUM('a') AS e, [1, 2]::INTEGER[2] AS pair, NULL AS n FROM flights",
       "flights -> s BIGINT, e VARCHAR, pair INTEGER[], n INTEGER"},
  };
  for (const auto& [sql, expected] : golden) EXPECT_EQ(bound(sql), expected) << sql;
}

TEST(binder, tells_what_must_never_be_cached) {
  const std::pair<const char*, const char*> golden[] = {
      {"SELECT now() AS t", " -> t TIMESTAMP WITH TIME ZONE; never cached: now()"},
      {"SELECT current_date AS d", " -> d DATE; never cached: current_date"},
      {"SELECT id FROM flights ORDER BY random()", "flights -> id BIGINT; never cached: random()"},
      {"SELECT id FROM flights LIMIT 3", "flights -> id BIGINT; never cached: LIMIT without ORDER BY"},
      {"SELECT id FROM flights ORDER BY id LIMIT 3", "flights -> id BIGINT"},
      {"SELECT id FROM (FROM flights LIMIT 10%) ORDER BY id",
       "flights -> id BIGINT; never cached: LIMIT without ORDER BY"},
      {"SELECT faa FROM airports WHERE EXISTS (SELECT 1 FROM flights WHERE dest = faa LIMIT 1)",
       "airports, flights -> faa VARCHAR"},
      {"SELECT wind FROM weather TABLESAMPLE 10%", "weather -> wind FLOAT; never cached: SAMPLE"},
      {"SELECT wind FROM weather USING SAMPLE 5", "weather -> wind FLOAT; never cached: SAMPLE"},
      {"SELECT age(TIMESTAMP '2013-01-01') AS a, uuid() AS u",
       " -> a INTERVAL, u UUID; never cached: age() of one argument, uuid()"},
      {"SELECT min(delay) AS now FROM flights", "flights -> now DOUBLE"},
  };
  for (const auto& [sql, expected] : golden) EXPECT_EQ(bound(sql), expected) << sql;
}

TEST(binder, list_of_volatile_functions_is_that_of_duckdbs_catalog) {
  auto database = *Database::open({});
  auto connection = *database->connect();
  auto rows = connection.query(
      "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability IN ('VOLATILE', "
      "'CONSISTENT_WITHIN_QUERY') "
      "AND function_name NOT IN ('error', 'current_database', 'current_schema', 'current_schemas', "
      "'in_search_path', 'tidemill_row')");
  ASSERT_TRUE(rows);
  EXPECT_GT(rows->rows.size(), 15u);
  for (const auto& row : rows->rows) EXPECT_TRUE(is_volatile_function(to_text(row[0]))) << to_text(row[0]);
}

TEST(binder, names_models_of_predict) {
  EXPECT_EQ(bound("SELECT id, predict('late@champion', f) AS p FROM flights AS f"),
            "flights -> id BIGINT, p DOUBLE; models: late@champion");
  EXPECT_EQ(bound("SELECT predict('b@1', {a: 1}) + predict('a@2', {a: 1}) AS p"),
            " -> p DOUBLE; models: a@2, b@1");
  EXPECT_EQ(bound("SELECT predict(dest, f) FROM flights AS f"), "sql.predict@1:8");
  EXPECT_EQ(bound("SELECT predict('late', id) FROM flights"), "sql.bind@0:0");
}

TEST(binder, says_where_the_sql_is_wrong) {
  const std::pair<const char*, const char*> golden[] = {
      {"", "sql.not_select@1:1"},
      {"  -- only words\n;", "sql.not_select@1:1"},
      {"SELECT id,\n  dealy FROM flights", "sql.unknown_column@2:3"},
      {"SELECT 'Zürich', dealy FROM flights", "sql.unknown_column@1:18"},
      {"SELECT id FRM flights WHERE", "sql.syntax@1:15"},
      {"SELECT id\nFROM flihgts", "plan.unknown_table@2:6"},
      {"SELECT nofun(id) FROM flights", "sql.unknown_function@1:8"},
      {"SELECT id, ID FROM flights", "sql.duplicate_column@0:0"},
      {"SELECT $1", "sql.parameters@0:0"},
      {"SELECT a.* FROM flights AS b", "sql.bind@0:0"},
      {"INSERT INTO flights VALUES (1)", "sql.not_select@1:1"},
      {"\n  COPY flights TO 'x'", "sql.not_select@2:3"},
      {"ATTACH 'x.db'", "sql.not_select@1:1"},
      {"PRAGMA version", "sql.not_select@1:1"},
      {"SET threads = 1", "sql.not_select@1:1"},
      {"CREATE TABLE t AS SELECT 1", "sql.not_select@1:1"},
      {"CALL range(3)", "sql.not_select@1:1"},
      {"EXPLAIN SELECT 1", "sql.not_select@1:1"},
      {"SELECT 1; SELECT 2", "sql.not_select@1:1"},
      {"DESCRIBE flights", "sql.not_select@1:1"},
      {"SHOW TABLES", "sql.not_select@1:1"},
      {"SELECT * FROM (SUMMARIZE flights)", "sql.not_select@1:1"},
      {"PIVOT flights ON dest USING count(*)", "sql.dynamic_pivot@1:1"},
      {"SELECT * FROM (PIVOT flights ON dest USING count(*))", "sql.dynamic_pivot@1:16"},
      {"SELECT * FROM read_csv('x.csv')", "sql.external@1:15"},
      {"SELECT * FROM parquet_scan('x.parquet')", "sql.external@1:15"},
      {"SELECT * FROM glob('/etc/*')", "sql.external@1:15"},
      {"SELECT * FROM read_text('/etc/passwd')", "sql.external@1:15"},
      {"SELECT * FROM 'data/x.csv'", "sql.external@1:15"},
      {"SELECT * FROM \"x.parquet\"", "sql.external@1:15"},
      {"SELECT * FROM 'https://example.org/x'", "sql.external@1:15"},
      {"SELECT * FROM other.main.flights", "sql.external@1:15"},
      {"SELECT * FROM public.flights", "sql.external@1:15"},
      {"SELECT * FROM query('SELECT 1')", "sql.external@1:15"},
      {"SELECT * FROM query_table('flights')", "sql.external@1:15"},
      {"SELECT * FROM test_all_types()", "sql.external@1:15"},
      {"SELECT * FROM no_such_function()", "sql.unknown_function@1:15"},
      {"SELECT getenv('HOME')", "sql.external@1:8"},
      {"SELECT * FROM duckdb_tables()", "sql.external@1:15"},
      {"SELECT * FROM duckdb_tables", "sql.reserved_name@1:15"},
      {"SELECT * FROM pg_type", "sql.reserved_name@1:15"},
      {"SELECT * FROM sqlite_master", "sql.reserved_name@1:15"},
      {"SELECT * FROM information_schema.tables", "sql.reserved_name@1:15"},
      {"SELECT * FROM predictions.other", "plan.unknown_table@1:15"},
      {"SELECT * FROM x.predictions.late", "sql.external@1:15"},
      {"SELECT true::UNION(a BOOLEAN) AS u", "sql.unstorable_type@0:0"},
  };
  for (const auto& [sql, expected] : golden) EXPECT_EQ(bound(sql), expected) << sql;
  EXPECT_EQ(bound(std::string("SELECT 1\0, 2", 12)), "sql.syntax@1:9");
}

TEST(binder, finds_a_deployments_log) {
  const std::pair<const char*, const char*> golden[] = {
      {"SELECT late.score, predictions.late.key FROM predictions.late",
       "predictions.late -> score DOUBLE, key VARCHAR"},
      {"SELECT count(*) AS n FROM \"Predictions\".LATE AS l JOIN flights ON l.key = flights.id::VARCHAR",
       "flights, predictions.LATE -> n BIGINT"},
      {"WITH late AS (SELECT score FROM predictions.late) SELECT * FROM late",
       "predictions.late -> score DOUBLE"},
      {"SELECT scores FROM predictions.late", "sql.unknown_column@1:8"},
  };
  for (const auto& [sql, expected] : golden) EXPECT_EQ(bound(sql), expected) << sql;
}

TEST(binder, unknown_column_names_the_candidates) {
  auto binder = *Binder::open("UTC");
  auto query = binder->bind("SELECT dealy FROM flights", {.file = "t.sql"}, look_up);
  ASSERT_FALSE(query);
  EXPECT_NE(query.error().message.find("\"delay\""), std::string::npos) << query.error().message;
}

TEST(binder, lookup_may_bind_what_it_finds) {
  auto binder = *Binder::open("UTC");
  const std::map<std::string, std::string> transforms{{"a", "SELECT id, delay FROM flights"},
                                                      {"b", "WITH a AS (SELECT * FROM a) SELECT id FROM a"},
                                                      {"c", "SELECT b.id, a.delay FROM a JOIN b USING (id)"}};
  std::vector<std::string> calls;
  TableLookup lookup = [&](const std::string& name) -> Result<std::vector<Column>> {
    calls.push_back(name);
    const auto found = transforms.find(name);
    if (found == transforms.end()) return look_up(name);
    TM_TRY(BoundQuery query, binder->bind(found->second, {.file = name + ".sql"}, lookup));
    return query.columns;
  };
  auto query = binder->bind(transforms.at("c"), {.file = "c.sql"}, lookup);
  ASSERT_TRUE(query) << to_text(query.error());
  EXPECT_EQ(fmt::format("{}", fmt::join(query->tables, ",")), "a,b");
  EXPECT_EQ(query->columns, (std::vector<Column>{{"id", "BIGINT"}, {"delay", "DOUBLE"}}));
}

TEST(binder, error_inside_a_lookup_keeps_its_own_place) {
  auto binder = *Binder::open("UTC");
  TableLookup lookup = [&](const std::string& name) -> Result<std::vector<Column>> {
    if (name != "inner") return look_up(name);
    TM_TRY(BoundQuery query, binder->bind("SELECT\n oops FROM flights", {.file = "inner.sql"}, lookup));
    return query.columns;
  };
  auto query = binder->bind("SELECT * FROM inner", {.file = "outer.sql"}, lookup);
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().where.file, "outer.sql") << "INNER is a word of SQL, so this one is a syntax error";
  query = binder->bind("SELECT * FROM \"inner\"", {.file = "outer.sql"}, lookup);
  ASSERT_FALSE(query);
  EXPECT_EQ(to_text(query.error().where), "inner.sql:2:2");
}

TEST(binder, endless_recursion_of_lookups_ends_with_an_error) {
  auto binder = *Binder::open("UTC");
  TableLookup lookup = [&](const std::string& name) -> Result<std::vector<Column>> {
    TM_TRY(BoundQuery query, binder->bind("SELECT * FROM " + name, {.file = "loop.sql"}, lookup));
    return query.columns;
  };
  auto query = binder->bind("SELECT * FROM x", {.file = "loop.sql"}, lookup);
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().code, "sql.too_deep");
  EXPECT_TRUE(binder->bind("SELECT 1 AS x", {.file = "after.sql"}, look_up));
}

TEST(binder, gives_the_columns_that_running_gives) {
  // Differential: what bind says and what DuckDB makes of real, empty tables.
  auto database = *Database::open({});
  auto connection = *database->connect();
  for (const auto& [name, columns] : kTables) {
    std::string list;
    for (const Column& column : columns)
      list += fmt::format("{}{} {}", list.empty() ? "" : ", ", quote_name(column.name), column.type);
    ASSERT_TRUE(connection.execute(fmt::format("CREATE TABLE {} ({})", quote_name(name), list)));
  }
  auto binder = *Binder::open("UTC");
  for (const char* sql : {"SELECT *, lag(delay) OVER (PARTITION BY tail ORDER BY ts) AS before FROM flights "
                          "LEFT JOIN airports ON faa = dest",
                          "SELECT dest, avg(delay), quantile_cont(delay, 0.5), list(tail), any_value(ts), "
                          "count(DISTINCT tail) FROM flights GROUP BY dest",
                          "SELECT date_trunc('hour', ts) h, ts + INTERVAL 1 HOUR, ts AT TIME ZONE 'UTC', "
                          "epoch_us(ts), strftime(ts, '%Y') FROM flights",
                          "SELECT CASE WHEN delay > 15 THEN 1 ELSE 0 END AS late, coalesce(delay, 0), id / "
                          "2, id // 2, id % 2, delay::DECIMAL(9,2) FROM flights"}) {
    auto query = binder->bind(sql, {.file = "t.sql"}, look_up);
    ASSERT_TRUE(query) << to_text(query.error());
    EXPECT_EQ(query->columns, *connection.describe(sql));
  }
}

TEST(sql_text, normalizes_comments_and_space_but_not_text) {
  EXPECT_EQ(normalize_sql("SELECT  1,\n\t'a  b' -- c\n , \"x  y\" /* z /* z */ */ FROM t ;; \n"),
            "SELECT 1, 'a  b' , \"x  y\" FROM t");
  EXPECT_EQ(normalize_sql("SELECT 'it''s -- no comment', $a$ ; -- $a$, E'\\' --'"),
            "SELECT 'it''s -- no comment', $a$ ; -- $a$, E'\\' --'");
  EXPECT_EQ(normalize_sql("select a--b\n-c"), "select a -c");
  EXPECT_EQ(normalize_sql(" ;"), "");
}

TEST(sql_text, normalizing_twice_changes_nothing_and_every_byte_is_in_one_token) {
  rc::check([] {
    const auto pieces = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("SELECT", " ", "\n", "--", "/*", "*/", "'", "\"", "$$", "$a$", "E'",
                                      "\\", ";", "a", "1.5", "ü", "(", ")", "x'"));
    std::string sql;
    for (const std::string& piece : pieces) sql += piece;
    size_t at = 0;
    for (const SqlToken& token : sql_tokens(sql)) {
      RC_ASSERT(token.begin == at);
      RC_ASSERT(token.end > at);
      at = token.end;
    }
    RC_ASSERT(at == sql.size());
    const std::string once = normalize_sql(sql);
    RC_ASSERT(normalize_sql(once) == once);
  });
}

TEST(sql_text, lexer_agrees_with_duckdb_on_where_strings_and_comments_end) {
  // Differential: the normalized text means the same to DuckDB.
  auto database = *Database::open({});
  auto connection = *database->connect();
  rc::check([&] {
    const auto operands = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("'a'", "$$b ' -- $$", "E'\\''", "''", "'-- '", "'/*'", "'it''s'",
                                      "$x$ $$ /* $x$", "('  ' || E'\\n')", "'ü  ü'")));
    std::string sql = "SELECT 'z'";
    for (const std::string& operand : operands)
      sql += *rc::gen::element<std::string>(" || ", "||", "\n||\t", " -- x '\n || ", "/* ' */||",
                                            " /* a /* b */ */ || -- \"\n") +
             operand;
    auto before = connection.query(sql, 10);
    auto after = connection.query(normalize_sql(sql), 10);
    RC_ASSERT(before.has_value());
    RC_ASSERT(after.has_value());
    RC_ASSERT(to_text(before->rows.at(0).at(0)) == to_text(after->rows.at(0).at(0)));
  });
}

TEST(sql_text, knows_every_word_of_duckdbs_grammar) {
  auto database = *Database::open({});
  auto connection = *database->connect();
  auto rows = connection.query("SELECT keyword_name FROM duckdb_keywords()");
  ASSERT_TRUE(rows);
  EXPECT_GT(rows->rows.size(), 300u);
  for (const auto& row : rows->rows) EXPECT_TRUE(is_keyword(to_text(row[0]))) << to_text(row[0]);
  EXPECT_EQ(quote_if_needed("flights"), "flights");
  EXPECT_EQ(quote_if_needed("At"), "\"At\"");
  EXPECT_EQ(quote_if_needed("a b"), "\"a b\"");
}

TEST(sql_text, reserved_names) {
  for (const char* name : {"pg_type", "sqlite_master", "duckdb_tables", "DuckDB_Settings", "predictions",
                           "information_schema", "Tidemill_x", "pragma_x", "previous"})
    EXPECT_TRUE(is_reserved_table_name(name)) << name;
  for (const char* name : {"flights", "prediction", "page"})
    EXPECT_FALSE(is_reserved_table_name(name)) << name;
}

TEST(sql_text, every_built_in_table_is_reserved) {
  auto database = *Database::open({});
  auto connection = *database->connect();
  auto rows =
      connection.query("SELECT view_name FROM duckdb_views() WHERE schema_name IN ('main', 'pg_catalog')");
  ASSERT_TRUE(rows);
  EXPECT_GT(rows->rows.size(), 10u);
  for (const auto& row : rows->rows) EXPECT_TRUE(is_reserved_table_name(to_text(row[0]))) << to_text(row[0]);
}

}  // namespace
}  // namespace tidemill::engine
