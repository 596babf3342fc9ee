#include "monitoring/watch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/database.hpp"
#include "monitoring/column_rules.hpp"
#include "monitoring/scratch_for_tests.hpp"
#include "statistics/distances.hpp"
#include "statistics/estimated_performance.hpp"
#include "statistics/reference_test.hpp"

namespace tidemill::monitoring {

namespace {

using project::Monitor;
using State = Finding::State;
using statistics::near;

const Instant kNow = parse_instant("2026-11-29T12:00:00Z").value();
constexpr Duration kHour{3'600'000'000};
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

struct Row {
  std::string dest = "JFK";  // empty: NULL
  double delay = 5;
  double score = 0.4;
  int version = 3;
  std::string role = "champion";
  std::string error = {};
  Duration ago{60'000'000};
  int64_t latency_us = 1'000;
  int row = 0;
};

std::string sql(double value) { return std::isnan(value) ? "NULL" : fmt::format("{}::DOUBLE", value); }
std::string sql(const std::string& text) { return text.empty() ? "NULL" : engine::quote_text(text); }

/// A home with a log, and a version that was trained on delays 0 … 99 and two airports.
class WatchHome : public ::testing::Test {
 protected:
  WatchHome() {
    deployment.name = "late";
    deployment.model = "late";
    deployment.version = "champion";
    deployment.log.emplace();
    package->model = "late";
    package->features = {{.name = "dest", .sql_type = "VARCHAR", .category = true, .levels = {"JFK", "LGA"}},
                         {.name = "delay", .sql_type = "DOUBLE"}};
    std::vector<double> delays, scores;
    for (int i = 0; i < 2'000; ++i) {
      delays.push_back(i % 100);
      scores.push_back((i % 40) / 40.0);
    }
    delay_baseline = statistics::number_baseline(delays);
    package->baseline = {{"inputs",
                          {{"dest", statistics::level_baseline({{"JFK", 1'000}, {"LGA", 900}}, 100)},
                           {"delay", delay_baseline}}},
                         {"score", statistics::number_baseline(scores)}};
  }

  void write(const std::vector<Row>& rows) {
    std::string values;
    for (size_t i = 0; i < rows.size(); ++i) {
      const Row& row = rows[i];
      values += fmt::format("{}('p{}', {}, TIMESTAMPTZ '{}', {}, '{}', {}, {}, {}, {}, {})",
                            i == 0 ? "" : ", ", written++, row.row,
                            to_text(Instant{kNow.micros - row.ago.micros}), row.version, row.role,
                            sql(row.error), row.latency_us, sql(row.score), sql(row.dest), sql(row.delay));
    }
    const Path folder = scratch.path() / "predictions" / "late";
    std::filesystem::create_directories(folder);
    const auto database = engine::Database::open({.access = engine::DatabaseOptions::Access::Open});
    auto connection = (*database)->connect();
    const auto made = connection->write_parquet(
        fmt::format(
            "SELECT id AS prediction_id, NULL::VARCHAR AS request_id, r::BIGINT AS \"row\", t AS time, "
            "'late' AS model, v::BIGINT AS version, role, 200::BIGINT AS status, error::VARCHAR AS error, "
            "l::BIGINT AS latency_us, score::DOUBLE AS score, score >= 0.5 AS decision, "
            "dest::VARCHAR AS dest, delay::DOUBLE AS delay "
            "FROM (VALUES {}) given(id, r, t, v, role, error, l, score, dest, delay)",
            values),
        folder / fmt::format("2026-11-29T10-{:016x}.parquet", files++));
    ASSERT_TRUE(made) << to_text(made.error());
  }

  std::vector<Finding> look(const Monitor& monitor) {
    const auto looked = try_to_look(monitor);
    EXPECT_TRUE(looked) << to_text(looked.error());
    return looked ? looked->findings : std::vector<Finding>();
  }
  Result<Evaluation> try_to_look(const Monitor& monitor) {
    WatchInput input;
    input.home = scratch.path();
    input.deployment = &deployment;
    input.monitor = &monitor;
    input.versions = versions;
    input.fairness_groups = groups;
    input.window_end = kNow;
    return watch.look(input);
  }

  Scratch scratch;
  project::Deployment deployment;
  std::shared_ptr<forest::Package> package = std::make_shared<forest::Package>();
  Json delay_baseline;
  std::vector<ServedVersion> versions{{3, "package-3"}};
  std::vector<std::string> groups;
  Watch watch{{.package = [this](const ServedVersion&) -> Result<std::shared_ptr<const forest::Package>> {
                 return package;
               },
               .predictor = [](const ServedVersion&) -> Result<std::shared_ptr<const forest::Predictor>> {
                 return internal_error("test.none", "no predictor");
               }}};
  size_t written = 0, files = 0;
};

Monitor monitor_of(Monitor::Kind kind, const std::string& measure) {
  Monitor monitor;
  monitor.kind = kind;
  monitor.measure = measure;
  monitor.name = measure;
  monitor.columns = {"*"};
  monitor.window = kHour;
  monitor.fail = 0.2;
  return monitor;
}
Monitor drift(const std::string& measure = "psi") { return monitor_of(Monitor::Kind::Drift, measure); }
Monitor quality(const std::string& measure) { return monitor_of(Monitor::Kind::Quality, measure); }

const Finding& of(const std::vector<Finding>& findings, const std::string& column,
                  const std::string& slice = "") {
  static const Finding none;
  for (const Finding& finding : findings)
    if (finding.cause.column == column && finding.cause.slice == slice) return finding;
  ADD_FAILURE() << "nothing was found of " << column << " " << slice;
  return none;
}

std::vector<Row> rows_of(size_t count, const std::function<void(Row&, size_t)>& vary) {
  std::vector<Row> rows(count);
  for (size_t i = 0; i < count; ++i) vary(rows[i], i);
  return rows;
}

}  // namespace

RC_GTEST_PROP(NumberPlaces, are_those_of_the_bins, (std::vector<int> edges, std::vector<int> values)) {
  statistics::NumberBins bins;
  for (const int edge : std::set<int>(edges.begin(), edges.end())) bins.edges.push_back(edge);
  if (bins.edges.size() == 1) bins.edges.push_back(bins.edges[0]);
  std::vector<double> numbers{kMissing, INFINITY, -INFINITY};
  numbers.insert(numbers.end(), bins.edges.begin(), bins.edges.end());
  for (const int value : values) numbers.push_back(value / 2.0);
  std::vector<uint32_t> places(numbers.size());
  NumberPlaces(bins).place(numbers, places.data());
  for (size_t i = 0; i < numbers.size(); ++i) RC_ASSERT(places[i] == bins.place_of(numbers[i]));
}

TEST_F(WatchHome, drift_is_measured_between_the_counts_of_training_and_of_the_window) {
  write(rows_of(400, [](Row& row, size_t i) {
    row.delay = static_cast<double>(i % 60);
    row.dest = i % 3 == 0 ? "LGA" : "JFK";
  }));
  std::vector<double> values;
  for (size_t i = 0; i < 400; ++i) values.push_back(static_cast<double>(i % 60));
  const auto baseline = statistics::read_baseline(delay_baseline).value();
  const std::vector<double> counts = statistics::count(baseline.numbers, values);
  const auto findings = look(drift());
  EXPECT_EQ(findings.size(), 3U) << "two inputs and the score";
  const Finding& delay = of(findings, "delay");
  EXPECT_TRUE(near(delay.value, *statistics::psi(baseline.counts, counts)));
  EXPECT_TRUE(delay.fails());
  EXPECT_EQ(delay.cause.version, 3);
  EXPECT_TRUE(near(of(look(drift("ks")), "delay").value,
                   *statistics::ks_of_bins(Numbers(baseline.counts).subspan(1), Numbers(counts).subspan(1))));
  const std::vector<double> training{100, 1'000, 900, 0}, now{0, 266, 134, 0};
  EXPECT_TRUE(near(of(findings, "dest").value, *statistics::psi(training, now)));
  EXPECT_EQ(look(drift("ks")).size(), 2U) << "a category has no order";
}

TEST_F(WatchHome, p_values_of_the_columns_of_a_look_are_adjusted_together) {
  write(rows_of(400, [](Row& row, size_t i) { row.delay = static_cast<double>(i % 60); }));
  const auto findings = look(drift());
  for (const Finding& finding : findings) {
    ASSERT_TRUE(finding.p_value);
    EXPECT_LT(*finding.p_value, 1e-6) << "neither delays nor airports nor scores are as in training";
  }
}

TEST_F(WatchHome, only_rows_that_the_version_predicted_in_the_window_count) {
  auto rows = rows_of(300, [](Row&, size_t) {});
  rows.push_back({.version = 2});
  rows.push_back({.error = "infer.shape"});
  rows.push_back({.ago = {2 * kHour.micros}});
  rows.push_back({.ago = {0}});  // the window ends before it
  rows.push_back({.role = "canary"});
  write(rows);
  const Finding missing = of(look(quality("missing")), "delay");
  EXPECT_NE(missing.text.find("0 of 301 rows"), std::string::npos) << missing.text;
}

TEST_F(WatchHome, quality_is_what_training_did_not_have) {
  write(rows_of(400, [](Row& row, size_t i) {
    if (i < 60) row.delay = kMissing;
    if (i >= 60 && i < 90) row.delay = 1'000;
    if (i < 80) row.dest = i < 40 ? "ORD" : "";
  }));
  const auto missing = look(quality("missing"));
  EXPECT_EQ(missing.size(), 2U) << "a score is never missing";
  EXPECT_TRUE(near(of(missing, "delay").value, 60.0 / 400));
  EXPECT_TRUE(near(of(missing, "dest").value, 40.0 / 400 - 100.0 / 2'000))
      << "some are missing in training, too";
  const auto unseen = look(quality("unseen"));
  EXPECT_EQ(unseen.size(), 1U);
  EXPECT_TRUE(near(of(unseen, "dest").value, 40.0 / 400));
  const auto range = look(quality("out_of_range"));
  EXPECT_EQ(range.size(), 1U);
  EXPECT_TRUE(near(of(range, "delay").value, 30.0 / 400));
  EXPECT_EQ(of(range, "delay").topic, Topic::Quality);
}

TEST_F(WatchHome, quality_is_also_watched_by_slice) {
  write(rows_of(500, [](Row& row, size_t i) {
    row.dest = i % 2 == 0 ? "JFK" : "LGA";
    if (i % 2 == 1 && i < 200) row.delay = kMissing;
  }));
  Monitor monitor = quality("missing");
  monitor.columns = {"delay"};
  monitor.slices = {"dest"};
  const auto findings = look(monitor);
  EXPECT_EQ(findings.size(), 3U);
  EXPECT_TRUE(near(of(findings, "delay").value, 0.2));
  EXPECT_EQ(of(findings, "delay", "dest=JFK").value, 0);
  EXPECT_TRUE(near(of(findings, "delay", "dest=LGA").value, 0.4));
}

TEST_F(WatchHome, a_window_may_be_the_last_so_many_predictions) {
  auto rows = rows_of(600, [](Row& row, size_t i) {
    row.ago = {static_cast<int64_t>(i + 1) * 60'000'000};
    row.delay = i < 250 ? 7 : kMissing;
  });
  write(rows);
  Monitor monitor = quality("missing");
  monitor.window = int64_t{500};
  EXPECT_TRUE(near(of(look(monitor), "delay").value, 0.5));
  monitor.window = int64_t{100'000};
  EXPECT_TRUE(near(of(look(monitor), "delay").value, 350.0 / 600)) << "all there are";
}

TEST_F(WatchHome, drift_can_be_held_against_the_span_before_by_slice) {
  write(rows_of(2'000, [](Row& row, size_t i) {
    row.dest = i % 2 == 0 ? "JFK" : "LGA";
    row.ago = {i < 1'000 ? int64_t{60'000'000} : kHour.micros + 60'000'000};
    row.delay = static_cast<double>(i % 100);
    if (i < 1'000 && i % 2 == 0) row.delay = 3;  // now, from one airport
  }));
  Monitor monitor = drift();
  monitor.columns = {"delay", "score"};
  monitor.slices = {"dest"};
  monitor.against = Monitor::Against::Previous;
  const auto findings = look(monitor);
  EXPECT_TRUE(of(findings, "delay", "dest=JFK").fails());
  EXPECT_FALSE(of(findings, "delay", "dest=LGA").fails());
  EXPECT_NEAR(of(findings, "delay", "dest=LGA").value, 0, 1e-3);
  EXPECT_FALSE(of(findings, "score").fails());
  monitor.against = Monitor::Against::LastYear;
  EXPECT_EQ(of(look(monitor), "delay").state, State::NotEnoughData);
}

TEST_F(WatchHome, what_the_log_does_not_keep_is_said_where_it_was_asked_for) {
  write(rows_of(300, [](Row& row, size_t i) { row.delay = static_cast<double>(i % 100); }));
  deployment.log->columns["delay"] = {project::PredictionLog::Column::Rule::Bucket, 10};
  const auto all = look(drift());
  EXPECT_EQ(all.size(), 3U) << "of all, those that can be watched, and a word on the other";
  EXPECT_EQ(of(all, "*").state, State::NotEnoughData);
  EXPECT_EQ(of(all, "*").text, "left out: delay: the log keeps it in buckets of 10, training had its values");
  EXPECT_EQ(look(drift("chi2")).size(), 1U) << "it is not of numbers anyway";
  EXPECT_FALSE(of(look(quality("out_of_range")), "*").fails());
  Monitor named = drift();
  named.columns = {"delay"};
  const Finding finding = of(look(named), "delay");
  EXPECT_EQ(finding.state, State::Missing);
  EXPECT_NE(finding.text.find("buckets of 10"), std::string::npos) << finding.text;
  named.columns = {"dleay"};
  EXPECT_NE(of(look(named), "dleay").text.find("did you mean 'delay'?"), std::string::npos);
}

TEST_F(WatchHome, missing_values_are_seen_through_buckets) {
  write(rows_of(400, [](Row& row, size_t i) { row.delay = i < 60 ? kMissing : 10; }));
  deployment.log->columns["delay"] = {project::PredictionLog::Column::Rule::Bucket, 10};
  EXPECT_TRUE(near(of(look(quality("missing")), "delay").value, 60.0 / 400));
  EXPECT_EQ(look(quality("missing")).size(), 2U) << "nothing is left out";
  Monitor named = quality("missing");
  named.columns = {"delay"};
  EXPECT_TRUE(near(of(look(named), "delay").value, 60.0 / 400));
  deployment.log->columns["delay"].rule = project::PredictionLog::Column::Rule::Drop;
  EXPECT_EQ(of(look(quality("missing")), "*").text, "left out: delay: the log does not keep it (drop)");
}

TEST_F(WatchHome, hashed_categories_are_compared_by_their_hashes) {
  deployment.log->columns["dest"] = {project::PredictionLog::Column::Rule::Hash, 0};
  const Secret key = hash_key(scratch.path()).value();
  write(rows_of(400, [&](Row& row, size_t i) { row.dest = hashed(key, i < 300 ? "JFK" : "ORD"); }));
  EXPECT_TRUE(near(of(look(quality("unseen")), "dest").value, 0.25));
}

TEST_F(WatchHome, what_there_is_not_teaches_what_would_help) {
  write(rows_of(300, [](Row&, size_t) {}));
  package->baseline = Json::object();
  versions[0].object = "imported";
  const auto drifted = look(drift());
  ASSERT_EQ(drifted.size(), 1U);
  EXPECT_EQ(drifted[0].state, State::Missing);
  EXPECT_TRUE(drifted[0].fails());
  EXPECT_NE(drifted[0].text.find("no baseline"), std::string::npos);
  EXPECT_EQ(of(look(quality("missing")), "delay").value, 0) << "that needs none";
  deployment.log.reset();
  const auto without = look(drift());
  ASSERT_EQ(without.size(), 1U);
  EXPECT_NE(without[0].text.find("keeps no log"), std::string::npos);
}

TEST_F(WatchHome, without_rows_there_is_not_enough_data_and_without_a_version_nothing_to_find) {
  const auto findings = look(drift());
  EXPECT_EQ(findings.size(), 3U);
  for (const Finding& finding : findings) EXPECT_EQ(finding.state, State::NotEnoughData) << finding.text;
  versions.clear();
  EXPECT_TRUE(look(drift()).empty());
}

TEST_F(WatchHome, traffic_scales_a_sample) {
  write(rows_of(50, [](Row& row, size_t i) { row.ago = {static_cast<int64_t>(i + 1) * 36'000'000}; }));
  Monitor monitor = monitor_of(Monitor::Kind::Traffic, "");
  monitor.window = Duration{kHour.micros / 2};
  monitor.min_rate = {190, kHour};
  deployment.log->sample = 0.5;
  const auto findings = look(monitor);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].value, 100);
  EXPECT_FALSE(findings[0].fails());
  EXPECT_NE(findings[0].text.find("sample of 50 %"), std::string::npos);
  monitor.min_rate = {300, kHour};
  EXPECT_TRUE(look(monitor)[0].fails());
}

TEST_F(WatchHome, too_little_traffic_is_said_of_what_was_first_asked_before_the_window) {
  Monitor monitor = monitor_of(Monitor::Kind::Traffic, "");
  monitor.window = Duration{24 * kHour.micros};
  monitor.min_rate = {90, kHour};
  const auto looked = [&] { return look(monitor).at(0); };
  EXPECT_EQ(looked().state, State::NotEnoughData) << looked().text;
  write(rows_of(50, [](Row& row, size_t i) { row.ago = {static_cast<int64_t>(i + 1) * 36'000'000}; }));
  EXPECT_EQ(looked().state, State::NotEnoughData) << looked().text;
  monitor.min_rate = {2, kHour};
  EXPECT_EQ(looked().state, State::Measured) << "48 are reached already";
  monitor.min_rate = {90, kHour};
  write({Row{.error = "refused", .ago = {25 * kHour.micros}}});
  EXPECT_TRUE(looked().fails()) << looked().text;
}

TEST_F(WatchHome, traffic_of_a_window_longer_than_the_log_is_kept_is_of_what_is_kept) {
  write(rows_of(50, [](Row& row, size_t i) { row.ago = {static_cast<int64_t>(i) * 180'000'000}; }));
  Monitor monitor = monitor_of(Monitor::Kind::Traffic, "");
  monitor.window = Duration{24 * kHour.micros};
  monitor.min_rate = {30, kHour};
  deployment.log->retain = Duration{3 * kHour.micros};
  EXPECT_TRUE(look(monitor).at(0).fails()) << "20 an hour";
  monitor.min_rate = {15, kHour};
  EXPECT_FALSE(look(monitor).at(0).fails());
}

TEST_F(WatchHome, latency_is_of_predictions_not_of_rows) {
  write(rows_of(1'000, [](Row& row, size_t i) {
    row.latency_us = static_cast<int64_t>(i / 2 + 1) * 1'000;
    row.row = static_cast<int>(i % 2);
  }));
  Monitor monitor = monitor_of(Monitor::Kind::Latency, "p90");
  monitor.fail.reset();
  monitor.max = 0.4;
  const auto findings = look(monitor);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_NEAR(findings[0].value, 0.4501, 1e-9);
  EXPECT_TRUE(findings[0].fails());
}

TEST_F(WatchHome, an_estimate_needs_calibrated_scores_and_is_that_of_the_rows) {
  write(rows_of(600, [](Row& row, size_t i) { row.score = static_cast<double>(i % 97) / 97; }));
  Monitor monitor = monitor_of(Monitor::Kind::Metric, "roc_auc");
  monitor.fail.reset();
  monitor.min = 0.9;
  monitor.estimated = true;
  EXPECT_EQ(look(monitor)[0].state, State::Missing);
  package->calibration = {.kind = "isotonic", .x = {0, 1}, .y = {0, 1}};
  versions[0].object = "calibrated";
  std::vector<double> scores;
  for (size_t i = 0; i < 600; ++i) scores.push_back(static_cast<double>(i % 97) / 97);
  const auto expected = statistics::estimate("roc_auc", {.probabilities = scores, .scores = scores}).value();
  const Finding finding = look(monitor)[0];
  EXPECT_TRUE(near(finding.value, *expected));
  EXPECT_NE(finding.text.find("estimated"), std::string::npos);
}

TEST_F(WatchHome, fairness_compares_the_groups_that_the_model_names) {
  groups = {"dest"};
  write(rows_of(1'000, [](Row& row, size_t i) {
    row.dest = i % 2 == 0 ? "JFK" : "LGA";
    row.score = i % 2 == 0 ? (i % 10 < 5 ? 0.9 : 0.1) : (i % 20 == 1 ? 0.9 : 0.1);
  }));
  Monitor monitor = monitor_of(Monitor::Kind::Fairness, "four_fifths");
  monitor.fail.reset();
  const auto findings = look(monitor);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_TRUE(near(findings[0].value, 0.1 / 0.6));
  EXPECT_TRUE(findings[0].fails());
  groups = {"gender"};
  EXPECT_NE(look(monitor)[0].text.find("no column gender"), std::string::npos);
}

TEST_F(WatchHome, a_metric_without_labels_waits_for_them) {
  write(rows_of(300, [](Row&, size_t) {}));
  Monitor monitor = monitor_of(Monitor::Kind::Metric, "roc_auc");
  monitor.min = 0.9;
  const auto findings = look(monitor);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].state, State::NotEnoughData);
}

TEST_F(WatchHome, a_metrics_slice_that_the_log_does_not_have_is_said_once) {
  write(rows_of(300, [](Row& row, size_t i) { row.score = static_cast<double>(i % 97) / 97; }));
  package->calibration = {.kind = "isotonic", .x = {0, 1}, .y = {0, 1}};
  Monitor monitor = monitor_of(Monitor::Kind::Metric, "roc_auc");
  monitor.fail.reset();
  monitor.min = 0.5;
  monitor.estimated = true;
  monitor.slices = {"gender", "dest"};
  const auto findings = look(monitor);
  EXPECT_EQ(
      std::ranges::count(findings, "gender", [](const Finding& finding) { return finding.cause.slice; }), 1);
  EXPECT_EQ(of(findings, "", "dest=JFK").state, State::Measured);
}

TEST_F(WatchHome, attribution_says_what_an_older_package_lacks) {
  write(rows_of(300, [](Row&, size_t) {}));
  const auto findings = look(monitor_of(Monitor::Kind::Attribution, "ndcg"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].state, State::Missing);
  EXPECT_NE(findings[0].text.find("train it again"), std::string::npos);
}

}  // namespace tidemill::monitoring
