#include "quality/tables_test.hpp"

namespace tidemill::quality {
namespace {

/// A small airline: flights know their delay when they have left; the weather of an hour is known at its end;
/// planes are timeless.
class PointInTime : public Tables {
 protected:
  void SetUp() override {
    Tables::SetUp();
    execute(
        R"(CREATE TABLE flights AS SELECT i AS id, 'N' || i % 7 AS tailnum, TIMESTAMPTZ '2013-01-01 06:00:00Z' + to_minutes(CAST(i * 20 AS INTEGER)) AS scheduled_at,
               CAST((i * 37) % 90 - 10 AS INTEGER) AS dep_delay,
               CASE WHEN i % 11 > 0 THEN TIMESTAMPTZ '2013-01-01 06:00:00Z' + to_minutes(CAST(i * 20 + (i * 37) % 90 - 10 AS INTEGER)) END AS departed_at,
               i % 5 AS gate FROM range(400) r(i))");
    execute("CREATE TABLE planes AS SELECT 'N' || i AS tailnum, 100 + 10 * i AS seats FROM range(6) r(i)");
    input_.connection = connection_.get();
    add_source("flights", {"id"}, "scheduled_at",
               {{"dep_delay", "departed_at"}, {"departed_at", "departed_at"}});
    add_source("planes", {"tailnum"}, "", {});
    input_.from = "features";
    input_.key = {"id"};
    input_.as_of = "scheduled_at - INTERVAL 1 HOUR";
    input_.place = {.file = "tidemill.yaml", .line = 40, .column = 9, .what = "model late"};
  }

  void add_source(const std::string& name, std::vector<std::string> key, std::string time,
                  std::map<std::string, std::string> known_at) {
    const auto columns = connection_->describe("SELECT * FROM " + name);
    ASSERT_TRUE(columns);
    input_.sources.push_back({.name = name,
                              .relation = engine::quote_name(name),
                              .key = std::move(key),
                              .time_column = std::move(time),
                              .known_at = std::move(known_at),
                              .columns = *columns});
  }

  /// Builds the transforms as tables, as a run would, and proves the last one.
  CheckResult prove(const std::vector<std::pair<std::string, std::string>>& transforms,
                    std::vector<std::string> features) {
    for (const auto& [name, sql] : transforms)
      execute(fmt::format("CREATE OR REPLACE TABLE {} AS {}", engine::quote_name(name), sql));
    input_.transforms = transforms;
    input_.features = std::move(features);
    input_.relation = engine::quote_name(input_.from);
    auto result = check_point_in_time(input_);
    EXPECT_TRUE(result) << (result ? "" : tidemill::to_text(result.error()));
    return result ? *result : CheckResult();
  }

  /// How late the plane's newest flight that had left was: honest, since it asks what had departed.
  static constexpr const char* kHonest = R"(
      SELECT f.id, f.scheduled_at, f.gate, p.seats, max_by(o.dep_delay, o.departed_at) AS last_delay, count(o.id) AS before, f.dep_delay > 15 AS is_late
      FROM flights f LEFT JOIN planes p USING (tailnum)
      LEFT JOIN flights o ON o.tailnum = f.tailnum AND o.scheduled_at <= f.scheduled_at - INTERVAL 1 HOUR AND o.departed_at <= f.scheduled_at - INTERVAL 1 HOUR
      GROUP BY ALL; -- one row a flight)";

