// What LightGBM's text model may hold, what hostile ones get, and LightGBM's own predictions, bit for bit.
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/json.hpp"
#include "forest/engine.hpp"
#include "forest/forest.hpp"

namespace tidemill::forest {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Tree 0: a ≤ 0.5 (NaN is missing, goes left) → leaf 0, else node 1: b in {1, 33} → leaf 1, else leaf 2.
// Tree 1: one leaf.
std::string model() {
  return "tree\n"
         "version=v4\n"
         "num_class=1\n"
         "num_tree_per_iteration=1\n"
         "label_index=0\n"
         "max_feature_idx=1\n"
         "objective=binary sigmoid:2\n"
         "feature_names=a b\n"
         "feature_infos=[-1:1] 1:33:4\n"
         "tree_sizes=1 1\n"
         "\n"
         "Tree=0\n"
         "num_leaves=3\n"
         "num_cat=1\n"
         "split_feature=0 1\n"
         "split_gain=2.5 1\n"
         "threshold=0.5 0\n"
         "decision_type=10 1\n"
         "left_child=-1 -2\n"
         "right_child=1 -3\n"
         "leaf_value=-1.25 2.5 8\n"
         "leaf_weight=1 1 1\n"
         "leaf_count=10 20 30\n"
         "internal_value=0 0\n"
         "internal_weight=3 2\n"
         "internal_count=60 50\n"
         "cat_boundaries=0 2\n"
         "cat_threshold=2 2\n"
         "is_linear=0\n"
         "shrinkage=1\n"
         "\n\n"
         "Tree=1\n"
         "num_leaves=1\n"
         "num_cat=0\n"
         "leaf_value=100\n"
         "leaf_count=60\n"
         "\n\n"
         "end of trees\n"
         "\n"
         "feature_importances:\n"
         "a=1\n";
}
std::string with(const std::string& from, const std::string& to) {
  std::string text = model();
  const size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("the model has no " + from);
  return text.replace(at, from.size(), to);
}
double margin(const Forest& forest, double a, double b) {
  const double row[] = {a, b};
  double out = 0;
  predict_margin(forest, std::span<const double>(row), {&out, 1});
  return out - 100;
}
void expect_refused(const std::string& text, const std::string& word) {
  const auto forest = read_lightgbm(text);
  ASSERT_FALSE(forest) << "accepted: " << word;
  EXPECT_TRUE(forest.error().code.starts_with("forest.")) << forest.error().code;
  EXPECT_NE(forest.error().message.find(word), std::string::npos) << forest.error().message;
}

TEST(read_lightgbm, reads_a_hand_written_model) {
  const auto forest = read_lightgbm(model());
  ASSERT_TRUE(forest) << forest.error().message;
  EXPECT_EQ(forest->feature_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(forest->categorical, (std::vector<bool>{false, true}));
  EXPECT_EQ(forest->precision, Precision::Double);
  EXPECT_EQ(forest->objective, "binary");
  EXPECT_EQ(forest->link, Link::Logistic);
  EXPECT_EQ(forest->trees.size(), 2U);
  EXPECT_EQ(forest->trees[0].nodes[0].cover, 60.0F);
  EXPECT_EQ(forest->trees[0].nodes[0].gain, 2.5F);
  EXPECT_EQ(margin(*forest, 0.5, 0), -1.25);
  EXPECT_EQ(margin(*forest, std::nextafter(0.5, 1), 0), 8);
  EXPECT_EQ(margin(*forest, NAN, 0), -1.25);
  double x = 0.25;
  apply_link(*forest, std::span<double>(&x, 1));
  EXPECT_EQ(x, 1.0 / (1.0 + std::exp(-0.5)));
}

TEST(read_lightgbm, takes_codes_of_the_set_one_way_and_all_else_the_other) {
  const auto forest = read_lightgbm(model());
  ASSERT_TRUE(forest) << forest.error().message;
  for (const double in : {1.0, 1.9, 33.0}) EXPECT_EQ(margin(*forest, 1, in), 2.5) << in;
  for (const double out :
       {0.0, -0.5, 2.0, 32.0, 34.0, 64.0, 1e6, 3e9, 1e300, kInfinity, -kInfinity, -1.0, double{NAN}})
    EXPECT_EQ(margin(*forest, 1, out), 8) << out;
  const auto zero = read_lightgbm(with("cat_threshold=2 2", "cat_threshold=1 2"));
  ASSERT_TRUE(zero) << zero.error().message;
  EXPECT_EQ(margin(*zero, 1, -0.5), 2.5) << "it truncates";
}

TEST(read_lightgbm, knows_what_is_missing_by_the_decision_type) {
  const auto goes_left = [](int decision, const std::string& threshold, double a) {
    std::string text = with("decision_type=10", fmt::format("decision_type={}", decision));
    text.replace(text.find("threshold=0.5"), 13, "threshold=" + threshold);
    const auto forest = read_lightgbm(text);
    EXPECT_TRUE(forest) << forest.error().message;
    return forest && margin(*forest, a, 0) == -1.25;
  };
  // Nothing is missing: NaN is 0.
  EXPECT_TRUE(goes_left(0, "0.5", NAN));
  EXPECT_TRUE(goes_left(0, "0", NAN));
  EXPECT_FALSE(goes_left(2, "-0.5", NAN));
  // NaN and zero are.
  EXPECT_FALSE(goes_left(4, "0.5", NAN));
  EXPECT_FALSE(goes_left(4, "0.5", 0));
  EXPECT_FALSE(goes_left(4, "0.5", 1e-36));
  EXPECT_TRUE(goes_left(4, "0.5", 1e-34));
  EXPECT_TRUE(goes_left(6, "-0.5", -0.0));
  // NaN is.
  EXPECT_FALSE(goes_left(8, "0.5", NAN));
  EXPECT_TRUE(goes_left(8, "0.5", 0));
  EXPECT_TRUE(goes_left(10, "-0.5", NAN));
  // Below +∞ is every number, but what is missing.
  EXPECT_TRUE(goes_left(0, "inf", NAN));
  EXPECT_FALSE(goes_left(4, "inf", 0));
  EXPECT_FALSE(goes_left(4, "inf", NAN));
  EXPECT_TRUE(goes_left(4, "inf", 1));
  EXPECT_TRUE(goes_left(6, "inf", 0));
  EXPECT_FALSE(goes_left(8, "inf", NAN));
  EXPECT_TRUE(goes_left(8, "inf", 0));
  EXPECT_TRUE(goes_left(10, "inf", NAN));
}

TEST(read_lightgbm, compares_up_to_and_with_the_threshold) {
  const auto goes_left = [](const std::string& threshold, double a) {
    const auto forest = read_lightgbm(with("threshold=0.5", "threshold=" + threshold));
    EXPECT_TRUE(forest) << forest.error().message;
    return forest && margin(*forest, a, 0) == -1.25;
  };
  EXPECT_TRUE(goes_left("1.0000000000000001e+300", 1e300));
  EXPECT_FALSE(goes_left("1e300", std::nextafter(1e300, kInfinity)));
  EXPECT_FALSE(goes_left("1e300", kInfinity));
  constexpr double kMost = std::numeric_limits<double>::max();
  EXPECT_TRUE(goes_left("1.7976931348623157e308", kMost));
  EXPECT_FALSE(goes_left("1.7976931348623157e308", kInfinity));
  EXPECT_TRUE(goes_left("-inf", -kInfinity));
  EXPECT_FALSE(goes_left("-inf", -kMost));
  EXPECT_TRUE(goes_left("-0", 0.0));
  EXPECT_FALSE(goes_left("-0", std::numeric_limits<double>::denorm_min()));
  EXPECT_TRUE(goes_left("0", -0.0));
  for (const double number : {-kInfinity, -1e300, -0.0, 0.0, 1e-36, 1e300, kInfinity})
    EXPECT_TRUE(goes_left("inf", number)) << number;
  expect_refused(with("threshold=0.5", "threshold=nan"), "threshold is not a number");
}

TEST(read_lightgbm, knows_the_links_of_its_objectives) {
  const auto linked = [](const std::string& objective, double x) {
    const auto forest = read_lightgbm(with("objective=binary sigmoid:2", objective));
    EXPECT_TRUE(forest) << objective << ": " << forest.error().message;
    if (forest) apply_link(*forest, std::span<double>(&x, 1));
    return x;
  };
  for (const std::string identity : {"regression", "regression_l1", "huber", "fair", "quantile alpha:0.3",
                                     "mape", "lambdarank", "rank_xendcg", "custom"})
    EXPECT_EQ(linked("objective=" + identity, -1.5), -1.5) << identity;
  EXPECT_EQ(linked("nothing=here", -1.5), -1.5);
  EXPECT_EQ(linked("objective=regression sqrt", -1.5), -2.25);
  for (const std::string exponential : {"poisson", "gamma", "tweedie"})
    EXPECT_EQ(linked("objective=" + exponential, -1.5), std::exp(-1.5)) << exponential;
  EXPECT_EQ(linked("objective=cross_entropy", 2), 1 / (1 + std::exp(-2.0)));
  EXPECT_EQ(linked("objective=cross_entropy_lambda", 2), std::log1p(std::exp(2.0)));
  EXPECT_EQ(linked("average_output\nobjective=regression", 3), 1.5) << "of two trees";
}

TEST(read_lightgbm, gives_trees_of_an_iteration_to_its_classes) {
  std::string text = with("num_class=1\nnum_tree_per_iteration=1", "num_class=2\nnum_tree_per_iteration=2");
  text.replace(text.find("objective=binary sigmoid:2"), 26, "objective=multiclass num_class:2");
  const auto forest = read_lightgbm(text);
  ASSERT_TRUE(forest) << forest.error().message;
  const double row[] = {0, 0};
  std::vector<double> out(2);
  predict_margin(*forest, std::span<const double>(row), std::span<double>(out));
  EXPECT_EQ(out, (std::vector<double>{-1.25, 100}));
  text.replace(text.find("num_class:2"), 11, "num_class:3");
  expect_refused(text, "3 classes");
}

TEST(read_lightgbm, refuses_what_does_not_hold_together) {
  expect_refused("", "begin with 'tree'");
  expect_refused("trees\n", "begin with 'tree'");
  expect_refused(with("version=v4", "version=v9"), "'v9'");
  expect_refused(with("max_feature_idx=1", "max_feature_idx=99999999"), "max_feature_idx");
  expect_refused(with("max_feature_idx=1", "max_feature_idx=-1"), "max_feature_idx");
  expect_refused(with("feature_names=a b", "feature_names=a b c"), "names 3 of 2");
  expect_refused(with("feature_infos=[-1:1] 1:33:4", "feature_infos=none"), "types 1 of 2");
  expect_refused(with("num_tree_per_iteration=1", "num_tree_per_iteration=0"), "num_tree_per_iteration");
  expect_refused(with("label_index=0", "num_class=1"), "twice");
  expect_refused(with("binary sigmoid:2", "mine"), "'mine'");
  expect_refused(with("sigmoid:2", "sigmoid:0"), "sigmoid is 0");
  expect_refused(with("tree_sizes=1 1", "tree_sizes=1 1 1"), "sizes of 3");
  expect_refused(with("Tree=1", "Tree=7"), "tree 1 should begin");
  expect_refused(with("end of trees", "end of tales"), "ends before its trees do");
  expect_refused(with("num_leaves=3", "num_leaves=0"), "num_leaves");
  expect_refused(with("num_leaves=3", "num_leaves=4"), "does not have 4 values");
  expect_refused(with("num_leaves=3", "num_leaves=99999999"), "num_leaves");
  expect_refused(with("left_child=-1 -2", "left_child=0 -2"), "reached twice");
  expect_refused(with("left_child=-1 -2", "left_child=-1 -3"), "reached twice");
  expect_refused(with("left_child=-1 -2", "left_child=-1 -9"), "children");
  expect_refused(with("right_child=1 -3", "right_child=2 -3"), "children");
  expect_refused(with("left_child=-1 -2", "left_child=-2147483648 -2"), "children");
  expect_refused(with("split_feature=0 1", "split_feature=0 2"), "feature 2 of 2");
  expect_refused(with("split_feature=0 1", "split_feature=0 -1"), "split_feature");
  expect_refused(with("decision_type=10 1", "decision_type=12 1"), "decision_type 12");
  expect_refused(with("decision_type=10 1", "decision_type=10 -1"), "decision_type");
  expect_refused(with("threshold=0.5 0", "threshold=0.5 1"), "set 1 of 1");
  expect_refused(with("threshold=0.5 0", "threshold=0.5 0.5"), "set 0.5 of 1");
  expect_refused(with("threshold=0.5 0", "threshold=0.5 nan"), "set nan of 1");
  expect_refused(with("threshold=0.5 0", "threshold=0.5x 0"), "0.5x");
  expect_refused(with("num_cat=1", "num_cat=0"), "set 0 of 0");
  expect_refused(with("cat_boundaries=0 2", "cat_boundaries=0 9"), "cat_threshold");
  expect_refused(with("cat_boundaries=0 2", "cat_boundaries=1 2"), "cat_boundaries");
  expect_refused(with("cat_threshold=2 2", "cat_threshold=2 -2"), "cat_threshold");
  expect_refused(with("leaf_value=-1.25 2.5 8", "leaf_value=-1.25 nan 8"), "not a finite number");
  expect_refused(with("leaf_value=-1.25 2.5 8", "no_value=1"), "'leaf_value' is missing");
  expect_refused(with("is_linear=0", "is_linear=1"), "linear leaves");
  std::string two = with("num_tree_per_iteration=1", "num_tree_per_iteration=4");
  two.replace(two.find("objective=binary sigmoid:2"), 26, "objective=multiclass num_class:4");
  expect_refused(two, "2 trees in iterations of 4");
}

TEST(read_lightgbm, survives_every_cut_and_every_flipped_byte) {
  const std::string text = model();
  const size_t end = text.find("end of trees");
  for (size_t size = 0; size < end; ++size) EXPECT_FALSE(read_lightgbm(text.substr(0, size))) << size;
  std::mt19937_64 random(5);
  size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string changed = text;
    for (int flips = 0; flips < 1 + i % 3; ++flips)
      changed[random() % end] = static_cast<char>(random() % 128);
    const auto forest = read_lightgbm(changed);
    if (!forest) {
      ++refused;
      continue;
    }
    std::vector<double> row(forest->features, 1.0), out(forest->outputs);
    predict_margin(*forest, std::span<const double>(row), std::span<double>(out));
  }
  EXPECT_GT(refused, 5'000U);
}

TEST(read_lightgbm, refuses_what_is_cut_behind_its_trees) {
  const std::string rest =
      "\nparameters:\n[boosting: gbdt]\n\nend of parameters\n\npandas_categorical:[[\"a\"]]\n";
  const std::string text = model() + rest;
  ASSERT_TRUE(read_lightgbm(text)) << read_lightgbm(text).error().message;
  ASSERT_TRUE(read_lightgbm(model())) << "there need be no parameters, and no names of categories";
  const auto up_to = [&](std::string_view end) { return text.substr(0, text.find(end)); };
  for (const std::string_view end : {"\n\nfeature_importances:", "feature_importances:", "importances:"})
    expect_refused(up_to(end), "cut behind 'end of trees'");
  for (const std::string_view end : {"\n[boosting", "gbdt", "end of parameters", "parameters\n"})
    expect_refused(up_to(end), "'end of parameters' is missing");
  expect_refused(up_to("meters:"), "its last line is 'para' instead of 'parameters:'");
  expect_refused(up_to("_categorical"), "its last line is 'pandas' instead of 'pandas_categorical:'");
}

TEST(read_lightgbm, takes_old_files_that_do_not_say_where_they_end) {
  const std::string text = with("end of trees\n\nfeature_importances:\na=1\n",
                                "feature importances:\na=1\nparameters:\n[boosting: gbdt]\n\n");
  const auto forest = read_lightgbm(text);
  ASSERT_TRUE(forest) << forest.error().message;
  EXPECT_EQ(forest->trees.size(), 2U);
}

TEST(read_model, tells_formats_apart_by_content) {
  const auto windows = [](std::string text) {
    for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.insert(at, "\r");
    return text;
  };
  EXPECT_EQ(read_model(model())->precision, Precision::Double);
  EXPECT_EQ(read_model(windows(model()))->trees.size(), 2U);
  const Path folder = Path(TIDEMILL_ROOT) / "src/forest/testdata";
  for (const std::string name : {"binary.json", "binary.ubj"}) {
    const auto forest = read_model(*read_file(folder / name));
    ASSERT_TRUE(forest) << forest.error().message;
    EXPECT_EQ(forest->precision, Precision::Float);
  }
  for (const std::string bytes : {"", "binf", "\x80\x04\x95", "tree"}) {
    const auto forest = read_model(bytes);
    ASSERT_FALSE(forest);
    EXPECT_EQ(forest.error().code, "forest.format");
  }
}

std::vector<double> doubles(const Json& list) {
  std::vector<double> out;
  for (const Json& number : list)
    out.push_back(number.is_null()     ? std::numeric_limits<double>::quiet_NaN()
                  : number.is_string() ? (number == "inf" ? kInfinity : -kInfinity)
                                       : number.get<double>());
  return out;
}
void expect_same_bits(const std::vector<double>& expected, const std::vector<double>& seen,
                      const std::string& what) {
  ASSERT_EQ(expected.size(), seen.size()) << what;
  size_t different = 0, first = 0;
  for (size_t i = 0; i < seen.size(); ++i)
    if (std::bit_cast<uint64_t>(expected[i]) != std::bit_cast<uint64_t>(seen[i]) && different++ == 0)
      first = i;
  EXPECT_EQ(different, 0U) << what << ": value " << first << " is "
                           << fmt::format("{} instead of {}", seen[first], expected[first]);
}

// testdata/make_lightgbm_models.py
TEST(read_lightgbm, predicts_what_lightgbm_predicts_with_every_engine) {
  for (const std::string name :
       {"root", "sigmoid", "softmax", "one_against_all", "tweedie", "entropy", "drop", "forest"}) {
    const Path folder = Path(TIDEMILL_ROOT) / "src/forest/testdata";
    const auto text = read_file(folder / ("lightgbm_" + name + ".txt"));
    ASSERT_TRUE(text) << text.error().message;
    const auto expected = parse_json(*read_file(folder / ("lightgbm_" + name + ".expected.json")));
    ASSERT_TRUE(expected);
    const auto forest = read_model(*text);
    ASSERT_TRUE(forest) << name << ": " << forest.error().message;
    std::vector<double> rows = doubles((*expected)["rows"]);
    for (double& x : rows) x = lightgbm_number(x);
    const std::vector<double> margins = doubles((*expected)["margins"]);
    std::vector<double> seen(margins.size());
    predict_margin(*forest, std::span<const double>(rows), std::span<double>(seen));
    expect_same_bits(margins, seen, name + " margin");
    for (const EngineKind kind : {EngineKind::Walk, EngineKind::Sliced64, EngineKind::SlicedWide}) {
      const auto engine = Engine::make(*forest, {.instruction_set = {}, .kind = kind});
      EXPECT_TRUE(engine->has(kind)) << name << " " << to_text(kind);
      std::vector<double> by_engine(margins.size());
      engine->predict_margin(std::span<const double>(rows), std::span<double>(by_engine));
      expect_same_bits(margins, by_engine, fmt::format("{} margin {}", name, to_text(kind)));
    }
    apply_link(*forest, std::span<double>(seen));
    expect_same_bits(doubles((*expected)["predictions"]), seen, name + " prediction");
  }
}

}  // namespace
}  // namespace tidemill::forest
