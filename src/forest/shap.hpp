// Why a margin is what it is: exact path-dependent SHAP values of a forest (Lundberg, Erion & Lee 2018,
// "Consistent Individualized Feature Attribution for Tree Ensembles"), what XGBoost and LightGBM call
// pred_contribs. What is not known of a row goes down both ways of a split, in the shares of the covers that
// training left in the nodes.
#pragma once

#include <memory>
#include <span>

#include "forest/forest.hpp"

namespace tidemill::forest {

/// Of its tables: 128 bytes a node for trees whose paths hold 5 to 8 different features, and in
/// proportion for others.
inline constexpr size_t kMaxExplainerBytes = size_t{4} << 30;

/// Made when explanations are asked for, so that serving does not keep its tables. Immutable; safe to share
/// between threads.
class Explainer {
 public:
  /// The forest must outlive it. Errors: forest.no_cover (a tree that splits but does not say how many rows
  /// went where), forest.too_large.
  static Result<Explainer> make(const Forest& forest);
  ~Explainer();
  Explainer(Explainer&&) noexcept;
  Explainer& operator=(Explainer&&) noexcept;

  /// rows: row-major, `features` a row, NaN is missing; float for XGBoost's models, double (after
  /// lightgbm_number) for LightGBM's, as predict_margin. contributions: rows × outputs × (features + 1) in
  /// the margin's unit, the last of each being the expected margin: together they are the margin.
  void explain(std::span<const float> rows, std::span<double> contributions) const;
  void explain(std::span<const double> rows, std::span<double> contributions) const;

  /// outputs × (features + 1).
  size_t contributions_of_row() const;
  /// Of each output: the margin when nothing is known of a row.
  std::span<const double> expected() const;
  /// Of its tables.
  size_t bytes() const;

 private:
  struct Tables;
  explicit Explainer(std::unique_ptr<Tables> tables);
  std::unique_ptr<Tables> tables_;
};

}  // namespace tidemill::forest
