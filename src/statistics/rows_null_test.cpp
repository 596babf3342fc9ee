#include "statistics/rows_null.hpp"

#include <array>

#include <gtest/gtest.h>

#include "statistics/distances.hpp"
#include "statistics/reference_test.hpp"

namespace tidemill::statistics {

TEST(RowsNull, has_the_quantiles_of_scipys_pearson3) {
  struct Case {
    double mean, deviation, skewness, level, expected;
  };
  // scipy 1.17.1: stats.pearson3.ppf(level, skewness, mean, deviation)
  constexpr std::array kCases{
      Case{0, 1, 1, 0.99, 3.02255875741581}, Case{3, 2, 0.6030226891555273, 0.9995, 11.5964257523014},
      Case{1, 0.5, 2.5, 0.995, 3.32587820052453}, Case{-1, 2, 0.2, 0.5, -1.0666270161369},
      Case{0, 1, 0.05, 0.999, 3.16160904807774}};
  for (const Case& c : kCases)
    EXPECT_NEAR(pearson3_quantile(c.mean, c.deviation, c.skewness, c.level), c.expected, 1e-9);
}

TEST(RowsNull, is_the_formula_of_chi_square_where_places_are_common) {
  const std::vector<double> reference(20, 1'000.0);
  for (const double rows : {2'000.0, 20'000.0})
    for (const double level : {0.99, 0.9995}) {
      const Maybe drawn = rows_null_quantile(reference, rows, psi, {.level = level});
      const double formula = psi_of_independent_rows(20, 20'000, rows, level)->quantile;
      EXPECT_NEAR(*drawn / formula, 1, 0.06) << rows << " at " << level;
    }
}

TEST(RowsNull, knows_of_rare_places_that_the_formula_does_not_see) {
  // One row in ten thousand lies where the window's two hundred expect none.
  std::vector<double> reference(20, 500.0);
  for (int i = 0; i < 30; ++i) reference.push_back(1);
  const auto chi = [](Numbers before, Numbers now) -> Maybe {
    const auto test = chi_square(before, now);
    return test ? Maybe(test->statistic) : Maybe();
  };
  const Maybe drawn = rows_null_quantile(reference, 200, chi, {.level = 0.999});
  ASSERT_TRUE(drawn);
  double low = 0, high = 1'000;
  while (high - low > 1e-6) (chi_square_tail((low + high) / 2, 49) > 0.001 ? low : high) = (low + high) / 2;
  EXPECT_GT(*drawn, 1.3 * high);
}

TEST(RowsNull, is_the_same_every_time_and_nothing_where_nothing_can_be_compared) {
  const std::vector<double> reference{10, 20, 0, 30};
  EXPECT_EQ(rows_null_quantile(reference, 50, psi), rows_null_quantile(reference, 50, psi));
  EXPECT_NE(rows_null_quantile(reference, 50, psi), rows_null_quantile(reference, 50, psi, {.seed = 7}));
  EXPECT_FALSE(rows_null_quantile(reference, 0, psi));
  EXPECT_FALSE(rows_null_quantile(std::vector<double>{5}, 10, psi));
  EXPECT_FALSE(rows_null_quantile(std::vector<double>{0, 0}, 10, psi));
  EXPECT_FALSE(rows_null_quantile(reference, 50, [](Numbers, Numbers) { return Maybe(); }));
}

}  // namespace tidemill::statistics
