#include "statistics/bins.hpp"

#include <limits>
#include <numeric>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Bins, quantiles_are_numpys) {
  const Json& c = reference()["quantiles"];
  const auto values = numbers(c["values"]), at = numbers(c["at"]), expected = numbers(c["expected"]);
  for (size_t i = 0; i < at.size(); ++i) EXPECT_TRUE(near(*quantile(values, at[i]), expected[i])) << at[i];
  const std::vector<double> ends{-1.5e308, 1.5e308};
  EXPECT_EQ(*quantile(ends, 0.5), 0) << "between the ends of the doubles";
  EXPECT_FALSE(quantile({}, 0.5));
  EXPECT_FALSE(quantile(values, 1.5));
}

TEST(Bins, counts_are_numpys_histogram_over_the_reference_quantiles) {
  for (const Json& c : reference()["distances"]) {
    const auto a = numbers(c["reference"]), b = numbers(c["current"]), edges = numbers(c["edges"]);
    const NumberBins bins = quantile_bins(a);
    ASSERT_EQ(bins.edges.size(), edges.size()) << c["name"];
    for (size_t i = 0; i < edges.size(); ++i) EXPECT_TRUE(near(bins.edges[i], edges[i]));
    const auto of_a = count(bins, a), of_b = count(bins, b);
    EXPECT_EQ(std::vector(of_a.begin() + 1, of_a.end()), numbers(c["reference_counts"])) << c["name"];
    EXPECT_EQ(std::vector(of_b.begin() + 1, of_b.end()), numbers(c["current_counts"])) << c["name"];
    EXPECT_EQ(of_b[0], 0);
  }
}

TEST(Bins, every_value_has_a_place) {
  const NumberBins bins = quantile_bins(std::vector<double>{1, 2, 3, 4}, 3);
  EXPECT_EQ(bins.edges, (std::vector<double>{1, 2, 3, 4}));
  const std::vector<double> values{kNaN, -kInfinity, 0.5, 1, 1.99, 2, 3, 4, 4.01, kInfinity};
  EXPECT_EQ(count(bins, values), (std::vector<double>{1, 2, 2, 1, 2, 2}));
  EXPECT_EQ(bins.label(0), "missing");
  EXPECT_EQ(bins.label(1), "< 1");
  EXPECT_EQ(bins.label(2), "[1, 2)");
  EXPECT_EQ(bins.label(4), "[3, 4]");
  EXPECT_EQ(bins.label(5), "> 4");
}

TEST(Bins, constant_and_empty_columns_still_tell_new_values_apart) {
  const NumberBins constant = quantile_bins(std::vector<double>{5, 5, kNaN});
  EXPECT_EQ(constant.bins(), 1U);
  EXPECT_EQ(count(constant, std::vector<double>{4, 5, 5, 6, kNaN}), (std::vector<double>{1, 1, 2, 1}));
  const NumberBins empty = quantile_bins(std::vector<double>{kNaN, kInfinity});
  EXPECT_EQ(empty.places(), 3U);
  EXPECT_EQ(count(empty, std::vector<double>{kNaN, 7}), (std::vector<double>{1, 0, 1}));
}

TEST(Bins, counts_add_up_to_the_rows_and_bins_are_at_most_twenty) {
  rc::check([](const std::vector<double>& reference, const std::vector<double>& values) {
    const NumberBins bins = quantile_bins(reference);
    RC_ASSERT(bins.bins() <= kMaxBins);
    const auto counts = count(bins, values);
    RC_ASSERT(counts.size() == bins.places());
    RC_ASSERT(std::accumulate(counts.begin(), counts.end(), 0.0) == static_cast<double>(values.size()));
  });
}

TEST(Bins, levels_come_by_count_and_the_rest_is_other) {
  const LevelBins bins = frequent_levels({{"b", 5}, {"a", 5}, {"rare", 1}, {"c", 9}}, 3);
  EXPECT_EQ(bins.levels, (std::vector<std::string>{"c", "a", "b"}));
  EXPECT_EQ(bins.place_of(std::nullopt), 0U);
  EXPECT_EQ(bins.place_of("a"), 2U);
  EXPECT_EQ(bins.place_of("rare"), 4U);
  EXPECT_EQ(bins.label(4), "other");
}

TEST(Bins, baseline_comes_back_from_its_json) {
  const Json json = number_baseline(std::vector<double>{1, 2, 3, 4, kNaN, kInfinity});
  EXPECT_EQ(json["missing"], 1);
  EXPECT_EQ(json["rows"], 6);
  EXPECT_EQ(json["mean"], 2.5);
  EXPECT_NEAR(json["std"].get<double>(), 1.2909944487358056, 1e-12);
  EXPECT_EQ(json["quantiles"]["0.5"], 2.5);
  const auto back = read_baseline(*parse_json(to_text(json)));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->rows, 6);
  EXPECT_EQ(back->counts.back(), 1);  // the infinity
  EXPECT_EQ(back->mean, 2.5);

  const auto levels = read_baseline(level_baseline({{"x", 3}, {"y", 2}, {"z", 1}}, 4, 2));
  ASSERT_TRUE(levels);
  EXPECT_EQ(levels->counts, (std::vector<double>{4, 3, 2, 1}));
  EXPECT_EQ(levels->rows, 10);
}

TEST(Bins, malformed_baselines_are_refused) {
  for (const char* text : {R"({})", R"([1])", R"({"kind":"number","edges":[1,2],"counts":[1,2]})",
                           R"({"kind":"number","edges":[2,1],"counts":[0,0,0,0]})",
                           R"({"kind":"number","edges":[1],"counts":[0,0,0]})",
                           R"({"kind":"level","levels":[1],"counts":[0,0,0]})",
                           R"({"kind":"number","edges":[1,2],"counts":[0,-1,0,0]})",
                           R"({"kind":"number","edges":[1,null],"counts":[0,0,0,0]})"}) {
    const auto baseline = read_baseline(*parse_json(text));
    ASSERT_FALSE(baseline) << text;
    EXPECT_EQ(baseline.error().code, "baseline.malformed");
  }
}

}  // namespace
}  // namespace tidemill::statistics
