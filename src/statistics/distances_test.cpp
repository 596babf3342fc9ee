#include "statistics/distances.hpp"

#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

TEST(Distances, agree_with_scipy) {
  const std::map<std::string, Maybe (*)(Numbers, Numbers)> of_counts{{"psi", psi},
                                                                     {"jensen_shannon", jensen_shannon},
                                                                     {"l_infinity", l_infinity},
                                                                     {"ks_of_bins", ks_of_bins}};
  const std::map<std::string, Maybe (*)(Numbers, Numbers)> of_values{
      {"ks", ks}, {"wasserstein", wasserstein}, {"wasserstein_over_sigma", wasserstein_over_sigma}};
  for (const Json& c : reference()["distances"]) {
    const auto p = numbers(c["reference_counts"]), q = numbers(c["current_counts"]);
    const auto a = numbers(c["reference"]), b = numbers(c["current"]);
    const Json& expected = c["expected"];
    for (const auto& [name, distance] : of_counts)
      EXPECT_TRUE(near(*distance(p, q), expected[name].get<double>())) << c["name"] << " " << name;
    for (const auto& [name, distance] : of_values)
      EXPECT_TRUE(near(*distance(a, b), expected[name].get<double>())) << c["name"] << " " << name;
    const auto chi = chi_square(p, q);
    ASSERT_TRUE(chi);
    EXPECT_TRUE(near(chi->statistic, expected["chi_square"].get<double>())) << c["name"];
    EXPECT_EQ(chi->degrees, expected["chi_square_degrees"].get<double>());
    EXPECT_TRUE(near(chi->p_value, expected["chi_square_p"].get<double>())) << c["name"];
    const std::vector<double> inner_p(p.begin() + 1, p.end() - 1), inner_q(q.begin() + 1, q.end() - 1);
    const Maybe binned = wasserstein_of_bins(numbers(c["edges"]), inner_p, inner_q);
    ASSERT_EQ(binned.has_value(), !expected["wasserstein_of_bins"].is_null()) << c["name"];
    if (!binned) continue;
    EXPECT_TRUE(near(*binned, expected["wasserstein_of_bins"].get<double>())) << c["name"];
  }
}

TEST(Distances, of_bins_agree_with_scipy_on_the_same_bins_at_the_extremes) {
  for (const Json& c : monitoring_reference()["same_bins"]) {
    const auto p = numbers(c["reference_counts"]), q = numbers(c["current_counts"]),
               edges = numbers(c["edges"]);
    const std::map<std::string, Maybe> seen{{"wasserstein_of_bins", wasserstein_of_bins(edges, p, q)},
                                            {"jensen_shannon", jensen_shannon(p, q)},
                                            {"ks_of_bins", ks_of_bins(p, q)},
                                            {"l_infinity", l_infinity(p, q)}};
    for (const auto& [name, value] : seen) {
      ASSERT_TRUE(value) << c["name"] << " " << name;
      EXPECT_TRUE(near(*value, c["expected"][name].get<double>()))
          << c["name"] << " " << name << " " << *value;
    }
    if (c["ks_2samp"].is_null()) continue;
    EXPECT_TRUE(near(*seen.at("ks_of_bins"), c["ks_2samp"].get<double>())) << c["name"];
  }
}

TEST(Distances, tail_of_chi_square_agrees_with_scipy_relative_to_its_size) {
  const Json& c = reference()["chi_square_tail"];
  const auto x = numbers(c["x"]), degrees = numbers(c["degrees"]), expected = numbers(c["expected"]);
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(chi_square_tail(x[i], degrees[i]) / expected[i], 1.0, 1e-9) << x[i];
}

TEST(Distances, equal_shares_are_no_distance_and_disjoint_ones_the_largest) {
  const std::vector<double> a{10, 20, 30}, b{100, 200, 300}, left{5, 0}, right{0, 7};
  EXPECT_NEAR(*jensen_shannon(a, b), 0, 1e-9);
  EXPECT_NEAR(*ks_of_bins(a, b), 0, 1e-12);
  EXPECT_EQ(*jensen_shannon(left, right), 1);
  EXPECT_EQ(*ks_of_bins(left, right), 1);
  EXPECT_EQ(*l_infinity(left, right), 1);
  EXPECT_GT(*psi(left, right), 1);  // finite, thanks to smoothing
}

TEST(Distances, empty_sides_unequal_lengths_and_wrong_counts_have_none) {
  const std::vector<double> some{1, 2}, zero{0, 0}, three{1, 2, 3}, negative{-1, 2}, none;
  const std::vector<double> nan{std::numeric_limits<double>::quiet_NaN()},
      infinite{std::numeric_limits<double>::infinity()};
  for (const auto distance : {psi, jensen_shannon, ks_of_bins, l_infinity})
    for (const auto& other : {zero, three, negative, none}) EXPECT_FALSE(distance(some, other));
  EXPECT_FALSE(chi_square(some, zero));
  EXPECT_FALSE(chi_square(std::vector<double>{3, 0}, std::vector<double>{4, 0}));
  EXPECT_FALSE(ks(some, nan));
  EXPECT_FALSE(wasserstein(some, none));
  EXPECT_FALSE(wasserstein(some, infinite));
  EXPECT_FALSE(wasserstein_over_sigma(std::vector<double>{2, 2}, some));
}

}  // namespace
}  // namespace tidemill::statistics
