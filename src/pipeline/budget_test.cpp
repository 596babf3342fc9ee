#include "pipeline/budget.hpp"

#include <gtest/gtest.h>

namespace tidemill::pipeline {
namespace {

TEST(budget, parts_of_all_engines_add_up_to_the_whole) {
  for (const int64_t memory_bytes :
       {project::kLeastMemory, int64_t{96'000'000}, int64_t{1} << 30, int64_t{1} << 40})
    for (const OneThread one_thread : {OneThread::Needed, OneThread::NotNeeded}) {
      const MemoryParts parts = parts_of(memory_bytes, one_thread);
      EXPECT_EQ(parts.reading_bytes + parts.transforming_bytes + parts.one_thread_bytes, memory_bytes);
      EXPECT_GE(parts.transforming_bytes, memory_bytes / 3);
      EXPECT_GE(parts.reading_bytes, memory_bytes / 4);
      EXPECT_EQ(parts.one_thread_bytes > 0, one_thread == OneThread::Needed);
    }
}

TEST(budget, what_is_said_is_taken_and_the_rest_is_the_machines) {
  const Budget said = budget_of(3, int64_t{2'000'000'000});
  EXPECT_EQ(said.threads, 3);
  EXPECT_EQ(said.memory_bytes, 2'000'000'000);
  EXPECT_EQ(said.slots(), 3);
  const Budget found = budget_of(std::nullopt, std::nullopt);
  EXPECT_GE(found.threads, 1);
  EXPECT_GE(found.memory_bytes, project::kLeastMemory);
}

TEST(budget, little_memory_runs_one_step_at_a_time) {
  EXPECT_EQ(budget_of(8, int64_t{96'000'000}).slots(), 1);
  EXPECT_EQ(budget_of(8, int64_t{2'000'000'000}).slots(), 3);
}

TEST(budget, an_engine_spills_no_more_than_a_multiple_of_its_memory) {
  const engine::DatabaseOptions options = engine_within({2, 100'000'000}, "spill");
  EXPECT_EQ(options.threads, 2);
  EXPECT_EQ(options.memory_bytes, 100'000'000);
  EXPECT_EQ(options.spill_cap_bytes, 1'600'000'000);
}

}  // namespace
}  // namespace tidemill::pipeline
