// A log with rows, as a process leaves it, and SQL over it.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/database.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/record.hpp"
#include "monitoring/roll.hpp"
#include "monitoring/scratch_for_tests.hpp"
#include "monitoring/segment.hpp"

namespace tidemill::monitoring {

inline Instant at(const char* text) { return parse_instant(text).value(); }
inline constexpr Duration kMonth{30LL * 24 * 3600 * 1'000'000};

struct LoggedRow {
  std::string prediction_id;
  std::optional<std::string> key;
  Instant time;
  double score = 0.5;
};

class LogForTests {
 public:
  const Path& home() const { return scratch_.path(); }
  Path folder() const { return log_folder(home(), "late"); }
  /// A segment of one version with features `features`, whose writer lives as long as what is returned.
  SegmentWriter write(const std::string& stem, int version, const std::vector<std::string>& features,
                      const std::vector<LoggedRow>& rows) {
    EXPECT_TRUE(make_folder(folder()));
    auto writer = SegmentWriter::create(folder(), stem);
    EXPECT_TRUE(writer) << to_text(writer.error());
    LogSchema schema{0, "late", version, {}};
    for (const std::string& feature : features)
      schema.columns.push_back({feature, ValueKind::Number, LogColumn::Of::Feature});
    schema.columns.push_back({"score", ValueKind::Number, LogColumn::Of::Answer});
    schema.columns.push_back({"key", ValueKind::Text, LogColumn::Of::Key});
    std::string frames;
    append_frame(encode(schema), frames);
    for (const LoggedRow& row : rows) append_frame(record_of(row, features.size()), frames);
    EXPECT_TRUE(writer->append(frames));
    return std::move(*writer);
  }
  /// The same, of a writer that is gone, as Parquet.
  void log(const std::string& stem, int version, const std::vector<std::string>& features,
           const std::vector<LoggedRow>& rows) {
    {
      const SegmentWriter gone = write(stem, version, features, rows);
    }
    roll();
  }
  void roll() {
    const auto rolled = Roller({folder(), kMonth}).roll(at("2026-11-29T12:00:00Z"));
    EXPECT_TRUE(rolled) << to_text(rolled.error());
  }
  /// The one value of a SELECT, as text.
  std::string sql(const std::string& select) const {
    const auto database =
        engine::Database::open({.threads = 1, .access = engine::DatabaseOptions::Access::Open});
    auto connection = (*database)->connect().value();
    const auto value = connection.scalar(select);
    return value ? engine::to_text(*value) : to_text(value.error());
  }

 private:
  static std::string record_of(const LoggedRow& row, size_t features) {
    const std::vector<double> ones(features, 1);
    std::vector<ColumnView> columns;
    for (size_t f = 0; f < features; ++f)
      columns.push_back({.column = static_cast<uint32_t>(f), .numbers = &ones[f]});
    columns.push_back({.column = static_cast<uint32_t>(features), .numbers = &row.score});
    columns.push_back({.column = static_cast<uint32_t>(features + 1), .text_at = key_at, .texts = &row.key});
    const PredictionView view{row.prediction_id, "", "champion", "", row.time, {10}, 200, 1, columns};
    std::string record(encoded_size(view, {0, 1}), '\0');
    encode(view, {0, 1}, 0, record.data());
    return record;
  }
  static std::optional<std::string_view> key_at(const void* texts, size_t i) {
    const auto& key = static_cast<const std::optional<std::string>*>(texts)[i];
    return key ? std::optional<std::string_view>(*key) : std::nullopt;
  }
  Scratch scratch_;
};

}  // namespace tidemill::monitoring
