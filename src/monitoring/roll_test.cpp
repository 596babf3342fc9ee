#include "monitoring/roll.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "base/log.hpp"
#include "engine/database.hpp"
#include "monitoring/log_table.hpp"
#include "monitoring/record.hpp"
#include "monitoring/scratch_for_tests.hpp"
#include "monitoring/segment.hpp"

namespace tidemill::monitoring {

namespace {

const std::string kStem = "2026-11-29T10-0123456789abcdef";
const Instant kNow = parse_instant("2026-11-29T10:30:00Z").value();
constexpr Duration kMonth{30LL * 24 * 3600 * 1'000'000};

std::optional<std::string_view> text_at(const void* texts, size_t i) {
  return static_cast<const std::string*>(texts)[i];
}

const LogSchema kSchema{0,
                        "late",
                        3,
                        {{"dest", ValueKind::Text, LogColumn::Of::Feature},
                         {"Time", ValueKind::Number, LogColumn::Of::Feature},
                         {"score", ValueKind::Number, LogColumn::Of::Answer},
                         {"decision", ValueKind::Truth, LogColumn::Of::Answer}}};

/// A request of two rows, framed.
std::string prediction(const std::string& id, double score, uint32_t schema = 0) {
  const std::string dests[]{"JFK", "a\xff"};
  const double times[]{1, std::numeric_limits<double>::quiet_NaN()}, scores[]{score, score / 2}, yes[]{1, 0};
  const std::vector<ColumnView> columns{{.column = 0, .text_at = text_at, .texts = dests},
                                        {.column = 1, .numbers = times},
                                        {.column = 2, .numbers = scores},
                                        {.column = 3, .numbers = yes}};
  const PredictionView view{id, "", "champion", "", kNow, {1500}, 200, 2, columns};
  std::string record(encoded_size(view, {0, 2}), '\0'), out;
  encode(view, {0, 2}, schema, record.data());
  append_frame(record, out);
  return out;
}

class Roll : public ::testing::Test {
 protected:
  SegmentWriter begin(const std::string& stem = kStem) {
    auto writer = SegmentWriter::create(scratch.path(), stem);
    EXPECT_TRUE(writer);
    std::string schema;
    append_frame(encode(kSchema), schema);
    EXPECT_TRUE(writer->append(schema));
    return std::move(*writer);
  }
  Rolled roll(Instant now = kNow) {
    const auto rolled = roller.roll(now);
    EXPECT_TRUE(rolled) << to_text(rolled.error());
    return rolled.value_or(Rolled{});
  }
  /// What SQL finds in all of the log's Parquet files.
  std::string sql(const std::string& select) {
    const auto database =
        engine::Database::open({.threads = 1, .access = engine::DatabaseOptions::Access::Open})
            .value()
            .release();
    const std::unique_ptr<engine::Database> owned(database);
    auto connection = owned->connect().value();
    const auto value =
        connection.scalar(fmt::format("SELECT {} FROM read_parquet('{}/*.parquet', union_by_name = true)",
                                      select, scratch.path().native()));
    return value ? engine::to_text(*value) : to_text(value.error());
  }
  bool exists(std::string_view ending) const {
    return std::filesystem::exists(scratch.path() / (kStem + std::string(ending)));
  }
  Scratch scratch;
  Roller roller{{scratch.path(), kMonth}};
};

}  // namespace

TEST_F(Roll, rows_are_a_table_with_typed_columns) {
  {
    SegmentWriter writer = begin();
    ASSERT_TRUE(writer.append(prediction("a", 0.5)));
  }
  EXPECT_EQ(roll().finished, 1u);
  EXPECT_FALSE(exists(".segment"));
  EXPECT_EQ(
      sql("string_agg(concat_ws(' ', prediction_id, row, model, version, role, status, latency_us, score, "
          "decision, dest, input_Time), '; ' ORDER BY row)"),
      "a 0 late 3 champion 200 1500 0.5 true JFK 1.0; a 1 late 3 champion 200 1500 0.25 false a?");
  EXPECT_EQ(
      sql("concat_ws(' ', typeof(any_value(time)), typeof(any_value(row)), typeof(any_value(decision)), "
          "count(error), count(request_id), count(input_Time))"),
      "TIMESTAMP WITH TIME ZONE BIGINT BOOLEAN 0 0 1");
}

// Small ones and one of more rows than a piece is begun for, of which some are missing.
TEST_F(Roll, rows_of_many_pieces_are_all_there_once_and_in_order) {
  const size_t sizes[]{1, 1500, 5000, 3, 2048, 2047, 1};
  size_t all = 0;
  {
    SegmentWriter writer = begin();
    for (const size_t rows : sizes) {
      std::vector<std::string> dests;
      std::vector<double> scores;
      for (size_t r = 0; r < rows; ++r, ++all) {
        dests.push_back(fmt::format("the text of row {}", all));
        scores.push_back(all % 7 == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(all));
      }
      const std::vector<ColumnView> columns{{.column = 0, .text_at = text_at, .texts = dests.data()},
                                            {.column = 2, .numbers = scores.data()},
                                            {.column = 3, .numbers = scores.data()}};
      const PredictionView view{"a", "", "champion", "", kNow, {1}, 200, rows, columns, all - rows};
      std::string record(encoded_size(view, {0, rows}), '\0'), frame;
      encode(view, {0, rows}, 0, record.data());
      append_frame(record, frame);
      ASSERT_TRUE(writer.append(frame));
    }
  }
  roll();
  EXPECT_EQ(sql("count(*)"), std::to_string(all));
  EXPECT_EQ(sql("count(*) FILTER (dest = 'the text of row ' || row)"), std::to_string(all));
  EXPECT_EQ(sql("count(*) FILTER (score IS NOT DISTINCT FROM CASE WHEN row % 7 != 0 THEN row END)"),
            std::to_string(all));
  EXPECT_EQ(sql("count(*) FILTER (decision)"), std::to_string(all - (all + 6) / 7));
  EXPECT_EQ(sql("count(DISTINCT row) || ' ' || count(input_Time)"), std::to_string(all) + " 0");
}

TEST_F(Roll, what_it_has_no_time_for_is_left_to_the_next_one) {
  for (const char hour : {'1', '2', '3'}) {
    SegmentWriter writer = begin(fmt::format("2026-11-29T0{}-0123456789abcdef", hour));
    ASSERT_TRUE(writer.append(prediction({hour}, 0.5)));
  }
  int asked = 0;
  const auto once = roller.roll(kNow, FileLock::Wait::No, [&] { return ++asked == 1; });
  ASSERT_TRUE(once) << to_text(once.error());
  EXPECT_EQ(once->finished, 1u);
  EXPECT_EQ(once->left, 2u);
  EXPECT_EQ(sql("string_agg(DISTINCT prediction_id, '')"), "1");
  EXPECT_EQ(roll().finished, 2u);
  EXPECT_EQ(sql("string_agg(DISTINCT prediction_id, '' ORDER BY prediction_id)"), "123");
}

TEST_F(Roll, while_it_is_written_the_file_follows_and_no_row_is_there_twice) {
  SegmentWriter writer = begin();
  EXPECT_EQ(roll().files, 0u);  // nothing was predicted yet
  ASSERT_TRUE(writer.append(prediction("a", 0.5)));
  EXPECT_EQ(roll().files, 1u);
  EXPECT_EQ(sql("count(*)"), "2");
  EXPECT_EQ(roll().files, 0u);  // it did not grow
  ASSERT_TRUE(writer.append(prediction("b", 0.5)));
  const Rolled rolled = roll();
  EXPECT_EQ(rolled.files, 1u);
  EXPECT_EQ(rolled.finished, 0u);
  EXPECT_TRUE(exists(".segment"));
  EXPECT_EQ(sql("count(*)"), "4");
}

TEST_F(Roll, after_a_crash_between_file_and_removal_each_row_is_there_once) {
  std::string bytes;
  {
    SegmentWriter writer = begin();
    ASSERT_TRUE(writer.append(prediction("a", 0.5)));
    bytes = read_segment(writer.path()).value();
  }
  roll();
  std::ofstream(scratch.path() / (kStem + ".segment"), std::ios::binary)
      << bytes;  // as if it was not removed
  EXPECT_EQ(sql("count(*)"), "2");
  Roller next{{scratch.path(), kMonth}};
  EXPECT_EQ(next.roll(kNow).value().finished, 1u);
  EXPECT_FALSE(exists(".segment"));
  EXPECT_EQ(sql("count(*)"), "2");
}

TEST_F(Roll, a_torn_tail_costs_what_was_not_whole) {
  {
    SegmentWriter writer = begin();
    ASSERT_TRUE(writer.append(prediction("a", 0.5) + prediction("b", 0.5).substr(0, 40)));
  }
  EXPECT_EQ(roll().torn_bytes, 40u);
  EXPECT_EQ(sql("string_agg(DISTINCT prediction_id, ' ')"), "a");
}

TEST_F(Roll, what_cannot_be_read_is_set_aside_and_the_rest_is_rolled) {
  log::set_level(log::Level::Off);
  std::ofstream(scratch.path() / "2026-11-29T09-0000000000000000.segment", std::ios::binary) << "garbage";
  {
    SegmentWriter writer = begin("2026-11-29T09-1111111111111111");
    ASSERT_TRUE(writer.append(prediction("no schema", 1, 9)));
  }
  {
    SegmentWriter writer = begin("2026-11-29T09-2222222222222222");
    const double one = 1;
    const std::vector<ColumnView> columns{{.column = 9, .numbers = &one}};  // there is none
    const PredictionView view{"b", "", "champion", "", kNow, {1}, 200, 1, columns};
    std::string record(encoded_size(view, {0, 1}), '\0'), frame;
    encode(view, {0, 1}, 0, record.data());
    append_frame(record, frame);
    ASSERT_TRUE(writer.append(prediction("good", 1) + frame));
  }
  {
    SegmentWriter writer = begin();
    ASSERT_TRUE(writer.append(prediction("a", 0.5)));
  }
  const Rolled rolled = roll();
  EXPECT_EQ(rolled.set_aside, 3u);
  EXPECT_EQ(rolled.finished, 1u);
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "2026-11-29T09-0000000000000000.segment.bad"));
  EXPECT_EQ(sql("string_agg(DISTINCT prediction_id, ' ')"), "a");
  log::set_level(log::Level::Info);
}

