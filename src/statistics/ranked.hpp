// Metrics that need rows in the order of their scores: roc_auc, pr_auc, ece. Sorted once; each resample is
// one pass over that order with the multiplicity of every row's block. Inside this room only.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "statistics/metrics.hpp"

namespace tidemill::statistics {

class Ranked {
 public:
  /// block_of_row may be empty: all rows are block 0. Scores must be finite, labels 0 or 1.
  Ranked(Numbers labels, Numbers scores, Numbers weights, std::span<const uint32_t> block_of_row);

  /// multiplicity: one a block.
  Maybe roc_auc(Numbers multiplicity) const;
  Maybe pr_auc(Numbers multiplicity) const;
  Maybe ece(Numbers multiplicity, int bins) const;
  /// By name; nothing also for a name that is not ranked.
  Maybe compute(std::string_view name, Numbers multiplicity) const;

 private:
  struct Row {
    double weight;
    uint32_t block;
    bool positive;
    bool ends_tie;  // the last row of those with its score
  };
  std::vector<Row> rows_;  // by rising score
  std::vector<double> scores_;
};

bool is_ranked(std::string_view name);

}  // namespace tidemill::statistics
