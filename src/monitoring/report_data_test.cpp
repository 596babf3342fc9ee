#include "monitoring/report_data.hpp"

#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/database.hpp"
#include "monitoring/label_store.hpp"
#include "monitoring/report_live.hpp"
#include "monitoring/scratch_for_tests.hpp"
#include "monitoring/watch.hpp"
#include "statistics/distances.hpp"

namespace tidemill::monitoring {

namespace {

using State = ReportColumn::State;

const Instant kNow = parse_instant("2026-11-29T12:00:00Z").value();
constexpr int64_t kMinute = 60'000'000, kHour = 60 * kMinute, kDay = 24 * kHour;

struct Row {
  double x = 0, score = 0.5;
  std::string carrier = "UA";
  int64_t ago = kHour;
  int version = 3;
  std::string role = "champion", error = {};
};

/// A version that was trained on x 0 … 99 and two carriers, and the log of its deployment.
class ReportOfLog : public ::testing::Test {
 protected:
  ReportOfLog() {
    std::vector<double> xs, scores;
    for (int i = 0; i < 2'000; ++i) {
      xs.push_back(i % 100);
      scores.push_back((i % 50) / 50.0);
    }
    package->model = "late";
    package->task = forest::Task::Binary;
    package->threshold = 0.5;
    package->features = {
        {.name = "x", .sql_type = "DOUBLE"},
        {.name = "carrier", .sql_type = "VARCHAR", .category = true, .levels = {"AA", "UA"}}};
    package->baseline = {{"inputs",
                          {{"x", statistics::number_baseline(xs)},
                           {"carrier", statistics::level_baseline({{"AA", 1'000}, {"UA", 1'000}}, 0)}}},
                         {"score", statistics::number_baseline(scores)}};
    project.home = scratch.path();
    deployment.name = "late";
    deployment.model = "late";
    deployment.version = "champion";
    deployment.log.emplace();
    report.deployment = report.model = "late";
    report.version = 3;
    report.main_metric = "roc_auc";
    report.window_end = kNow;
    report.window_begin = {kNow.micros - 28 * kDay};
  }

  void write(const std::vector<Row>& rows) {
    std::string values;
    for (size_t i = 0; i < rows.size(); ++i) {
      const Row& row = rows[i];
      values += fmt::format("{}('p{}', TIMESTAMPTZ '{}', {}, '{}', {}, {}::DOUBLE, {}::DOUBLE, '{}')",
                            i == 0 ? "" : ", ", i, to_text(Instant{kNow.micros - row.ago}), row.version,
                            row.role, row.error.empty() ? "NULL" : engine::quote_text(row.error), row.x,
                            row.score, row.carrier);
    }
    const Path folder = scratch.path() / "predictions" / "late";
    std::filesystem::create_directories(folder);
    const auto database = engine::Database::open({.access = engine::DatabaseOptions::Access::Open});
    auto connection = (*database)->connect();
    const auto made = connection->write_parquet(
        fmt::format("SELECT id AS prediction_id, NULL::VARCHAR AS request_id, 0::BIGINT AS \"row\", t AS "
                    "time, 'late' AS model, v::BIGINT AS version, role, 200::BIGINT AS status, "
                    "error::VARCHAR AS error, 1500::BIGINT AS latency_us, score, score >= 0.5 AS decision, "
                    "x, carrier FROM (VALUES {}) given(id, t, v, role, error, x, score, carrier)",
                    values),
        folder / "2026-11-29T10-0000000000000000.parquet");
    ASSERT_TRUE(made) << to_text(made.error());
  }

  void look() {
    ASSERT_TRUE(add_columns(*package, report));
    const auto reference = reference_of(3, package, *deployment.log, project.home);
    ASSERT_TRUE(reference) << to_text(reference.error());
    ReportInput input;
    input.project = &project;
    input.deployment = &deployment;
    const auto added = add_live(input, *reference, report);
    ASSERT_TRUE(added) << to_text(added.error());
  }

  const ReportColumn& column(const std::string& name) const {
    return *std::ranges::find(report.columns, name, &ReportColumn::name);
  }

