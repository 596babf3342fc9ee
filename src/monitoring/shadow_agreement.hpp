// How far a shadow says what the champion says, of the same rows: read from the log, which has both under one
// prediction id.
#pragma once

#include <optional>

#include "base/file.hpp"
#include "base/json.hpp"
#include "forest/package.hpp"
#include "registry/registry.hpp"

namespace tidemill::monitoring {

struct Agreement {
  int64_t rows = 0;                       // that both answered
  std::optional<double> same_decisions;   // the share of equal decisions or classes; none of a regression
  std::optional<double> mean_difference;  // of the scores, without sign; none of several classes
  std::optional<double> score_psi;        // statistics::score_drift(), from kLeastForPsi rows on
  Json to_json() const;
};
inline constexpr size_t kLeastForPsi = 200;

/// Of the challenger since its stage began. package: its own. Errors: engine.*.
Result<Agreement> agreement_of(const Path& home, const registry::Rollout& shadow,
                               const forest::Package& package);

}  // namespace tidemill::monitoring
