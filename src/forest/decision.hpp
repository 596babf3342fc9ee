// Which way a value goes at a node: the one definition that the plain walk and explanations share. Inside
// this room only.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "forest/forest.hpp"

namespace tidemill::forest {

inline constexpr double kZero = 1e-35F;  // LightGBM's kZeroThreshold
// 2^24: XGBoost takes codes from here on, and negative ones, as "not in the set".
inline constexpr double kFirstInexactCategory = 16777216.0;

/// LightGBM truncates, so that (−1, 0) is code 0; to XGBoost it is no code.
template <class T>
bool in_set(const std::vector<uint32_t>& set, T x) {
  constexpr bool kTruncates = std::is_same_v<T, double>;
  if (kTruncates ? !(x > -1) : x < 0) return false;
  if (x >= static_cast<T>(kFirstInexactCategory)) return false;
  return std::binary_search(set.begin(), set.end(), static_cast<uint32_t>(x));
}

/// T is float for XGBoost's models, double for LightGBM's.
template <class T>
bool goes_left(const Tree& tree, const Node& node, T x) {
  if (node.categories >= 0)
    return std::isnan(x) ? node.default_left
                         : !in_set(tree.category_sets[static_cast<size_t>(node.categories)], x);
  if (std::isnan(x)) {
    if (node.missing != Missing::Nothing) return node.default_left;
    x = 0;
  }
  if (node.missing == Missing::NanAndZero && std::abs(x) <= static_cast<T>(kZero)) return node.default_left;
  return x < static_cast<T>(node.value);
}

}  // namespace tidemill::forest
