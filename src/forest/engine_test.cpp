// Every engine on every instruction set of this machine against the plain walk, bit for bit, over forests
// that no trainer would make. That the plain walk is XGBoost's is forest_test.cpp's matter.
#include "forest/engine.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tidemill::forest {
namespace {

constexpr EngineKind kKinds[] = {EngineKind::Walk, EngineKind::Sliced64, EngineKind::SlicedWide};

struct Shape {
  std::string name;
  uint32_t features = 10;
  size_t trees = 20;
  int depth = 6;
  double early_leaf = 0.1;  // that a node above the greatest depth is a leaf
  size_t cuts = 50;         // distinct thresholds a feature
  double categories = 0;    // that a feature has categories
  double missing = 0.1;     // that a value is missing
  uint32_t outputs = 1;
  bool weights = false;
  size_t most_leaves = SIZE_MAX;
  bool every_missing_rule = false;
  bool odd_thresholds = false;
};

using Random = std::mt19937_64;

double unit(Random& random) { return std::uniform_real_distribution<double>()(random); }

template <class T>
std::vector<std::vector<double>> cuts_of(Random& random, const Shape& shape) {
  const double odd[] = {0.0,
                        -0.0,
                        std::numeric_limits<T>::denorm_min(),
                        -std::numeric_limits<T>::denorm_min(),
                        1e-35F,
                        -1e-35F,
                        std::numeric_limits<T>::max(),
                        std::numeric_limits<T>::lowest(),
                        std::numeric_limits<T>::infinity(),
                        -std::numeric_limits<T>::infinity(),
                        1.0};
  std::vector<std::vector<double>> cuts(shape.features);
  for (auto& of_feature : cuts)
    for (size_t i = 0; i < shape.cuts; ++i)
      of_feature.push_back(
          shape.odd_thresholds && i < std::size(odd)
              ? odd[i]
              : static_cast<double>(static_cast<T>(std::normal_distribution<double>()(random))));
  return cuts;
}

template <class T>
Forest made(Random& random, const Shape& shape, const std::vector<std::vector<double>>& cuts) {
  Forest forest;
  forest.features = shape.features;
  forest.outputs = shape.outputs;
  forest.precision = std::is_same_v<T, double> ? Precision::Double : Precision::Float;
  for (uint32_t o = 0; o < shape.outputs; ++o)
    forest.base_margins.push_back(o == 0 ? -0.0F : static_cast<float>(o) / 3);
  for (uint32_t f = 0; f < shape.features; ++f) forest.categorical.push_back(unit(random) < shape.categories);
  for (size_t t = 0; t < shape.trees; ++t) {
    Tree tree;
    tree.output = static_cast<uint32_t>(t % shape.outputs);
    tree.nodes.emplace_back();
    std::vector<std::pair<size_t, int>> open = {{0, 0}};
    size_t leaves = 1;
    while (!open.empty()) {
      const size_t which = shape.most_leaves == SIZE_MAX ? open.size() - 1 : random() % open.size();
      const auto [at, depth] = open[which];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
      Node node;
      if (depth >= shape.depth || leaves >= shape.most_leaves ||
          (depth > 0 && unit(random) < shape.early_leaf)) {
        node.value = static_cast<double>(static_cast<T>(std::normal_distribution<double>()(random) * 0.3));
        if (random() % 50 == 0) node.value = static_cast<double>(std::numeric_limits<T>::denorm_min());
      } else {
        node.feature = static_cast<uint32_t>(random() % shape.features);
        node.default_left = random() % 2 == 0;
        if (shape.every_missing_rule) node.missing = static_cast<Missing>(random() % 3);
        if (forest.categorical[node.feature]) {
          std::vector<uint32_t> set;
          for (uint32_t code = 0; code < 40; ++code)
            if (random() % 3 == 0) set.push_back(code);
          node.categories = static_cast<int32_t>(tree.category_sets.size());
          node.missing = Missing::Nan;
          tree.category_sets.push_back(std::move(set));
        } else {
          node.value = cuts[node.feature][random() % cuts[node.feature].size()];
        }
        ++leaves;
        node.left = static_cast<int32_t>(tree.nodes.size());
        node.right = node.left + 1;
        open.emplace_back(tree.nodes.size(), depth + 1);
        open.emplace_back(tree.nodes.size() + 1, depth + 1);
        tree.nodes.resize(tree.nodes.size() + 2);
      }
      tree.nodes[at] = node;
    }
    forest.trees.push_back(std::move(tree));
    if (shape.weights) forest.tree_weights.push_back(static_cast<float>(unit(random)));
  }
  return forest;
}

template <class T>
std::vector<T> rows_for(Random& random, const Forest& forest, const std::vector<std::vector<double>>& cuts,
                        const Shape& shape, size_t count) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const T odd[] = {T{0},
                   -T{0},
                   std::numeric_limits<T>::denorm_min(),
                   std::numeric_limits<T>::max(),
                   kInfinity,
                   -kInfinity,
                   static_cast<T>(1e-35F),
                   static_cast<T>(-1e-35F),
                   static_cast<T>(1e-36),
                   T{-0.5},
                   T{-1},
                   T{16777216},
                   static_cast<T>(5e9)};
  std::vector<T> rows(count * forest.features);
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t f = i % forest.features;
    const double dice = unit(random);
    if (dice < shape.missing)
      rows[i] = std::numeric_limits<T>::quiet_NaN();
    else if (dice < shape.missing + 0.1)
      rows[i] = odd[random() % std::size(odd)];
    else if (forest.categorical[f])
      rows[i] = static_cast<T>(random() % 45) + (random() % 5 == 0 ? T{0.5} : T{0});
    else if (dice < 0.5)
      rows[i] = static_cast<T>(cuts[f][random() % cuts[f].size()]);  // a threshold itself
    else
      rows[i] = static_cast<T>(std::normal_distribution<double>()(random));
  }
  return rows;
}

