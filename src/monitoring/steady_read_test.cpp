#include "monitoring/steady_read.hpp"

#include <gtest/gtest.h>

#include "monitoring/log_for_tests.hpp"

namespace tidemill::monitoring {

namespace {

const Instant kTen = at("2026-11-29T10:00:00Z");

class SteadyRead : public ::testing::Test {
 protected:
  /// As a roll does: another file under the name of one that is there.
  void replace() {
    const Path file = files_ending(log.folder(), kParquetEnding).at(0);
    const Path part = log.folder() / ".part";
    std::filesystem::copy_file(file, part);
    std::filesystem::rename(part, file);
  }
  /// Reads that fail as often, and how often there was one.
  template <class Meanwhile>
  int reads(int failing, const Meanwhile& meanwhile) {
    int done = 0;
    const Result<int> result = read_steadily(log.home(), "late", [&]() -> Result<int> {
      meanwhile();
      if (++done <= failing) return environment_error("engine.failed", "bytes are not where they were");
      return done;
    });
    succeeded = result.has_value();
    return done;
  }
  LogForTests log;
  bool succeeded = false;
};

}  // namespace

TEST_F(SteadyRead, reads_again_what_failed_while_a_file_was_replaced) {
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}});
  EXPECT_EQ(reads(2, [&] { replace(); }), 3);
  EXPECT_TRUE(succeeded);
  EXPECT_EQ(reads(0, [&] { replace(); }), 1);
}

TEST_F(SteadyRead, tells_an_error_of_files_that_stayed_as_they_were) {
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}});
  EXPECT_EQ(reads(1, [] {}), 1);
  EXPECT_FALSE(succeeded);
}

TEST_F(SteadyRead, gives_up_on_files_that_are_always_replaced) {
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}});
  EXPECT_EQ(reads(1000, [&] { replace(); }), kMaxReads);
  EXPECT_FALSE(succeeded);
}

}  // namespace tidemill::monitoring
