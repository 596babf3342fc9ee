#include "monitoring/left_logs.hpp"

#include <gtest/gtest.h>

#include "monitoring/label_store.hpp"
#include "monitoring/log_for_tests.hpp"

namespace tidemill::monitoring {

TEST(LeftLogs, end_when_they_would_have) {
  LogForTests log;
  {
    const SegmentWriter gone =
        log.write("2026-11-29T10-a", 1, {"x"}, {{"a", "7", at("2026-11-29T10:00:00Z")}});
  }
  ASSERT_TRUE(note_retention(log.folder(), parse_duration("2h").value()));
  EXPECT_TRUE(LeftLogs(log.home(), {"late"}).empty());
  const LeftLogs left(log.home(), {"other"});
  ASSERT_FALSE(left.empty());
  ASSERT_TRUE(left.roll(at("2026-11-29T11:30:00Z")));
  EXPECT_EQ(files_ending(log.folder(), kParquetEnding).size(), 1u);  // the segment's writer was gone
  ASSERT_TRUE(left.roll(at("2026-11-29T13:30:00Z")));
  EXPECT_EQ(files_ending(log.folder(), kParquetEnding).size(), 0u);
}

TEST(LeftLogs, lose_labels_that_are_past_their_time) {
  const LogForTests log;
  const auto store = LabelStore::open({.home = log.home(), .deployment = "late", .retain = kMonth});
  ASSERT_TRUE(make_folder(log.folder()));
  ASSERT_TRUE(
      (*store)->take({{.key = "7", .value = "1"}}, system_clock()->now(), LabelStore::Strangers::Keep));
  const LeftLogs left(log.home(), {});
  const Instant now = system_clock()->now();
  ASSERT_TRUE(left.roll(now));
  EXPECT_EQ(files_ending(label_folder(log.home(), "late"), kParquetEnding).size(), 1u);
  ASSERT_TRUE(left.roll({now.micros + kMonth.micros + 10'000'000}));
  EXPECT_EQ(files_ending(label_folder(log.home(), "late"), kParquetEnding).size(), 0u);
}

}  // namespace tidemill::monitoring
