// A step's log: lines wait for whoever writes them, in order, and not without bound.
#include <gtest/gtest.h>

#include "base/id.hpp"
#include "pipeline/step.hpp"

namespace tidemill::pipeline {
namespace {

class StepLogTest : public testing::Test {
 protected:
  StepLogTest() : path(std::filesystem::temp_directory_path() / ("tidemill_log_" + random_id())) {}
  ~StepLogTest() override { std::filesystem::remove(path); }
  std::string written() const { return read_file(path).value_or(std::string()); }
  Path path;
};

TEST_F(StepLogTest, lines_are_written_when_asked_for_and_at_the_end) {
  {
    StepLog log(path);
    log.append("one\n");
    EXPECT_FALSE(std::filesystem::exists(path));
    log.write_pending();
    EXPECT_EQ(written(), "one\n");
    log.append("two\n");
    log.append("three\n");
    EXPECT_EQ(written(), "one\n");
  }
  EXPECT_EQ(written(), "one\ntwo\nthree\n");
}

TEST_F(StepLogTest, a_log_without_lines_makes_no_file) {
  {
    StepLog log(path);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(StepLogTest, what_waits_is_bounded) {
  StepLog log(path);
  const std::string kilobyte(1024, 'x');
  for (int i = 0; i < 1024; ++i) log.append(kilobyte);
  EXPECT_GE(written().size(), size_t{960} << 10);
}

}  // namespace
}  // namespace tidemill::pipeline
