// Workers: side by side up to the limit, and the same threads again.
#include "pipeline/workers.hpp"

#include <latch>
#include <set>

#include <gtest/gtest.h>

namespace tidemill::pipeline {
namespace {

TEST(workers, as_many_jobs_as_the_limit_run_side_by_side) {
  std::latch all_there(3);
  Workers workers(3);
  for (int i = 0; i < 3; ++i)
    workers.give([&] { all_there.arrive_and_wait(); });  // ends only if none waits for another's end
  all_there.wait();
}

TEST(workers, never_more_jobs_than_the_limit_run_side_by_side) {
  std::mutex mutex;
  int running = 0, most = 0, done = 0;
  {
    Workers workers(2);
    for (int i = 0; i < 100; ++i)
      workers.give([&] {
        {
          const std::lock_guard lock(mutex);
          most = std::max(most, ++running);
        }
        std::this_thread::yield();
        const std::lock_guard lock(mutex);
        --running;
        ++done;
      });
  }
  EXPECT_LE(most, 2);
  EXPECT_EQ(done, 100);  // the destructor waited for all
}

TEST(workers, one_after_the_other_jobs_share_a_thread) {
  std::set<std::thread::id> threads;
  Workers workers(1);
  for (int i = 0; i < 10; ++i) {
    std::latch done(1);
    workers.give([&] {
      threads.insert(std::this_thread::get_id());
      done.count_down();
    });
    done.wait();
  }
  EXPECT_EQ(threads.size(), 1);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

}  // namespace
}  // namespace tidemill::pipeline
