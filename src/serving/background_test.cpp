#include "serving/background.hpp"

#include <future>
#include <vector>

#include <gtest/gtest.h>

namespace tidemill::serving {
namespace {

// Holds the thread until the test lets it go.
class Gate {
 public:
  Background::Work work() {
    return [this] {
      entered_.set_value();
      opened_.get_future().wait();
    };
  }
  void wait_until_entered() { entered_.get_future().wait(); }
  void open() { opened_.set_value(); }

 private:
  std::promise<void> entered_, opened_;
};

// What was offered before has been done once this returns.
void finish(Background& background) {
  std::promise<void> done;
  ASSERT_TRUE(background.offer(0, [&] { return [&done] { done.set_value(); }; }));
  done.get_future().wait();
}

TEST(Background, does_what_is_offered_in_order) {
  std::vector<int> seen;
  Background background({.max_queued = 200});
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(background.offer(1, [&, i] { return [&seen, i] { seen.push_back(i); }; }));
  finish(background);
  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST(Background, refuses_what_has_no_room_without_making_it) {
  Background background({.max_queued = 3, .max_bytes = 100});
  Gate gate;
  ASSERT_TRUE(background.offer(10, [&] { return gate.work(); }));
  gate.wait_until_entered();  // what is being done takes room too
  int made = 0, done = 0;
  const auto offer = [&](size_t bytes) {
    return background.offer(bytes, [&] {
      ++made;
      return [&done] { ++done; };
    });
  };
  EXPECT_FALSE(offer(91));  // bytes
  EXPECT_TRUE(offer(90));
  EXPECT_FALSE(offer(1));
  EXPECT_TRUE(offer(0));
  EXPECT_FALSE(offer(0));  // places
  EXPECT_EQ(made, 2);
  gate.open();
  while (!background.offer(100, [] { return [] {}; })) std::this_thread::yield();  // all room is back
  finish(background);
  EXPECT_EQ(done, 2);
}

TEST(Background, ends_once_what_it_is_at_is_done) {
  std::atomic<bool> done{false};
  {
    std::promise<void> entered;
    Background background({});
    ASSERT_TRUE(background.offer(0, [&] {
      return [&] {
        entered.set_value();
        std::this_thread::yield();
        done.store(true);
      };
    }));
    entered.get_future().wait();
  }
  EXPECT_TRUE(done.load());
}

TEST(Background, does_once_what_many_threads_offer) {
  constexpr int kThreads = 4, kEach = 5'000;
  std::vector<int> counts(kThreads * kEach);
  std::atomic<int> taken{0};
  {
    Background background({.max_queued = 16});
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          int& count = counts[static_cast<size_t>(t * kEach + i)];
          taken += background.offer(1, [&count] { return [&count] { ++count; }; }) ? 1 : 0;
        }
      });
    for (std::thread& thread : threads) thread.join();
    while (!background.offer(0, [] { return [] {}; })) std::this_thread::yield();
    std::promise<void> done;
    while (!background.offer(0, [&] { return [&done] { done.set_value(); }; })) std::this_thread::yield();
    done.get_future().wait();
  }
  int sum = 0;
  for (const int count : counts) {
    ASSERT_LE(count, 1);
    sum += count;
  }
  EXPECT_EQ(sum, taken.load());
  EXPECT_GT(sum, 0);
}

}  // namespace
}  // namespace tidemill::serving
