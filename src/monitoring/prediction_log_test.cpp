#include "monitoring/prediction_log.hpp"

#include <sys/stat.h>

#include <set>

#include <gtest/gtest.h>

#include "base/log.hpp"
#include "monitoring/scratch_for_tests.hpp"

namespace tidemill::monitoring {

namespace {

using Durability = project::PredictionLog::Durability;
using WhenFull = project::PredictionLog::WhenFull;

const PredictionLog::Version kVersion{
    "late", 3, {{"x"}}, {{"score", ValueKind::Number, LogColumn::Of::Answer}}};

class Log : public ::testing::Test {
 protected:
  std::unique_ptr<PredictionLog> open(const project::PredictionLog& policy,
                                      size_t segment_bytes = kMaxSegmentBytes) {
    auto opened = PredictionLog::open({.home = scratch.path(),
                                       .deployment = "late",
                                       .log = policy,
                                       .rings = 2,
                                       .ring_bytes = size_t{2} << 20,
                                       .segment_bytes = segment_bytes});
    EXPECT_TRUE(opened) << to_text(opened.error());
    return std::move(*opened);
  }
  static void append(PredictionLog& log, const std::string& id, double x, size_t rows = 1) {
    const std::vector<double> numbers(rows, x), scores(rows, x / 2);
    const std::vector<ColumnView> columns{{.column = 0, .numbers = numbers.data()},
                                          {.column = 1, .numbers = scores.data()}};
    log.append(log.declare(kVersion),
               {id, "", "champion", "", system_clock()->now(), {10}, 200, rows, columns});
  }
  std::vector<Path> segments() const {
    std::vector<Path> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder()))
      if (entry.path().extension() == kSegmentEnding) out.push_back(entry.path());
    return out;
  }
  Path folder() const { return scratch.path() / "predictions/late"; }
  /// id → rows, as they lie on the disk.
  std::map<std::string, size_t> read() const {
    std::map<std::string, size_t> rows;
    for (const Path& segment : segments()) {
      const std::string bytes = read_segment(segment).value();
      const auto whole = each_record(bytes, [&](std::string_view record) -> Result<void> {
        if (kind_of(record).value() == RecordKind::Schema) return {};
        const auto prediction = decode_prediction(record);
        EXPECT_TRUE(prediction);
        rows[std::string(prediction->prediction_id)] += prediction->rows;
        return {};
      });
      EXPECT_TRUE(whole);
    }
    return rows;
  }
  Scratch scratch;
};

}  // namespace

TEST_F(Log, what_is_appended_is_on_the_disk_when_it_ends) {
  {
    const auto log = open({});
    for (int i = 0; i < 100; ++i) append(*log, "p" + std::to_string(i), i, 3);
  }
  const auto rows = read();
  EXPECT_EQ(rows.size(), 100u);
  EXPECT_EQ(rows.at("p42"), 3u);
  struct stat facts{};
  ASSERT_EQ(::stat(folder().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0700u);
}

TEST_F(Log, with_sync_a_row_is_on_the_disk_when_append_returns) {
  const auto log = open({.durability = Durability::Sync});
  for (int i = 0; i < 5; ++i) {
    append(*log, "p" + std::to_string(i), i);
    EXPECT_EQ(read().size(), static_cast<size_t>(i + 1));
  }
  EXPECT_EQ(log->counts().unsynced, 0u);
}

TEST_F(Log, many_threads_append_at_once) {
  constexpr int kThreads = 4, kEach = 10'000;
  {
    const auto log = open({.when_full = WhenFull::Block}, size_t{200'000});
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) append(*log, std::to_string(t) + "-" + std::to_string(i), i);
      });
    for (std::thread& thread : threads) thread.join();
  }
  const auto rows = read();
  EXPECT_EQ(rows.size(), size_t{kThreads} * kEach);
  EXPECT_TRUE(std::ranges::all_of(rows, [](const auto& row) { return row.second == 1; }));
  EXPECT_GT(segments().size(), 1u);
}

