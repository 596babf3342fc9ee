// The Shapley value of feature i in a game is ∫₀¹ of its mean contribution when every other feature is known
// with probability t (Owen 1972, "Multilinear extensions of games"). At one leaf of value v the game is a
// product over the features of its path: a feature that is known lets the row through (o = 1) or not (o = 0),
// one that is not lets the share z of the rows through, so that
//   φ_i = v ∫₀¹ (o_i − z_i) Π_{j≠i} (t·o_j + (1−t)·z_j) dt.
// The integrand is a polynomial in t, so Gauss and Legendre's quadrature over half as many points as there
// are features is exact. All terms are between 0 and 1: nothing cancels, unlike in the paper's unwinding.
//
// Leaves under one edge share their product over the edges above, and the factor of i is the same for all of
// them: products go down the tree, sums of value × product come up, and each edge adds to its feature
//   Σ_t w_t · sum(t) · (o − z) / (t·o + (1−t)·z)
// less the same with the o and z of the last edge above that asks for the same feature, which this edge
// replaces (as Yu, Xu, Read & Bifet 2022, "Linear TreeShap", with polynomials instead). The cost is nodes ×
// points, where the paper's is leaves × depth².
#include "forest/shap.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include <fmt/format.h>

#include "forest/decision.hpp"
#include "forest/shape.hpp"

