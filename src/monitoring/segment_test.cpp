#include "monitoring/segment.hpp"

#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/id.hpp"
#include "monitoring/record.hpp"
#include "monitoring/scratch_for_tests.hpp"

namespace tidemill::monitoring {

namespace {

std::vector<std::string> records_of(std::string_view segment, size_t* whole = nullptr) {
  std::vector<std::string> out;
  const auto read = each_record(segment, [&](std::string_view record) -> Result<void> {
    out.emplace_back(record);
    return {};
  });
  if (!read) return {"error " + read.error().code};
  if (whole != nullptr) *whole = *read;
  return out;
}

std::string frames_of(const std::vector<std::string>& records) {
  std::string out;
  for (const std::string& record : records) append_frame(record, out);
  return out;
}

}  // namespace

TEST(Segment, records_come_back_in_order) {
  const Scratch scratch;
  auto writer = SegmentWriter::create(scratch.path(), "a");
  ASSERT_TRUE(writer) << to_text(writer.error());
  ASSERT_TRUE(writer->append(frames_of({"one", ""})));
  ASSERT_TRUE(writer->append(frames_of({std::string(100'000, 'x')})));
  ASSERT_TRUE(writer->sync());
  const std::string bytes = read_segment(scratch.path() / "a.segment").value();
  EXPECT_EQ(bytes.size(), writer->bytes());
  EXPECT_EQ(records_of(bytes), (std::vector<std::string>{"one", "", std::string(100'000, 'x')}));
}

TEST(Segment, is_locked_as_long_as_its_writer_lives) {
  const Scratch scratch;
  const Path path = scratch.path() / "a.segment";
  {
    const auto writer = SegmentWriter::create(scratch.path(), "a");
    ASSERT_TRUE(writer);
    const auto lock = FileLock::take(path, FileLock::Mode::Exclusive, FileLock::Wait::No);
    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().code, "lock.held");
  }
  EXPECT_TRUE(FileLock::take(path, FileLock::Mode::Exclusive, FileLock::Wait::No));
}

RC_GTEST_PROP(Segment, a_torn_tail_begins_behind_the_last_whole_record,
              (const std::vector<std::string>& records, uint16_t cut_drawn)) {
  const std::string bytes = segment_header() + frames_of(records);
  const size_t header = segment_header().size();
  const size_t kept = header + cut_drawn % (bytes.size() - header + 1);
  size_t whole = 0;
  const auto before = records_of(std::string_view(bytes).substr(0, kept), &whole);
  RC_ASSERT(std::equal(before.begin(), before.end(), records.begin()));
  RC_ASSERT(records_of(std::string_view(bytes).substr(0, whole)) == before);
  if (before.size() < records.size()) {
    // The next one is not whole: with one byte more per step it would be.
    RC_ASSERT(kept < whole + 8 + records[before.size()].size());
  }
}

RC_GTEST_PROP(Segment, a_changed_bit_ends_the_segment_before_it, (uint16_t drawn)) {
  const std::vector<std::string> records{"first", "second record", "third"};
  std::string bytes = segment_header() + frames_of(records);
  const size_t header = segment_header().size();
  const size_t bit = drawn % ((bytes.size() - header) * 8);
  bytes[header + bit / 8] = static_cast<char>(bytes[header + bit / 8] ^ (1 << bit % 8));
  const auto read = records_of(bytes);
  RC_ASSERT(read.size() < records.size());
  RC_ASSERT(std::equal(read.begin(), read.end(), records.begin()));
}

TEST(Segment, what_is_none_is_refused) {
  for (const std::string& bytes : {std::string(), std::string("TMPREDLG"), std::string(100, 'x')}) {
    const auto read = each_record(bytes, [](std::string_view) -> Result<void> { return {}; });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, "log.bad_segment");
  }
}

TEST(Segment, what_the_disk_refused_is_not_there_and_may_be_tried_again) {
  const Scratch scratch;
  auto writer = SegmentWriter::create(scratch.path(), "a");
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append(frames_of({"one"})));
  {
    const FileSizeLimit limit(1000);
    const auto refused = writer->append(frames_of({std::string(5000, 'x')}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::Environment);
    EXPECT_FALSE(writer->is_broken());
  }
  EXPECT_EQ(records_of(read_segment(writer->path()).value()), std::vector<std::string>{"one"});
  ASSERT_TRUE(writer->append(frames_of({"two"})));
  EXPECT_EQ(records_of(read_segment(writer->path()).value()), (std::vector<std::string>{"one", "two"}));
}

}  // namespace tidemill::monitoring
