#include "statistics/estimated_performance.hpp"

#include <algorithm>
#include <limits>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

double estimated(std::string_view name, const Unlabelled& rows) {
  const auto seen = estimate(name, rows);
  EXPECT_TRUE(seen && *seen) << name << ": " << (seen ? "" : seen.error().message);
  return seen && *seen ? **seen : std::numeric_limits<double>::quiet_NaN();
}

TEST(EstimatedPerformance, agrees_with_nannyml) {
  for (const Json& c : monitoring_reference()["estimated"]) {
    const auto probabilities = numbers(c["probabilities"]), scores = numbers(c["scores"]);
    const Unlabelled rows{
        .probabilities = probabilities, .scores = scores, .threshold = c["threshold"].get<double>()};
    for (const auto& [name, expected] : c["expected"].items())
      EXPECT_TRUE(near(estimated(name, rows), expected.get<double>()))
          << c["name"] << " " << name << " " << estimated(name, rows) << " " << expected;
  }
}

TEST(EstimatedPerformance, of_several_classes_agrees_with_nannyml) {
  for (const Json& c : monitoring_reference()["estimated_multiclass"]) {
    const auto probabilities = numbers(c["probabilities"]), scores = numbers(c["scores"]);
    const Unlabelled rows{.task = Task::Multiclass,
                          .probabilities = probabilities,
                          .scores = scores,
                          .outputs = c["classes"].get<size_t>()};
    for (const auto& [name, expected] : c["expected"].items())
      EXPECT_TRUE(near(estimated(name, rows), expected.get<double>()))
          << name << " " << estimated(name, rows) << " " << expected;
  }
}

// Certain probabilities are labels.
TEST(EstimatedPerformance, of_certain_labels_is_the_performance) {
  const Json& c = reference()["binary"][2];  // many ties
  const auto labels = numbers(c["labels"]), scores = numbers(c["scores"]);
  for (const auto& [name, expected] : c["expected"].items()) {
    if (name == "ece") continue;
    const Unlabelled rows{
        .probabilities = labels, .scores = scores, .threshold = c["threshold"].get<double>()};
    EXPECT_TRUE(near(estimated(name, rows), expected.get<double>())) << name;
  }
}

TEST(EstimatedPerformance, is_what_labels_drawn_from_the_probabilities_give_on_average) {
  std::mt19937_64 random(6);
  std::uniform_real_distribution<double> unit;
  constexpr size_t kRows = 20'000;
  std::vector<double> probabilities(kRows), scores(kRows), labels(kRows);
  for (size_t row = 0; row < kRows; ++row) {
    scores[row] = unit(random);
    probabilities[row] = scores[row] * scores[row];  // the scores themselves are not calibrated
    labels[row] = unit(random) < probabilities[row];
  }
  for (const std::string& name : estimated_metric_names(Task::Binary)) {
    const auto truth = compute(name, {.labels = labels, .scores = scores});
    EXPECT_NEAR(estimated(name, {.probabilities = probabilities, .scores = scores}), **truth, 0.02) << name;
  }
}

TEST(EstimatedPerformance, tied_scores_are_the_mean_over_all_their_orders) {
  const std::vector<double> probabilities{0.9, 0.2, 0.6, 0.4}, tied{3, 2, 2, 1}, one{3, 2.5, 2, 1},
      other{3, 2, 2.5, 1};
  const auto roc_auc = [&](const std::vector<double>& scores) {
    return estimated("roc_auc", {.probabilities = probabilities, .scores = scores});
  };
  EXPECT_NEAR(roc_auc(tied), (roc_auc(one) + roc_auc(other)) / 2, 1e-12);
  EXPECT_NE(roc_auc(one), roc_auc(other));
}

