#include "statistics/metrics.hpp"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Every case of a task against every expected metric; returns how many were compared.
size_t compare_with_reference(Task task, const char* section) {
  size_t compared = 0;
  for (const Json& c : reference()[section]) {
    const auto labels = numbers(c["labels"]), scores = numbers(c["scores"]), weights = numbers(c["weights"]);
    Evaluation e{.task = task, .labels = labels, .scores = scores, .weights = weights};
    e.outputs = c.value("classes", size_t{1});
    e.threshold = c.value("threshold", 0.5);
    if (c.contains("naive_error")) e.naive_error = c["naive_error"].get<double>();
    for (const auto& [name, expected] : c["expected"].items()) {
      const Result<Maybe> value = compute(name, e);
      EXPECT_TRUE(value && *value) << c["name"] << " " << name;
      if (!value || !*value) continue;
      EXPECT_TRUE(near(**value, expected.get<double>()))
          << c["name"] << " " << name << ": " << **value << " not " << expected;
      ++compared;
    }
  }
  return compared;
}

TEST(Metrics, binary_agree_with_scikit_learn) {
  EXPECT_EQ(compare_with_reference(Task::Binary, "binary"), 54U);
}
TEST(Metrics, multiclass_agree_with_scikit_learn) {
  EXPECT_EQ(compare_with_reference(Task::Multiclass, "multiclass"), 32U);
}
TEST(Metrics, regression_agree_with_scikit_learn) {
  EXPECT_EQ(compare_with_reference(Task::Regression, "regression"), 18U);
}

TEST(Metrics, calibration_error_without_ties_is_that_of_scikit_learns_quantile_bins) {
  const Json& c = reference()["equal_bins"];
  EXPECT_TRUE(near(*ece(numbers(c["labels"]), numbers(c["scores"])), c["expected"].get<double>()));
}

TEST(Metrics, functions_by_hand_give_what_compute_gives_by_name) {
  const std::vector<double> labels{0, 1, 1, 0, 1}, scores{0.1, 0.8, 0.4, 0.4, 0.9}, weights{1, 2, 1, 1, 3};
  const Evaluation e{.labels = labels, .scores = scores, .weights = weights, .threshold = 0.4};
  EXPECT_EQ(roc_auc(labels, scores, weights), *compute("roc_auc", e));
  EXPECT_EQ(ece(labels, scores, weights), *compute("ece", e));
  const auto c = confusion(labels, scores, 0.4, weights);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->true_positive, 6);
  EXPECT_EQ(c->false_positive, 1);
  EXPECT_EQ(precision(*c), *compute("precision", e));
  EXPECT_EQ(f1(*c), *compute("f1", e));
}

TEST(Metrics, one_class_leaves_rank_metrics_undefined) {
  const std::vector<double> ones{1, 1, 1}, zeros{0, 0, 0}, scores{0.1, 0.5, 0.9};
  EXPECT_FALSE(roc_auc(ones, scores));
  EXPECT_FALSE(roc_auc(zeros, scores));
  EXPECT_FALSE(pr_auc(zeros, scores));
  EXPECT_TRUE(log_loss(ones, scores));
}

TEST(Metrics, precision_without_a_positive_decision_is_undefined_and_not_zero) {
  const std::vector<double> labels{0, 1}, scores{0.1, 0.2};
  const auto c = confusion(labels, scores, 0.5);
  ASSERT_TRUE(c);
  EXPECT_FALSE(precision(*c));
  EXPECT_EQ(recall(*c), 0);
  EXPECT_EQ(f1(*c), 0);
  EXPECT_FALSE(f1(Confusion{.true_negative = 3}));
}

TEST(Metrics, a_zero_target_leaves_mape_undefined_unless_it_has_no_weight) {
  const std::vector<double> targets{0, 2}, predictions{1, 1}, weights{0, 1};
  EXPECT_FALSE(mape(targets, predictions));
  EXPECT_EQ(mape(targets, predictions, weights), 0.5);
  EXPECT_EQ(wape(targets, predictions), 1.0);
  EXPECT_FALSE(wape(std::vector<double>{0, 0}, predictions));
}

TEST(Metrics, r2_of_equal_targets_is_undefined_even_when_their_mean_rounds) {
  const std::vector<double> targets{0.1, 0.1, 0.1}, predictions{0.1, 0.2, 0.3};
  EXPECT_FALSE(r2(targets, predictions));
}

