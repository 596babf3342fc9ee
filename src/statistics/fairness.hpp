// Whether decisions fall on named groups alike: rates of each group, and how far the groups are apart. The
// numbers are fairlearn's, but 0/0 is nothing where fairlearn says 0, and groups too small to be judged are
// named and left out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "statistics/intervals.hpp"
#include "statistics/metrics.hpp"

namespace tidemill::statistics {

/// A group of fewer rows is listed, not judged.
inline constexpr size_t kMinGroupRows = 100;
/// Selection rates under four fifths of the highest group's are evidence of adverse impact. Uniform
/// Guidelines on Employee Selection Procedures (1978), 29 CFR 1607.4(D).
inline constexpr double kFourFifths = 0.8;

/// Decisions that were made. Everything is a view.
struct Decided {
  Numbers decisions;                 // 0 or 1; 1 is selected
  Numbers labels;                    // 0 or 1; empty: not known yet, and nothing that needs them is measured
  Numbers weights;                   // empty: all 1
  std::span<const uint32_t> groups;  // of each row: an index into `names`
  std::span<const std::string> names;
};

/// A number, or nothing where it is not defined, and how sure it is.
struct Measured {
  Maybe value;
  std::optional<Interval> interval;
};

struct GroupRates {
  std::string name;
  size_t rows = 0;
  double weight = 0;            // sum over its rows
  bool judged = false;          // at least kMinGroupRows rows; all below is nothing otherwise
  Measured selection_rate;      // share that is selected
  Measured true_positive_rate;  // share selected of those with label 1
  Measured false_positive_rate;
  Measured impact_ratio;  // its selection rate over the highest one
};

/// Between the judged groups that have the rate; nothing with fewer than two of them.
struct Disparity {
  Measured difference;  // highest − lowest: 0 is alike
  Measured ratio;       // lowest ÷ highest: 1 is alike; nothing when all are 0
};

struct Fairness {
  std::vector<GroupRates> groups;  // all, in the order of their names as given
  Disparity demographic_parity;    // of selection rates. Dwork et al. 2012
  Disparity equal_opportunity;     // of true positive rates. Hardt, Price & Srebro 2016
  Disparity equalized_odds;        // the worse of true and false positive rates'; nothing without both
  /// Whether demographic_parity.ratio is at least kFourFifths; nothing where there is none.
  std::optional<bool> four_fifths;
};

/// Intervals come from the block bootstrap of intervals.hpp; nothing with fewer than kMinBlocks blocks. Those
/// of a group's rates are percentile intervals. Highest and lowest are picked by chance as well as by
/// difference (eight equal groups of 200 rows at a rate of 0.3 lie 0.09 apart), and resamples add to that:
/// the percentile interval of a difference never holds the truth there. So disparities get Tukey's: by how
/// much the groups' errors are apart in a resample, max(r* − r) − min(r* − r), bounds in `level` of the
/// resamples by how much any two groups' difference is wrong, and so the largest. Ratios likewise on the
/// logarithmic scale; where a judged group's rate is 0 a ratio has no interval. Errors: fairness.bad_input,
/// bootstrap.bad_options.
Result<Fairness> fairness(const Decided& rows, const Blocks& blocks, const BootstrapOptions& options = {});

}  // namespace tidemill::statistics
