// A snapshot into a table of a database, in one transaction: other sessions see the old rows or the new ones.
#pragma once

#include "pipeline/step.hpp"

namespace tidemill::pipeline {

/// Replace: all rows; a table whose columns are others is made again. Merge: rows with the same key are
/// replaced, others stay. Append: the snapshot's rows, unless their content was the last that was appended:
/// the table tidemill_appended beside it knows. Gives the rows that were written.
Result<int64_t> export_to_database(const StepContext& step, const project::Export& target,
                                   const registry::Table& table);

}  // namespace tidemill::pipeline