TEST_F(Log, a_request_that_no_record_holds_becomes_several) {
  constexpr size_t kRows = 100'000;
  {
    const auto log = open({.when_full = WhenFull::Block});
    append(*log, "large", 1, kRows);
    append(*log, "small", 1);
  }
  EXPECT_EQ(read(), (std::map<std::string, size_t>{{"large", kRows}, {"small", 1}}));
}

TEST_F(Log, a_sample_is_taken_by_the_id_and_so_the_same_everywhere) {
  constexpr int kPredictions = 2000;
  PredictionLog::Counts counts;
  {
    const auto log = open({.sample = 0.25});
    for (int i = 0; i < kPredictions; ++i) append(*log, "p" + std::to_string(i), i);
    counts = log->counts();
  }
  std::set<std::string> expected, stored;
  for (int i = 0; i < kPredictions; ++i)
    if (const std::string id = "p" + std::to_string(i); is_sampled(id, 0.25)) expected.insert(id);
  for (const auto& [id, rows] : read()) stored.insert(id);
  EXPECT_EQ(stored, expected);
  EXPECT_EQ(counts.sampled_out + expected.size(), static_cast<size_t>(kPredictions));
  // Five standard deviations of a binomial of 2000 and 1/4 are 97.
  EXPECT_NEAR(static_cast<double>(expected.size()), kPredictions * 0.25, 97);
}

TEST_F(Log, a_disk_that_takes_nothing_is_counted_and_the_log_heals_with_it) {
  log::set_level(log::Level::Off);
  const auto log = open({.durability = Durability::Sync});
  append(*log, "before", 1);
  {
    const FileSizeLimit limit(500);
    for (int i = 0; i < 20; ++i) append(*log, "during" + std::to_string(i), i);
    const PredictionLog::Counts counts = log->counts();
    EXPECT_TRUE(counts.failing);
    EXPECT_GT(counts.errors, 0u);
    EXPECT_GT(counts.unsynced, 0u);
    EXPECT_EQ(counts.dropped, 0u);  // there is room in memory
  }
  // It looks at the disk again by itself; an append returns at once as long as it fails.
  while (log->counts().failing) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  append(*log, "after", 1);
  const auto rows = read();
  EXPECT_EQ(rows.size(), 22u);  // what was kept in memory is there, too
  EXPECT_TRUE(rows.contains("after"));
  log::set_level(log::Level::Info);
}

TEST_F(Log, what_finds_no_room_is_dropped_and_counted) {
  log::set_level(log::Level::Off);
  constexpr size_t kRows = 20'000;
  size_t appended = 0;
  PredictionLog::Counts counts;
  {
    const FileSizeLimit limit(100);                         // nothing leaves the memory
    const auto log = open({.when_full = WhenFull::Block});  // which does not wait for a disk that fails
    while (log->counts().dropped == 0) {
      append(*log, "p", 1, kRows);
      appended += kRows;
    }
    counts = log->counts();
    EXPECT_LT(appended, 100 * kRows);
  }
  EXPECT_GT(counts.dropped, 0u);
  EXPECT_TRUE(read().empty());
  log::set_level(log::Level::Info);
}

TEST_F(Log, an_error_is_a_row_without_columns) {
  {
    const auto log = open({});
    log->append(log->declare(kVersion), {"p", "r", "champion", "infer.shape", {1}, {2}, 400, 0, {}});
  }
  EXPECT_EQ(read(), (std::map<std::string, size_t>{{"p", 1}}));
}

TEST_F(Log, a_version_is_declared_once) {
  const auto log = open({});
  EXPECT_EQ(log->find(3), nullptr);
  const LoggedVersion& declared = log->declare(kVersion);
  EXPECT_EQ(&log->declare(kVersion), &declared);
  EXPECT_EQ(log->find(3), &declared);
  EXPECT_EQ(log->find(4), nullptr);
}

}  // namespace tidemill::monitoring