namespace tidemill::forest {

namespace {

constexpr size_t kRowsOfBlock = 64;  // that are explained by one tree while its tables are near

struct Quadrature {
  std::vector<double> at, weight;  // in (0, 1); weights sum to 1
};

/// Gauss–Legendre: roots of P_n by Newton's method from Tricomi's guess, DLMF 3.5.
Quadrature quadrature(size_t n) {
  Quadrature q;
  const auto count = static_cast<double>(n);
  for (size_t i = 0; i < n; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (count + 0.5));
    double slope = 1;
    for (int step = 0; step < 100; ++step) {
      double p = 1, before = 0;
      for (size_t k = 0; k < n; ++k) {
        const auto degree = static_cast<double>(k);
        const double next = ((2 * degree + 1) * x * p - degree * before) / (degree + 1);
        before = p;
        p = next;
      }
      slope = count * (x * p - before) / (x * x - 1);
      const double change = p / slope;
      x -= change;
      if (std::abs(change) < 1e-15) break;
    }
    q.at.push_back((1 + x) / 2);
    q.weight.push_back(1 / ((1 - x * x) * slope * slope));
  }
  return q;
}

/// Numbers of two quadrature points, which every x86-64 multiplies at once. The compiler does not pair them
/// by itself, since for all it knows what is stored may be what is read next.
typedef double PairOfDoubles __attribute__((vector_size(16)));
struct Pair {
  PairOfDoubles of = {0, 0};
};

size_t pairs_for(size_t features_of_path) { return std::max<size_t>(1, (features_of_path + 3) / 4); }

/// A node and the edge that leads to it.
struct Step {
  const Node* node = nullptr;
  uint32_t first_child = 0;  // of a split; the other, where the right way leads, is the next
  uint32_t same = 0;         // the last node above whose edge asks for the same feature; 0: none
  uint32_t feature = 0;      // that the edge asks for
  double share = 1;          // of the parent's cover
  double leaf = 0;           // value × the tree's weight
};

/// By distance from the root, so that parents come before children.
struct ExplainedTree {
  const Tree* tree = nullptr;
  uint32_t output = 0;
  size_t pairs = 1;  // of quadrature points
  std::vector<Step> steps;
  // Of each node 4 × pairs, by point: the factor of the product when the row takes the edge, what the edge
  // then gives to its feature; and both when it does not. They hold while the row took the edge `same`. Once
  // it has not, the factor is the share, and no further edge changes anything for the feature.
  std::vector<Pair> tables;
};

std::unexpected<Error> no_cover(std::string message) {
  return data_error("forest.no_cover", "it cannot be explained: " + std::move(message), {},
                    "save the model with the covers (sum_hessian, internal_count) that training wrote");
}

Result<double> share_of_left(const Tree& tree, size_t at) {
  const Node& node = tree.nodes[at];
  const double left = tree.nodes[static_cast<size_t>(node.left)].cover,
               right = tree.nodes[static_cast<size_t>(node.right)].cover, both = left + right;
  if (!(left >= 0 && right >= 0 && std::isfinite(both)))
    return no_cover(fmt::format("node {} has children with covers of {} and {}", at, left, right));
  if (both > 0) return left / both;
  if (at == 0) return no_cover("its trees do not say how many rows went which way");
  return 0.5;  // nobody came here in training, or their hessians vanished
}

/// The steps of a tree, without tables. `features_of_path` becomes the most different features on a path.
Result<std::vector<Step>> steps_of(const Tree& tree, double weight, size_t& features_of_path) {
  std::vector<Step> steps{{.node = tree.nodes.data()}};
  std::vector<uint32_t> parents{0}, features{0};  // the latter: different ones up to here
  for (size_t i = 0; i < steps.size(); ++i) {
    const Node& node = *steps[i].node;
    features_of_path = std::max(features_of_path, size_t{features[i]});
    if (node.is_leaf()) {
      steps[i].leaf = node.value * weight;
      continue;
    }
    TM_TRY(const double left, share_of_left(tree, static_cast<size_t>(&node - tree.nodes.data())));
    uint32_t same = static_cast<uint32_t>(i);
    while (same != 0 && steps[same].feature != node.feature) same = parents[same];
    steps[i].first_child = static_cast<uint32_t>(steps.size());
    for (const bool is_left : {true, false}) {
      steps.push_back({.node = &tree.nodes[static_cast<size_t>(is_left ? node.left : node.right)],
                       .same = same,
                       .feature = node.feature,
                       .share = is_left ? left : 1 - left});
      parents.push_back(static_cast<uint32_t>(i));
      features.push_back(features[i] + (same == 0 ? 1 : 0));
    }
  }
  return steps;
}

void fill_tables(ExplainedTree& tree) {
  const size_t pairs = tree.pairs;
  const Quadrature q = quadrature(2 * pairs);
  tree.tables.assign(tree.steps.size() * 4 * pairs, {});
  std::vector<double> shares(tree.steps.size(),
                             1.0);  // z of the feature once its edges down to here are joined
  for (size_t i = 1; i < tree.steps.size(); ++i) {
    const Step& step = tree.steps[i];
    const double before = shares[step.same], now = shares[i] = before * step.share;
    Pair* table = tree.tables.data() + i * 4 * pairs;
    for (size_t k = 0; k < 2 * pairs; ++k) {
      const double t = q.at[k], taken_before = t + (1 - t) * before, taken = t + (1 - t) * now;
      const double given_before = q.weight[k] * (1 - before) / taken_before;
      table[k / 2].of[k % 2] = taken / taken_before;
      table[pairs + k / 2].of[k % 2] = q.weight[k] * (1 - now) / taken - given_before;
      table[2 * pairs + k / 2].of[k % 2] = (1 - t) * now / taken_before;
      table[3 * pairs + k / 2].of[k % 2] = -q.weight[k] / (1 - t) - given_before;
    }
  }
}

/// Room for one row and the largest tree.
struct Scratch {
  std::vector<Pair> products;  // nodes × pairs; on the way up, sums
  std::vector<uint8_t> took;   // whether the row took all edges that ask for the feature down to here
  std::vector<uint8_t> hot;    // whether it took this one
};

/// kPairs: of the tree, or 0 for any number.
template <class T, size_t kPairs>
void explain_row(const ExplainedTree& tree, const T* row, double* contributions, Scratch& scratch) {
  const size_t pairs = kPairs > 0 ? kPairs : tree.pairs;
  Pair* const products = scratch.products.data();
  std::fill_n(products, pairs, Pair{{1, 1}});
  scratch.took[0] = 1;
  for (size_t i = 0; i < tree.steps.size(); ++i) {
    const Step& step = tree.steps[i];
    Pair* product = products + i * pairs;
    if (step.first_child == 0) {
      for (size_t k = 0; k < pairs; ++k) product[k].of *= step.leaf;
      continue;
    }
    const bool left = goes_left(*tree.tree, *step.node, row[step.node->feature]);
    for (size_t child = step.first_child; child < size_t{step.first_child} + 2; ++child) {
      const bool hot = left == (child == step.first_child);
      const bool took = scratch.took[tree.steps[child].same] != 0;
      scratch.hot[child] = hot;
      scratch.took[child] = took && hot;
      Pair* to = products + child * pairs;
      const Pair* factor = tree.tables.data() + (child * 4 + (hot ? 0 : 2)) * pairs;
      const double share = tree.steps[child].share;
      for (size_t k = 0; k < pairs; ++k)
        to[k].of = took ? product[k].of * factor[k].of : product[k].of * share;
    }
  }
  for (size_t i = tree.steps.size(); i-- > 0;) {
    const Step& step = tree.steps[i];
    if (step.first_child == 0) continue;
    PairOfDoubles given = {0, 0};
    for (size_t child = step.first_child; child < size_t{step.first_child} + 2; ++child) {
      if (scratch.took[tree.steps[child].same] == 0) continue;
      const Pair* sum = products + child * pairs;
      const Pair* gives = tree.tables.data() + (child * 4 + (scratch.hot[child] ? 1 : 3)) * pairs;
      for (size_t k = 0; k < pairs; ++k) given += sum[k].of * gives[k].of;
    }
    contributions[step.node->feature] += given[0] + given[1];
    const Pair *a = products + step.first_child * pairs, *b = a + pairs;
    for (size_t k = 0; k < pairs; ++k) products[i * pairs + k].of = a[k].of + b[k].of;
  }
}

template <class T>
void explain_row(const ExplainedTree& tree, const T* row, double* contributions, Scratch& scratch) {
  if (tree.pairs == 1) return explain_row<T, 1>(tree, row, contributions, scratch);
  if (tree.pairs == 2) return explain_row<T, 2>(tree, row, contributions, scratch);
  explain_row<T, 0>(tree, row, contributions, scratch);
}

}  // namespace

