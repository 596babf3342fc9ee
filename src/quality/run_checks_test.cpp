#include "quality/quality.hpp"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <rapidcheck.h>

#include "engine/sql_text.hpp"
#include "quality/row_rule.hpp"
#include "quality/tables_test.hpp"

namespace tidemill::quality {
namespace {

using project::Check;
using project::OnFail;

class Checks : public Tables {
 protected:
  void SetUp() override {
    Tables::SetUp();
    execute(R"(CREATE TABLE flights AS SELECT * FROM (VALUES
        (1, 'UA', 'N1', 10.0, DATE '2013-01-01', TIMESTAMPTZ '2013-06-01 06:00:00Z'),
        (2, 'UA', NULL, -5.0, DATE '2013-01-02', TIMESTAMPTZ '2013-06-01 08:00:00Z'),
        (3, 'AA', 'N22', NULL, DATE '2013-01-03', TIMESTAMPTZ '2013-06-01 10:00:00Z'),
        (3, 'ZZ', 'x1', 'NaN'::DOUBLE, NULL, NULL),
        (NULL, NULL, 'N1', 3000.0, DATE '2014-01-01', TIMESTAMPTZ '2013-06-09 10:00:00Z'))
        t(id, carrier, tailnum, delay, day, seen_at))");
    execute("CREATE TABLE carriers AS SELECT * FROM (VALUES ('UA'), ('AA'), (NULL)) t(code)");
  }
  std::atomic<bool> done_ = false;
};

TEST_F(Checks, rules_on_rows_count_what_fails_and_null_passes_all_but_not_null) {
  const CheckReport report = run(
      "flights",
      {check("not_null", {"tailnum"}), check("accepted_values", {"carrier"}, {{"values", {"UA", "AA"}}}),
       check("accepted_values", {"carrier"}, {{"values", {"UA", "AA", "B6", "DL"}}}),
       check("accepted_values", {"id"}, {{"values", {1, 2}}}),
       check("range", {"delay"}, {{"min", -10}, {"max", 100.5}}), check("range", {"delay"}, {{"min", 0}}),
       check("range", {"day"}, {{"min", "2013-01-02"}, {"max", "2013-12-31"}}),
       check("regex", {"tailnum"}, {{"pattern", "N[0-9]+"}}), check("length", {"tailnum"}, {{"min", 3}}),
       check("length", {"tailnum"}, {{"max", 2}}),
       check("expression", {}, {{"sql", "delay < 100 -- minutes"}}), check("range", {"id"}, {{"min", 2}})});
  const std::vector<int64_t> failing{1, 1, 1, 2, 2, 2, 2, 1, 3, 1, 2, 1};
  ASSERT_EQ(report.results.size(), failing.size());
  for (size_t i = 0; i < failing.size(); ++i) {
    EXPECT_EQ(report.results[i].failing, failing[i]) << i << " " << report.results[i].message;
    EXPECT_EQ(report.results[i].rows, 5) << i;
    EXPECT_EQ(report.results[i].status, CheckStatus::Failed) << i;
    // The condition for --show-rows finds the same rows.
    EXPECT_EQ(
        number("SELECT count(*) FROM flights WHERE " + engine::bracketed(report.results[i].failing_where)),
        failing[i])
        << i;
  }
  EXPECT_EQ(report.results[0].name, "not_null(tailnum)");
  EXPECT_EQ(report.results[0].message, "1 of 5 rows has no tailnum, 20 %");
  EXPECT_EQ(report.results[1].numbers["examples"], Json({"ZZ"}));
  EXPECT_EQ(report.results[7].message, "1 of 5 rows has tailnum that does not match N[0-9]+, 20 %");
  EXPECT_TRUE(report.failed());
  EXPECT_EQ(report.observed.at("row_count"), 5);
}

TEST_F(Checks, where_chooses_the_rows_that_are_judged) {
  Check rule = check("not_null", {"tailnum"});
  rule.where = "carrier = 'UA' -- only them";
  const CheckResult result = one("flights", rule);
  EXPECT_EQ(result.rows, 2);
  EXPECT_EQ(result.failing, 1);
  EXPECT_EQ(number("SELECT count(*) FROM flights WHERE " + engine::bracketed(result.failing_where)), 1);
}

TEST_F(Checks, unique_fails_every_row_that_shares_its_key_and_leaves_null_alone) {
  const CheckReport report = run("flights", {check("unique", {"id"}), check("unique", {"id", "carrier"}),
                                             check("unique", {"carrier", "delay"})});
  EXPECT_EQ(report.results[0].failing, 2);
  EXPECT_EQ(report.results[0].message, "2 of 5 rows share their id with another row, 40 %");
  EXPECT_EQ(report.results[0].numbers["repeated_values"], 1);
  EXPECT_EQ(report.results[0].numbers["examples"], Json({"3"}));
  EXPECT_EQ(number("SELECT count(*) FROM flights WHERE " + report.results[0].failing_where), 2);
  EXPECT_EQ(report.results[1].status, CheckStatus::Passed);
  EXPECT_EQ(report.results[2].status, CheckStatus::Passed);
  execute("INSERT INTO flights SELECT * FROM flights WHERE id = 1");
  const CheckResult both_columns = one("flights", check("unique", {"id", "carrier"}));
  EXPECT_EQ(both_columns.failing, 2);
  EXPECT_EQ(number("SELECT count(*) FROM flights WHERE " + both_columns.failing_where), 2);
}

TEST_F(Checks, relationships_find_orphans_though_the_other_side_has_a_null) {
  const CheckResult result =
      one("flights", check("relationships", {"carrier"}, {{"table", "carriers"}, {"column", "code"}}));
  EXPECT_EQ(result.failing, 1);
  EXPECT_EQ(result.message, "1 of 5 rows has carrier that is not in carriers.code, 20 %");
  EXPECT_EQ(number("SELECT count(*) FROM flights WHERE " + result.failing_where), 1);
  // carrier is a column of this table, not of the other: it must not be taken from here.
  const CheckResult wrong =
      one("flights", check("relationships", {"carrier"}, {{"table", "carriers"}, {"column", "carrier"}}));
  EXPECT_EQ(wrong.status, CheckStatus::Error);
  const CheckResult missing =
      one("flights", check("relationships", {"carrier"}, {{"table", "nowhere"}, {"column", "code"}}));
  EXPECT_EQ(missing.status, CheckStatus::Error);
  EXPECT_EQ(missing.message, "there is no table 'nowhere'");
}

TEST_F(Checks, columns_named_like_what_the_queries_name_are_judged_alike) {
  const std::vector<std::string> names{"n", "v",     "t",   "value", "other", "a",
                                       "b", "place", "gap", "step",  "hash"};
  execute("CREATE TABLE known AS SELECT 'UA' AS code");
  for (const std::string& name : names) {
    execute(
        fmt::format("CREATE OR REPLACE TABLE odd AS SELECT * FROM (VALUES ('UA', 1), ('UA', 2), ('ZZ', 3), "
                    "('ZZ', 4), ('ZZ', 5)) t({}, id)",
                    name));
    const CheckReport report =
        run("odd", {check("relationships", {name}, {{"table", "known"}, {"column", "code"}}),
                    check("unique", {name}), check("accepted_values", {name}, {{"values", {"UA"}}}),
                    check("range", {name}, {{"max", "X"}})});
    EXPECT_EQ(report.results[0].failing, 3) << name << " " << report.results[0].message;
    EXPECT_EQ(report.results[1].failing, 5) << name << " " << report.results[1].message;
    EXPECT_EQ(report.results[2].failing, 3) << name << " " << report.results[2].message;
    EXPECT_EQ(report.results[3].failing, 3) << name << " " << report.results[3].message;
    for (const CheckResult& result : report.results)
      EXPECT_EQ(result.numbers["examples"][0], "ZZ") << name << " " << result.name;
    EXPECT_EQ(number("SELECT count(*) FROM odd WHERE " + report.results[0].failing_where), 3) << name;
    const auto seen = profile(*connection_, "odd");
    ASSERT_TRUE(seen) << name;
    EXPECT_EQ(seen->columns[0]["top"][0], (Json{{"value", "ZZ"}, {"rows", 3}})) << name;
  }
}

TEST_F(Checks, a_range_of_numbers_over_texts_is_no_rule) {
  execute("CREATE TABLE texts AS SELECT * FROM (VALUES ('15'), ('100')) t(amount)");
  const CheckResult result = one("texts", check("range", {"AMOUNT"}, {{"min", 10}, {"max", 20}}));
  EXPECT_EQ(result.status, CheckStatus::Error);
  EXPECT_NE(result.message.find("amount is VARCHAR"), std::string::npos) << result.message;
  EXPECT_EQ(result.hint, "declare it as a number: `amount: {type: double}`");
  EXPECT_TRUE(result.stops());
  EXPECT_EQ(one("texts", check("range", {"amount"}, {{"min", "100"}, {"max", "15"}})).status,
            CheckStatus::Passed);
}

TEST_F(Checks, sql_of_a_rule_may_end_with_a_semicolon_or_a_comment) {
  Check rule = check("not_null", {"tailnum"});
  rule.where = "carrier = 'UA'; -- only them";
  EXPECT_EQ(one("flights", rule).failing, 1);
  EXPECT_EQ(one("flights", check("expression", {}, {{"sql", "delay < 100; -- minutes"}})).failing, 2);
  for (const char* ending : {"", ";", " -- late ones", "; /* late */", " ;; -- late ones\n"}) {
    const CheckResult result =
        one("flights",
            check("sql", {}, {{"sql", std::string("SELECT * FROM flights WHERE delay > 100") + ending}}));
    EXPECT_EQ(result.failing, 2) << ending << " " << result.message;
    EXPECT_EQ(number("SELECT count(*) FROM (" + result.failing_sql + ")"), 2) << ending;
  }
}

TEST_F(Checks, a_wrong_rule_is_an_error_with_its_place_and_spoils_no_other) {
  const CheckReport report =
      run("flights",
          {check("regex", {"tailnum"}, {{"pattern", "N[0-9"}}), check("not_null", {"tailnum"}),
           check("expression", {}, {{"sql", "dealy > 0"}}), check("expression", {}, {{"sql", "delay >"}}),
           check("not_null", {"tailnumm"}), check("range", {"day"}, {{"min", "yesterday"}}),
           check("expression", {}, {{"sql", "CAST(carrier AS INTEGER) > 0"}}),
           check("range", {"delay"}, {{"max", 100}})});
  ASSERT_EQ(report.results.size(), 8U);
  for (const size_t wrong : {0, 2, 3, 4, 5, 6}) {
    EXPECT_EQ(report.results[wrong].status, CheckStatus::Error) << wrong << report.results[wrong].message;
    EXPECT_FALSE(report.results[wrong].message.empty());
    EXPECT_EQ(report.results[wrong].as_error().where.line, 23);
    EXPECT_EQ(report.results[wrong].as_error().kind, ErrorKind::User);
  }
  EXPECT_EQ(report.results[1].failing, 1);
  EXPECT_EQ(report.results[7].failing, 2);
  EXPECT_EQ(report.results[4].message, "source flights has no column 'tailnumm'");
  EXPECT_NE(report.results[4].hint.find("tailnum"), std::string::npos);
  EXPECT_TRUE(report.stops());
}

TEST_F(Checks, type_is_the_declared_one_whatever_its_spelling) {
  const CheckReport report = run(
      "flights",
      {check("type", {"seen_at"}, {{"type", "timestamptz"}}), check("type", {"carrier"}, {{"type", "text"}}),
       check("type", {"id"}, {{"type", "bigint"}}), check("type", {"id"}, {{"type", "bigunt"}})});
  EXPECT_EQ(report.results[0].status, CheckStatus::Passed);
  EXPECT_EQ(report.results[1].status, CheckStatus::Passed);
  EXPECT_EQ(report.results[2].status, CheckStatus::Failed);
  EXPECT_EQ(report.results[2].message, "id is INTEGER, not BIGINT");
  EXPECT_EQ(report.results[3].status, CheckStatus::Error);
}

TEST_F(Checks, row_count_scales_with_the_sample) {
  const Check rule = check("row_count", {}, {{"min", 100}, {"max", 1000}});
  EXPECT_EQ(one("flights", rule).message, "5 rows are fewer than 100");
  CheckContext sampled = context("flights");
  sampled.sample = 0.05;
  EXPECT_EQ(run(sampled, {rule}).results[0].status, CheckStatus::Passed);
  sampled.sample = 0.001;
  EXPECT_EQ(run(sampled, {rule}).results[0].message, "5 rows are more than 1 of a sample of 0.1 %");
}

TEST_F(Checks, freshness_looks_at_rows_that_are_not_in_the_future) {
  constexpr int64_t kHour = 3'600'000'000;
  // The newest row before 12:00 is of 10:00; one of next week does not make the table fresh.
  const auto judged = [&](Json arguments) {
    arguments["column"] = "seen_at";
    return one("flights", check("freshness", {"seen_at"}, arguments));
  };
  EXPECT_EQ(judged({{"error_after", 3 * kHour}}).status, CheckStatus::Passed);
  EXPECT_EQ(judged({{"warn_after", kHour}, {"error_after", 3 * kHour}}).status, CheckStatus::Warned);
  const CheckResult stale = judged({{"error_after", kHour}});
  EXPECT_EQ(stale.status, CheckStatus::Failed);
  EXPECT_EQ(stale.message, "the newest seen_at is 2013-06-01T10:00:00Z, 2h old (limit 1h)");
  // A clock that runs ahead a little is no future; nothing but the future is not fresh.
  execute("CREATE TABLE ahead AS SELECT TIMESTAMPTZ '2013-06-01 12:04:00Z' AS seen_at");
  EXPECT_EQ(
      one("ahead", check("freshness", {"seen_at"}, {{"column", "seen_at"}, {"error_after", kHour}})).message,
      "the newest seen_at is 2013-06-01T12:04:00Z, 0s old");
  execute("CREATE TABLE far AS SELECT TIMESTAMPTZ '2099-01-01 00:00:00Z' AS seen_at");
  const CheckResult far =
      one("far", check("freshness", {"seen_at"}, {{"column", "seen_at"}, {"warn_after", kHour}}));
  EXPECT_EQ(far.status, CheckStatus::Failed);
  EXPECT_EQ(far.message,
            "every seen_at lies in the future, the newest is 2099-01-01T00:00:00Z: nothing is known of how "
            "fresh the table is");
  execute("CREATE TABLE empty AS FROM flights WHERE false");
  Check rule = check("freshness", {"seen_at"}, {{"column", "seen_at"}, {"error_after", kHour}});
  EXPECT_EQ(one("empty", rule).status, CheckStatus::Failed);
}

TEST_F(Checks, sql_fails_for_each_row_it_returns_and_may_read_other_tables) {
  const CheckResult result = one("flights", check("sql", {},
                                                  {{"sql",
                                                    "SELECT f.id FROM flights f LEFT JOIN carriers c ON "
                                                    "c.code = f.carrier WHERE c.code IS NULL -- none"}}));
  EXPECT_EQ(result.failing, 2);
  EXPECT_EQ(result.message, "the query returns 2 rows");
  EXPECT_EQ(number("SELECT count(*) FROM (" + result.failing_sql + ")"), 2);
  EXPECT_EQ(one("flights", check("sql", {}, {{"sql", "SELECT 1 WHERE false"}})).status, CheckStatus::Passed);
  EXPECT_EQ(one("flights", check("sql", {}, {{"sql", "SELECT nothing FROM flights"}})).status,
            CheckStatus::Error);
}

TEST_F(Checks, compare_knows_rows_sums_and_expressions_with_tolerance) {
  execute("CREATE TABLE copy AS FROM flights WHERE id IS NOT NULL");
  EXPECT_EQ(one("flights", check("compare", {}, {{"table", "copy"}})).message,
            "rows: 5 in flights, 4 in copy");
  EXPECT_EQ(one("flights", check("compare", {}, {{"table", "copy"}})).status, CheckStatus::Failed);
  EXPECT_EQ(one("flights", check("compare", {}, {{"table", "copy"}, {"tolerance", 0.25}})).status,
            CheckStatus::Passed);
  EXPECT_EQ(one("flights", check("compare", {}, {{"table", "copy"}, {"column", "id"}})).status,
            CheckStatus::Passed);
  EXPECT_EQ(one("flights", check("compare", {}, {{"table", "copy"}, {"sql", "max(day)"}})).status,
            CheckStatus::Failed);
  EXPECT_EQ(one("flights", check("compare", {}, {{"table", "copy"}, {"sql", "min(day)"}})).status,
            CheckStatus::Passed);
}

TEST_F(Checks, results_come_in_the_order_of_the_checks_and_point_in_time_is_left_out) {
  const CheckReport report =
      run("flights", {check("unique", {"id"}), check("point_in_time"), check("not_null", {"id"}),
                      check("compare", {}, {{"table", "carriers"}}), check("row_count", {}, {{"min", 1}})});
  std::vector<std::string> kinds;
  for (const CheckResult& result : report.results) kinds.push_back(result.kind);
  EXPECT_EQ(kinds, (std::vector<std::string>{"unique", "not_null", "compare", "row_count"}));
}

TEST_F(Checks, columns_with_quotes_and_commands_in_their_names_are_only_names) {
  execute(R"(CREATE TABLE odd AS SELECT 'a' AS "it""s; DROP TABLE flights --")");
  const CheckReport report = run("odd", {check("not_null", {"it\"s; DROP TABLE flights --"}),
                                         check("accepted_values", {"it\"s; DROP TABLE flights --"},
                                               {{"values", {"x'); DROP TABLE flights --"}}})});
  EXPECT_EQ(report.results[0].status, CheckStatus::Passed);
  EXPECT_EQ(report.results[1].failing, 1);
  EXPECT_EQ(number("SELECT count(*) FROM flights"), 5);
}

TEST_F(Checks, severity_warn_warns) {
  Check rule = check("not_null", {"tailnum"});
  rule.severity = project::Severity::Warn;
  const CheckReport report = run("flights", {rule});
  EXPECT_EQ(report.results[0].status, CheckStatus::Warned);
  EXPECT_FALSE(report.failed());
  EXPECT_FALSE(report.stops());
}

TEST_F(Checks, quarantine_and_the_rest_are_the_table) {
  std::vector<Check> rules{check("range", {"delay"}, {{"min", 0}}), check("unique", {"id"}),
                           check("accepted_values", {"carrier"}, {{"values", {"UA", "AA"}}})};
  for (Check& rule : rules) rule.on_fail = OnFail::Quarantine;
  const CheckReport report = run("flights", rules);
  EXPECT_TRUE(report.failed());
  EXPECT_FALSE(report.stops());
  const auto split = quarantine_of(report);
  ASSERT_TRUE(split);
  EXPECT_EQ(number("SELECT count(*) FROM flights WHERE " + split->quarantined_where),
            3);  // -5, NaN and the two of id 3
  EXPECT_EQ(number("SELECT count(*) FROM flights WHERE " + split->passed_where), 2);
}

TEST_F(Checks, nothing_is_set_aside_when_the_rule_passes_within_its_limit) {
  Check rule = check("not_null", {"tailnum"});
  rule.on_fail = OnFail::Quarantine;
  rule.mostly = 0.5;
  EXPECT_FALSE(quarantine_of(run("flights", {rule})));
}

TEST_F(Checks, passed_and_quarantined_are_the_input_for_any_values) {
  execute("CREATE TABLE any_values (a INTEGER, b DOUBLE, c VARCHAR)");
  rc::check([this] {
    std::string rows;
    const int count = *rc::gen::inRange(0, 12);
    const auto maybe = [](const std::string& value) {
      return *rc::gen::inRange(0, 4) == 0 ? std::string("NULL") : value;
    };
    for (int i = 0; i < count; ++i)
      rows +=
          fmt::format("{}({}, {}, {})", i == 0 ? "" : ", ", maybe(std::to_string(*rc::gen::inRange(0, 4))),
                      maybe(*rc::gen::element<std::string>("1.5", "-2", "'nan'::DOUBLE", "'inf'::DOUBLE")),
                      maybe(*rc::gen::element<std::string>("'x'", "'yy'", "''")));
    RC_ASSERT(connection_->execute("DELETE FROM any_values").has_value());
    if (count > 0) RC_ASSERT(connection_->execute("INSERT INTO any_values VALUES " + rows).has_value());
    std::vector<Check> rules{check("not_null", {"a"}),
                             check("range", {"b"}, {{"min", 0}}),
                             check("range", {"a"}, {{"max", 2}}),
                             check("regex", {"c"}, {{"pattern", "x|y+"}}),
                             check("length", {"c"}, {{"min", 1}}),
                             check("unique", {"a", "c"}),
                             check("expression", {}, {{"sql", "a < b"}}),
                             check("accepted_values", {"a"}, {{"values", {0, 1}}})};
    std::vector<Check> chosen;
    for (Check& rule : rules) {
      rule.on_fail = OnFail::Quarantine;
      if (*rc::gen::inRange(0, 3) == 0) rule.where = "b > 0";
      if (*rc::gen::inRange(0, 2) == 0) chosen.push_back(rule);
    }
    const CheckReport report = run("any_values", chosen);
    const auto split = quarantine_of(report);
    if (!split) return;
    const int64_t all = number("SELECT count(*) FROM any_values");
    const int64_t passed = number("SELECT count(*) FROM any_values WHERE " + split->passed_where);
    const int64_t aside = number("SELECT count(*) FROM any_values WHERE " + split->quarantined_where);
    RC_ASSERT(passed + aside == all);
    RC_ASSERT(aside > 0);
    // What stays passes all rules.
    RC_ASSERT(
        connection_->execute("CREATE OR REPLACE TABLE stayed AS FROM any_values WHERE " + split->passed_where)
            .has_value());
    for (const CheckResult& again : run("stayed", chosen).results) RC_ASSERT(again.failing == 0);
  });
}

TEST_F(Checks, an_interrupted_scan_is_an_error_and_no_verdict) {
  execute("CREATE VIEW endless AS SELECT a.range AS id FROM range(1000000000) a, range(1000000000) b");
  CheckContext context = this->context("endless");
  std::thread stop([&] {
    while (!done_) connection_->interrupt();
  });
  const auto report = run_checks(context, {check("not_null", {"id"}), check("range", {"id"}, {{"min", 0}})});
  done_ = true;
  stop.join();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, "interrupted");
}

TEST_F(Checks, a_sources_checks_are_types_columns_own_and_freshness) {
  project::Source source;
  source.name = "flights";
  source.time_column = "seen_at";
  source.columns = {{.name = "id", .type = "integer", .checks = {check("not_null", {"id"})}},
                    {.name = "carrier"}};
  source.checks = {check("unique", {"id"})};
  source.freshness = project::Freshness{.error_after = Duration{1000}};
  std::vector<std::string> kinds;
  for (const Check& rule : checks_of(source)) kinds.push_back(rule.kind);
  EXPECT_EQ(kinds, (std::vector<std::string>{"type", "not_null", "unique", "freshness"}));
  EXPECT_EQ(checks_of(source).back().arguments, Json({{"column", "seen_at"}, {"error_after", 1000}}));
}

}  // namespace
}  // namespace tidemill::quality