  PointInTimeInput input_;
};

TEST_F(PointInTime, honest_features_come_out_the_same) {
  const CheckResult result = prove({{"features", kHonest}}, {"gate", "seats", "last_delay", "before"});
  EXPECT_EQ(result.status, CheckStatus::Passed) << result.message;
  EXPECT_EQ(result.rows, 20);
  EXPECT_EQ(result.message, "20 rows tried: every feature is the same with what was known at as_of");
  EXPECT_TRUE(result.numbers.empty());
}

TEST_F(PointInTime, a_later_column_of_the_row_itself_is_a_leak) {
  const CheckResult result = prove(
      {{"features", "SELECT id, scheduled_at, gate, dep_delay AS leak FROM flights"}}, {"gate", "leak"});
  EXPECT_EQ(result.status, CheckStatus::Failed);
  EXPECT_FALSE(result.numbers.contains("gate"));
  EXPECT_GE(result.numbers["leak"],
            17);  // a flight of eleven never departs, and its delay is unknown at any time
  EXPECT_NE(result.message.find("leak of id "), std::string::npos) << result.message;
  EXPECT_NE(result.message.find(" but NULL with what was known then"), std::string::npos) << result.message;
  EXPECT_EQ(result.as_error().code, "check.point_in_time");
  EXPECT_EQ(result.as_error().where.line, 40);
}

TEST_F(PointInTime, who_holds_the_time_of_knowledge_tells_too) {
  input_.sources[0].known_at = {{"dep_delay", "departed_at"}};
  const CheckResult result =
      prove({{"features", "SELECT id, scheduled_at, epoch(departed_at - scheduled_at) AS leak FROM flights"}},
            {"leak"});
  EXPECT_EQ(result.status, CheckStatus::Failed);
}

TEST_F(PointInTime, names_are_declared_in_any_case) {
  input_.sources[0].key = {"ID"};
  input_.sources[0].time_column = "Scheduled_At";
  input_.sources[0].known_at = {{"DEP_DELAY", "DEPARTED_at"}};
  input_.as_of = "SCHEDULED_AT - INTERVAL 1 HOUR";
  input_.key = {"Id"};
  EXPECT_EQ(prove({{"features", "SELECT id, scheduled_at, dep_delay AS leak FROM flights"}}, {"leak"}).status,
            CheckStatus::Failed);
  EXPECT_EQ(
      prove({{"features", "SELECT id, scheduled_at, departed_at AS leak FROM flights"}}, {"leak"}).status,
      CheckStatus::Failed);
  EXPECT_EQ(prove({{"features", "SELECT id, scheduled_at, count(*) OVER () AS leak FROM flights"}}, {"leak"})
                .status,
            CheckStatus::Failed);
  const CheckResult honest = prove({{"features", kHonest}}, {"gate", "seats", "last_delay", "before"});
  EXPECT_EQ(honest.status, CheckStatus::Passed) << honest.message;
}

TEST_F(PointInTime, a_row_without_a_time_was_not_there_yet) {
  execute("CREATE TABLE outcomes AS SELECT id, NULL::TIMESTAMPTZ AS landed_at, dep_delay FROM flights");
  add_source("outcomes", {"id"}, "landed_at", {});
  input_.request_source = "flights";
  EXPECT_EQ(prove({{"features",
                    "SELECT f.id, f.scheduled_at, o.dep_delay AS leak FROM flights f JOIN outcomes "
                    "o USING (id)"}},
                  {"leak"})
                .status,
            CheckStatus::Failed);
}

TEST_F(PointInTime, an_outcome_of_another_row_that_was_not_yet_known_is_a_leak) {
  // The flight before it by schedule has begun to exist, but often had not left an hour before this one.
  const CheckResult result = prove(
      {{"features", R"(SELECT id, scheduled_at, (SELECT max_by(o.dep_delay, o.scheduled_at) FROM flights o
      WHERE o.scheduled_at <= f.scheduled_at - INTERVAL 1 HOUR) AS leak FROM flights f)"}},
      {"leak"});
  EXPECT_EQ(result.status, CheckStatus::Failed);
  EXPECT_GT(result.numbers["leak"], 0);
}

TEST_F(PointInTime, rows_that_had_not_begun_are_a_leak_even_by_their_number) {
  const CheckResult result = prove(
      {{"features",
        "SELECT id, scheduled_at, count(*) OVER (PARTITION BY tailnum) AS flights_of_plane FROM flights"}},
      {"flights_of_plane"});
  EXPECT_EQ(result.status, CheckStatus::Failed);
}

TEST_F(PointInTime, a_leak_two_transforms_down_is_found) {
  const std::vector<std::pair<std::string, std::string>> transforms{
      {"per_plane", "SELECT tailnum, avg(dep_delay) AS mean_delay FROM flights GROUP BY tailnum"},
      {"joined", "SELECT f.*, p.mean_delay FROM flights f JOIN per_plane p USING (tailnum)"},
      {"features", "WITH flights AS (FROM joined) SELECT id, scheduled_at, mean_delay FROM flights"}};
  EXPECT_EQ(prove(transforms, {"mean_delay"}).status, CheckStatus::Failed);
}

TEST_F(PointInTime, a_source_read_through_a_view_of_its_own_name_is_not_a_circle) {
  execute("ALTER TABLE flights RENAME TO stored");
  execute("CREATE TEMP VIEW flights AS SELECT * FROM stored");
  EXPECT_EQ(prove({{"features", kHonest}}, {"last_delay", "seats"}).status, CheckStatus::Passed);
}

TEST_F(PointInTime, a_row_that_vanishes_or_doubles_fails) {
  const CheckResult vanishes = prove(
      {{"features", "SELECT id, scheduled_at, gate FROM flights WHERE departed_at IS NOT NULL"}}, {"gate"});
  EXPECT_EQ(vanishes.status, CheckStatus::Failed);
  EXPECT_NE(vanishes.message.find("the row is not there"), std::string::npos) << vanishes.message;
  const CheckResult doubles = prove({{"features",
                                      "FROM (SELECT id, scheduled_at, gate FROM flights UNION ALL SELECT id, "
                                      "scheduled_at, gate FROM flights WHERE departed_at IS NULL)"}},
                                    {"gate"});
  EXPECT_EQ(doubles.status, CheckStatus::Failed);
  EXPECT_NE(doubles.message.find("more than one row"), std::string::npos) << doubles.message;
}

TEST_F(PointInTime, another_source_with_the_same_key_is_not_taken_for_the_request) {
  // Outcomes have the flight's id, and begin when it has left: their rows must be gone, though they are the
  // row's own.
  execute(
      "CREATE TABLE outcomes AS SELECT id, departed_at, dep_delay FROM flights WHERE departed_at IS NOT "
      "NULL");
  add_source("outcomes", {"id"}, "departed_at", {});
  const std::vector<std::pair<std::string, std::string>> leaky{
      {"features",
       "SELECT f.id, f.scheduled_at, o.dep_delay AS leak FROM flights f LEFT JOIN outcomes o USING (id)"}};
  EXPECT_EQ(prove(leaky, {"leak"}).status, CheckStatus::Failed);
  input_.request_source = "flights";
  EXPECT_EQ(prove(leaky, {"leak"}).status, CheckStatus::Failed);
  input_.request_source = "";
  input_.as_of = "CAST(asked_at AS TIMESTAMPTZ)";
  const CheckResult unclear =
      prove({{"features", "SELECT id, scheduled_at AS asked_at, gate FROM flights"}}, {"gate"});
  EXPECT_EQ(unclear.status, CheckStatus::Error);
  EXPECT_NE(unclear.hint.find("request"), std::string::npos);
}

TEST_F(PointInTime, sums_in_another_order_warn_and_do_not_fail) {
  execute(
      "CREATE TABLE seen AS SELECT i AS id, TIMESTAMPTZ '2013-01-01 00:00:00Z' + to_minutes(CAST(i AS "
      "INTEGER)) AS seen_at, 0.1 * i AS v FROM range(50) r(i)");
  add_source("seen", {"id"}, "seen_at", {});
  input_.request_source = "seen";
  input_.as_of = "seen_at";
  input_.from = "sums";
  // Whether all is known changes nothing here but the last bit.
  const CheckResult result =
      prove({{"sums",
              "SELECT id, seen_at, v * (1 + CASE WHEN (SELECT max(id) FROM seen) = 49 THEN "
              "2.220446049250313e-16 ELSE 0 END) AS v FROM seen"}},
            {"v"});
  EXPECT_EQ(result.status, CheckStatus::Warned) << result.message;
  EXPECT_NE(result.message.find("last bits"), std::string::npos);
}

TEST_F(PointInTime, nan_equals_nan_and_null_equals_null) {
  EXPECT_EQ(prove({{"features",
                    "SELECT id, scheduled_at, 'nan'::DOUBLE AS a, NULL::INTEGER AS b, [gate, NULL] AS c FROM "
                    "flights"}},
                  {"a", "b", "c"})
                .status,
            CheckStatus::Passed);
}

TEST_F(PointInTime, the_sample_is_seeded_and_holds_the_newest_rows) {
  // Only the newest row leaks.
  const CheckResult newest = prove(
      {{"features", "SELECT id, scheduled_at, CASE WHEN id = 399 THEN dep_delay END AS leak FROM flights"}},
      {"leak"});
  EXPECT_EQ(newest.status, CheckStatus::Failed);
  EXPECT_EQ(newest.failing, 1);
  const auto tried = [&] {
    return prove({{"features", "SELECT id, scheduled_at, dep_delay AS leak FROM flights"}}, {"leak"}).message;
  };
  EXPECT_EQ(tried(), tried());
}

TEST_F(PointInTime, more_rows_asked_for_than_there_are_tries_all) {
  input_.sample = 1000;
  execute("DELETE FROM flights WHERE id >= 30");
  EXPECT_EQ(prove({{"features", kHonest}}, {"last_delay"}).rows, 30);
}

TEST_F(PointInTime, rows_of_one_instant_are_tried_when_there_are_no_others) {
  execute("UPDATE flights SET scheduled_at = TIMESTAMPTZ '2013-01-01 06:00:00Z' WHERE id < 12");
  execute("DELETE FROM flights WHERE id >= 15");
  const CheckResult result = prove({{"features", "SELECT id, scheduled_at, gate FROM flights"}}, {"gate"});
  EXPECT_EQ(result.status, CheckStatus::Passed) << result.message;
  EXPECT_EQ(result.rows, 15);
}

TEST_F(PointInTime, wrong_declarations_are_errors_that_say_so) {
  const std::vector<std::pair<std::string, std::string>> features{
      {"features", "SELECT id, scheduled_at, gate FROM flights"}};
  const auto expect_error = [&](const std::string& words) {
    const CheckResult result = prove(features, {"gate"});
    EXPECT_EQ(result.status, CheckStatus::Error);
    EXPECT_NE((result.message + result.hint).find(words), std::string::npos)
        << result.message << " / " << result.hint;
  };
  PointInTimeInput sound = input_;
  input_.as_of = "gate";
  expect_error("as_of must be a time");
  input_ = sound;
  input_.as_of = "sceduled_at";
  expect_error("sceduled_at");
  input_ = sound;
  input_.as_of = "";
  expect_error("as_of");
  input_ = sound;
  input_.sources[0].known_at = {{"dep_delay", "arrived_at"}};
  expect_error("arrived_at");
  input_ = sound;
  input_.request_source = "bookings";
  expect_error("bookings");
  input_ = sound;
  input_.request_source = "planes";
  expect_error("key");
  input_ = sound;
  EXPECT_EQ(prove(features, {"gaet"}).status, CheckStatus::Error);
  execute("DELETE FROM flights");
  expect_error("nothing can be tried");
}

}  // namespace
}  // namespace tidemill::quality
