#include "statistics/attribution.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

TEST(Attribution, ndcg_agrees_with_scikit_learn) {
  for (const Json& c : monitoring_reference()["ndcg"]) {
    const Maybe seen = attribution_ndcg(numbers(c["reference"]), numbers(c["current"]));
    ASSERT_TRUE(seen) << c["name"];
    EXPECT_TRUE(near(*seen, c["expected"].get<double>())) << c["name"] << " " << *seen;
  }
}

TEST(Attribution, ndcg_is_one_for_the_same_order_whatever_the_sizes) {
  const std::vector<double> reference{0.7, 0.5, 0.05}, doubled{1.4, 1.0, 0.1}, closer{0.3, 0.2, 0.1};
  EXPECT_EQ(attribution_ndcg(reference, reference), 1.0);
  EXPECT_EQ(attribution_ndcg(reference, doubled), 1.0);
  EXPECT_EQ(attribution_ndcg(reference, closer), 1.0);
  EXPECT_EQ(attribution_ndcg(std::vector<double>{3}, std::vector<double>{0}), 1.0);
}

// SageMaker's example: SAT 0.70, GPA 0.50, class rank 0.05 in training; 0.10, 0.20, 0.70 live.
TEST(Attribution, a_reversed_order_is_below_the_limit) {
  const Maybe seen =
      attribution_ndcg(std::vector<double>{0.70, 0.50, 0.05}, std::vector<double>{0.10, 0.20, 0.70});
  EXPECT_LT(*seen, kAttributionLimit);
  EXPECT_NEAR(*seen, (0.05 + 0.5 / std::log2(3) + 0.7 / 2) / (0.7 + 0.5 / std::log2(3) + 0.05 / 2), 1e-12);
}

TEST(Attribution, ndcg_of_any_order_lies_between_that_of_the_reverse_and_one) {
  rc::check([] {
    const auto reference =
        *rc::gen::container<std::vector<double>>(rc::gen::cast<double>(rc::gen::inRange(0, 50)));
    const auto current = *rc::gen::container<std::vector<double>>(
        reference.size(), rc::gen::cast<double>(rc::gen::inRange(0, 50)));
    const Maybe seen = attribution_ndcg(reference, current);
    std::vector<double> reversed;
    for (const double x : reference) reversed.push_back(50 - x);
    const Maybe least = attribution_ndcg(reference, reversed);
    RC_ASSERT(seen.has_value() == least.has_value());
    if (!seen) return;
    RC_ASSERT(*seen <= 1 + 1e-12);
    RC_ASSERT(*seen >= *least - 1e-12);
  });
}

TEST(Attribution, nothing_where_there_is_nothing_to_order) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(attribution_ndcg({}, {}));
  EXPECT_FALSE(attribution_ndcg(std::vector<double>{0, 0}, std::vector<double>{1, 2}));
  EXPECT_FALSE(attribution_ndcg(std::vector<double>{1, 2}, std::vector<double>{1}));
  EXPECT_FALSE(attribution_ndcg(std::vector<double>{1, -2}, std::vector<double>{1, 2}));
  EXPECT_FALSE(attribution_ndcg(std::vector<double>{1, 2}, std::vector<double>{1, nan}));
}

TEST(Attribution, mean_absolute_contributions_leave_the_expected_value_out) {
  // Two rows, two outputs, two features.
  const std::vector<double> contributions{1, -2, 100, 3, 0, 100, -5, 6, 100, -1, 2, 100};
  EXPECT_EQ(mean_absolute_contributions(contributions, 2, 2), (std::vector<double>{10 / 4.0, 10 / 4.0}));
  EXPECT_EQ(mean_absolute_contributions(contributions, 2, 2, std::vector<double>{0, 3}),
            (std::vector<double>{3, 4}));
  EXPECT_FALSE(mean_absolute_contributions(contributions, 1, 4));
  EXPECT_FALSE(mean_absolute_contributions(contributions, 2, 2, std::vector<double>{0, 0}));
  EXPECT_FALSE(mean_absolute_contributions({}, 2, 2));
}

}  // namespace
}  // namespace tidemill::statistics
