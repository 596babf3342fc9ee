// Metrics that are a function of sums over rows: sums of blocks can be added up again with other
// multiplicities, which makes their bootstrap cost blocks, not rows. Inside this room only; the callers have
// checked lengths and weights.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "statistics/metrics.hpp"

namespace tidemill::statistics {

struct Additive {
  size_t components = 0;
  /// Adds the row's part, already times its weight, to sums[0 … components−1].
  std::function<void(size_t row, double* sums)> add;
  std::function<Maybe(std::span<const double> sums)> finish;
};

/// The metric of that name over these rows; nothing for a ranked metric (see ranked.hpp).
std::optional<Additive> additive_metric(std::string_view name, const Evaluation& evaluation);
/// All rows, each once.
Maybe total(const Additive& metric, size_t rows);

}  // namespace tidemill::statistics
