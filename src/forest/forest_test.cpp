// Holds read_xgboost, predict_margin and apply_link against libxgboost itself, bit for bit, over models that
// it trains on random data.
#include "forest/forest.hpp"

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

void expect_same_bits(const std::vector<float>& expected, const std::vector<float>& seen,
                      const std::string& what) {
  ASSERT_EQ(expected.size(), seen.size()) << what;
  size_t different = 0;
  for (size_t i = 0; i < expected.size(); ++i)
    if (std::bit_cast<uint32_t>(expected[i]) != std::bit_cast<uint32_t>(seen[i]) && different++ < 3)
      ADD_FAILURE() << what << ": value " << i << " is "
                    << fmt::format("{} instead of {}", seen[i], expected[i]);
  EXPECT_EQ(different, 0U) << what;
}

class AgainstXgboost : public testing::TestWithParam<Case> {};

TEST_P(AgainstXgboost, predicts_the_same_bits) {
  const Case& c = GetParam();
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    std::mt19937_64 random(seed);
    const Matrix data = random_matrix(random, 400, 4 + seed * 2, c.category_every, seed % 2 ? 0.15 : 0.0);
    Handle h;
    ASSERT_NO_FATAL_FAILURE(train(h, data, random, c.parameters, 12, c.classes));
    Matrix finite = data, any = data;
    add_oddities(random, finite, false);
    add_oddities(random, any, true);
    for (const char* format : {"ubj", "json"}) {
      const auto forest = read_xgboost(saved(h, format));
      ASSERT_TRUE(forest) << forest.error().message;
      EXPECT_FALSE(forest->trees.empty());
      for (const Matrix* m : std::initializer_list<const Matrix*>{&data, &finite, &any}) {
        std::vector<float> seen(m->rows * forest->outputs);
        predict_margin(*forest, m->values, seen);
        const std::string what = fmt::format("{} seed {} {} {}", c.name, seed, format,
                                             m == &data     ? "data"
                                             : m == &finite ? "finite"
                                                            : "any");
        // XGBoost's own DMatrix refuses infinities, its in-place prediction does not; DART's in-place sum
        // rounds otherwise.
        const bool whole = m != &any;
        if (whole) expect_same_bits(by_matrix(h, *m, 1), seen, what + " margin");
        if (forest->tree_weights.empty())
          expect_same_bits(in_place(h, *m, 1), seen, what + " margin in place");
        apply_link(*forest, seen);
        if (whole) expect_same_bits(by_matrix(h, *m, 0), seen, what + " prediction");
        if (forest->tree_weights.empty())
          expect_same_bits(in_place(h, *m, 0), seen, what + " prediction in place");
        if (HasFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(models, AgainstXgboost, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

// Models of XGBoost 3.2 (testdata/make_models.py): base_score as a vector, categories, several targets.
TEST(read_xgboost, predicts_what_a_newer_xgboost_predicts_with_its_models) {
  for (const std::string name : {"binary", "one_hot", "classes", "dart", "counts", "two_targets"}) {
    const Path folder = Path(TIDEMILL_ROOT) / "src/forest/testdata";
    const auto text = read_file(folder / (name + ".expected.json"));
    ASSERT_TRUE(text) << text.error().message;
    const auto expected = parse_json(*text);
    ASSERT_TRUE(expected);
    const auto floats = [&](const char* member) {
      std::vector<float> result;
      for (const Json& number : (*expected)[member])
        result.push_back(number.is_null() ? NAN : static_cast<float>(number.get<double>()));
      return result;
    };
    for (const std::string format : {".json", ".ubj"}) {
      const auto bytes = read_file(folder / (name + format));
      ASSERT_TRUE(bytes) << bytes.error().message;
      const auto forest = read_xgboost(*bytes);
      ASSERT_TRUE(forest) << forest.error().message;
      std::vector<float> seen(floats("margins").size());
      predict_margin(*forest, floats("rows"), seen);
      expect_same_bits(floats("margins"), seen, name + format + " margin");
      apply_link(*forest, seen);
      expect_same_bits(floats("predictions"), seen, name + format + " prediction");
    }
  }
}

// The sigmoid over its whole range: a stump whose leaf is the margin, through base_score 0.5.
TEST(apply_link, gives_the_sigmoid_of_every_margin_as_xgboost_does) {
  std::mt19937_64 random(3);
  Matrix data = random_matrix(random, 50, 2, 0, 0);
  Handle h;
  ASSERT_NO_FATAL_FAILURE(
      train(h, data, random, {{"objective", "binary:logistic"}, {"tree_method", "hist"}, {"max_depth", "1"}},
            0, 2));
  std::vector<float> margins;
  for (float x = -120; x <= 120; x += 0.013F) margins.push_back(x);
  for (const float x : {-95.0F, -88.7F, -88.8F, -104.0F, 0.0F, -0.0F, 88.8F, 1e30F, -1e30F})
    margins.push_back(x);
  Matrix m{margins.size(), 2, std::vector<float>(margins.size() * 2), {false, false}};
  Handle with_margin;
  must(XGDMatrixCreateFromDense(array_interface(m).c_str(), R"({"missing":NaN})", &with_margin.matrix));
  must(XGDMatrixSetFloatInfo(with_margin.matrix, "base_margin", margins.data(), margins.size()));
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* result = nullptr;
  must(XGBoosterPredictFromDMatrix(
      h.booster, with_margin.matrix,
      R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false})", &shape,
      &dimensions, &result));
  const std::vector<float> expected(result, result + margins.size());
  Forest forest;
  forest.link = Link::Logistic;
  apply_link(forest, margins);
  expect_same_bits(expected, margins, "sigmoid");
}

}  // namespace
}  // namespace tidemill::forest
