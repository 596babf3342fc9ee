// Holds explanations against the definition, by brute force; against libxgboost's pred_contribs over models
// that it trains; and against what XGBoost 3 and LightGBM said of the models in testdata.
#include "forest/shap.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/json.hpp"
#include "forest/xgboost_test.hpp"

namespace tidemill::forest {
namespace {

using Random = std::mt19937_64;

template <class T>
std::vector<double> explained(const Forest& forest, const std::vector<T>& rows) {
  const auto explainer = Explainer::make(forest);
  EXPECT_TRUE(explainer) << explainer.error().message;
  if (!explainer) return {};
  std::vector<double> out(rows.size() / forest.features * explainer->contributions_of_row());
  explainer->explain(std::span<const T>(rows), out);
  return out;
}

/// Sums of each row's and output's contributions against the margins. XGBoost's are sums of floats.
template <class T>
void expect_sum_to_margins(const Forest& forest, const std::vector<T>& rows, const std::vector<double>& seen,
                           const std::string& what) {
  std::vector<T> margins(rows.size() / forest.features * forest.outputs);
  predict_margin(forest, std::span<const T>(rows), std::span<T>(margins));
  for (size_t i = 0; i < margins.size(); ++i) {
    double sum = 0, size = 1e-3;
    for (size_t f = 0; f <= forest.features; ++f) {
      sum += seen[i * (forest.features + 1) + f];
      size += std::abs(seen[i * (forest.features + 1) + f]);
    }
    ASSERT_NEAR(sum, double{margins[i]}, 1e-6 * size) << what << " " << i;
  }
}

/// Relative to the largest.
void expect_close(const std::vector<double>& expected, const std::vector<double>& seen, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(expected.size(), seen.size()) << what;
  double largest = 0, worst = 0;
  for (const double x : expected) largest = std::max(largest, std::abs(x));
  for (size_t i = 0; i < seen.size(); ++i) worst = std::max(worst, std::abs(expected[i] - seen[i]));
  EXPECT_LE(worst, tolerance * largest) << what;
  EXPECT_GT(largest, 0) << what;
}

// ---- by definition ----

/// A tree over few features, so that paths ask for them again; thresholds are 0.1 … 0.9.
int32_t grow(Random& random, Tree& tree, uint32_t features, int depth, float cover) {
  const auto at = static_cast<int32_t>(tree.nodes.size());
  tree.nodes.emplace_back();
  tree.nodes.back().cover = cover;
  if (depth == 0 || random() % 6 == 0) {
    tree.nodes.back().value = static_cast<double>(static_cast<int64_t>(random() % 2001) - 1000) / 256;
    return at;
  }
  // Some ways nobody went in training.
  const float left_cover = random() % 8 == 0 ? 0 : cover * static_cast<float>(1 + random() % 99) / 100;
  const uint32_t feature = static_cast<uint32_t>(random() % features);
  const double threshold = static_cast<double>(1 + random() % 9) / 8;
  const int32_t left = grow(random, tree, features, depth - 1, left_cover);
  const int32_t right = grow(random, tree, features, depth - 1, cover - left_cover);
  Node& node = tree.nodes[static_cast<size_t>(at)];
  node.left = left;
  node.right = right;
  node.feature = feature;
  node.value = threshold;
  node.default_left = random() % 2 == 0;
  return at;
}

/// The mean of the leaves that a row with only these features may reach.
double value_of(const Tree& tree, const Node& node, const double* row, uint32_t known) {
  if (node.is_leaf()) return node.value;
  const Node& left = tree.nodes[static_cast<size_t>(node.left)];
  const Node& right = tree.nodes[static_cast<size_t>(node.right)];
  const double x = row[node.feature];
  if ((known >> node.feature & 1) != 0)
    return value_of(tree, (std::isnan(x) ? node.default_left : x < node.value) ? left : right, row, known);
  const double both = double{left.cover} + double{right.cover};
  const double share = both > 0 ? left.cover / both : 0.5;
  return share * value_of(tree, left, row, known) + (1 - share) * value_of(tree, right, row, known);
}

double factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }

double shapley(const Tree& tree, const double* row, uint32_t features, uint32_t feature) {
  double sum = 0;
  for (uint32_t set = 0; set < 1U << features; ++set) {
    if ((set >> feature & 1) != 0) continue;
    const int size = std::popcount(set);
    const double weight = factorial(size) * factorial(static_cast<int>(features) - size - 1) /
                          factorial(static_cast<int>(features));
    sum += weight * (value_of(tree, tree.nodes[0], row, set | 1U << feature) -
                     value_of(tree, tree.nodes[0], row, set));
  }
  return sum;
}

TEST(Explainer, gives_the_shapley_values_of_the_definition) {
  Random random(11);
  for (int round = 0; round < 60; ++round) {
    const uint32_t features = 1 + static_cast<uint32_t>(round % 7);
    Forest forest;
    forest.precision = Precision::Double;
    forest.features = features;
    forest.outputs = 2;
    forest.base_margins = {0.5F, -2.0F};
    for (uint32_t t = 0; t < 3; ++t) {
      Tree tree;
      tree.output = t % 2;
      grow(random, tree, features, 1 + round % 9, 1000);
      forest.trees.push_back(tree);
    }
    forest.tree_weights = {1.0F, 0.25F, -2.0F};
    std::vector<double> rows(5 * features);
    for (double& x : rows)
      x = random() % 5 == 0 ? std::numeric_limits<double>::quiet_NaN()
                            : static_cast<double>(random() % 10) / 8;
    const std::vector<double> seen = explained(forest, rows);
    for (size_t r = 0; r < 5; ++r)
      for (uint32_t o = 0; o < 2; ++o) {
        const double* row = rows.data() + r * features;
        const double* here = seen.data() + (r * 2 + o) * (features + 1);
        for (uint32_t f = 0; f <= features; ++f) {
          double expected = f < features ? 0 : double{forest.base_margins[o]};
          for (uint32_t t = o; t < 3; t += 2) {
            const Tree& tree = forest.trees[t];
            expected +=
                double{forest.tree_weights[t]} *
                (f < features ? shapley(tree, row, features, f) : value_of(tree, tree.nodes[0], row, 0));
          }
          ASSERT_NEAR(here[f], expected, 1e-11) << "round " << round << " row " << r << " feature " << f;
        }
      }
  }
}

TEST(Explainer, sums_to_the_margin_on_paths_of_a_hundred_features) {
  Random random(12);
  constexpr uint32_t kFeatures = 120;
  Forest forest;
  forest.precision = Precision::Double;
  forest.features = kFeatures;
  forest.base_margins = {0};
  Tree chain;
  for (uint32_t i = 0; i < 100; ++i) {  // a leaf to the left, the next split to the right
    chain.nodes.push_back({.left = static_cast<int32_t>(2 * i + 1),
                           .right = static_cast<int32_t>(2 * i + 2),
                           .feature = i,
                           .value = 0.2,
                           .cover = static_cast<float>(std::pow(0.8, i))});
    chain.nodes.push_back(
        {.value = static_cast<double>(i % 7) - 3, .cover = static_cast<float>(0.2 * std::pow(0.8, i))});
  }
  chain.nodes.push_back({.value = 50, .cover = static_cast<float>(std::pow(0.8, 100))});
  forest.trees = {chain};
  std::vector<double> rows(20 * kFeatures);
  for (double& x : rows) x = std::uniform_real_distribution<double>()(random) + 0.15;
  for (uint32_t f = 0; f < kFeatures; ++f) rows[f] = 1;  // the first row goes to the end
  const std::vector<double> seen = explained(forest, rows);
  expect_sum_to_margins(forest, rows, seen, "chain");
  for (uint32_t f = 100; f < kFeatures; ++f) EXPECT_EQ(seen[f], 0);
}

TEST(Explainer, of_a_forest_without_splits_is_the_expected_margin) {
  Forest forest;
  forest.features = 2;
  forest.base_margins = {0.25F};
  forest.trees = {Tree{.nodes = {Node{.value = 3}}}};
  EXPECT_EQ(explained(forest, std::vector<float>{1, 2}), (std::vector<double>{0, 0, 3.25}));
  forest.trees.clear();
  EXPECT_EQ(explained(forest, std::vector<float>{1, 2}), (std::vector<double>{0, 0, 0.25}));
}

TEST(Explainer, refuses_a_model_without_covers) {
  Forest forest;
  forest.features = 1;
  forest.base_margins = {0};
  forest.trees = {Tree{.nodes = {Node{.left = 1, .right = 2}, Node{.value = 1}, Node{.value = 2}}}};
  const auto none = Explainer::make(forest);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "forest.no_cover");
  for (const float wrong :
       {-1.0F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    forest.trees[0].nodes[1].cover = wrong;
    ASSERT_FALSE(Explainer::make(forest));
    EXPECT_EQ(Explainer::make(forest).error().code, "forest.no_cover");
  }
  forest.trees[0].nodes[1].cover = 1;
  EXPECT_TRUE(Explainer::make(forest));
}

// ---- as their own libraries say ----

class ExplainedAsXgboost : public testing::TestWithParam<Case> {};

TEST_P(ExplainedAsXgboost, to_the_precision_of_its_floats) {
  const Case& c = GetParam();
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Random random(seed);
    const Matrix data = random_matrix(random, 300, 4 + seed * 2, c.category_every, seed % 2 ? 0.15 : 0.0);
    Handle h;
    ASSERT_NO_FATAL_FAILURE(train(h, data, random, c.parameters, 12, c.classes));
    Matrix odd = data;
    add_oddities(random, odd, false);
    const auto forest = read_xgboost(saved(h, "ubj"));
    ASSERT_TRUE(forest) << forest.error().message;
    for (const Matrix* m : std::initializer_list<const Matrix*>{&data, &odd}) {
      const std::string what = fmt::format("{} seed {} {}", c.name, seed, m == &data ? "data" : "odd");
      const std::vector<double> seen = explained(*forest, m->values);
      const std::vector<float> expected = by_matrix(h, *m, 2);
      expect_close({expected.begin(), expected.end()}, seen, 1e-5, what);
      expect_sum_to_margins(*forest, m->values, seen, what);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(models, ExplainedAsXgboost, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

Json expected_of(const std::string& name) {
  const auto text = read_file(Path(TIDEMILL_ROOT) / "src/forest/testdata" / (name + ".expected.json"));
  EXPECT_TRUE(text);
  return Json::parse(*text);
}
Forest model_of(const std::string& file) {
  const auto bytes = read_file(Path(TIDEMILL_ROOT) / "src/forest/testdata" / file);
  EXPECT_TRUE(bytes);
  auto forest = read_model(*bytes);
  EXPECT_TRUE(forest) << forest.error().message;
  return std::move(*forest);
}
template <class T>
std::vector<T> numbers(const Json& list) {
  std::vector<T> out;
  for (const Json& number : list)
    out.push_back(number.is_null()     ? std::numeric_limits<T>::quiet_NaN()
                  : number.is_string() ? std::numeric_limits<T>::infinity() * (number == "inf" ? 1 : -1)
                                       : number.get<T>());
  return out;
}

TEST(Explainer, gives_what_a_newer_xgboost_gives) {
  for (const std::string name : {"binary", "one_hot", "classes", "dart", "counts", "two_targets"}) {
    const Json expected = expected_of(name);
    const Forest forest = model_of(name + ".ubj");
    const auto rows = numbers<float>(expected["rows"]);
    const std::vector<double> seen = explained(forest, rows);
    expect_close(numbers<double>(expected["contributions"]), seen, 1e-5, name);
    expect_sum_to_margins(forest, rows, seen, name);
  }
}

TEST(Explainer, gives_what_lightgbm_gives) {
  for (const std::string name :
       {"root", "sigmoid", "softmax", "one_against_all", "tweedie", "entropy", "drop", "forest"}) {
    const Json expected = expected_of("lightgbm_" + name);
    const Forest forest = model_of("lightgbm_" + name + ".txt");
    std::vector<double> rows = numbers<double>(expected["rows"]);
    for (double& x : rows) x = lightgbm_number(x);
    const std::vector<double> seen = explained(forest, rows);
    expect_close(numbers<double>(expected["contributions"]), seen, 1e-9, name);
    expect_sum_to_margins(forest, rows, seen, name);
  }
}

}  // namespace
}  // namespace tidemill::forest
