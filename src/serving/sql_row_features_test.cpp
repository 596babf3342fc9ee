#include "serving/sql_row_features.hpp"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/scratch_for_tests.hpp"
#include "serving/replay.hpp"

namespace tidemill::serving {
namespace {

// A stump on the first of two features.
constexpr std::string_view kModel =
    R"({"learner":{"feature_names":["a","b"],"feature_types":["float","float"],"objective":{"name":"binary:logistic"},
    "learner_model_param":{"base_score":"5E-1","num_class":"0","num_feature":"2"},
    "gradient_booster":{"name":"gbtree","model":{"tree_info":[0],"trees":[{"tree_param":{"num_nodes":"3"},
    "left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[0,0,0],"split_conditions":[0.5,-1,1],
    "default_left":[1,0,0],"split_type":[0,0,0],"categories":[],"categories_nodes":[],"categories_segments":[],
    "categories_sizes":[]}]}}}})";

class SqlRows : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = engine::Database::open({.threads = 1, .access = engine::DatabaseOptions::Access::Open});
    ASSERT_TRUE(opened) << to_text(opened.error());
    database = std::move(*opened);
    table("history", "SELECT range // 10 AS k, range AS moment, range / 8 AS seen FROM range(300)");
    package.model = "m";
    package.key = {"id"};
    package.target = "y";
    package.features = {{.name = "a", .sql_type = "DOUBLE"}, {.name = "b", .sql_type = "DOUBLE"}};
    package.pipeline = {
        {"from", "features"}, {"key", {"id"}}, {"as_of", ""}, {"where", "false"}, {"timezone", "UTC"}};
    package.pipeline["sources"]["asked"] = {{"columns",
                                             {{{"name", "id"}, {"type", "INTEGER"}},
                                              {{"name", "k"}, {"type", "INTEGER"}},
                                              {{"name", "moment"}, {"type", "BIGINT"}},
                                              {{"name", "cost"}, {"type", "DECIMAL(9,2)"}},
                                              {{"name", "paid_at"}, {"type", "BIGINT"}}}},
                                            {"key", {"id"}},
                                            {"time_column", ""},
                                            {"known_at", Json::object()}};
    deployment.request = "asked";
    deployment.through = {"features"};
  }
  void table(const std::string& name, const std::string& select) {
    const Path file = folder / (name + ".parquet");
    auto connection = database->connect();
    const auto written = connection->write_parquet(select, file);
    ASSERT_TRUE(written) << to_text(written.error());
    tables.push_back({name, file, written->bytes});
  }
  void transform(const std::string& sql, std::vector<std::string> reads = {"asked", "history"}) {
    package.pipeline["transforms"] = {{{"name", "features"}, {"sql", sql}, {"tables", reads}}};
  }
  Result<std::shared_ptr<const SqlRowFeatures>> open() {
    TM_TRY(RequestPath path, RequestPath::make(package, deployment));
    TM_TRY(auto predictor, forest::Predictor::make(package, kModel));
    return SqlRowFeatures::open({.predictor = std::move(predictor),
                                 .path = std::move(path),
                                 .tables = tables,
                                 .allowed_folders = {folder.path()}});
  }
  /// "a b;" of each row, or the error's code and message.
  std::string features(const RowFeatures& from, std::string_view json) {
    auto rows = rows_from_json(from.schema(), json);
    if (!rows) return rows.error().code;
    const auto made = from.features(std::move(*rows));
    if (!made) return made.error().code + ": " + made.error().message;
    std::string out;
    for (size_t r = 0; r < (*made)[0].numbers.size(); ++r)
      out += fmt::format("{} {};", (*made)[0].numbers[r], (*made)[1].numbers[r]);
    return out;
  }
  std::string features_of(std::string_view json) {
    const auto opened = open();
    return opened ? features(**opened, json) : opened.error().code + ": " + opened.error().message;
  }

  engine::ScratchFolder folder;
  std::unique_ptr<engine::Database> database;
  std::vector<PublishedTable> tables;
  forest::Package package;
  project::Deployment deployment;
};

TEST_F(SqlRows, answers_in_the_order_of_the_requests) {
  transform("SELECT id, cost AS a, seen AS b FROM asked LEFT JOIN history USING (moment) ORDER BY cost");
  EXPECT_EQ(
      features_of(R"([{"id": 3, "cost": 2.5, "moment": 4}, {"id": 1, "cost": 1}, {"id": 2, "moment": 8}])"),
      "2.5 0.5;1 nan;nan 1;");
}

TEST_F(SqlRows, an_asof_join_is_answered_again_and_again_for_few_and_for_many) {
  transform(
      "SELECT asked.id, seen AS a, history.moment AS b FROM asked ASOF LEFT JOIN history ON asked.k = "
      "history.k AND "
      "asked.moment >= history.moment");
  const auto opened = open();
  ASSERT_TRUE(opened) << to_text(opened.error());
  std::string many = "[", expected;
  for (int i = 0; i < 1000; ++i) {
    many += fmt::format(R"({}{{"id": {}, "k": {}, "moment": {}}})", i > 0 ? "," : "", i, i % 30, i % 300 + 5);
    const int least = i % 30 * 10, most = least + 9, seen = std::min(i % 300 + 5, most);
    expected += seen < least ? "nan nan;" : fmt::format("{} {};", seen / 8.0, seen);
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(features(**opened, R"({"id": 1, "k": 2, "moment": 27})"), "3.375 27;");
    EXPECT_EQ(features(**opened, many + "]"), expected);
  }
}

