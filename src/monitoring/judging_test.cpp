#include "monitoring/judging.hpp"

#include <gtest/gtest.h>

namespace tidemill::monitoring {

namespace {

constexpr int64_t kMinute = 60'000'000, kHour = 60 * kMinute, kDay = 24 * kHour;

std::vector<int64_t> times_every(int64_t micros, int64_t count) {
  std::vector<int64_t> times;
  for (int64_t i = 0; i < count; ++i) times.push_back(1'795'000'000'000'000 / kDay * kDay + i * micros);
  return times;
}

}  // namespace

TEST(Blocks, are_days_or_hours_or_rows_whichever_there_are_enough_of) {
  const auto days = blocks_of(times_every(kHour, 24 * 12));
  EXPECT_EQ(days.count, 12U);
  EXPECT_EQ(days.of_row[0], days.of_row[23]);
  EXPECT_NE(days.of_row[23], days.of_row[24]);
  const auto hours = blocks_of(times_every(20 * kMinute, 3 * 15));
  EXPECT_EQ(hours.count, 15U);
  EXPECT_EQ(hours.of_row[0], hours.of_row[2]);
  EXPECT_EQ(blocks_of(times_every(kMinute, 30)).count, 30U);
  EXPECT_EQ(blocks_of({}).count, 0U);
}

TEST(LabelNumbers, of_yes_and_no_are_written_in_several_ways) {
  forest::Package package;
  const LabelNumbers labels(package);
  EXPECT_EQ(labels.of("1"), 1);
  EXPECT_EQ(labels.of("0.0"), 0);
  EXPECT_EQ(labels.of("true"), 1);
  EXPECT_EQ(labels.of("false"), 0);
  for (const char* text : {"TRUE", "True", "yes", "Yes", "YES"}) EXPECT_EQ(labels.of(text), 1) << text;
  for (const char* text : {"FALSE", "False", "no", "No"}) EXPECT_EQ(labels.of(text), 0) << text;
  for (const char* text : {"2", "late", "", "1x", "nan", "truely", "yess", "y"})
    EXPECT_EQ(labels.of(text), std::nullopt) << text;
}

TEST(LabelNumbers, of_classes_are_their_places) {
  forest::Package package;
  package.task = forest::Task::Multiclass;
  package.classes = {"3", "9", "late"};
  const LabelNumbers labels(package);
  EXPECT_EQ(labels.of("3"), 0);
  EXPECT_EQ(labels.of("9.0"), 1);
  EXPECT_EQ(labels.of("late"), 2);
  for (const char* text : {"1", "true", "Late"}) EXPECT_EQ(labels.of(text), std::nullopt) << text;
}

TEST(LabelNumbers, of_the_classes_true_and_false_are_truths) {
  forest::Package package;
  package.classes = {"false", "true"};
  const LabelNumbers labels(package);
  EXPECT_EQ(labels.of("true"), 1);
  EXPECT_EQ(labels.of("1"), 1);  // what label_text() makes of it
  EXPECT_EQ(labels.of("0"), 0);
  EXPECT_EQ(labels.form_of("1"), "true");
  for (const char* text : {"yes", "2", "True"}) EXPECT_EQ(labels.of(text), std::nullopt) << text;
}

TEST(LabelNumbers, have_one_form_for_what_is_the_same) {
  forest::Package package;
  const LabelNumbers truths(package);
  for (const char* text : {"1", "1.0", "true", "YES"}) EXPECT_EQ(truths.form_of(text), "1") << text;
  for (const char* text : {"0", "0.0", "False", "no"}) EXPECT_EQ(truths.form_of(text), "0") << text;
  EXPECT_EQ(truths.form_of("17"), std::nullopt);
  package.classes = {"3", "late"};
  const LabelNumbers classes(package);
  EXPECT_EQ(classes.form_of("3.0"), "3");
  EXPECT_EQ(classes.form_of("late"), "late");
  EXPECT_EQ(classes.form_of("yes"), std::nullopt);
  package.classes.clear();
  package.task = forest::Task::Regression;
  const LabelNumbers numbers(package);
  EXPECT_EQ(numbers.form_of("2.50"), "2.50");
  EXPECT_EQ(numbers.form_of("soon"), std::nullopt);
}

TEST(LabelNumbers, of_a_regression_are_finite_numbers) {
  forest::Package package;
  package.task = forest::Task::Regression;
  const LabelNumbers labels(package);
  EXPECT_EQ(labels.of("-2.5"), -2.5);
  for (const char* text : {"inf", "nan", "true", "2.5 m"}) EXPECT_EQ(labels.of(text), std::nullopt) << text;
}

}  // namespace tidemill::monitoring
