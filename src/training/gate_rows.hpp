// The rows a gate judges on: the challenger's test rows with its scores, and what another version says about
// the same keys, as long as it never saw them. Read from SQL once a version; only test rows are kept.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "training/split.hpp"
#include "training/training.hpp"

namespace tidemill::training {

/// The challenger's test rows, by key.
struct TestRows {
  std::vector<std::string> keys;  // each column's text, its length first
  std::unordered_map<std::string, size_t> index;
  std::vector<double> labels;
  std::vector<double> weights;                                  // empty: all 1
  std::vector<double> scores;                                   // rows × outputs
  std::vector<int64_t> blocks;                                  // day, group, or the row itself
  std::vector<std::vector<std::optional<std::string>>> slices;  // [column][row]
  std::vector<std::vector<double>> naive;                       // [column][row]; NaN where NULL
  size_t rows() const { return labels.size(); }
};

/// What another version says about the challenger's test rows.
struct OtherScores {
  std::vector<double> scores;  // rows × the challenger's outputs
  std::vector<bool> judged;    // matched, and never seen by that version
  int64_t seen = 0;            // in its training or validation
  int64_t unmatched = 0;       // no such key in its relation
};

struct RowsWanted {
  std::vector<std::string> slices;  // columns
  std::vector<std::string> naive;   // columns
};

/// Errors: training.null_target, training.missing_column, training.unknown_class …
Result<TestRows> read_test_rows(const GateInput& input, const RowsWanted& wanted);
Result<OtherScores> read_other(const GateInput& input, const Candidate& other, const TestRows& rows);

}  // namespace tidemill::training