struct Explainer::Tables {
  size_t features = 0;
  std::vector<ExplainedTree> trees;
  std::vector<double> expected;
  size_t bytes = 0;
  size_t most_nodes = 1, most_pairs = 1;

  Result<void> add(const Tree& tree, double weight) {
    ExplainedTree explained{.tree = &tree, .output = tree.output};
    size_t features_of_path = 0;
    TM_TRY(explained.steps, steps_of(tree, weight, features_of_path));
    explained.pairs = pairs_for(features_of_path);
    const size_t nodes = explained.steps.size();
    bytes += nodes * (sizeof(Step) + 4 * explained.pairs * sizeof(Pair));
    if (bytes > kMaxExplainerBytes)
      return unsupported("forest.too_large",
                         fmt::format("explaining it would take more than {} bytes", kMaxExplainerBytes));
    std::vector<double> reach(nodes, 1.0);
    for (size_t i = 0; i < nodes; ++i) {
      const Step& step = explained.steps[i];
      expected[tree.output] += reach[i] * step.leaf;
      for (size_t child = step.first_child; step.first_child > 0 && child < size_t{step.first_child} + 2;
           ++child)
        reach[child] = reach[i] * explained.steps[child].share;
    }
    if (nodes == 1) return {};
    fill_tables(explained);
    most_nodes = std::max(most_nodes, nodes);
    most_pairs = std::max(most_pairs, nodes * explained.pairs);
    trees.push_back(std::move(explained));
    return {};
  }

  template <class T>
  void explain(std::span<const T> rows, std::span<double> contributions) const {
    const size_t of_output = features + 1, of_row = expected.size() * of_output;
    const size_t count = contributions.size() / of_row;
    std::fill(contributions.begin(), contributions.end(), 0.0);
    Scratch scratch{.products = std::vector<Pair>(most_pairs),
                    .took = std::vector<uint8_t>(most_nodes),
                    .hot = std::vector<uint8_t>(most_nodes)};
    for (size_t first = 0; first < count; first += kRowsOfBlock) {
      const size_t last = std::min(count, first + kRowsOfBlock);
      for (const ExplainedTree& tree : trees)
        for (size_t r = first; r < last; ++r)
          explain_row(tree, rows.data() + r * features,
                      contributions.data() + r * of_row + tree.output * of_output, scratch);
      for (size_t r = first; r < last; ++r)
        for (size_t o = 0; o < expected.size(); ++o)
          contributions[r * of_row + o * of_output + features] = expected[o];
    }
  }
};

Explainer::Explainer(std::unique_ptr<Tables> tables) : tables_(std::move(tables)) {}
Explainer::~Explainer() = default;
Explainer::Explainer(Explainer&&) noexcept = default;
Explainer& Explainer::operator=(Explainer&&) noexcept = default;

Result<Explainer> Explainer::make(const Forest& forest) {
  auto tables = std::make_unique<Tables>();
  tables->features = forest.features;
  tables->expected.assign(forest.base_margins.begin(), forest.base_margins.end());
  for (size_t t = 0; t < forest.trees.size(); ++t)
    TM_CHECK(tables->add(forest.trees[t],
                         forest.tree_weights.empty() ? 1.0 : static_cast<double>(forest.tree_weights[t])));
  return Explainer(std::move(tables));
}

void Explainer::explain(std::span<const float> rows, std::span<double> contributions) const {
  tables_->explain(rows, contributions);
}
void Explainer::explain(std::span<const double> rows, std::span<double> contributions) const {
  tables_->explain(rows, contributions);
}
size_t Explainer::contributions_of_row() const { return tables_->expected.size() * (tables_->features + 1); }
std::span<const double> Explainer::expected() const { return tables_->expected; }
size_t Explainer::bytes() const { return tables_->bytes; }

}  // namespace tidemill::forest
