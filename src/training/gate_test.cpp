// The gate on made-up versions whose truth is known. A version here is a forest of one stump per column it
// looks at, written by hand, so that "identical", "clearly worse" and "equally good" are facts and not hopes.
#include <cmath>

#include "training/gate_text.hpp"
#include "training/split.hpp"
#include "training/table_for_tests.hpp"

namespace tidemill::training {
namespace {

/// score = sigmoid(sum of ±1 steps): one stump a column, at 0.5; a negative weight turns it round.
std::shared_ptr<const forest::Predictor> version(const std::vector<std::string>& columns,
                                                 const std::vector<double>& weights, const Json& split,
                                                 const std::string& target = "y",
                                                 forest::Task task = forest::Task::Binary) {
  Json trees = Json::array(), info = Json::array();
  for (size_t i = 0; i < columns.size(); ++i)
    for (int step = 1; step < 8; ++step) {
      trees.push_back({{"tree_param", {{"num_nodes", "3"}}},
                       {"left_children", {1, -1, -1}},
                       {"right_children", {2, -1, -1}},
                       {"split_indices", {i, 0, 0}},
                       {"split_conditions", {step / 8.0, -weights[i], weights[i]}},
                       {"default_left", {0, 0, 0}}});
      info.push_back(0);
    }
  const Json model = {
      {"learner",
       {{"objective", {{"name", task == forest::Task::Binary ? "binary:logistic" : "reg:squarederror"}}},
        {"learner_model_param", {{"base_score", "5E-1"}, {"num_feature", std::to_string(columns.size())}}},
        {"gradient_booster", {{"name", "gbtree"}, {"model", {{"trees", trees}, {"tree_info", info}}}}}}}};
  forest::Package package;
  package.model = "late";
  package.task = task;
  package.key = {"id"};
  package.target = target;
  for (const std::string& column : columns)
    package.features.push_back({.name = column, .sql_type = "DOUBLE"});
  package.split = split;
  auto made = forest::Predictor::make(std::move(package), model.dump());
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}

Json hash_split(double test = 0.5, double validation = 0.1) {
  return to_json(SplitRule{.test = test, .validation = validation});
}

class GateTest : public TableTest {
 protected:
  /// g: y depends on a; b and c are two equally noisy views of a; z is noise.
  void make_rows(int rows, int seed) {
    sql("CREATE OR REPLACE TABLE g AS WITH r AS (SELECT i, (hash(i * 7919 + " + std::to_string(seed) +
        ") % 1000003) / 1000003.0 AS a, (hash(i * 104729 + " + std::to_string(seed) +
        " + 11) % 1000003) / 1000003.0 AS p, (hash(i * 1299709 + " + std::to_string(seed) +
        " + 23) % 1000003) / 1000003.0 AS q, (hash(i * 15485863 + " + std::to_string(seed) +
        " + 37) % 1000003) / 1000003.0 AS z, (hash(i * 32452843 + " + std::to_string(seed) +
        " + 41) % 1000003) / 1000003.0 AS w FROM range(" + std::to_string(rows) +
        ") t(i)) SELECT i AS id, TIMESTAMP '2024-01-01' + INTERVAL (i * 86400 * 40 // " +
        std::to_string(rows) +
        ") SECOND AS moment, a, 0.5 * a + 0.5 * p AS b, 0.5 * a + 0.5 * q AS c, z, a + 0.1 AS naive, CASE "
        "WHEN i % 2 = 0 THEN 'even' WHEN i % 97 = 0 THEN 'few' ELSE 'odd' END AS side, "
        "CAST(0.7 * a + 0.6 * w > 0.65 AS INTEGER) AS y, 3 * a + w AS amount FROM r");
  }
  static project::GateRule against_champion(const std::string& metric, double no_worse_by) {
    project::GateRule rule;
    rule.metric = metric;
    rule.against = project::GateRule::Against::Champion;
    rule.no_worse_by = no_worse_by;
    return rule;
  }
  GateInput gate(const project::Model& m, std::shared_ptr<const forest::Predictor> challenger,
                 std::shared_ptr<const forest::Predictor> champion = nullptr) {
    GateInput in;
    in.connection = &*connection_;
    in.model = &m;
    in.challenger = {"2", std::move(challenger), "g"};
    if (champion) in.champion = Candidate{"champion 1", std::move(champion), "g"};
    in.resamples = 400;
    return in;
  }
  static project::Model gated(std::vector<project::GateRule> rules, const std::string& target = "y") {
    project::Model m;
    m.name = "late";
    m.from = "g";
    m.key = {"id"};
    m.target = target;
    m.gate = std::move(rules);
    return m;
  }
};

TEST_F(GateTest, an_identical_version_is_no_worse_and_not_better) {
  make_rows(2000, 1);
  const project::Model m = gated({against_champion("roc_auc", 0.0), against_champion("log_loss", 0.0)});
  const auto outcome =
      judge(gate(m, version({"b"}, {0.3}, hash_split()), version({"b"}, {0.3}, hash_split())));
  ASSERT_OK(outcome);
  EXPECT_TRUE(outcome->passed);
  EXPECT_FALSE(outcome->proven_better);
  EXPECT_EQ(outcome->rules.size(), 2U);
  EXPECT_NEAR(static_cast<double>(outcome->rows), 1000, 80);
  EXPECT_EQ(outcome->rows_seen + outcome->rows_unmatched, 0);
}

TEST_F(GateTest, a_clearly_worse_version_is_rejected_and_a_clearly_better_one_proven) {
  make_rows(2000, 2);
  const project::Model m = gated({against_champion("roc_auc", 0.02)});
  const auto worse = judge(gate(m, version({"z"}, {0.3}, hash_split()), version({"b"}, {0.3}, hash_split())));
  ASSERT_OK(worse);
  EXPECT_FALSE(worse->passed);
  EXPECT_FALSE(worse->proven_better);
  const auto better =
      judge(gate(m, version({"a"}, {0.3}, hash_split()), version({"z"}, {0.3}, hash_split())));
  ASSERT_OK(better);
  EXPECT_TRUE(better->passed);
  EXPECT_TRUE(better->proven_better);
  EXPECT_GT(better->rules[0].numbers["improvement"]["low"], 0.1);
}

TEST_F(GateTest, knows_which_way_a_metric_is_better) {
  make_rows(2000, 3);
  project::Model m = gated({against_champion("rmse", 0.0)}, "amount");
  project::GateRule better = against_champion("rmse", 0);
  better.no_worse_by.reset();
  better.better_by = 0.05;
  m.gate.push_back(better);
  const auto good = version({"a"}, {0.2}, hash_split(), "amount", forest::Task::Regression),
             bad = version({"z"}, {0.2}, hash_split(), "amount", forest::Task::Regression);
  const auto up = judge(gate(m, good, bad)), down = judge(gate(m, bad, good));
  ASSERT_OK(up);
  ASSERT_OK(down);
  EXPECT_TRUE(up->rules[0].passed && up->rules[1].passed && up->proven_better);
  EXPECT_FALSE(down->rules[0].passed || down->rules[1].passed || down->proven_better);
  EXPECT_GT(up->rules[0].numbers["improvement"]["estimate"], 0);
}

// Two versions that are equally good by construction: of 200 worlds, few may prove one of them better. The
// nominal rate is 2.5 %.
TEST_F(GateTest, proves_equals_better_in_at_most_one_world_of_twenty) {
  const project::Model m = gated({against_champion("roc_auc", 0.05)});
  int proven = 0, passed = 0;
  constexpr int kWorlds = 200;
  for (int seed = 0; seed < kWorlds; ++seed) {
    make_rows(600, 1000 + seed);
    GateInput in =
        gate(m, version({"b"}, {0.3}, hash_split(0.9, 0.05)), version({"c"}, {0.3}, hash_split(0.9, 0.05)));
    in.resamples = 200;
    const auto outcome = judge(in);
    ASSERT_OK(outcome);
    proven += outcome->proven_better;
    passed += outcome->passed;
  }
  // Binomial(200, 0.05): more than 16 has a chance of 2 %.
  EXPECT_LE(proven, 16);
  EXPECT_GT(passed, 0);
}

TEST_F(GateTest, holds_limits_on_the_test_rows_with_an_interval) {
  make_rows(2000, 5);
  project::GateRule least{.metric = "roc_auc", .min = 0.65}, most{.metric = "log_loss", .max = 0.01};
  const project::Model m = gated({least, most});
  const auto outcome = judge(gate(m, version({"a"}, {0.3}, hash_split())));
  ASSERT_OK(outcome);
  EXPECT_TRUE(outcome->rules[0].passed);
  EXPECT_FALSE(outcome->rules[1].passed);
  EXPECT_FALSE(outcome->passed);
  const Json& n = outcome->rules[0].numbers;
  EXPECT_LT(n["low"], n["estimate"]);
  EXPECT_LT(n["estimate"], n["high"]);
}

TEST_F(GateTest, passes_without_a_champion_and_says_so) {
  make_rows(500, 6);
  const project::Model m = gated({against_champion("roc_auc", 0.0)});
  const auto outcome = judge(gate(m, version({"z"}, {0.3}, hash_split())));
  ASSERT_OK(outcome);
  EXPECT_TRUE(outcome->passed);
  EXPECT_FALSE(outcome->proven_better);
  EXPECT_NE(outcome->rules[0].message.find("no champion yet"), std::string::npos);
}

/// Split by time: the newest `days` days of make_rows() are the test part.
Json newest_days(int64_t days) {
  constexpr int64_t kDay = 86'400'000'000, kEnd = 1'704'067'200'000'000 + 40 * kDay;
  return to_json(SplitRule{.kind = project::Split::Kind::Time,
                           .column = "moment",
                           .test_from = kEnd - days * kDay,
                           .test_to = kEnd});
}

// Few days have few different resamples: whatever an interval says of them is not so.
TEST_F(GateTest, proves_nothing_by_a_handful_of_days) {
  make_rows(4000, 13);
  project::GateRule better = against_champion("roc_auc", 0);
  better.no_worse_by.reset();
  better.better_by = 0.0;
  const project::Model m = gated({against_champion("roc_auc", 0.5), better});
  for (const int64_t days : {2, 9, 10}) {
    const auto outcome =
        judge(gate(m, version({"a"}, {0.3}, newest_days(days)), version({"z"}, {0.3}, newest_days(days))));
    ASSERT_OK(outcome);
    const bool told = days >= 10;
    EXPECT_EQ(outcome->rules[0].passed, told) << days << outcome->rules[0].message;
    EXPECT_EQ(outcome->rules[1].passed, told) << days << outcome->rules[1].message;
    EXPECT_EQ(outcome->proven_better, told) << days;
    EXPECT_EQ(outcome->rules[0].message.find("longer test span") == std::string::npos, told);
  }
}

TEST_F(GateTest, a_slice_of_a_few_days_is_not_judged_and_never_better) {
  make_rows(4000, 14);
  sql("CREATE OR REPLACE TABLE g AS SELECT * REPLACE (CASE WHEN moment < TIMESTAMP '2024-02-06' THEN 'old' "
      "ELSE 'new' END AS side) FROM g");
  project::GateRule rule = against_champion("roc_auc", 0.0);
  rule.slice = {{"side", "*"}};
  project::GateRule better = rule;
  better.no_worse_by.reset();
  better.better_by = 0.0;
  const project::Model m = gated({rule, better});
  const auto outcome =
      judge(gate(m, version({"z"}, {0.3}, newest_days(30)), version({"a"}, {0.3}, newest_days(30))));
  ASSERT_OK(outcome);
  ASSERT_EQ(outcome->rules.size(), 4U);  // new, old; new, old
  EXPECT_TRUE(outcome->rules[0].passed);
  EXPECT_NE(outcome->rules[0].message.find("not judged"), std::string::npos) << outcome->rules[0].message;
  EXPECT_FALSE(outcome->rules[1].passed);
  EXPECT_FALSE(outcome->rules[2].passed);
}

TEST_F(GateTest, a_limit_on_a_few_rows_cannot_be_told) {
  make_rows(60, 15);
  const project::Model m = gated({project::GateRule{.metric = "log_loss", .max = 10}});
  const auto few = judge(gate(m, version({"a"}, {0.3}, newest_days(15))));
  ASSERT_OK(few);
  EXPECT_LT(few->rows, 30);
  EXPECT_FALSE(few->passed);
  EXPECT_NE(few->rules[0].message.find("cannot be told"), std::string::npos) << few->rules[0].message;
  EXPECT_TRUE(judge(gate(m, version({"a"}, {0.3}, newest_days(30))))->passed);
}

TEST_F(GateTest, drops_rows_that_the_champion_learned_from) {
  make_rows(2000, 7);
  const project::Model m = gated({against_champion("roc_auc", 0.5)});
  // By time: the challenger tests on the newest 20 days, the champion had learned from and stopped on all
  // before the newest 10.
  constexpr int64_t kDay = 86'400'000'000, kEnd = 1'704'067'200'000'000 + 40 * kDay;
  const auto by_time = [&](int64_t test_days, int64_t validation_days) {
    return to_json(SplitRule{.kind = project::Split::Kind::Time,
                             .column = "moment",
                             .validation_from = kEnd - (test_days + validation_days) * kDay,
                             .test_from = kEnd - test_days * kDay,
                             .test_to = kEnd});
  };
  const auto outcome =
      judge(gate(m, version({"b"}, {0.3}, by_time(20, 5)), version({"c"}, {0.3}, by_time(10, 5))));
  ASSERT_OK(outcome);
  EXPECT_EQ(outcome->rows, 500);
  EXPECT_EQ(outcome->rows_seen, 500);
  EXPECT_EQ(outcome->rows_unmatched, 0);
  EXPECT_EQ(outcome->rules[0].numbers["blocks"], 10);
  EXPECT_EQ(outcome->details["champion"]["rows_seen"], 500);
  // Nothing is left: the comparison cannot pass.
  const auto none = judge(gate(m, version({"b"}, {0.3}, by_time(10, 5)),
                               version({"c"}, {0.3}, to_json(SplitRule{.test = 0, .validation = 0}))));
  ASSERT_OK(none);
  EXPECT_FALSE(none->passed);
  EXPECT_NE(none->rules[0].message.find("no test row is left"), std::string::npos);
}

TEST_F(GateTest, compares_with_the_anchor_too) {
  make_rows(2000, 8);
  const project::Model m = gated({against_champion("roc_auc", 0.02)});
  // No worse than last night's champion, but far from the anchor.
  GateInput in = gate(m, version({"b"}, {0.3}, hash_split()), version({"c"}, {0.3}, hash_split()));
  in.anchor = Candidate{"anchor 0", version({"a"}, {0.3}, hash_split()), "g"};
  const auto outcome = judge(in);
  ASSERT_OK(outcome);
  ASSERT_EQ(outcome->rules.size(), 2U);
  EXPECT_FALSE(outcome->rules[1].passed);
  EXPECT_NE(outcome->rules[1].rule.find("vs anchor"), std::string::npos);
  EXPECT_FALSE(outcome->passed);
}

TEST_F(GateTest, compares_with_a_naive_column_and_leaves_its_nulls_out) {
  make_rows(2000, 9);
  sql("CREATE OR REPLACE TABLE g AS SELECT * REPLACE (CASE WHEN id % 4 = 0 THEN NULL ELSE naive END AS "
      "naive) FROM g");
  project::GateRule rule{.metric = "roc_auc",
                         .against = project::GateRule::Against::Column,
                         .column = "naive",
                         .no_worse_by = 0.03};
  const project::Model m = gated({rule});
  const auto worse = judge(gate(m, version({"z"}, {0.3}, hash_split(1, 0))));
  ASSERT_OK(worse);
  EXPECT_FALSE(worse->passed);
  EXPECT_EQ(worse->rules[0].numbers["rows"], 1500);
  const auto good = judge(gate(m, version({"a"}, {0.3}, hash_split(1, 0))));
  ASSERT_OK(good);
  EXPECT_TRUE(good->passed) << good->rules[0].message;
}

TEST_F(GateTest, judges_slices_with_enough_rows_and_adjusts_for_their_number) {
  make_rows(4000, 10);
  project::GateRule rule = against_champion("roc_auc", 0.02);
  rule.slice = {{"side", "*"}};
  const project::Model m = gated({rule});
  const auto same = judge(gate(m, version({"b"}, {0.3}, hash_split()), version({"c"}, {0.3}, hash_split())));
  ASSERT_OK(same);
  ASSERT_EQ(same->rules.size(), 3U);
  EXPECT_TRUE(same->passed);
  EXPECT_NE(same->rules[1].message.find("not judged"), std::string::npos) << same->rules[1].message;  // few
  EXPECT_EQ(same->rules[0].numbers["tests"], 2);
  // Worse among the odd alone: the column is noise there.
  sql("CREATE OR REPLACE TABLE g AS SELECT *, CASE WHEN side = 'odd' THEN z ELSE b END AS half FROM g");
  const auto half =
      judge(gate(m, version({"half"}, {0.3}, hash_split()), version({"c"}, {0.3}, hash_split())));
  ASSERT_OK(half);
  EXPECT_TRUE(half->rules[0].passed);
  EXPECT_FALSE(half->rules[2].passed);
  EXPECT_LE(half->rules[2].numbers["p_adjusted"], 0.05);
}

TEST_F(GateTest, a_slice_that_no_row_is_in_fails_its_rule) {
  make_rows(2000, 17);
  project::GateRule rule{.metric = "roc_auc", .min = 0.5};
  rule.slice = {{"side", "EVEN"}};
  project::Model m = gated({rule});
  const auto challenger = version({"a"}, {0.3}, hash_split());
  const auto outcome = judge(gate(m, challenger));
  ASSERT_OK(outcome);
  EXPECT_FALSE(outcome->passed);
  EXPECT_EQ(outcome->rules[0].message, "no test row has side = EVEN; did you mean 'even'?");
  m.gate[0].slice = {{"side", "even"}};
  EXPECT_TRUE(judge(gate(m, challenger))->passed);
  m.gate[0].slice = {{"side", "few"}};  // there, but too small
  EXPECT_TRUE(judge(gate(m, challenger))->passed);
  sql("CREATE OR REPLACE TABLE g AS SELECT *, CAST(NULL AS VARCHAR) AS nothing FROM g");
  m.gate[0].slice = {{"nothing", "*"}};
  EXPECT_FALSE(judge(gate(m, challenger))->passed);
}

TEST_F(GateTest, counts_the_rows_that_no_slice_judges) {
  make_rows(4000, 18);
  sql("CREATE OR REPLACE TABLE g AS SELECT * REPLACE (CASE WHEN id % 4 = 0 THEN NULL ELSE side END AS side) "
      "FROM g");
  project::GateRule rule = against_champion("roc_auc", 0.02);
  rule.slice = {{"side", "*"}};
  const project::Model m = gated({rule});
  const auto outcome =
      judge(gate(m, version({"b"}, {0.3}, hash_split(1, 0)), version({"b"}, {0.3}, hash_split(1, 0))));
  ASSERT_OK(outcome);
  const Json& slices = outcome->details["slices"][0];
  EXPECT_EQ(slices["slices"], 3);
  EXPECT_EQ(slices["rows_null"], 1000);
  EXPECT_EQ(slices["rows_not_judged"], 21);  // few: odd multiples of 97 below 4000
}

// 1000 resamples cannot give a p-value below 1/1001, and Holm multiplies it by 60.
TEST_F(GateTest, finds_the_slices_that_are_worse_among_many) {
  make_rows(12'000, 16);
  sql("CREATE OR REPLACE TABLE g AS SELECT * REPLACE ('s' || id % 60 AS side) FROM g");
  project::GateRule rule = against_champion("roc_auc", 0.02);
  rule.slice = {{"side", "*"}};
  const project::Model m = gated({rule});
  GateInput in = gate(m, version({"z"}, {0.3}, hash_split(1, 0)), version({"a"}, {0.3}, hash_split(1, 0)));
  in.resamples = 1000;
  const auto worse = judge(in);
  ASSERT_OK(worse);
  ASSERT_EQ(worse->rules.size(), 60U);
  EXPECT_FALSE(worse->passed);
  for (const GateRuleOutcome& slice : worse->rules) {
    EXPECT_FALSE(slice.passed) << slice.message;
    EXPECT_LE(slice.numbers["p_adjusted"], 0.05);
  }
  std::swap(in.challenger.predictor, in.champion->predictor);
  EXPECT_TRUE(judge(in)->passed);
  // 500 are too few for 60 slices: that is said, and nothing passes by it.
  std::swap(in.challenger.predictor, in.champion->predictor);
  in.resamples = 400;
  in.max_slice_resamples = 500;
  const auto blind = judge(in);
  ASSERT_OK(blind);
  EXPECT_FALSE(blind->rules[0].passed);
  EXPECT_GT(blind->rules[0].numbers["p_adjusted"], 0.05);
  EXPECT_NE(blind->rules[0].message.find("cannot be judged"), std::string::npos) << blind->rules[0].message;
}

TEST_F(GateTest, matches_rows_by_key_when_versions_have_other_features) {
  make_rows(1000, 11);
  sql("CREATE TABLE old_features AS SELECT id, c AS renamed FROM g WHERE id % 10 <> 0 ORDER BY hash(id)");
  const project::Model m = gated({against_champion("roc_auc", 0.1)});
  GateInput in = gate(m, version({"b"}, {0.3}, hash_split(1, 0)));
  in.champion = Candidate{"champion 1", version({"renamed"}, {0.3}, hash_split(1, 0)), "old_features"};
  const auto outcome = judge(in);
  ASSERT_OK(outcome);
  EXPECT_EQ(outcome->rows, 900);
  EXPECT_EQ(outcome->rows_unmatched, 100);
  EXPECT_EQ(outcome->rows_seen, 0);
  // The same rows by the same column in one table give the same numbers.
  sql("CREATE TABLE fewer AS SELECT * FROM g WHERE id % 10 <> 0");
  GateInput direct =
      gate(m, version({"b"}, {0.3}, hash_split(1, 0)), version({"c"}, {0.3}, hash_split(1, 0)));
  direct.challenger.relation = direct.champion->relation = "fewer";
  const auto expected = judge(direct);
  ASSERT_OK(expected);
  EXPECT_EQ(outcome->rules[0].numbers["improvement"].dump(),
            expected->rules[0].numbers["improvement"].dump());
}

// A champion whose SQL left rows out would be compared on the rows it likes.
TEST_F(GateTest, a_comparison_with_too_many_rows_unmatched_fails) {
  make_rows(2000, 19);
  sql("CREATE TABLE seven_of_eight AS SELECT * FROM g WHERE id % 8 <> 0");
  const project::Model m = gated({against_champion("roc_auc", 0.5)});
  GateInput in = gate(m, version({"a"}, {0.3}, hash_split(1, 0)), version({"z"}, {0.3}, hash_split(1, 0)));
  in.champion->relation = "seven_of_eight";
  const auto outcome = judge(in);
  ASSERT_OK(outcome);
  EXPECT_FALSE(outcome->passed);
  EXPECT_FALSE(outcome->proven_better);
  EXPECT_EQ(outcome->rows_unmatched, 250);
  EXPECT_NE(outcome->rules[0].message.find("250 of the 2000 test rows have no match"), std::string::npos)
      << outcome->rules[0].message;
}

TEST_F(GateTest, refuses_null_targets_unknown_metrics_and_missing_columns) {
  make_rows(500, 12);
  const auto challenger = version({"b"}, {0.3}, hash_split(1, 0));
  project::Model m = gated({project::GateRule{.metric = "roc_auk", .min = 0.5}});
  EXPECT_ERROR(judge(gate(m, challenger)), "metric.unknown");
  m = gated({project::GateRule{.metric = "rmse", .min = 0.5}});
  EXPECT_ERROR(judge(gate(m, challenger)), "metric.wrong_task");
  const forest::Package three{
      .task = forest::Task::Multiclass, .target = "y", .classes = {"no", "yes", "maybe"}};
  const Error wrong = user_error("metric.wrong_task", "", {}, "possible: accuracy").error();
  EXPECT_EQ(
      of_rule(m.gate[0], wrong, three, {}).hint,
      "the target y has 3 classes: 'no', 'yes', 'maybe': if one is a mistake, mend it in SQL; for so many, "
      "possible: accuracy");
  m = gated({project::GateRule{.metric = "roc_auc", .min = 0.5}});
  EXPECT_ERROR(judge(gate(m, version({"nothing"}, {0.3}, hash_split()))), "training.missing_column");
  sql("CREATE OR REPLACE TABLE g AS SELECT * REPLACE (CASE WHEN id = 3 THEN NULL ELSE y END AS y) FROM g");
  EXPECT_ERROR(judge(gate(m, challenger)), "training.null_target");
  m.where = "y IS NOT NULL";
  EXPECT_TRUE(judge(gate(m, challenger)));
}

}  // namespace
}  // namespace tidemill::training
