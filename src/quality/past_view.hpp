// SQL that shows the tables as they were known at an instant: rows that had not begun and values that were
// not known are gone. Pure text.
#pragma once

#include <string>
#include <vector>

#include "quality/quality.hpp"

namespace tidemill::quality {

/// A row of the model's table that is tried, as SQL literals.
struct AskedRow {
  std::vector<std::string> key;  // typed literals, in the order of PointInTimeInput::key
  std::string as_of;             // typed literal
};

/// The sources with the names they declare (key, time_column, known_at) as their tables spell them: whoever
/// reads them afterwards may compare exactly. Error check.point_in_time for a column that a source does not
/// have.
Result<std::vector<TimedSource>> with_own_names(const PointInTimeInput& input);

/// The source whose row is the request itself: as named, else the one with the model's key; of several, the
/// one whose time_column the as_of expression names. Nothing when no source has the key. Error
/// check.point_in_time when it stays unclear.
Result<const TimedSource*> request_source(const PointInTimeInput& input);

/// SELECT of one source as of the instant.
Result<std::string> past_of(const TimedSource& source, const PointInTimeInput& input, const AskedRow& row,
                            bool is_request);

/// WITH every source as of the instant and every transform over them.
Result<std::string> past_tables(const PointInTimeInput& input, const AskedRow& row);

/// "flight_id" = … AND …, over the model's table.
std::string key_condition(const std::vector<std::string>& key, const std::vector<std::string>& literals);

}  // namespace tidemill::quality
