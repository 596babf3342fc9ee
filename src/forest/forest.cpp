// The plain walk: the oracle of every other engine, so it does what XGBoost's CPU predictor does and nothing
// clever.
#include "forest/forest.hpp"

#include <algorithm>
#include <cmath>

namespace tidemill::forest {

namespace {

constexpr size_t kRowsOfBlock = 64;
constexpr float kFirstInexactCategory =
    16777216.0F;  // 2^24: XGBoost takes codes from here on, and negative ones, as "not in the set"

bool in_set(const std::vector<uint32_t>& set, float x) {
  if (x < 0 || x >= kFirstInexactCategory) return false;
  return std::binary_search(set.begin(), set.end(), static_cast<uint32_t>(x));
}

float leaf_of(const Tree& tree, const float* row) {
  const Node* node = &tree.nodes[0];
  while (node->left >= 0) {
    const float x = row[node->feature];
    bool left = node->default_left;
    if (!std::isnan(x))
      left = node->categories < 0 ? x < node->value
                                  : !in_set(tree.category_sets[static_cast<size_t>(node->categories)], x);
    node = &tree.nodes[static_cast<size_t>(left ? node->left : node->right)];
  }
  return node->value;
}

// src/common/math.h of XGBoost: the sum is a double, the division a float's.
void softmax(float* x, size_t n) {
  float most = x[0];
  for (size_t i = 1; i < n; ++i) most = fmaxf(x[i], most);
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    x[i] = expf(x[i] - most);
    sum += double{x[i]};
  }
  for (size_t i = 0; i < n; ++i) x[i] /= static_cast<float>(sum);
}

}  // namespace

// Tree by tree over a block of rows, so that a tree is read from memory once a block; a row's sum is still in
// tree order.
void predict_margin(const Forest& forest, std::span<const float> rows, std::span<float> margins) {
  const size_t count = margins.size() / forest.outputs;
  for (size_t first = 0; first < count; first += kRowsOfBlock) {
    const size_t last = std::min(count, first + kRowsOfBlock);
    for (size_t r = first; r < last; ++r)
      std::copy(forest.base_margins.begin(), forest.base_margins.end(),
                margins.begin() + static_cast<std::ptrdiff_t>(r * forest.outputs));
    for (size_t t = 0; t < forest.trees.size(); ++t) {
      const Tree& tree = forest.trees[t];
      const float weight = forest.tree_weights.empty() ? 1.0F : forest.tree_weights[t];
      for (size_t r = first; r < last; ++r)
        margins[r * forest.outputs + tree.output] +=
            leaf_of(tree, rows.data() + r * forest.features) * weight;
    }
  }
}

void apply_link(const Forest& forest, std::span<float> margins) {
  switch (forest.link) {
    case Link::Identity:
      return;
    case Link::Logistic:
      for (float& x : margins) x = 1.0F / (expf(std::min(-x, 88.7F)) + 1.0F);
      return;
    case Link::Exponential:
      for (float& x : margins) x = expf(x);
      return;
    case Link::Hinge:
      for (float& x : margins) x = x > 0 ? 1.0F : 0.0F;
      return;
    case Link::Softmax:
      for (size_t at = 0; at + forest.outputs <= margins.size(); at += forest.outputs)
        softmax(margins.data() + at, forest.outputs);
      return;
  }
}

}  // namespace tidemill::forest