TEST(EstimatedPerformance, confusion_of_given_decisions_is_that_of_a_threshold) {
  const std::vector<double> p{0.9, 0.2, 0.6, 0.4}, decisions{1, 0, 1, 0}, weights{1, 2, 3, 4};
  const auto c = expected_confusion(p, decisions, weights);
  ASSERT_TRUE(c);
  EXPECT_NEAR(c->true_positive, 2.7, 1e-12);
  EXPECT_NEAR(c->false_positive, 1.3, 1e-12);
  EXPECT_NEAR(c->false_negative, 2.0, 1e-12);
  EXPECT_NEAR(c->true_negative, 4.0, 1e-12);
  const Unlabelled rows{.probabilities = p, .scores = p, .weights = weights};
  EXPECT_NEAR(estimated("accuracy", rows), *accuracy(*c), 1e-12);
  EXPECT_NEAR(estimated("precision", rows), *precision(*c), 1e-12);
  EXPECT_NEAR(estimated("f1", rows), *f1(*c), 1e-12);
  EXPECT_FALSE(expected_confusion(p, std::vector<double>{1, 0, 1}));
  EXPECT_FALSE(expected_confusion(p, std::vector<double>{1, 0, 1, 2}));
  EXPECT_FALSE(expected_confusion(std::vector<double>{1.1}, std::vector<double>{1}));
}

TEST(EstimatedPerformance, nothing_where_a_metric_is_not_defined) {
  const std::vector<double> none{0, 0, 0}, low{0.1, 0.2, 0.3};
  EXPECT_FALSE(*estimate("roc_auc", {.probabilities = none, .scores = low}));
  EXPECT_FALSE(*estimate("recall", {.probabilities = none, .scores = low}));
  EXPECT_FALSE(*estimate("precision", {.probabilities = low, .scores = low}));
  EXPECT_FALSE(*estimate("accuracy", {}));
}

TEST(EstimatedPerformance, what_cannot_be_estimated_says_so) {
  const std::vector<double> p{0.1, 0.9}, wrong{0.1, 1.5}, nan{0.1, std::numeric_limits<double>::quiet_NaN()},
      one{0.5};
  const auto code = [](std::string_view name, const Unlabelled& rows) {
    return estimate(name, rows).error().code;
  };
  EXPECT_EQ(code("ece", {.probabilities = p, .scores = p}), "metric.not_estimated");
  EXPECT_EQ(code("rmse", {.probabilities = p, .scores = p}), "metric.wrong_task");
  EXPECT_EQ(code("rmse", {.task = Task::Regression, .probabilities = p, .scores = p}), "metric.wrong_task");
  EXPECT_EQ(code("roc", {.probabilities = p, .scores = p}), "metric.unknown");
  EXPECT_EQ(code("roc_auc", {.probabilities = wrong, .scores = p}), "metric.bad_input");
  EXPECT_EQ(code("roc_auc", {.probabilities = nan, .scores = p}), "metric.bad_input");
  EXPECT_EQ(code("roc_auc", {.probabilities = one, .scores = p}), "metric.bad_input");
  EXPECT_EQ(code("roc_auc", {.probabilities = p, .scores = p, .weights = one}), "metric.bad_input");
  EXPECT_EQ(code("accuracy", {.task = Task::Multiclass, .probabilities = p, .scores = p, .outputs = 3}),
            "metric.bad_input");
}

TEST(EstimatedPerformance, an_interval_holds_the_estimate_and_shrinks_with_rows) {
  std::mt19937_64 random(8);
  std::uniform_real_distribution<double> unit;
  std::vector<double> p(4000);
  for (double& x : p) x = unit(random);
  const auto width = [&](size_t rows) {
    const Numbers some = Numbers(p).first(rows);
    const auto seen = estimate_interval("roc_auc", {.probabilities = some, .scores = some},
                                        blocks_of_single_rows(rows), {.resamples = 200});
    EXPECT_LT((*seen)->low, (*seen)->estimate);
    EXPECT_GT((*seen)->high, (*seen)->estimate);
    EXPECT_EQ((*seen)->blocks, rows);
    return (*seen)->high - (*seen)->low;
  };
  EXPECT_NEAR(width(4000) / width(1000), 0.5, 0.1);
  const auto few =
      estimate_interval("roc_auc", {.probabilities = Numbers(p).first(5), .scores = Numbers(p).first(5)},
                        blocks_of_single_rows(5));
  EXPECT_FALSE(*few);
}

}  // namespace
}  // namespace tidemill::statistics
