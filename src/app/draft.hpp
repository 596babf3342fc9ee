// A project drafted from one data file: what its columns are, what to predict with which, how to split, what
// to doubt. Decides from facts; init_command.cpp reads the file and writes the project.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "engine/database.hpp"

namespace tidemill::app {

/// What was measured of one column. Times are microseconds since 1970, when it is a time.
struct ColumnFacts {
  engine::Column column;
  int64_t nulls = 0;
  int64_t distinct = 0;
  double low = 0, high = 0;     // of numbers and times
  Json checks = Json::array();  // that it would pass, in the project file's form
  double alone = 0;  // how well this column alone tells the target: AUC of a binary target, |correlation| of
                     // a number; 0: not measured
};

struct DataFacts {
  std::string table;  // the source's name
  std::string path;   // as it is written into the project file
  int64_t rows = 0;
  std::vector<ColumnFacts> columns;
};

enum class TargetKind { Binary, Multiclass, Regression };

struct Draft {
  std::string project_file;
  std::string transform_name;
  std::string transform_sql;
  std::vector<std::string> notes;     // what was decided and why
  std::vector<std::string> warnings;  // what to look at before trusting it
};

/// Errors: init.target (absent, with the nearest name; constant; all distinct text), init.too_few_rows.
Result<TargetKind> kind_of_target(const DataFacts& data, const std::string& target);
Result<Draft> draft_project(const std::string& name, const DataFacts& data, const std::string& target);

}  // namespace tidemill::app
