#include "statistics/multiple_testing.hpp"

#include <gtest/gtest.h>

#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

TEST(MultipleTesting, adjusted_p_values_agree_with_the_reference) {
  const Json& c = reference()["p_values"];
  const auto values = numbers(c["values"]), step_down = numbers(c["holm"]),
             step_up = numbers(c["benjamini_hochberg"]);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_TRUE(near(holm(values)[i], step_down[i]));
    EXPECT_TRUE(near(benjamini_hochberg(values)[i], step_up[i]));
  }
}

TEST(MultipleTesting, adjusted_p_values_agree_with_statsmodels_at_zeros_ones_and_ties) {
  for (const Json& c : monitoring_reference()["p_values"]) {
    const auto values = numbers(c["values"]), step_down = numbers(c["holm"]),
               step_up = numbers(c["benjamini_hochberg"]);
    const std::vector<double> by_holm = holm(values), by_rate = benjamini_hochberg(values);
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_TRUE(near(by_holm[i], step_down[i])) << c["name"] << " " << i;
      EXPECT_TRUE(near(by_rate[i], step_up[i])) << c["name"] << " " << i;
    }
  }
}

TEST(MultipleTesting, one_test_stays_as_it_is_and_none_gives_none) {
  EXPECT_EQ(holm(std::vector<double>{0.03}), std::vector<double>{0.03});
  EXPECT_EQ(benjamini_hochberg(std::vector<double>{0.03}), std::vector<double>{0.03});
  EXPECT_TRUE(holm({}).empty());
  EXPECT_TRUE(benjamini_hochberg({}).empty());
}

}  // namespace
}  // namespace tidemill::statistics
