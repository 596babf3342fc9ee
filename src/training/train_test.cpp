// train() on real tables in DuckDB: what it learns, what it refuses, and that the same data give the same
// bytes.
#include "training/training.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <xgboost/c_api.h>

#include "training/dataset.hpp"
#include "training/table_for_tests.hpp"

namespace tidemill::training {
namespace {

using Train = TableTest;

double metric(const TrainOutput& output, const std::string& name, const std::string& part = "test") {
  const Json& value = output.package.metrics[part][name]["value"];
  return value.is_number() ? value.get<double>() : NAN;
}

TEST_F(Train, learns_a_binary_target_from_numbers_and_categories) {
  make_table();
  const project::Model m = model();
  const auto output = train(input(m));
  ASSERT_OK(output);
  EXPECT_EQ(output->package.task, forest::Task::Binary);
  EXPECT_GT(metric(*output, "roc_auc"), 0.9);
  EXPECT_LT(metric(*output, "roc_auc"), 1.0);
  const Json& auc = output->package.metrics["test"]["roc_auc"];
  EXPECT_LT(auc["low"], auc["value"]);
  EXPECT_GT(auc["high"], auc["value"]);
  std::vector<std::string> names;
  for (const forest::Feature& f : output->package.features) names.push_back(f.name);
  EXPECT_EQ(names, (std::vector<std::string>{"x", "n", "city", "rare"}));
  EXPECT_EQ(output->package.features[2].levels, (std::vector<std::string>{"ams", "ber", "cdg", "dub"}));
  EXPECT_EQ(output->package.features[3].levels, (std::vector<std::string>{"(other)", "often"}));
  EXPECT_EQ(output->package.threshold, 0.5);
  EXPECT_EQ(output->package.importance[0]["feature"], "x");
  EXPECT_TRUE(output->files.contains("card.md"));
  EXPECT_EQ(output->package.baseline["inputs"].size(), 4U);
  EXPECT_EQ(output->package.provenance["best_round"], 20);
}

TEST_F(Train, compares_decisions_between_groups) {
  make_table();
  sql("CREATE TABLE grouped AS SELECT *, CASE WHEN id % 40 = 0 THEN NULL WHEN id % 40 = 1 THEN 'c' WHEN x > "
      "0.5 THEN 'b' ELSE 'a' END AS sex FROM t");
  project::Model m = model();
  m.fairness_groups = {"SEX"};
  m.split.test = 0.5;
  const auto output = train(input(m, "grouped"));
  ASSERT_OK(output);
  for (const forest::Feature& feature : output->package.features) EXPECT_NE(feature.name, "sex");
  const Json& sex = output->package.metrics["fairness"][0];
  EXPECT_EQ(sex["column"], "sex");
  EXPECT_GT(sex["rows_null"], 20);
  ASSERT_EQ(sex["groups"].size(), 3U);
  std::map<std::string, Json> groups;
  auto rows = sex["rows_null"].get<size_t>();
  for (const Json& group : sex["groups"]) {
    groups[group["value"].get<std::string>()] = group;
    rows += group["rows"].get<size_t>();
  }
  EXPECT_EQ(rows, output->package.metrics["rows"]["test"]);
  EXPECT_FALSE(groups["c"]["judged"]);
  const double a = groups["a"]["selection_rate"], b = groups["b"]["selection_rate"];
  EXPECT_GT(b, a + 0.3);
  EXPECT_DOUBLE_EQ(sex["demographic_parity"]["difference"], b - a);
  EXPECT_DOUBLE_EQ(sex["demographic_parity"]["ratio"], a / b);
  EXPECT_DOUBLE_EQ(
      sex["equal_opportunity"]["difference"],
      groups["b"]["true_positive_rate"].get<double>() - groups["a"]["true_positive_rate"].get<double>());
  EXPECT_NE(output->files.at("card.md").find("| c (too few to judge) |"), std::string::npos);
}

TEST_F(Train, a_rate_of_no_rows_is_no_number) {
  make_table();
  sql("CREATE TABLE pure AS SELECT *, CASE WHEN y = 1 THEN 'yes' ELSE 'no' END AS outcome FROM t");
  project::Model m = model();
  m.fairness_groups = {"outcome"};
  const auto output = train(input(m, "pure"));
  ASSERT_OK(output);
  const Json& outcome = output->package.metrics["fairness"][0];
  for (const Json& group : outcome["groups"])
    EXPECT_TRUE(group[group["value"] == "no" ? "true_positive_rate" : "false_positive_rate"].is_null());
  EXPECT_TRUE(outcome["equal_opportunity"]["ratio"].is_null());
}

// Bit for bit: the package's predictor on the cells of the table against XGBoost itself on the same matrix.
TEST_F(Train, serves_exactly_what_xgboost_predicts) {
  make_table();
  for (const std::string onehot : {"100", "1"}) {
    project::Model m = model();
    m.train.params["max_cat_to_onehot"] = onehot;
    const TrainInput in = input(m);
    const auto output = train(in);
    ASSERT_OK(output);
    const auto predictor = forest::Predictor::make(output->package, output->files.at("model.ubj"));
    ASSERT_OK(predictor);
    std::vector<double> served;
    ASSERT_OK(score(*connection_, "(SELECT * FROM t ORDER BY id)", **predictor, {"id"},
                    [&](const ScoredBatch& batch) -> Result<void> {
                      served.insert(served.end(), batch.scores.begin(), batch.scores.end());
                      return {};
                    }));
    ASSERT_EQ(served.size(), 4000U);
    const auto roles = assign_roles(in);
    ASSERT_OK(roles);
    const auto data = read_dataset(in, *roles);
    ASSERT_OK(data);
    BoosterHandle booster = nullptr;
    DMatrixHandle matrix = nullptr;
    const std::string& bytes = output->files.at("model.ubj");
    ASSERT_EQ(XGBoosterCreate(nullptr, 0, &booster), 0);
    ASSERT_EQ(XGBoosterLoadModelFromBuffer(booster, bytes.data(), bytes.size()), 0) << XGBGetLastError();
    ASSERT_EQ(XGDMatrixCreateFromMat(data->matrix.data(), data->rows, data->columns, NAN, &matrix), 0);
    bst_ulong size = 0;
    const float* expected = nullptr;
    ASSERT_EQ(XGBoosterPredict(booster, matrix, 0, 0, 0, &size, &expected), 0) << XGBGetLastError();
    ASSERT_EQ(size, 4000U);
    // The dataset is ordered by part: compare as sorted lists, and row by row through the predictor.
    std::vector<double> direct(data->rows);
    (*predictor)->predict(data->matrix, direct);
    for (size_t r = 0; r < data->rows; ++r) ASSERT_EQ(direct[r], double{expected[r]}) << r;
    std::sort(served.begin(), served.end());
    std::sort(direct.begin(), direct.end());
    EXPECT_EQ(served, direct);
    XGDMatrixFree(matrix);
    XGBoosterFree(booster);
  }
}

TEST_F(Train, a_row_keeps_its_side_when_the_sessions_time_zone_changes) {
  make_table();
  project::Model m = model();
  m.exclude = {"id", "customer", "amount", "kind", "n"};
  for (const auto kind : {project::Split::Kind::Hash, project::Split::Kind::Group}) {
    m.key = {kind == project::Split::Kind::Hash ? "at" : "id"};
    m.split.kind = kind;
    if (kind == project::Split::Kind::Group) m.split.column = "at";
    m.exclude.emplace_back("at");
    sql("SET TimeZone = 'UTC'");
    const TrainInput in = input(m);
    const auto roles = assign_roles(in);
    ASSERT_OK(roles);
    const auto before = read_dataset(in, *roles);
    ASSERT_OK(before);
    const auto output = train(in);
    ASSERT_OK(output);
    sql("SET TimeZone = 'America/New_York'");
    const auto after = read_dataset(in, *roles);
    ASSERT_OK(after);
    EXPECT_EQ(after->size, before->size);
    EXPECT_TRUE(std::ranges::equal(after->matrix, before->matrix, [](float a, float b) {
      return a == b || (std::isnan(a) && std::isnan(b));  // missing is NaN
    }));
    // And the gate judges the rows that training set apart.
    const auto predictor = forest::Predictor::make(output->package, output->files.at("model.ubj"));
    ASSERT_OK(predictor);
    project::GateRule rule{.metric = "roc_auc", .min = 0.5};
    m.gate = {rule};
    GateInput gate;
    gate.connection = &*connection_;
    gate.model = &m;
    gate.challenger = {"1", *predictor, "t"};
    const auto judged = judge(gate);
    ASSERT_OK(judged);
    EXPECT_EQ(judged->rules[0].numbers["estimate"], output->package.metrics["test"]["roc_auc"]["value"]);
    m.gate.clear();
  }
}

TEST_F(Train, says_so_before_rows_outgrow_the_memory_there_may_be) {
  make_table(4000);
  const project::Model m = model();
  TrainInput in = input(m);
  in.memory_bytes = 64'000;
  const auto refused = train(in);
  EXPECT_ERROR(refused, "training.memory");
  in.memory_bytes = 64'000'000;
  EXPECT_TRUE(train(in));
}

TEST_F(Train, gives_the_same_bytes_on_any_number_of_threads_and_in_any_row_order) {
  make_table(30'000);
  project::Model m = model();
  m.train.rounds = 60;
  m.train.early_stopping = 10;
  m.train.params = {{"max_depth", 8}, {"subsample", 0.7}, {"colsample_bytree", 0.8}, {"eta", 0.3}};
  m.calibrate = "isotonic";
  TrainInput in = input(m);
  const auto first = train(in);
  ASSERT_OK(first);
  for (const int threads : {2, 4}) {
    in.threads = threads;
    const auto again = train(in);
    ASSERT_OK(again);
    EXPECT_EQ(again->files, first->files) << threads;
    EXPECT_EQ(forest::to_json(again->package).dump(), forest::to_json(first->package).dump()) << threads;
  }
  sql("CREATE TABLE shuffled AS SELECT * FROM t ORDER BY hash(id * 17)");
  const TrainInput other = [&] {
    TrainInput o = input(m, "shuffled");
    return o;
  }();
  const auto shuffled = train(other);
  ASSERT_OK(shuffled);
  EXPECT_EQ(shuffled->files.at("model.ubj"), first->files.at("model.ubj"));
}

// With weights that differ by many orders sums round, and their order is the threads': the number must not be
// the machine's.
TEST_F(Train, gives_the_same_bytes_on_any_number_of_threads_with_extreme_weights) {
  make_table(20'000);
  sql("CREATE TABLE extreme AS SELECT *, exp(20 * ((hash(id * 77) % 10000) / 10000.0 - 0.5)) AS weight FROM "
      "t");
  project::Model m = model();
  m.weight = "weight";
  m.train.params = {{"max_depth", 8}, {"eta", 0.8}, {"lambda", 0.01}};
  TrainInput in = input(m, "extreme");
  const auto first = train(in);
  ASSERT_OK(first);
  for (const int threads : {2, 4, 7}) {
    in.threads = threads;
    const auto again = train(in);
    ASSERT_OK(again);
    EXPECT_EQ(again->files.at("model.ubj"), first->files.at("model.ubj")) << threads;
  }
}

TEST_F(Train, cuts_an_early_stopped_model_to_its_best_round) {
  make_table(1500);
  project::Model m = model();
  m.train.rounds = 400;
  m.train.early_stopping = 5;
  m.train.params = {{"max_depth", 6}, {"eta", 0.5}};
  const auto output = train(input(m));
  ASSERT_OK(output);
  const Json& about = output->package.provenance;
  const int best = about["best_round"], rounds = about["rounds"];
  EXPECT_LT(rounds, 400);
  EXPECT_EQ(rounds, best + 5);
  const auto forest = forest::read_xgboost(output->files.at("model.ubj"));
  ASSERT_OK(forest);
  EXPECT_EQ(forest->trees.size(), static_cast<size_t>(best));
  EXPECT_EQ(forest->feature_names.size(), 4U);  // cutting kept names and types
  const Json& history = about["early_stopping"]["history"];
  for (const Json& value : history) EXPECT_GE(value, history[static_cast<size_t>(best) - 1]);
}

TEST_F(Train, splits_by_time_with_days_in_the_baseline) {
  make_table();
  project::Model m = model();
  m.split = {.kind = project::Split::Kind::Time,
             .column = "at",
             .validation = Duration{14 * 86'400'000'000},
             .test = Duration{28 * 86'400'000'000},
             .gap = Duration{86'400'000'000}};
  m.slices = {"city"};
  m.decision.choose = "f1";
  const auto output = train(input(m));
  ASSERT_OK(output);
  const Json& rows = output->package.metrics["rows"];
  EXPECT_NEAR(rows["test"].get<double>(), 1120, 2);
  EXPECT_NEAR(rows["validation"].get<double>(), 560, 2);
  EXPECT_NEAR(rows["gap"].get<double>(), 80, 3);
  EXPECT_EQ(output->package.split["test_to"], "2024-04-09T23:24:00Z");
  EXPECT_EQ(output->package.metrics["blocks"], 28);
  EXPECT_EQ(output->package.metrics["slices"].size(), 4U);
  EXPECT_EQ(output->package.baseline["score"]["by_day"]["days"].size(), 28U);
  EXPECT_EQ(output->package.baseline["inputs"]["x"]["by_day"]["days"][0], "2024-01-01");
  EXPECT_NE(output->package.threshold, 0.5);
}

TEST_F(Train, never_stands_a_group_on_both_sides_and_keeps_sides_when_rows_come) {
  make_table();
  project::Model m = model();
  m.split = {.kind = project::Split::Kind::Group, .column = "customer", .validation = 0.2, .test = 0.3};
  const auto sides = [&](const std::string& relation) {
    const TrainInput in = input(m, relation);
    const auto roles = assign_roles(in);
    EXPECT_TRUE(roles);
    const auto data = read_dataset(in, *roles);
    EXPECT_TRUE(data) << data.error().message;
    // groups are numbered in order of key, so the text is looked up through the first row of each.
    std::map<int64_t, std::set<Part>> result;
    for (const Part part : {Part::Train, Part::Validation, Part::Test})
      for (size_t r = 0; r < data->rows_of(part); ++r)
        result[data->groups[data->begin_of(part) + r]].insert(part);
    return result;
  };
  const auto before = sides("t");
  sql("CREATE TABLE grown AS SELECT * FROM t UNION ALL SELECT * REPLACE (id + 100000 AS id) FROM t WHERE id "
      "% 3 = 0");
  const auto after = sides("grown");
  EXPECT_EQ(before.size(), 300U);
  for (const auto& [group, parts] : before) {
    EXPECT_EQ(parts.size(), 1U) << group;
    EXPECT_EQ(after.at(group), parts) << group;
  }
  const auto output = train(input(m));
  ASSERT_OK(output);
  EXPECT_LT(output->package.metrics["blocks"], 150);
}

TEST_F(Train, learns_classes_and_regressions) {
  make_table();
  project::Model m = model();
  m.target = "kind";
  m.exclude = {"at", "customer", "amount", "y"};
  auto output = train(input(m));
  ASSERT_OK(output);
  EXPECT_EQ(output->package.task, forest::Task::Multiclass);
  EXPECT_EQ(output->package.classes, (std::vector<std::string>{"low", "middle", "top"}));
  EXPECT_GT(metric(*output, "accuracy"), 0.85);

  m.target = "amount";
  m.exclude = {"at", "customer", "kind", "y"};
  m.conformal_coverage = 0.9;
  output = train(input(m));
  ASSERT_OK(output);
  EXPECT_EQ(output->package.task, forest::Task::Regression);
  EXPECT_LT(metric(*output, "rmse"), 0.35);  // the noise alone has 0.29
  EXPECT_NEAR(output->package.metrics["conformal"]["measured"].get<double>(), 0.9, 0.04);
  EXPECT_GT(*output->package.conformal_half_width, 0.3);

  sql("CREATE TABLE two AS SELECT id, x, CASE WHEN y = 1 THEN 'yes' ELSE 'no' END AS answer, y = 1 AS truth, "
      "y + (x > 0.5)::INTEGER AS level FROM t");
  m = model();
  m.exclude = {};
  m.include = {"x"};
  for (const auto& [target, task] : {std::pair{"answer", forest::Task::Binary},
                                     {"truth", forest::Task::Binary},
                                     {"level", forest::Task::Multiclass}}) {
    m.target = target;
    output = train(input(m, "two"));
    ASSERT_OK(output);
    EXPECT_EQ(output->package.task, task) << target;
  }
  EXPECT_EQ(output->package.classes, (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(Train, weights_count) {
  make_table();
  sql("CREATE TABLE weighted AS SELECT *, CASE WHEN y = 1 THEN 5.0 ELSE 1.0 END AS weight FROM t");
  project::Model m = model();
  const auto plain = train(input(m, "weighted"));
  ASSERT_OK(plain);
  m.weight = "weight";
  const auto weighted = train(input(m, "weighted"));
  ASSERT_OK(weighted);
  EXPECT_EQ(weighted->package.features.size() + 1,
            plain->package.features.size());  // the weight is no feature
  EXPECT_NE(weighted->files.at("model.ubj"), plain->files.at("model.ubj"));
}

TEST_F(Train, leaves_levels_that_training_never_saw_out_of_the_dictionary) {
  make_table();
  // Every newest row has a level of its own: it must not reach the dictionary.
  sql("CREATE TABLE news AS SELECT * REPLACE (CASE WHEN id >= 3600 THEN 'news' ELSE city END AS city) FROM "
      "t");
  project::Model m = model();
  m.split = {.kind = project::Split::Kind::Time,
             .column = "at",
             .validation = 0.0,
             .test = Duration{10 * 86'400'000'000}};
  const auto output = train(input(m, "news"));
  ASSERT_OK(output);
  EXPECT_EQ(output->package.features[2].levels, (std::vector<std::string>{"ams", "ber", "cdg", "dub"}));
  EXPECT_TRUE(output->package.features[2].folded.empty());
}

TEST_F(Train, refuses_what_it_cannot_learn_from_and_says_what_to_do) {
  make_table(400);
  const auto refused = [&](const std::string& code, const std::function<void(project::Model&)>& change,
                           const std::string& select = "SELECT * FROM t") {
    sql("CREATE OR REPLACE TABLE bad AS " + select);
    project::Model m = model();
    m.train.rounds = 2;
    change(m);
    const auto output = train(input(m, "bad"));
    if (output)
      ADD_FAILURE() << "accepted: " << code;
    else
      EXPECT_EQ(output.error().code, code) << output.error().message;
    return output ? Error{} : output.error();
  };
  const auto as_is = [](project::Model&) {};
  Error error = refused("training.null_target", as_is,
                        "SELECT * REPLACE (CASE WHEN id % 10 = 1 THEN NULL ELSE y END AS y) FROM t");
  EXPECT_EQ(error.hint, "leave such rows out of training: `where: y IS NOT NULL`");
  EXPECT_NE(error.message.find("40 of 400"), std::string::npos) << error.message;
  error = refused(
      "training.null_target", [](auto& m) { m.where = "x > 0"; },
      "SELECT * REPLACE (CASE WHEN id % 10 = 1 THEN NULL ELSE y END AS y) FROM t");
  EXPECT_EQ(error.hint, "leave such rows out of training: `where: (x > 0) AND y IS NOT NULL`");
  refused("training.one_class", as_is, "SELECT * REPLACE (1 AS y) FROM t");
  refused("training.too_few_rows", [](auto& m) { m.where = "id < 5"; });
  refused("training.target_type", [](auto& m) {
    m.target = "n";
    m.where = "n IS NOT NULL";
    m.train.objective = "binary";
  });
  refused("training.target_type", [](auto& m) {
    m.target = "kind";
    m.exclude = {"at", "customer", "amount"};
    m.train.objective = "regression";
  });
  refused("training.time_feature", [](auto& m) { m.exclude = {"customer", "amount", "kind"}; });
  refused("training.feature_type", as_is, "SELECT *, [1, 2] AS list FROM t");
  refused("training.too_many_categories", [](auto& m) {
    m.exclude = {"at", "amount", "kind"};
    m.max_categories = 50;
  });
  error = refused("training.infinite", as_is,
                  "SELECT * REPLACE (CASE WHEN id = 7 THEN 1e300 ELSE x END AS x) FROM t");
  EXPECT_TRUE(error.message.starts_with("x is 1e+300 in 1 row of ")) << error.message;
  EXPECT_NE(error.message.find(", the one with id = 7: infinite"), std::string::npos) << error.message;
  error = refused("training.infinite", as_is,
                  "SELECT * REPLACE (CASE WHEN id IN (7, 9) THEN '-inf'::DOUBLE ELSE x END AS x) FROM t");
  EXPECT_TRUE(error.message.starts_with("x is -inf in 2 rows of ")) << error.message;
  EXPECT_NE(error.message.find(", the first with id = 7: infinite"), std::string::npos) << error.message;
  refused("training.duplicate_key", as_is, "SELECT * REPLACE (id // 2 AS id) FROM t");
  refused("training.unknown_column", [](auto& m) { m.target = "yy"; });
  refused("training.unknown_column", [](auto& m) { m.exclude.push_back("nothing"); });
  refused("training.parameter", [](auto& m) { m.train.params = {{"max_deph", 3}}; });
  refused("training.parameter", [](auto& m) { m.train.params = {{"nthread", 3}}; });
  refused("training.failed", [](auto& m) { m.train.params = {{"max_depth", "deep"}}; });
  refused("training.objective", [](auto& m) { m.train.objective = "rank:ndcg"; });
  refused("training.no_validation", [](auto& m) {
    m.split.validation = 0.0;
    m.train.early_stopping = 3;
  });
  refused("training.bad_weight", [](auto& m) { m.weight = "x"; }, "SELECT * REPLACE (x - 0.5 AS x) FROM t");
  refused("training.empty_part", [](auto& m) {
    m.split = {.kind = project::Split::Kind::Time,
               .column = "at",
               .validation = Duration{0},
               .test = Duration{400 * 86'400'000'000}};
  });
  refused(
      "training.null_time",
      [](auto& m) {
        m.split = {.kind = project::Split::Kind::Time, .column = "at", .validation = 0.0, .test = 0.2};
      },
      "SELECT * REPLACE (CASE WHEN id = 9 THEN NULL ELSE \"at\" END AS \"at\") FROM t");
  refused("training.split_type", [](auto& m) {
    m.split = {.kind = project::Split::Kind::Time, .column = "x", .validation = 0.0, .test = 0.2};
  });
}

TEST_F(Train, stops_between_rounds_when_asked) {
  make_table(400);
  project::Model m = model();
  m.train.rounds = 1000;
  TrainInput in = input(m);
  std::atomic<bool> stop = false;
  in.stop = &stop;
  int rounds = 0;
  double last = 0;
  in.on_progress = [&](double share, const std::string& what) {
    EXPECT_GE(share, last);
    last = share;
    if (what.starts_with("round")) stop = ++rounds == 3;
  };
  EXPECT_ERROR(train(in), "interrupted");
  EXPECT_EQ(rounds, 3);
}

TEST_F(Train, names_of_columns_need_no_care) {
  make_table(400);
  sql(R"(CREATE TABLE odd AS SELECT id AS "the ""key""", x AS "x, [a] <b>", city AS "ünï cödé 'q'", y AS "select" FROM t)");
  project::Model m = model();
  m.exclude = {};
  m.key = {"the \"key\""};
  m.target = "select";
  const auto output = train(input(m, "odd"));
  ASSERT_OK(output);
  ASSERT_OK(forest::Predictor::make(output->package, output->files.at("model.ubj")));
}

}  // namespace
}  // namespace tidemill::training