TEST_F(SqlRows, values_not_known_at_as_of_are_missing) {
  package.pipeline["as_of"] = "moment + 10";
  package.pipeline["sources"]["asked"]["known_at"] = {{"cost", "paid_at"}};
  transform("SELECT id, moment, cost AS a, paid_at AS b FROM asked", {"asked"});
  EXPECT_EQ(
      features_of(
          R"([{"id": 1, "moment": 0, "cost": 1, "paid_at": 11}, {"id": 2, "moment": 0, "cost": 2, "paid_at": 10},
                            {"id": 3, "moment": 0, "cost": 3}, {"id": 4, "cost": 4, "paid_at": 0}])"),
      "nan nan;2 10;nan nan;nan nan;");
}

TEST_F(SqlRows, a_row_that_is_missing_doubled_or_made_up_is_told_with_the_clause) {
  transform("SELECT id, 1 AS a, 2 AS b\nFROM asked\nWHERE k > 0", {"asked"});
  EXPECT_EQ(features_of(R"([{"id": 1, "k": 1}, {"id": 2, "k": 0}])"),
            "predict.no_row: features made no row of row 2 (\"id\":2): look at WHERE in line 3 of "
            "transforms/features.sql");
  transform("SELECT asked.id, 1 AS a, 2 AS b FROM asked\nLEFT JOIN history ON history.k = asked.k");
  EXPECT_EQ(
      features_of(R"({"id": 1, "k": 1})"),
      "predict.doubled_row: features made several rows of row 1 (\"id\":1): look at LEFT JOIN in line 2 of "
      "transforms/features.sql");
  transform("SELECT id + 1 AS id, 1 AS a, 2 AS b FROM asked", {"asked"});
  EXPECT_EQ(features_of(R"({"id": 1})"),
            "predict.foreign_row: features made a row whose key is no request's");
}

TEST_F(SqlRows, sql_that_cannot_serve_is_refused_when_it_is_loaded) {
  transform("SELECT id, 1 AS a FROM asked", {"asked"});
  EXPECT_EQ(features_of("{}"), "serving.request_sql: features has no column b, a feature");
  transform("SELECT k, 1 AS a, 2 AS b FROM asked", {"asked"});
  EXPECT_TRUE(features_of("{}").starts_with("serving.request_sql: features does not carry id"));
  transform("SELECT id, 1 AS a, predict('x@champion', asked) AS b FROM asked", {"asked"});
  EXPECT_TRUE(features_of("{}").starts_with(
      "serving.request_sql: transforms/features.sql does not run over requests"));
  transform("SELECT id, now() AS a, 2 AS b FROM asked", {"asked"});
  EXPECT_TRUE(features_of("{}").starts_with("serving.request_sql: the feature a was DOUBLE in training"));
  deployment.through = {"feats", "features"};
  EXPECT_TRUE(features_of("{}").starts_with("serving.through: requests are to pass feats"));
  deployment.request = "others";
  EXPECT_TRUE(features_of("{}").starts_with("serving.request: "));
  package.pipeline = Json::object();
  EXPECT_TRUE(features_of("{}").starts_with("serving.no_sql: "));
}

TEST_F(SqlRows, the_models_where_is_never_applied_and_files_are_out_of_reach) {
  transform("SELECT id, 1 AS a, 2 AS b FROM asked", {"asked"});  // where: false
  EXPECT_EQ(features_of(R"({"id": 1})"), "1 2;");
  transform("SELECT id, 1 AS a, (SELECT count(*) FROM glob('/etc/*')) AS b FROM asked", {"asked"});
  EXPECT_TRUE(features_of(R"({"id": 1})").find("file system operations are disabled") != std::string::npos);
}

TEST_F(SqlRows, many_threads_get_their_own_answers) {
  transform("SELECT id, seen AS a, id AS b FROM asked LEFT JOIN history USING (moment)");
  const auto opened = open();
  ASSERT_TRUE(opened) << to_text(opened.error());
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const int id = t * 50 + i;
        if (features(**opened, fmt::format(R"({{"id": {0}, "moment": {0}}})", id)) !=
            fmt::format("{} {};", id / 8.0, id))
          ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(SqlRows, replay_finds_windows_over_any_columns) {
  table("asked",
        "SELECT CAST(range AS INTEGER) AS id, CAST(range % 3 AS INTEGER) AS k, range % 7 AS moment, "
        "CAST(range AS DECIMAL(9,2)) AS cost, range AS paid_at FROM range(200)");
  const Path snapshot = tables.back().file;
  tables.pop_back();
  const auto tried = [&](const std::string& sql) -> std::string {
    transform(sql, {"asked"});
    const auto opened = open();
    if (!opened) return to_text(opened.error());
    const auto rows = rows_to_replay((*opened)->schema(), snapshot);
    if (!rows) return to_text(rows.error());
    const auto replayed = replay(**opened, *rows);
    return replayed ? "sound" : replayed.error().code;
  };
  EXPECT_EQ(tried("SELECT id, cost AS a, k AS b FROM asked"), "sound");
  EXPECT_EQ(tried("SELECT id, max(cost) OVER (PARTITION BY id) AS a, k AS b FROM asked"), "sound");
  for (const char* leak :
       {"count(*) OVER (PARTITION BY k, moment, cost, paid_at)",
        "max(cost) OVER (PARTITION BY k, moment, paid_at)", "lag(k) OVER (ORDER BY id)",
        "row_number() OVER ()", "random()", "(SELECT sum(cost) FROM asked)",
        "(SELECT min(o.cost) FROM asked o WHERE o.k = asked.k AND o.paid_at < asked.paid_at)"})
    EXPECT_EQ(tried(fmt::format("SELECT id, {} AS a, k AS b FROM asked", leak)), "serving.rows_leak") << leak;
}

}  // namespace
}  // namespace tidemill::serving