TEST_F(Roll, hours_past_their_time_are_removed) {
  for (const char* stem : {"2026-10-30T08-a", "2026-10-30T10-b", "2026-11-29T10-c"}) {
    SegmentWriter writer = begin(stem);
    ASSERT_TRUE(writer.append(prediction(stem, 0.5)));
  }
  std::ofstream(scratch.path() / "2026-10-30T08-d.segment") << "no segment";
  log::set_level(log::Level::Error);
  const Rolled rolled = roll();
  log::set_level(log::Level::Info);
  EXPECT_EQ(rolled.set_aside, 1u);
  // 30 days before 10:30 is 10:30: the hour from 10 on is not over by then.
  EXPECT_EQ(rolled.removed, 2u) << "what cannot be read has people's data in it, too";
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "2026-10-30T08-d.segment.bad"));
  EXPECT_EQ(sql("string_agg(DISTINCT prediction_id, ' ' ORDER BY prediction_id)"),
            "2026-10-30T10-b 2026-11-29T10-c");
}

TEST_F(Roll, one_process_at_a_time) {
  const auto lock =
      FileLock::take(scratch.path() / ".roll.lock", FileLock::Mode::Exclusive, FileLock::Wait::No);
  ASSERT_TRUE(lock);
  {
    SegmentWriter writer = begin();
  }
  EXPECT_EQ(roll().finished, 0u);
  EXPECT_TRUE(exists(".segment"));
}

