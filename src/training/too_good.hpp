// A version that is too good to be true: nearly no error on the test rows, and one feature that does it
// alone. That is how a column looks that knows the outcome; only a person can tell, so it is a doubt and no
// verdict.
#pragma once

#include <optional>
#include <string>

#include "forest/package.hpp"

namespace tidemill::training {

struct TooGood {
  std::string metric;  // roc_auc, or r2
  double value = 0;    // on the test rows
  std::string feature;
  double gain = 0;  // its share of all splits' gain
};
/// Nothing for a model of classes, and where the package has no such metric.
std::optional<TooGood> too_good(const forest::Package& package);

}  // namespace tidemill::training
