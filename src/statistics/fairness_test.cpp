#include "statistics/fairness.hpp"

#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

/// Owns what a Decided shows.
struct Made {
  std::vector<double> decisions, labels, weights;
  std::vector<uint32_t> groups;
  std::vector<std::string> names;
  Decided view() const { return {decisions, labels, weights, groups, names}; }
  void add(uint32_t group, double decision, double label, size_t times) {
    decisions.insert(decisions.end(), times, decision);
    labels.insert(labels.end(), times, label);
    groups.insert(groups.end(), times, group);
  }
  Result<Fairness> judged(BootstrapOptions options = {.resamples = 200}) const {
    return fairness(view(), blocks_of_single_rows(decisions.size()), options);
  }
};

void expect_near(const Measured& seen, const Json& expected, const std::string& what) {
  ASSERT_EQ(seen.value.has_value(), !expected.is_null()) << what;
  if (!seen.value) return;
  EXPECT_TRUE(near(*seen.value, expected.get<double>())) << what << ": " << *seen.value << " " << expected;
}

TEST(Fairness, agrees_with_fairlearn) {
  for (const Json& c : monitoring_reference()["fairness"]) {
    const std::string name = c["name"].get<std::string>();
    Made made{numbers(c["decisions"]), numbers(c["labels"]), numbers(c["weights"]),
              c["groups"].get<std::vector<uint32_t>>(), c["names"].get<std::vector<std::string>>()};
    const auto seen = made.judged({.resamples = 20});
    ASSERT_TRUE(seen) << seen.error().message;
    for (size_t g = 0; g < made.names.size(); ++g) {
      const Json& expected = c["expected"]["groups"][g];
      const GroupRates& group = seen->groups[g];
      EXPECT_EQ(group.rows, expected["rows"].get<size_t>());
      expect_near(group.selection_rate, expected["selection_rate"], name + " selection " + group.name);
      expect_near(group.true_positive_rate, expected["true_positive_rate"], name + " tpr " + group.name);
      expect_near(group.false_positive_rate, expected["false_positive_rate"], name + " fpr " + group.name);
    }
    const Json& expected = c["expected"];
    for (const auto& [what, disparity] :
         std::map<std::string, Disparity>{{"demographic_parity", seen->demographic_parity},
                                          {"equal_opportunity", seen->equal_opportunity},
                                          {"equalized_odds", seen->equalized_odds}}) {
      expect_near(disparity.difference, expected[what + "_difference"], name + " " + what);
      expect_near(disparity.ratio, expected[what + "_ratio"], name + " " + what + " ratio");
    }
  }
}

TEST(Fairness, groups_under_a_hundred_rows_are_listed_and_not_judged) {
  Made made{.names = {"a", "b", "small", "nobody"}};
  made.add(0, 1, 1, 60), made.add(0, 0, 0, 60);
  made.add(1, 1, 1, 50), made.add(1, 0, 0, 50);
  made.add(2, 0, 1, kMinGroupRows - 1);
  const auto seen = made.judged();
  EXPECT_TRUE(seen->groups[1].judged);
  EXPECT_FALSE(seen->groups[2].judged);
  EXPECT_EQ(seen->groups[2].rows, 99U);
  EXPECT_EQ(seen->groups[2].weight, 99);
  EXPECT_FALSE(seen->groups[2].selection_rate.value);
  EXPECT_FALSE(seen->groups[2].impact_ratio.value);
  EXPECT_EQ(seen->groups[3].rows, 0U);
  EXPECT_EQ(seen->demographic_parity.difference.value, 0);
  EXPECT_EQ(seen->demographic_parity.ratio.value, 1);
}

