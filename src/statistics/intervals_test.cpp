#include "statistics/intervals.hpp"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "statistics/random.hpp"
#include "statistics/reference_test.hpp"

namespace tidemill::statistics {
namespace {

struct Sample {
  std::vector<double> labels, scores, worse;
  std::vector<int64_t> days;
};

/// Days have their own level, so rows of a day are alike. `worse` is the same score with noise.
Sample make_sample(size_t rows, size_t days, uint64_t seed) {
  Sample sample;
  const CounterRandom random(seed, 0);
  for (size_t i = 0; i < rows; ++i) {
    const size_t day = i * days / rows;
    const double level = CounterRandom(seed, 1).unit(day), score = random.unit(3 * i);
    sample.labels.push_back(random.unit(3 * i + 1) < 0.2 + 0.3 * level + 0.4 * score ? 1 : 0);
    sample.scores.push_back(score);
    sample.worse.push_back(score + 2 * random.unit(3 * i + 2));
    sample.days.push_back(static_cast<int64_t>(day) + 15'000);
  }
  return sample;
}

TEST(Intervals, resampled_metric_is_the_metric_of_the_resampled_rows) {
  // The definition, slowly: repeat each row as often as its block was drawn and compute the metric afresh.
  const Sample s = make_sample(300, 12, 7);
  const Blocks blocks = make_blocks(s.days);
  for (const std::string& name : metric_names(Task::Binary)) {
    const Evaluation e{.labels = s.labels, .scores = s.scores};
    const auto fast = bootstrap(name, e, blocks, {.seed = 5, .resamples = 40, .level = 0.9});
    ASSERT_TRUE(fast && *fast) << name;
    std::vector<double> values, multiplicity(blocks.count);
    for (uint64_t r = 0; r < 40; ++r) {
      draw_blocks(5, r, multiplicity);
      std::vector<double> labels, scores;
      for (size_t row = 0; row < s.labels.size(); ++row)
        for (double k = 0; k < multiplicity[blocks.of_row[row]]; ++k) {
          labels.push_back(s.labels[row]);
          scores.push_back(s.scores[row]);
        }
      values.push_back(**compute(name, {.labels = labels, .scores = scores}));
    }
    std::sort(values.begin(), values.end());
    const double estimate = **compute(name, e),
                 mean = std::accumulate(values.begin(), values.end(), 0.0) / 40;
    const double place = 0.05 * 39, low = values[1] + (values[2] - values[1]) * (place - 1);
    const double bias = name == "ece" ? mean - estimate : 0;
    EXPECT_TRUE(near((*fast)->low, std::max(low - bias, 0.0))) << name;
    EXPECT_TRUE(near((*fast)->estimate, estimate)) << name;
  }
}

TEST(Intervals, every_metric_of_every_task_has_one) {
  const Sample s = make_sample(200, 200, 3);
  std::vector<double> classes, probabilities, targets;
  for (size_t i = 0; i < s.labels.size(); ++i) {
    classes.push_back(static_cast<double>(i % 3));
    for (int c = 0; c < 3; ++c)
      probabilities.push_back(c == static_cast<int>(i % 3) ? s.scores[i] : (1 - s.scores[i]) / 2);
    targets.push_back(1 + s.scores[i] * 3);
  }
  const Blocks rows = blocks_of_single_rows(s.labels.size());
  for (const Metric& metric : metrics())
    for (const Task task : metric.tasks) {
      Evaluation e{.task = task, .labels = s.labels, .scores = s.scores, .naive_error = 0.5};
      if (task == Task::Multiclass)
        e = {.task = task, .labels = classes, .scores = probabilities, .outputs = 3};
      if (task == Task::Regression) e.labels = targets;
      const auto interval = bootstrap(metric.name, e, rows, {.resamples = 200});
      ASSERT_TRUE(interval && *interval) << metric.name;
      EXPECT_LT((*interval)->low, (*interval)->high) << metric.name;
      if (metric.name == "ece")
        continue;  // biased upwards in every resample: its interval may lie above the estimate
      EXPECT_LE((*interval)->low, (*interval)->estimate) << metric.name;
      EXPECT_GE((*interval)->high, (*interval)->estimate) << metric.name;
    }
}

TEST(Intervals, mean_has_the_width_that_theory_gives) {
  // mae of unit errors with random size: the standard error of a mean is σ/√n.
  const size_t n = 2000;
  std::vector<double> targets(n, 0.0), predictions(n);
  const CounterRandom random(11, 0);
  for (size_t i = 0; i < n; ++i) predictions[i] = random.unit(i);
  const auto interval = bootstrap("mae", {.task = Task::Regression, .labels = targets, .scores = predictions},
                                  blocks_of_single_rows(n), {.resamples = 2000});
  const double theory = 2 * 1.959964 * std::sqrt(1.0 / 12) / std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(((*interval)->high - (*interval)->low) / theory, 1.0, 0.1);
}

TEST(Intervals, ece_lies_in_its_own_interval) {
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    Evaluation e{.task = Task::Binary};
    std::vector<double> labels, scores;
    const CounterRandom random(seed, 0);
    for (size_t i = 0; i < 700; ++i) {
      scores.push_back(random.unit(2 * i));
      labels.push_back(random.unit(2 * i + 1) < scores.back() ? 1 : 0);  // calibrated: all of it is noise
    }
    e.labels = labels;
    e.scores = scores;
    const auto interval = bootstrap("ece", e, blocks_of_single_rows(labels.size()));
    ASSERT_TRUE(interval && *interval);
    EXPECT_LE((*interval)->low, (*interval)->estimate);
    EXPECT_GE((*interval)->high, (*interval)->estimate);
    EXPECT_GE((*interval)->low, 0);
    EXPECT_LT((*interval)->high - (*interval)->low, 3 * (*interval)->estimate);
  }
}

TEST(Intervals, days_that_are_alike_inside_give_wider_intervals_than_rows) {
  const size_t rows = 4000, days = 20;
  std::vector<double> targets(rows, 0.0), predictions(rows);
  std::vector<int64_t> day_of_row(rows);
  for (size_t i = 0; i < rows; ++i) {
    day_of_row[i] = static_cast<int64_t>(i % days);
    predictions[i] = CounterRandom(1, 0).unit(i % days) + 0.1 * CounterRandom(1, 1).unit(i);
  }
  const Evaluation e{.task = Task::Regression, .labels = targets, .scores = predictions};
  const auto by_day = bootstrap("mae", e, make_blocks(day_of_row));
  const auto by_row = bootstrap("mae", e, blocks_of_single_rows(rows));
  EXPECT_GT((*by_day)->high - (*by_day)->low, 5 * ((*by_row)->high - (*by_row)->low));
}

TEST(Intervals, same_seed_gives_the_same_numbers_and_another_seed_others) {
  const Sample s = make_sample(500, 25, 2);
  const Evaluation e{.labels = s.labels, .scores = s.scores};
  const Blocks blocks = make_blocks(s.days);
  const auto a = bootstrap("roc_auc", e, blocks, {.seed = 1}),
             b = bootstrap("roc_auc", e, blocks, {.seed = 1});
  const auto c = bootstrap("roc_auc", e, blocks, {.seed = 2});
  EXPECT_EQ((*a)->low, (*b)->low);
  EXPECT_NE((*a)->low, (*c)->low);
}

TEST(Intervals, draws_are_as_many_as_blocks_and_even) {
  std::vector<double> multiplicity(10), sums(10, 0.0);
  for (uint64_t r = 0; r < 5000; ++r) {
    draw_blocks(42, r, multiplicity);
    ASSERT_EQ(std::accumulate(multiplicity.begin(), multiplicity.end(), 0.0), 10.0);
    for (size_t i = 0; i < 10; ++i) sums[i] += multiplicity[i];
  }
  for (const double sum : sums) EXPECT_NEAR(sum / 5000, 1.0, 0.07);  // five standard errors
}

TEST(Intervals, paired_difference_is_far_narrower_than_two_intervals) {
  const Sample s = make_sample(3000, 30, 4);
  std::vector<double> nearly = s.scores;
  for (size_t i = 0; i < nearly.size(); i += 50) nearly[i] += 0.01;
  const Evaluation a{.labels = s.labels, .scores = s.scores}, b{.labels = s.labels, .scores = nearly};
  const Blocks blocks = make_blocks(s.days);
  const auto difference = bootstrap_difference("roc_auc", a, b, blocks);
  const auto alone = bootstrap("roc_auc", a, blocks);
  ASSERT_TRUE(difference && *difference);
  EXPECT_LT(((*difference)->interval.high - (*difference)->interval.low) * 20,
            (*alone)->high - (*alone)->low);
}

TEST(Intervals, difference_to_itself_is_zero_and_a_real_one_is_found) {
  const Sample s = make_sample(3000, 30, 4);
  const Evaluation better{.labels = s.labels, .scores = s.scores},
      worse{.labels = s.labels, .scores = s.worse};
  const Blocks blocks = make_blocks(s.days);
  const auto none = bootstrap_difference("roc_auc", better, better, blocks);
  EXPECT_EQ((*none)->interval.low, 0);
  EXPECT_EQ((*none)->interval.high, 0);
  EXPECT_EQ((*none)->p_not_above(0), 1.0);
  const auto some = bootstrap_difference("roc_auc", better, worse, blocks);
  EXPECT_GT((*some)->interval.low, 0);
  EXPECT_NEAR((*some)->p_not_above(0), 1.0 / 1001, 1e-12);
  EXPECT_EQ((*some)->p_not_below(0), 1.0);
}

TEST(Intervals, too_few_blocks_or_an_undefined_metric_have_none) {
  for (const size_t days : {size_t{1}, kMinBlocks - 1, kMinBlocks}) {
    const Sample few = make_sample(400, days, 4);
    const Evaluation a{.labels = few.labels, .scores = few.scores},
        b{.labels = few.labels, .scores = few.worse};
    const Blocks blocks = make_blocks(few.days);
    EXPECT_EQ(bootstrap("roc_auc", a, blocks)->has_value(), days == kMinBlocks) << days;
    EXPECT_EQ(bootstrap_difference("roc_auc", a, b, blocks)->has_value(), days == kMinBlocks) << days;
  }
  const Sample s = make_sample(50, 50, 4);
  const std::vector<double> ones(50, 1.0);
  EXPECT_FALSE(*bootstrap("roc_auc", {.labels = ones, .scores = s.scores}, blocks_of_single_rows(50)));
}

TEST(Intervals, resamples_without_a_class_are_left_out_and_counted) {
  std::vector<double> labels(40, 0.0), scores(40);
  std::iota(scores.begin(), scores.end(), 0.0);
  labels[10] = labels[30] = 1;
  const auto interval = bootstrap("roc_auc", {.labels = labels, .scores = scores}, blocks_of_single_rows(40));
  ASSERT_TRUE(interval && *interval);
  EXPECT_LT((*interval)->resamples, 1000U);
  EXPECT_GT((*interval)->resamples, 700U);
}

TEST(Intervals, refuses_wrong_lengths_and_options) {
  const Sample s = make_sample(50, 5, 4);
  const Evaluation e{.labels = s.labels, .scores = s.scores};
  EXPECT_EQ(bootstrap("roc_auc", e, blocks_of_single_rows(49)).error().code, "bootstrap.bad_options");
  EXPECT_EQ(bootstrap("roc_auc", e, blocks_of_single_rows(50), {.resamples = 0}).error().code,
            "bootstrap.bad_options");
  EXPECT_EQ(bootstrap("roc_auc", e, blocks_of_single_rows(50), {.level = 1}).error().code,
            "bootstrap.bad_options");
  EXPECT_EQ(bootstrap("auc", e, blocks_of_single_rows(50)).error().code, "metric.unknown");
}

}  // namespace
}  // namespace tidemill::statistics