  Scratch scratch;
  std::shared_ptr<forest::Package> package = std::make_shared<forest::Package>();
  project::Project project;
  project::Deployment deployment;
  Report report;
};

}  // namespace

TEST(ReportPeriod, is_round_and_gives_few_periods_with_enough_rows) {
  EXPECT_EQ(report_period({28 * kDay}, 1'000'000).micros, kDay);
  EXPECT_EQ(report_period({28 * kDay}, 4'000).micros, 7 * kDay);
  EXPECT_EQ(report_period({2 * kHour}, 1'000'000).micros, 5 * kMinute);
  EXPECT_EQ(report_period({0}, 10).micros, kMinute);
  EXPECT_EQ(report_period({28 * kDay}, 0).micros, 28 * kDay);
  for (const int64_t days : {1, 3, 90, 400, 3'660}) {
    const int64_t span = days * kDay;
    EXPECT_LE(span / report_period({span}, INT64_MAX).micros + 2, static_cast<int64_t>(kMaxReportPeriods))
        << days;
  }
}

TEST_F(ReportOfLog, counts_and_measures_what_drifted) {
  std::vector<Row> rows;
  std::vector<double> xs;
  for (int i = 0; i < 2'000; ++i) {
    rows.push_back({.x = static_cast<double>(i % 100 + 60),
                    .carrier = i % 2 == 0   ? "AA"
                               : i % 4 == 1 ? "UA"
                                            : "ZZ",
                    .ago = kHour + i * 10 * kMinute});
    xs.push_back(rows.back().x);
  }
  rows.push_back({.version = 2});
  rows.push_back({.role = "shadow"});
  rows.push_back({.error = "infer.unknown_input"});
  rows.push_back({.ago = 40 * kDay});
  write(rows);
  look();
  const ReportColumn &x = column("x"), &carrier = column("carrier");
  EXPECT_EQ(report.traffic.rows, 2'001);
  EXPECT_EQ(report.traffic.errors, 1);
  EXPECT_EQ(report.traffic.shadow_rows, 1);
  EXPECT_EQ(report.traffic.p50_ms, 1.5);
  EXPECT_EQ(x.current_rows, 2'001);  // the shadow's row is its version's, too
  EXPECT_EQ(std::accumulate(x.current.begin(), x.current.end(), 0.0), 2'001);
  EXPECT_EQ(x.state, State::Drifted);
  xs.push_back(0);
  const auto bins = statistics::read_baseline(package->baseline["inputs"]["x"])->numbers;
  EXPECT_EQ(x.current, statistics::count(bins, xs));
  EXPECT_EQ(x.psi, statistics::psi(x.reference, x.current));
  EXPECT_EQ(carrier.unseen, 500);
  EXPECT_EQ(std::accumulate(x.rows_by_period.begin(), x.rows_by_period.end(), 0.0), 2'001);
  int64_t drawn = 0, errors = 0;
  for (const auto& period : report.traffic.periods) {
    for (const auto& [version, count] : period.rows) drawn += count;
    errors += period.errors;
  }
  EXPECT_EQ(drawn, 2'001);
  EXPECT_EQ(errors, 1);
  EXPECT_TRUE(report.notes.contains("live_performance"));
}

TEST_F(ReportOfLog, calls_what_is_as_training_was_steady) {
  std::vector<Row> rows;
  for (int i = 0; i < 1'000; ++i)
    rows.push_back({.x = static_cast<double>(i % 100),
                    .score = (i % 50) / 50.0,
                    .carrier = i % 2 == 0 ? "AA" : "UA",
                    .ago = kHour + i * kMinute});
  write(rows);
  look();
  for (const ReportColumn& column : report.columns) EXPECT_EQ(column.state, State::Steady) << column.name;
}

TEST_F(ReportOfLog, says_of_drift_what_a_monitor_says) {
  Json& x = package->baseline["inputs"]["x"];
  const auto counts = x["counts"].get<std::vector<double>>();
  Json days = Json::array();
  for (int day = 0; day < 80; ++day) {  // the lower half and the upper one by turns
    Json& of_day = days.emplace_back(Json::array());
    for (size_t i = 0; i < counts.size(); ++i)
      of_day.push_back(counts[i] / 8 * ((i < counts.size() / 2) == (day % 2 == 0) ? 1.9 : 0.1));
  }
  x["by_day"] = Json{{"counts", days}};
  std::vector<Row> rows;
  for (int i = 0; i < 1'000; ++i)
    rows.push_back({.x = static_cast<double>(i % 10 == 0 ? 50 + i / 10 % 50 : (i / 10 * 9 + i % 10) % 50),
                    .score = (i % 50) / 50.0,
                    .carrier = i % 2 == 0 ? "AA" : "UA",
                    .ago = kHour + i * kMinute});
  write(rows);
  look();

  project::Monitor monitor;
  monitor.kind = project::Monitor::Kind::Drift;
  monitor.name = monitor.measure = "psi";
  monitor.columns = {"*"};
  monitor.window = Duration{28 * kDay};
  monitor.warn = report.warn;
  monitor.fail = report.fail;
  WatchInput input;
  input.home = project.home;
  input.deployment = &deployment;
  input.monitor = &monitor;
  input.versions = {{3, "package-3"}};
  input.window_end = kNow;
  Watch watch{{.package = [this](const ServedVersion&) -> Result<std::shared_ptr<const forest::Package>> {
                 return package;
               },
               .predictor = [](const ServedVersion&) -> Result<std::shared_ptr<const forest::Predictor>> {
                 return internal_error("test.none", "no predictor");
               }}};
  const auto looked = watch.look(input);
  ASSERT_TRUE(looked) << to_text(looked.error());
  ASSERT_EQ(looked->findings.size(), report.columns.size());
  for (const Finding& finding : looked->findings) {
    const ReportColumn& shown = column(finding.cause.column);
    EXPECT_EQ(finding.value, shown.psi) << shown.name;
    EXPECT_EQ(finding.limit, std::max(report.fail, shown.no_drift.value_or(0))) << shown.name;
    EXPECT_EQ(finding.fails(), shown.state == State::Drifted) << shown.name;
    EXPECT_EQ(finding.warned, shown.state != State::Steady) << shown.name;
  }
  EXPECT_EQ(column("x").state, State::Drifted);
  EXPECT_EQ(column("carrier").state, State::Steady);
}

TEST_F(ReportOfLog, judges_what_has_labels) {
  std::vector<Row> rows;
  std::vector<Label> labels;
  std::vector<double> truths, scores;
  for (int i = 0; i < 600; ++i) {
    rows.push_back(
        {.score = (i * 37 % 100) / 100.0, .carrier = i % 2 == 0 ? "AA" : "UA", .ago = kHour + i * kMinute});
    if (i % 3 == 0) continue;
    truths.push_back(i * 11 % 100 < i * 37 % 100 ? 1 : 0);
    scores.push_back(rows.back().score);
    labels.push_back({.prediction_id = fmt::format("p{}", i), .value = truths.back() == 1 ? "1" : "0"});
  }
  write(rows);
  const auto store = LabelStore::open({.home = project.home, .deployment = "late", .retain = {30 * kDay}});
  ASSERT_TRUE(store) << to_text(store.error());
  ASSERT_TRUE((*store)->take(labels, kNow, LabelStore::Strangers::Keep));
  report.slices = {{"carrier", "AA", 100, {}, {0.7, 0.6, 0.8}, {}},
                   {"carrier", "never", 100, {}, {}, {}},
                   {"city", "Bern", 100, {}, {}, {}}};
  ReportGroups groups;
  groups.column = "carrier";
  report.fairness = {groups};
  look();
  const ReportPerformance& performance = report.performance;
  EXPECT_EQ(performance.predictions, 600);
  EXPECT_EQ(performance.labelled, 400);
  const auto auc = std::ranges::find(performance.metrics, "roc_auc", &NamedReading::name);
  ASSERT_NE(auc, performance.metrics.end());
  EXPECT_NEAR(*auc->live.value, *statistics::roc_auc(truths, scores), 1e-12);
  EXPECT_LT(*auc->live.low, *auc->live.value);
  EXPECT_FALSE(performance.live.roc.empty());
  EXPECT_EQ(performance.live.calibration.size(), 10U);
  double judged = 0;
  for (const auto& period : performance.periods) judged += period.rows;
  EXPECT_EQ(judged, 400);
  EXPECT_EQ(report.slices[0].live_rows, 200);
  EXPECT_TRUE(report.slices[0].live.value);
  EXPECT_EQ(report.slices[1].live_rows, 0);
  EXPECT_FALSE(report.slices[1].live.value);
  EXPECT_FALSE(report.slices[2].live_rows);
  EXPECT_NE(report.notes["live_groups"].find("does not have city"), std::string::npos);
  ASSERT_EQ(report.fairness.size(), 2U);
  EXPECT_TRUE(report.fairness[1].live);
  EXPECT_EQ(report.fairness[1].groups.size(), 2U);
  EXPECT_FALSE(report.notes.contains("live_performance"));
}

TEST_F(ReportOfLog, says_why_there_is_nothing) {
  write({{.ago = 40 * kDay}});
  look();
  EXPECT_FALSE(report.traffic.first);
  for (const char* part : {"traffic", "drift", "scores", "live_performance"})
    EXPECT_TRUE(report.notes.contains(part)) << part;
  const Json json = to_json(report);
  EXPECT_EQ(json["traffic"]["first"], nullptr);
  EXPECT_EQ(json["columns"].size(), 3U);
}

}  // namespace tidemill::monitoring
