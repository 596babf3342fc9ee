#include "serving/compute_slots.hpp"

#include <future>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tidemill::serving {
namespace {

TEST(ComputeSlots, are_given_in_the_order_in_which_they_are_asked_for) {
  ComputeSlots slots(1);
  std::optional<ComputeSlots::Turn> first(slots);
  std::vector<int> order;  // whoever has the slot writes
  std::vector<std::future<void>> others;
  for (int i = 0; i < 5; ++i) {
    others.push_back(std::async(std::launch::async, [&, i] {
      const ComputeSlots::Turn turn(slots);
      order.push_back(i);
    }));
    while (slots.waiting() < others.size()) std::this_thread::yield();
  }
  EXPECT_TRUE(order.empty());
  first.reset();
  for (auto& other : others) other.get();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(ComputeSlots, are_anothers_while_their_thread_waits) {
  ComputeSlots slots(1);
  const ComputeSlots::Turn turn(slots);
  std::future<void> other;
  {
    const ComputeSlots::Pause pause(slots);
    std::async(std::launch::async, [&] { const ComputeSlots::Turn of_another(slots); }).get();
    const ComputeSlots::Pause has_nothing_to_give(slots);
  }
  other = std::async(std::launch::async, [&] { const ComputeSlots::Turn of_another(slots); });
  while (slots.waiting() == 0) std::this_thread::yield();  // it is ours again
  const ComputeSlots::Pause pause(slots);
  other.get();
}

TEST(ComputeSlots, are_not_made_by_a_thread_that_has_none_to_give) {
  ComputeSlots slots(1);
  {
    const ComputeSlots::Pause pause(slots);
  }
  const ComputeSlots::Turn only(slots);
  auto another = std::async(std::launch::async, [&] { const ComputeSlots::Turn turn(slots); });
  const auto is_done = [&] { return another.wait_for(std::chrono::seconds(0)) == std::future_status::ready; };
  while (slots.waiting() == 0 && !is_done()) std::this_thread::yield();
  EXPECT_EQ(slots.waiting(), 1U);
  const ComputeSlots::Pause pause(slots);
  another.get();
}

}  // namespace
}  // namespace tidemill::serving