TEST(Fairness, zero_over_zero_is_nothing_and_such_a_group_is_left_out_of_that_rate) {
  Made made{.names = {"a", "b", "no positives"}};
  made.add(0, 1, 1, 50), made.add(0, 0, 1, 50), made.add(0, 1, 0, 25), made.add(0, 0, 0, 25);
  made.add(1, 1, 1, 25), made.add(1, 0, 1, 75), made.add(1, 0, 0, 50);
  made.add(2, 0, 0, 100);
  const auto seen = made.judged();
  EXPECT_FALSE(seen->groups[2].true_positive_rate.value);
  EXPECT_EQ(seen->groups[2].selection_rate.value, 0);
  EXPECT_EQ(seen->groups[2].impact_ratio.value, 0);
  EXPECT_EQ(seen->equal_opportunity.difference.value, 0.25);
  EXPECT_EQ(seen->equal_opportunity.ratio.value, 0.5);
  EXPECT_EQ(seen->demographic_parity.ratio.value, 0);
  EXPECT_FALSE(seen->demographic_parity.ratio.interval);  // no resample has a selected row of the third
  EXPECT_TRUE(seen->demographic_parity.difference.interval);
  EXPECT_EQ(seen->four_fifths, false);
}

TEST(Fairness, nobody_selected_has_no_ratio_and_one_group_no_disparity) {
  Made nobody{.names = {"a", "b"}};
  nobody.add(0, 0, 1, 100), nobody.add(1, 0, 0, 100);
  EXPECT_EQ(nobody.judged()->demographic_parity.difference.value, 0);
  EXPECT_FALSE(nobody.judged()->demographic_parity.ratio.value);
  EXPECT_FALSE(nobody.judged()->four_fifths);
  Made alone{.names = {"a"}};
  alone.add(0, 1, 1, 200);
  EXPECT_FALSE(alone.judged()->demographic_parity.difference.value);
  EXPECT_EQ(alone.judged()->groups[0].impact_ratio.value, 1);
}

TEST(Fairness, without_labels_only_selection_is_measured) {
  Made made{.names = {"a", "b"}};
  made.add(0, 1, 0, 80), made.add(0, 0, 0, 40), made.add(1, 1, 0, 60), made.add(1, 0, 0, 60);
  made.labels.clear();
  const auto seen = made.judged();
  EXPECT_EQ(seen->demographic_parity.ratio.value, 0.75);
  EXPECT_EQ(seen->four_fifths, false);
  EXPECT_FALSE(seen->groups[0].true_positive_rate.value);
  EXPECT_FALSE(seen->groups[0].false_positive_rate.value);
  EXPECT_FALSE(seen->equalized_odds.difference.value);
}

TEST(Fairness, exactly_four_fifths_is_enough) {
  for (const size_t tenth : {100U, 300U, 700U}) {
    Made made{.names = {"a", "b"}};
    made.add(0, 1, 0, 3 * tenth), made.add(0, 0, 0, 7 * tenth);
    made.add(1, 1, 0, 24 * tenth / 10), made.add(1, 0, 0, 10 * tenth - 24 * tenth / 10);
    EXPECT_EQ(made.judged({.resamples = 1})->four_fifths, true) << tenth;
  }
}

TEST(Fairness, few_blocks_give_numbers_without_intervals) {
  Made made{.names = {"a", "b"}};
  made.add(0, 1, 1, 100), made.add(0, 0, 0, 100), made.add(1, 1, 1, 100), made.add(1, 0, 0, 100);
  std::vector<int64_t> days(400);
  for (size_t row = 0; row < days.size(); ++row) days[row] = static_cast<int64_t>(row % 9);
  const auto seen = fairness(made.view(), make_blocks(days));
  EXPECT_TRUE(seen->demographic_parity.difference.value);
  EXPECT_FALSE(seen->demographic_parity.difference.interval);
  EXPECT_FALSE(seen->groups[0].selection_rate.interval);
}