TEST(LogTable, versions_with_other_columns_are_put_together_by_name) {
  std::string segment = segment_header();
  append_frame(encode(kSchema), segment);
  LogSchema other = kSchema;
  other.id = 1;
  other.version = 4;
  other.columns = {{"dest", ValueKind::Number, LogColumn::Of::Feature}};
  append_frame(encode(other), segment);
  segment += prediction("a", 0.5);
  const double dest = 42;
  const std::vector<ColumnView> columns{{.column = 0, .numbers = &dest}};
  const PredictionView view{"b", "", "champion", "", kNow, {1}, 200, 1, columns};
  std::string record(encoded_size(view, {0, 1}), '\0');
  encode(view, {0, 1}, 1, record.data());
  append_frame(record, segment);
  auto rows = SegmentRows::open(segment);
  ASSERT_TRUE(rows) << to_text(rows.error());
  EXPECT_EQ(rows->rows(), 3u);
  LogTable table;
  ASSERT_TRUE(rows->next(table).value());
  EXPECT_EQ(table.rows, 3u);
  const auto at = std::ranges::find(table.columns, "dest", &engine::GivenColumn::name);
  ASSERT_NE(at, table.columns.end());
  const engine::GivenValues& values = table.values[static_cast<size_t>(at - table.columns.begin())];
  EXPECT_EQ(values.texts, (std::vector<std::string>{"JFK", "a?", "42"}));
  EXPECT_EQ(table.values.back().missing, (std::vector<uint8_t>{0, 1, 1}));
  EXPECT_FALSE(rows->next(table).value());
}

}  // namespace tidemill::monitoring
