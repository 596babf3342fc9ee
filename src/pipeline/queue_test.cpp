#include "pipeline/queue.hpp"

#include <gtest/gtest.h>

namespace tidemill::pipeline {
namespace {

PlannedStep step(const std::string& id, StepKind kind, std::vector<std::string> needs,
                 StepState state = StepState::WillRun) {
  PlannedStep out;
  out.id = id;
  out.kind = kind;
  out.needs = std::move(needs);
  out.state = state;
  return out;
}

std::string taken(StepQueue& queue, const Plan& plan) {
  const auto next = queue.take();
  if (!next) return "-";
  return plan.steps[next->step].id + (next->blocked_by.empty() ? "" : " blocked by " + next->blocked_by);
}

TEST(StepQueue, begins_what_is_ready_in_the_plans_order_and_no_more_than_fit) {
  const Plan plan{{step("source:a", StepKind::Source, {}), step("source:b", StepKind::Source, {}),
                   step("source:c", StepKind::Source, {})}};
  StepQueue queue(plan, 2);
  EXPECT_EQ(taken(queue, plan), "source:a");
  EXPECT_EQ(taken(queue, plan), "source:b");
  EXPECT_EQ(taken(queue, plan), "-");
  queue.settle(1, true);
  EXPECT_EQ(taken(queue, plan), "source:c");
  queue.settle(0, true);
  queue.settle(2, true);
  EXPECT_TRUE(queue.all_settled());
}

TEST(StepQueue, a_failure_blocks_what_is_downstream_and_nothing_else) {
  const Plan plan{{step("source:a", StepKind::Source, {}), step("source:b", StepKind::Source, {}),
                   step("transform:x", StepKind::Transform, {"source:a"}),
                   step("transform:y", StepKind::Transform, {"source:b"}),
                   step("export:x", StepKind::Export, {"transform:x"})}};
  StepQueue queue(plan, 4);
  EXPECT_EQ(taken(queue, plan), "source:a");
  EXPECT_EQ(taken(queue, plan), "source:b");
  queue.settle(0, false);
  EXPECT_EQ(taken(queue, plan), "transform:x blocked by source:a");
  EXPECT_EQ(taken(queue, plan), "export:x blocked by transform:x");
  queue.settle(1, true);
  EXPECT_EQ(taken(queue, plan), "transform:y");
  queue.settle(3, true);
  EXPECT_TRUE(queue.all_settled());
}

TEST(StepQueue, exports_wait_for_all_else_and_to_be_let_go) {
  const Plan plan{{step("source:a", StepKind::Source, {}), step("export:a", StepKind::Export, {"source:a"}),
                   step("source:b", StepKind::Source, {})}};
  StepQueue queue(plan, 4);
  EXPECT_EQ(taken(queue, plan), "source:a");
  EXPECT_EQ(taken(queue, plan), "source:b");
  queue.settle(0, true);
  EXPECT_EQ(taken(queue, plan), "-");
  EXPECT_FALSE(queue.holds_exports()) << "source:b is at work";
  queue.settle(2, true);
  EXPECT_EQ(taken(queue, plan), "-");
  EXPECT_TRUE(queue.holds_exports());
  queue.let_exports_go();
  EXPECT_FALSE(queue.holds_exports());
  EXPECT_EQ(taken(queue, plan), "export:a");
  queue.settle(1, true);
  EXPECT_TRUE(queue.all_settled());
}

TEST(StepQueue, a_model_takes_all_slots_and_is_not_passed_by_for_ever) {
  const Plan plan{{step("source:a", StepKind::Source, {}), step("model:m", StepKind::Model, {}),
                   step("transform:z", StepKind::Transform, {})}};
  StepQueue queue(plan, 2);
  EXPECT_EQ(taken(queue, plan), "source:a");
  EXPECT_EQ(taken(queue, plan), "-") << "transform:z fits, but the model is first";
  queue.settle(0, true);
  EXPECT_EQ(taken(queue, plan), "model:m");
  EXPECT_EQ(taken(queue, plan), "-");
  queue.settle(1, false);
  EXPECT_EQ(taken(queue, plan), "transform:z");
}

TEST(StepQueue, a_failed_model_does_not_block_predictions_with_the_champion_there_is) {
  const Plan plan{
      {step("model:m", StepKind::Model, {}), step("transform:scored", StepKind::Transform, {"model:m"})}};
  StepQueue queue(plan, 1);
  EXPECT_EQ(taken(queue, plan), "model:m");
  queue.settle(0, false);
  EXPECT_EQ(taken(queue, plan), "transform:scored");
}

TEST(StepQueue, what_is_not_selected_is_neither_begun_nor_waited_for) {
  const Plan plan{{step("source:a", StepKind::Source, {}, StepState::NotSelected),
                   step("transform:x", StepKind::Transform, {"source:a"})}};
  StepQueue queue(plan, 1);
  EXPECT_EQ(taken(queue, plan), "transform:x");
  queue.settle(1, true);
  EXPECT_TRUE(queue.all_settled());
  EXPECT_TRUE(queue.not_begun().empty());
}

}  // namespace
}  // namespace tidemill::pipeline
