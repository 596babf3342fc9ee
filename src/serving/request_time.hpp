// Dates and times as requests write them, ISO 8601 and RFC 3339, in DuckDB's numbers. An instant says its
// zone: what a clock somewhere shows is not guessed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/given_rows.hpp"

namespace tidemill::serving {

/// kind: Date, Timestamp or TimestampTz. "2013-12-30", "2013-12-30T15:05:00.25", "2013-12-30 15:05:00-05:00";
/// seconds and the minutes of an offset may be left out. Nothing where the text is none.
std::optional<int64_t> parse_time(engine::GivenKind kind, std::string_view text);
/// What parse_time reads back; an instant in UTC.
std::string text_of_time(engine::GivenKind kind, int64_t value);
std::string_view time_example(engine::GivenKind kind);

}  // namespace tidemill::serving
