// Which slices a rule of the gate speaks of, among the test rows that are there. A value that nobody has is a
// mistake in the rule, not a slice that passes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "training/gate_rows.hpp"

namespace tidemill::training {

/// Column and value, each.
using Slice = std::vector<std::pair<std::string, std::string>>;
/// "store = s01, side = even".
std::string to_text(const Slice& slice);

struct RuleSlices {
  std::vector<Slice> slices;  // one empty slice: all rows
  std::string problem;        // why the rule speaks of no row; empty: it does
  int64_t rows_null = 0;      // NULL in a column whose every value is judged: in no slice
};
/// One slice, or with "*" as a value one for every value that occurs. `columns` are those of rows.slices.
RuleSlices slices_of(const project::GateRule& rule, const TestRows& rows,
                     const std::vector<std::string>& columns);

}  // namespace tidemill::training