template <class T>
void expect_same(const std::vector<T>& expected, const std::vector<T>& seen, const std::string& what) {
  using Bits = std::conditional_t<std::is_same_v<T, double>, uint64_t, uint32_t>;
  size_t different = 0, first = 0;
  for (size_t i = 0; i < expected.size(); ++i)
    if (std::bit_cast<Bits>(expected[i]) != std::bit_cast<Bits>(seen[i]) && different++ == 0) first = i;
  EXPECT_EQ(different, 0U) << what << ": value " << first << " is "
                           << fmt::format("{} instead of {}", seen[first], expected[first]);
}

/// Returns which engines took the forest.
template <class T>
std::vector<EngineKind> check(const Shape& shape, uint64_t seed) {
  Random random(seed);
  const auto cuts = cuts_of<T>(random, shape);
  const Forest forest = made<T>(random, shape, cuts);
  std::vector<EngineKind> took;
  for (const size_t count : {size_t{1}, size_t{7}, size_t{64}, size_t{65}, size_t{600}}) {
    const std::vector<T> rows = rows_for<T>(random, forest, cuts, shape, count);
    std::vector<T> expected(count * forest.outputs);
    predict_margin(forest, std::span<const T>(rows), std::span<T>(expected));
    for (const InstructionSet set : instruction_sets()) {
      for (const EngineKind kind : kKinds) {
        const auto engine = Engine::make(forest, {.instruction_set = set, .kind = kind});
        if (!engine->has(kind)) continue;
        EXPECT_EQ(engine->chosen(count), kind);
        if (count == 1 && set == InstructionSet::Portable) took.push_back(kind);
        std::vector<T> seen(expected.size(), T{99});
        engine->predict_margin(std::span<const T>(rows), std::span<T>(seen));
        expect_same(
            expected, seen,
            fmt::format("{} seed {} {} rows {} {}", shape.name, seed, count, to_text(set), to_text(kind)));
        if (testing::Test::HasFailure()) return took;
      }
      const auto engine = Engine::make(forest, {.instruction_set = set, .kind = {}});
      std::vector<T> seen(expected.size(), T{99});
      engine->predict_margin(std::span<const T>(rows), std::span<T>(seen));
      expect_same(expected, seen,
                  fmt::format("{} seed {} {} rows {} as chosen", shape.name, seed, count, to_text(set)));
    }
  }
  return took;
}

