#include "api/workers.hpp"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "api/body_budget.hpp"

namespace tidemill::api {
namespace {

TEST(Workers, refuse_at_once_what_their_queue_cannot_take) {
  Workers workers({1, 2});
  std::promise<void> begun, release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<int> done{0};
  ASSERT_TRUE(workers.submit([&] {
    begun.set_value();
    released.wait();
    ++done;
  }));
  begun.get_future().wait();  // the queue is empty again
  std::promise<void> last;
  EXPECT_TRUE(workers.submit([&] { ++done; }));
  EXPECT_TRUE(workers.submit([&] { last.set_value(); }));
  EXPECT_FALSE(workers.submit([&] { ++done; }));
  release.set_value();
  last.get_future().wait();
  EXPECT_EQ(done, 2);
}

TEST(Workers, compute_no_more_at_a_time_than_there_are_slots) {
  constexpr size_t kThreads = 4;
  std::atomic<size_t> computing{0}, most{0}, done{0};
  const auto slots = std::make_shared<serving::ComputeSlots>(1);
  Workers workers({.threads = kThreads, .slots = slots});
  for (size_t i = 0; i < kThreads; ++i)
    workers.submit([&] {
      most = std::max(most.load(), ++computing);
      // Until all others have come.
      while (computing == 1 && slots->waiting() + done < kThreads - 1) std::this_thread::yield();
      --computing;
      ++done;
    });
  while (done < kThreads) std::this_thread::yield();
  EXPECT_EQ(most, 1U);
}

TEST(Workers, take_nothing_after_they_were_stopped) {
  Workers workers({1, 2});
  workers.stop();
  EXPECT_FALSE(workers.submit([] {}));
}

TEST(BodyBudget, gives_what_is_left_and_takes_it_back) {
  BodyBudget budget(10);
  {
    BodyBudget::Share first(budget), second(budget);
    EXPECT_TRUE(first.grow_to(4));
    EXPECT_TRUE(first.grow_to(6));
    EXPECT_FALSE(second.grow_to(5));
    EXPECT_TRUE(second.grow_to(4));
    EXPECT_FALSE(first.grow_to(7));
    EXPECT_EQ(budget.used(), 10U);
  }
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace tidemill::api