TEST(Metrics, nothing_is_defined_without_rows_or_weight_or_with_a_nan) {
  const std::vector<double> none, labels{0, 1}, scores{0.2, kNaN}, good{0.2, 0.3}, zero{0, 0};
  for (const Metric& metric : metrics()) {
    const Task task = metric.tasks.front();

    const Evaluation empty{.task = task, .labels = none, .scores = none, .outputs = 1, .naive_error = 1};
    EXPECT_EQ(*compute(metric.name, empty), Maybe()) << metric.name;
    if (task == Task::Multiclass) continue;
    EXPECT_EQ(*compute(metric.name, {.task = task, .labels = labels, .scores = scores, .naive_error = 1}),
              Maybe())
        << metric.name;
    EXPECT_EQ(*compute(metric.name,
                       {.task = task, .labels = labels, .scores = good, .weights = zero, .naive_error = 1}),
              Maybe())
        << metric.name;
  }
}

TEST(Metrics, unknown_names_and_wrong_input_are_errors_that_teach) {
  const std::vector<double> labels{0, 1}, scores{0.2, 0.3}, three{1, 2, 3}, negative{1, -1}, half{0, 0.5};
  const auto code = [&](std::string_view name, const Evaluation& e) {
    const auto value = compute(name, e);
    return value ? std::string("none") : value.error().code;
  };
  const Evaluation e{.labels = labels, .scores = scores};
  EXPECT_EQ(code("roc_uac", e), "metric.unknown");
  EXPECT_NE(compute("roc_uac", e).error().hint.find("roc_auc"), std::string::npos);
  EXPECT_EQ(code("rmse", e), "metric.wrong_task");
  EXPECT_EQ(code("roc_auc", {.labels = labels, .scores = three}), "metric.bad_input");
  EXPECT_EQ(code("roc_auc", {.labels = labels, .scores = scores, .weights = negative}), "metric.bad_input");
  EXPECT_EQ(code("roc_auc", {.labels = half, .scores = scores}), "metric.bad_input");
  EXPECT_EQ(code("log_loss", {.task = Task::Multiclass, .labels = labels, .scores = scores, .outputs = 0}),
            "metric.bad_input");
}

TEST(Metrics, naive_error_looks_one_season_back) {
  const std::vector<double> series{1, 2, 4, 4};
  EXPECT_EQ(naive_error(series), 1.0);
  EXPECT_EQ(naive_error(series, 2), 2.5);
  EXPECT_FALSE(naive_error(series, 4));
}

TEST(Metrics, roc_auc_is_the_share_of_pairs_in_the_right_order) {
  rc::check([] {
    const auto rows = *rc::gen::inRange<size_t>(2, 40);
    std::vector<double> labels, scores, weights;
    for (size_t i = 0; i < rows; ++i) {
      labels.push_back(*rc::gen::inRange(0, 2));
      scores.push_back(*rc::gen::inRange(0, 8));  // ties on purpose
      weights.push_back(*rc::gen::inRange(0, 4));
    }
    double right = 0, pairs = 0;
    for (size_t p = 0; p < rows; ++p)
      for (size_t n = 0; n < rows; ++n) {
        if (labels[p] != 1 || labels[n] != 0) continue;
        const double w = weights[p] * weights[n];
        pairs += w;
        right += w * (scores[p] > scores[n] ? 1.0 : scores[p] == scores[n] ? 0.5 : 0.0);
      }
    const Maybe auc = roc_auc(labels, scores, weights);
    RC_ASSERT(auc.has_value() == (pairs > 0));
    if (auc) RC_ASSERT(near(*auc, right / pairs));
  });
}

TEST(Metrics, a_weight_of_two_is_the_row_twice) {
  rc::check([] {
    const auto rows = *rc::gen::inRange<size_t>(1, 30);
    std::vector<double> labels, scores, weights, repeated_labels, repeated_scores;
    for (size_t i = 0; i < rows; ++i) {
      labels.push_back(*rc::gen::inRange(0, 2));
      scores.push_back(*rc::gen::inRange(0, 11) / 10.0);
      weights.push_back(*rc::gen::inRange(0, 3));
      repeated_labels.insert(repeated_labels.end(), static_cast<size_t>(weights.back()), labels.back());
      repeated_scores.insert(repeated_scores.end(), static_cast<size_t>(weights.back()), scores.back());
    }
    for (const std::string& name : metric_names(Task::Binary)) {
      const Maybe weighted = *compute(name, {.labels = labels, .scores = scores, .weights = weights});
      const Maybe repeated = *compute(name, {.labels = repeated_labels, .scores = repeated_scores});
      RC_ASSERT(weighted.has_value() == repeated.has_value());
      if (weighted) RC_ASSERT(near(*weighted, *repeated));
    }
  });
}

}  // namespace
}  // namespace tidemill::statistics