std::vector<Shape> shapes() {
  std::vector<Shape> out;
  for (int depth = 0; depth <= 16; ++depth)
    out.push_back({.name = fmt::format("depth_{}", depth),
                   .trees = depth > 12 ? size_t{3} : size_t{17},
                   .depth = depth,
                   .early_leaf = depth > 8 ? 0.25 : 0.05});
  for (const size_t cuts : {size_t{1}, size_t{15}, size_t{16}, size_t{17}, size_t{31}, size_t{127},
                            size_t{255}, size_t{256}, size_t{1000}})
    out.push_back({.name = fmt::format("cuts_{}", cuts),
                   .features = 5,
                   .trees = 60,
                   .depth = 8,
                   .early_leaf = 0.02,
                   .cuts = cuts});
  for (const uint32_t features : {1U, 3U, 16U, 129U, 300U, 1100U})
    out.push_back(
        {.name = fmt::format("features_{}", features), .features = features, .trees = 30, .cuts = 5});
  out.push_back({.name = "one_tree", .trees = 1});
  out.push_back({.name = "no_tree", .trees = 0});
  out.push_back({.name = "many_trees", .trees = 5000, .depth = 3});
  out.push_back({.name = "leaf_wise_31", .trees = 40, .depth = 30, .early_leaf = 0, .most_leaves = 31});
  for (const size_t leaves : {2, 9, 32, 33, 64, 65})
    out.push_back({.name = fmt::format("leaf_wise_{}", leaves),
                   .trees = 21,
                   .depth = 60,
                   .early_leaf = 0,
                   .categories = 0.2,
                   .outputs = leaves == 33 ? 3U : 1U,
                   .most_leaves = leaves,
                   .every_missing_rule = true});
  for (const size_t leaves : {31, 63})
    out.push_back({.name = fmt::format("leaf_wise_{}_of_many_keys", leaves),
                   .features = 100,
                   .trees = 150,
                   .depth = 60,
                   .early_leaf = 0,
                   .most_leaves = leaves});
  out.push_back({.name = "leaf_wise_255", .trees = 20, .depth = 60, .early_leaf = 0, .most_leaves = 255});
  out.push_back({.name = "leaf_wise_256", .trees = 10, .depth = 60, .early_leaf = 0, .most_leaves = 256});
  out.push_back({.name = "leaf_wise_257", .trees = 10, .depth = 60, .early_leaf = 0, .most_leaves = 257});
  out.push_back({.name = "nothing_but_missing", .missing = 1});
  out.push_back({.name = "mostly_missing", .missing = 0.8});
  out.push_back({.name = "categories", .categories = 0.5});
  out.push_back({.name = "categories_only", .depth = 8, .early_leaf = 0.02, .categories = 1});
  out.push_back({.name = "classes", .outputs = 5});
  out.push_back({.name = "weights", .weights = true});
  out.push_back({.name = "every_missing_rule",
                 .cuts = 20,
                 .categories = 0.2,
                 .missing = 0.2,
                 .every_missing_rule = true});
  out.push_back({.name = "odd_thresholds", .cuts = 15, .every_missing_rule = true, .odd_thresholds = true});
  return out;
}

class EveryEngine : public testing::TestWithParam<Shape> {};

TEST_P(EveryEngine, gives_the_bits_of_the_plain_walk) {
  const Shape& shape = GetParam();
  for (uint64_t seed = 1; seed <= (shape.trees > 1000 ? 1U : 2U); ++seed) {
    const std::vector<EngineKind> took = check<float>(shape, seed);
    EXPECT_FALSE(took.empty());
    if (shape.trees > 0 && (shape.depth <= 8 || shape.most_leaves <= 256)) {
      EXPECT_EQ(took.size(), 3U) << "not all engines took it";
    }
    check<double>(shape, seed + 100);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(shapes, EveryEngine, testing::ValuesIn(shapes()),
                         [](const auto& info) { return info.param.name; });

TEST(Engine, takes_the_walk_for_one_row_and_blocks_for_many) {
  Random random(5);
  const Shape shape{
      .name = "usual", .features = 28, .trees = 100, .depth = 6, .early_leaf = 0.05, .cuts = 200};
  const auto cuts = cuts_of<float>(random, shape);
  const auto engine = Engine::make(made<float>(random, shape, cuts));
  EXPECT_EQ(engine->chosen(1), EngineKind::Walk);
  EXPECT_EQ(engine->chosen(100'000), EngineKind::SlicedWide);
}

}  // namespace
}  // namespace tidemill::forest