/// Groups of rows that are selected with these probabilities.
Made drawn(uint64_t seed, const std::vector<double>& rates, size_t rows) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> unit;
  Made made;
  for (size_t g = 0; g < rates.size(); ++g) {
    made.names.push_back(std::string(1, static_cast<char>('a' + g)));
    for (size_t row = 0; row < rows; ++row)
      made.add(static_cast<uint32_t>(g), unit(random) < rates[g], unit(random) < 0.5, 1);
  }
  return made;
}

// A percentile interval of the difference would hold the truth of the first case never.
TEST(Fairness, intervals_of_disparities_hold_the_truth_whether_groups_are_alike_or_not) {
  constexpr int kTimes = 200;
  for (const std::vector<double>& rates :
       {std::vector<double>(8, 0.3), std::vector<double>{0.3, 0.3, 0.3, 0.5},
        std::vector<double>{0.05, 0.06}}) {
    const double low = *std::min_element(rates.begin(), rates.end());
    const double high = *std::max_element(rates.begin(), rates.end());
    const auto holds = [](const Measured& seen, double truth) {
      return seen.interval && seen.interval->low <= truth && truth <= seen.interval->high;
    };
    int differences = 0, ratios = 0, odds = 0;
    for (uint64_t seed = 0; seed < kTimes; ++seed) {
      const auto seen = drawn(seed, rates, 200).judged();
      differences += holds(seen->demographic_parity.difference, high - low);
      ratios += holds(seen->demographic_parity.ratio, low / high);
      odds += holds(seen->equalized_odds.difference, high - low);  // labels tell nothing of decisions
    }
    EXPECT_GE(differences, 0.9 * kTimes) << rates.size();
    EXPECT_GE(ratios, 0.9 * kTimes) << rates.size();
    EXPECT_GE(odds, 0.9 * kTimes) << rates.size();
  }
}

TEST(Fairness, intervals_of_rates_are_percentiles_and_those_of_days_are_wider_where_days_differ) {
  std::mt19937_64 random(4);
  std::uniform_real_distribution<double> unit;
  Made made{.names = {"a", "b"}};
  std::vector<int64_t> days;
  for (int64_t day = 0; day < 40; ++day) {
    const double rate = unit(random);
    for (int row = 0; row < 50; ++row) {
      made.add(row % 2, unit(random) < rate, 1, 1);
      days.push_back(day);
    }
  }
  const auto by_row = made.judged(), by_day = fairness(made.view(), make_blocks(days), {.resamples = 200});
  const auto width = [](const Result<Fairness>& f) {
    return f->groups[0].selection_rate.interval->high - f->groups[0].selection_rate.interval->low;
  };
  EXPECT_GT(width(by_day), 2 * width(by_row));
  EXPECT_NEAR(width(by_row), 2 * 1.96 * 0.5 / std::sqrt(1000.0), 0.015);
  EXPECT_EQ(by_day->groups[0].selection_rate.interval->blocks, 40U);
}

TEST(Fairness, what_does_not_belong_together_is_an_error) {
  Made good{.names = {"a", "b"}};
  good.add(0, 1, 1, 100), good.add(1, 0, 0, 100);
  const auto refused = [](Made made, const auto& change) {
    change(made);
    const auto seen = made.judged();
    return !seen && seen.error().code == "fairness.bad_input";
  };
  EXPECT_TRUE(refused(good, [](Made& m) { m.decisions[3] = 0.5; }));
  EXPECT_TRUE(refused(good, [](Made& m) { m.labels[3] = std::numeric_limits<double>::quiet_NaN(); }));
  EXPECT_TRUE(refused(good, [](Made& m) { m.labels.pop_back(); }));
  EXPECT_TRUE(refused(good, [](Made& m) { m.groups[3] = 2; }));
  EXPECT_TRUE(refused(good, [](Made& m) { m.weights.assign(200, -1); }));
  EXPECT_TRUE(refused(good, [](Made& m) { m.weights.assign(7, 1); }));
  EXPECT_EQ(good.judged({.resamples = 0}).error().code, "bootstrap.bad_options");
}

}  // namespace
}  // namespace tidemill::statistics
