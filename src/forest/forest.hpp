// Tree ensembles as values, validated when made, and the plain walk that predicts with them: the oracle of
// every faster engine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tidemill::forest {

/// What takes the default direction: NaN; nothing (NaN is 0); NaN and |x| ≤ 1e-35. XGBoost knows the first
/// only.
enum class Missing : uint8_t { Nan, Nothing, NanAndZero };

/// One split or leaf, XGBoost's form: left/right are indices in the same tree, -1 for a leaf.
struct Node {
  int32_t left = -1;
  int32_t right = -1;
  uint32_t feature = 0;
  double value = 0;           // threshold (go left if x < value) or the leaf's value
  bool default_left = false;  // where a missing value goes
  Missing missing = Missing::Nan;
  int32_t categories = -1;  // index into Tree::category_sets: x in the set goes right
  float cover = 0;          // sum of hessians, for explanations
  float gain = 0;

  bool is_leaf() const { return left < 0; }
};

struct Tree {
  std::vector<Node> nodes;
  std::vector<std::vector<uint32_t>> category_sets;  // sorted
  uint32_t output = 0;                               // class it adds to
};

/// Logistic: of each output by itself. ExponentialInDouble, of survival:aft, rounds to float at the end.
/// SignedSquare and LogOnePlusExponential are LightGBM's only.
enum class Link {
  Identity,
  Logistic,
  Softmax,
  Exponential,
  ExponentialInDouble,
  Hinge,
  SignedSquare,
  LogOnePlusExponential
};

/// Of values, thresholds, leaves and sums: XGBoost's float, LightGBM's double.
enum class Precision { Float, Double };

/// What a categorical feature was trained on: code = index.
struct Levels {
  std::vector<std::string> names;
  bool are_numbers = false;  // whole ones
};

struct Forest {
  uint32_t features = 0;
  uint32_t outputs = 1;
  std::vector<std::string> feature_names;  // may be empty
  std::vector<bool> categorical;           // a feature's type is "c"; may be empty
  std::vector<Levels> levels;  // one a feature, of those whose categories the file names; or empty
  Precision precision = Precision::Float;
  std::vector<float> base_margins;  // one an output, already on the margin scale
  Link link = Link::Identity;
  double sigmoid = 1;         // LightGBM's logistic link is 1 / (1 + exp(−sigmoid · x))
  uint32_t average_over = 0;  // LightGBM's random forest: a margin is divided by this first; 0: it is not
  std::string objective;      // empty: its trainer had one of its own
  std::vector<Tree> trees;
  std::vector<float> tree_weights;  // DART; empty: all 1
  uint32_t trees_of_round = 1;
  std::optional<uint32_t> best_round;  // from 0; where early stopping noted one in the file

  uint32_t rounds() const { return static_cast<uint32_t>(trees.size() / trees_of_round); }
  /// Drops all trees behind the first `rounds` rounds.
  void keep_rounds(uint32_t rounds);
};

/// Reads XGBoost JSON or UBJ (told apart by content). A corrupt or hostile file is refused with a reason:
/// forest.*.
Result<Forest> read_xgboost(std::string_view bytes);
/// Reads LightGBM's text model ("tree", version v2 to v4, as LightGBM 4 reads it). Leaves hold shrinkage,
/// DART's weights and the initial score already; covers are counts of rows, as its explanations take them.
Result<Forest> read_lightgbm(std::string_view text);
/// Either of them, told apart by content. Also: forest.format.
Result<Forest> read_model(std::string_view bytes);

/// rows: row-major float32, `forest.features` a row, NaN is missing. margins: rows × outputs. Plain walk over
/// the nodes, leaves summed in tree order in float from the base margin: bit for bit XGBoost's own. The form
/// for doubles is LightGBM's.
void predict_margin(const Forest& forest, std::span<const float> rows, std::span<float> margins);
void predict_margin(const Forest& forest, std::span<const double> rows, std::span<double> margins);
/// Applies the link in place: as XGBoost does, scalar float; and as LightGBM does, in double.
void apply_link(const Forest& forest, std::span<float> margins);
void apply_link(const Forest& forest, std::span<double> margins);
/// A number as LightGBM's trees see it when rows come as a matrix: |x| ≤ 1e-35 is 0.
double lightgbm_number(double x);

}  // namespace tidemill::forest
