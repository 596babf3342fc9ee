#include "app/challenger_numbers.hpp"

#include <gtest/gtest.h>

#include "serving/serving_for_tests.hpp"

namespace tidemill::app {

namespace {

class Sink final : public serving::PredictionSink {
 public:
  void predicted(const serving::PredictionRecord&) override {}
  bool listens() const override { return listens_; }
  bool listens_ = false;
};

}  // namespace

TEST(ChallengerNumbers, listen_while_something_challenges) {
  serving::TestServing home(2);
  home.promote(1);
  const auto deployments = home.open();
  ChallengerNumbers numbers(nullptr);
  const api::Inference inference(*deployments, &numbers);
  numbers.read_from(inference);
  EXPECT_FALSE(numbers.listens());
  const registry::Rollout rollout{"late", "late", "champion", 2};
  numbers.of("late", &rollout);
  EXPECT_TRUE(numbers.listens());
  numbers.of("late", nullptr);
  EXPECT_FALSE(numbers.listens());
}

TEST(ChallengerNumbers, listen_for_who_is_told_as_well) {
  Sink next;
  const ChallengerNumbers numbers(&next);
  EXPECT_FALSE(numbers.listens());
  next.listens_ = true;
  EXPECT_TRUE(numbers.listens());
}

}  // namespace tidemill::app
