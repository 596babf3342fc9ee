// What `init` measures of a stranger's data file.
#pragma once

#include <string>
#include <vector>

#include "app/session.hpp"
#include "base/json.hpp"
#include "engine/database.hpp"

namespace tidemill::app {

enum class TargetKind { Binary, Multiclass, Regression };

/// A text column whose texts are all dates or numbers that are not written as SQL has them.
struct WrittenAs {
  std::string what;  // "a date written 24.12.2024"; empty: text is what it is
  std::string sql;   // that makes a date or number of it
};

/// What of a column's being empty tells of the target.
struct WhenFilled {
  double auc = 0;      // of "has a value" for one value of the target against all others
  bool filled = true;  // there is a value where the target is `of`; false: there is none
  std::string of;
};

/// What was measured of one column. Times are microseconds since 1970, when it is a time.
struct ColumnFacts {
  engine::Column column;
  int64_t nulls = 0;
  int64_t distinct = 0;
  double low = 0, high = 0;     // of numbers and times
  Json checks = Json::array();  // that it would pass, in the project file's form
  double alone = 0;  // how well this column alone tells the target: AUC of a binary target, |correlation| of
                     // a number; 0: not measured
  WhenFilled when_filled;
  WrittenAs written_as;
  std::string mixed;  // why it is of its type, though the first rows have another; empty: they have not
};

struct DataFacts {
  std::string table;  // the source's name
  std::string path;   // as it is written into the project file
  int64_t rows = 0;
  int64_t contents = 0;  // rows that differ in more than the target
  std::vector<ColumnFacts> columns;
};

/// Errors: init.target (absent, with the nearest name; constant; all distinct text), init.too_few_rows.
Result<TargetKind> kind_of_target(const DataFacts& data, const std::string& target);

/// Reads the file. Its path is told relative to the project's folder.
Result<DataFacts> measure_file(const GlobalOptions& global, const Path& file, const Path& folder,
                               const std::string& target);

}  // namespace tidemill::app
