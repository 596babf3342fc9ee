// One contender of the checks benchmark in a process of its own, so that its peak memory is its own.
//   checks_bench make FILE ROWS          writes the table
//   checks_bench CONTENDER FILE          scan | by_hand | checks | unique | relationships | distinct_by_hand;
//   prints one JSON line
// scan: the same columns, once, with cheap aggregates. by_hand: the same twenty conditions in one SELECT.
// Both on DuckDB's C API alone.
#include <cstring>
#include <functional>
#include <map>

#include "duckdb_by_hand.hpp"
#include "quality/quality.hpp"

namespace {

using by_hand::die;
using by_hand::Session;
using namespace tidemill;

constexpr int kThreads = 2;

// Deterministic: every value is a function of the row's number.
const char* const kTable =
    "SELECT i AS id, (hash(i) % 1000000)::INTEGER AS customer, (hash(i + 1) % 100000) / 100.0::DOUBLE AS "
    "amount, "
    "(hash(i + 2) % 500)::INTEGER AS quantity, (hash(i + 3) % 1000003) / 1000003.0::DOUBLE AS score, "
    "CASE WHEN hash(i + 4) % 50 = 0 THEN NULL ELSE (hash(i + 4) % 120)::SMALLINT END AS age, "
    "['new', 'paid', 'sent', 'back'][(hash(i + 5) % 4)::BIGINT + 1] AS status, "
    "['NL', 'DE', 'FR', 'US', 'JP', 'BR', 'IN', 'ZA'][(hash(i + 6) % 8)::BIGINT + 1] AS country, "
    "printf('%s-%05d', chr((65 + hash(i + 7) % 26)::INTEGER), (hash(i + 7) % 20000)::INTEGER) AS code, "
    "make_timestamp(1700000000000000 + i * 1000000) AS made_at, "
    "make_timestamp(1700000000000000 + i * 1000000 + (hash(i + 8) % 86400)::BIGINT * 1000000) AS paid_at, "
    "(hash(i + 9) % 2 = 0) AS member";

project::Check check(const char* kind, std::vector<std::string> columns, Json arguments = Json::object()) {
  project::Check out;
  out.kind = kind;
  out.columns = std::move(columns);
  out.arguments = std::move(arguments);
  out.name = out.kind;
  return out;
}

std::vector<project::Check> twenty() {
  return {
      check("not_null", {"id"}),
      check("not_null", {"customer"}),
      check("not_null", {"amount"}),
      check("not_null", {"status"}),
      check("not_null", {"code"}),
      check("not_null", {"made_at"}),
      [] {
        auto c = check("not_null", {"age"});
        c.mostly = 0.95;
        return c;
      }(),
      check("range", {"amount"}, {{"min", 0}, {"max", 1000}}),
      check("range", {"quantity"}, {{"min", 0}, {"max", 499}}),
      check("range", {"score"}, {{"min", 0}, {"max", 1}}),
      check("range", {"age"}, {{"min", 0}, {"max", 119}}),
      check("range", {"customer"}, {{"min", 0}, {"max", 999999}}),
      check("accepted_values", {"status"}, {{"values", {"new", "paid", "sent", "back"}}}),
      check("accepted_values", {"country"}, {{"values", {"NL", "DE", "FR", "US", "JP", "BR", "IN", "ZA"}}}),
      check("regex", {"code"}, {{"pattern", "[A-Z]-[0-9]{5}"}}),
      check("length", {"code"}, {{"min", 7}, {"max", 7}}),
      check("length", {"country"}, {{"min", 2}, {"max", 2}}),
      check("expression", {}, {{"sql", "paid_at >= made_at"}}),
      check("expression", {}, {{"sql", "member OR amount < 1000"}}),
      check("expression", {}, {{"sql", "quantity * amount < 1000000"}})};
}

// What a person would type for the same twenty.
const char* const kByHand =
    "count(*) - count(id), count(*) - count(customer), count(*) - count(amount), count(*) - count(status), "
    "count(*) - count(code), "
    "count(*) - count(made_at), count(*) - count(age), count_if(amount NOT BETWEEN 0 AND 1000), "
    "count_if(quantity NOT BETWEEN 0 AND 499), "
    "count_if(score NOT BETWEEN 0 AND 1), count_if(age NOT BETWEEN 0 AND 119), count_if(customer NOT BETWEEN "
    "0 AND 999999), "
    "count_if(status NOT IN ('new', 'paid', 'sent', 'back')), count_if(country NOT IN ('NL', 'DE', 'FR', "
    "'US', 'JP', 'BR', 'IN', 'ZA')), "
    "count_if(NOT regexp_full_match(code, '[A-Z]-[0-9]{5}')), count_if(length(code) <> 7), "
    "count_if(length(country) <> 2), "
    "count_if(paid_at < made_at), count_if(NOT (member OR amount < 1000)), count_if(quantity * amount >= "
    "1000000)";

const char* const kScan =
    "max(id), max(customer), sum(amount), sum(quantity), sum(score), sum(age), sum(strlen(status)), "
    "sum(strlen(country)), sum(strlen(code)), "
    "max(made_at), max(paid_at), count_if(member)";

template <class T>
T value(Result<T> result) {
  if (!result) die(result.error().code + ": " + result.error().message);
  return std::move(*result);
}

struct Seen {
  double ms = 0;
  double failing = 0;
};

Seen by_hand_query(const std::string& file, const std::string& list) {
  Session session(kThreads, "UTC");
  session.run("CREATE VIEW t AS FROM read_parquet('" + file + "')");
  by_hand::Clock clock;
  session.fetch("SELECT " + list + " FROM t", [](duckdb_data_chunk, idx_t) {});
  return {clock.lap_ms(), 0};
}

Seen our_checks(const std::string& file, const std::vector<project::Check>& checks) {
  engine::DatabaseOptions options;
  options.threads = kThreads;
  options.access = engine::DatabaseOptions::Access::Open;
  auto database = value(engine::Database::open(options));
  engine::Connection connection = value(database->connect());
  if (auto made = connection.view_parquet("t", {file}); !made) die(made.error().message);
  if (auto made =
          connection.execute("CREATE TABLE customers AS SELECT range::INTEGER AS id FROM range(1000000)");
      !made)
    die(made.error().message);
  quality::CheckContext context;
  context.connection = &connection;
  context.table = "t";
  context.relation = "\"t\"";
  context.described = "source t";
  context.columns = value(connection.describe("SELECT * FROM t"));
  context.now = Instant{1'800'000'000'000'000};
  context.relation_of = [](const std::string& name) -> Result<std::string> {
    return engine::quote_name(name);
  };
  by_hand::Clock clock;
  const quality::CheckReport report = value(quality::run_checks(context, checks));
  Seen seen{clock.lap_ms(), 0};
  for (const quality::CheckResult& result : report.results) {
    if (result.status != quality::CheckStatus::Passed) die(result.name + " did not pass: " + result.message);
    seen.failing += static_cast<double>(result.failing);
  }
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) die("usage: checks_bench make FILE ROWS | CONTENDER FILE");
  const std::string what = argv[1], file = argv[2];
  if (what == "make") {
    if (argc != 4) die("how many rows?");
    Session session(kThreads, "UTC");
    session.run(std::string("COPY (") + kTable + " FROM range(" + argv[3] + ") r(i)) TO '" + file +
                "' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)");
    return 0;
  }
  const std::map<std::string, std::function<Seen()>> contenders{
      {"scan", [&] { return by_hand_query(file, kScan); }},
      {"by_hand", [&] { return by_hand_query(file, kByHand); }},
      {"checks", [&] { return our_checks(file, twenty()); }},
      {"unique", [&] { return our_checks(file, {check("unique", {"id"})}); }},
      {"relationships",
       [&] {
         return our_checks(
             file, {check("relationships", {"customer"}, {{"table", "customers"}, {"column", "id"}})});
       }},
      {"distinct_by_hand", [&] { return by_hand_query(file, "count(DISTINCT id)"); }},
  };
  const auto found = contenders.find(what);
  if (found == contenders.end()) die("there is no contender " + what);
  const Seen seen = found->second();
  std::printf(R"({"ms": %.2f, "failing": %.0f, "peak_mb": %ld})"
              "\n",
              seen.ms, seen.failing, by_hand::peak_memory_mb());
}
