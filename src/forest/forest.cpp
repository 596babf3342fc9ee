// The plain walk: the oracle of every other engine, so it does what the CPU predictors of XGBoost and
// LightGBM do and nothing clever.
#include "forest/forest.hpp"

#include <algorithm>
#include <cmath>

#include "forest/decision.hpp"

namespace tidemill::forest {

namespace {

constexpr size_t kRowsOfBlock = 64;

template <class T>
T leaf_of(const Tree& tree, const T* row) {
  const Node* node = &tree.nodes[0];
  while (node->left >= 0)
    node = &tree.nodes[static_cast<size_t>(goes_left(tree, *node, row[node->feature]) ? node->left
                                                                                      : node->right)];
  return static_cast<T>(node->value);
}

// Tree by tree over a block of rows, so that a tree is read from memory once a block; a row's sum is still in
// tree order.
template <class T>
void add_trees(const Forest& forest, std::span<const T> rows, std::span<T> margins) {
  const size_t count = margins.size() / forest.outputs;
  for (size_t first = 0; first < count; first += kRowsOfBlock) {
    const size_t last = std::min(count, first + kRowsOfBlock);
    for (size_t r = first; r < last; ++r)
      std::copy(forest.base_margins.begin(), forest.base_margins.end(),
                margins.begin() + static_cast<std::ptrdiff_t>(r * forest.outputs));
    for (size_t t = 0; t < forest.trees.size(); ++t) {
      const Tree& tree = forest.trees[t];
      const T weight = forest.tree_weights.empty() ? T{1} : static_cast<T>(forest.tree_weights[t]);
      for (size_t r = first; r < last; ++r)
        margins[r * forest.outputs + tree.output] +=
            leaf_of(tree, rows.data() + r * forest.features) * weight;
    }
  }
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

// utils/common.h of LightGBM.
void softmax(double* x, size_t n) {
  double most = x[0];
  for (size_t i = 1; i < n; ++i) most = std::max(x[i], most);
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    x[i] = std::exp(x[i] - most);
    sum += x[i];
  }
  for (size_t i = 0; i < n; ++i) x[i] /= sum;
}

}  // namespace

void Forest::keep_rounds(uint32_t rounds) {
  const size_t kept = size_t{rounds} * trees_of_round;
  if (kept >= trees.size()) return;
  trees.resize(kept);
  if (!tree_weights.empty()) tree_weights.resize(kept);
  if (average_over > 0) average_over = rounds;
}

void predict_margin(const Forest& forest, std::span<const float> rows, std::span<float> margins) {
  add_trees(forest, rows, margins);
}
void predict_margin(const Forest& forest, std::span<const double> rows, std::span<double> margins) {
  add_trees(forest, rows, margins);
}

void apply_link(const Forest& forest, std::span<float> margins) {
  switch (forest.link) {
    case Link::Identity:
    case Link::SignedSquare:
    case Link::LogOnePlusExponential:
      return;
    case Link::Logistic:
      for (float& x : margins) x = 1.0F / (expf(std::min(-x, 88.7F)) + 1.0F);
      return;
    case Link::Exponential:
      for (float& x : margins) x = expf(x);
      return;
    case Link::ExponentialInDouble:
      for (float& x : margins) x = static_cast<float>(std::exp(double{x}));
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

// ConvertOutput of LightGBM's objectives.
void apply_link(const Forest& forest, std::span<double> margins) {
  if (forest.average_over > 0)
    for (double& x : margins) x /= forest.average_over;
  switch (forest.link) {
    case Link::Identity:
    case Link::Hinge:
      return;
    case Link::Logistic:
      for (double& x : margins) x = 1.0 / (1.0 + std::exp(-forest.sigmoid * x));
      return;
    case Link::Exponential:
    case Link::ExponentialInDouble:
      for (double& x : margins) x = std::exp(x);
      return;
    case Link::SignedSquare:
      for (double& x : margins) x = static_cast<double>((x > 0) - (x < 0)) * x * x;
      return;
    case Link::LogOnePlusExponential:
      for (double& x : margins) x = std::log1p(std::exp(x));
      return;
    case Link::Softmax:
      for (size_t at = 0; at + forest.outputs <= margins.size(); at += forest.outputs)
        softmax(margins.data() + at, forest.outputs);
      return;
  }
}

double lightgbm_number(double x) { return std::abs(x) <= kZero ? 0 : x; }

}  // namespace tidemill::forest
