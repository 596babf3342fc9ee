// Attribution drift: whether a model still leans on its features in the order that it did. The contributions
// come from elsewhere (forest/shap.hpp); this room knows only numbers.
#pragma once

#include <vector>

#include "statistics/metrics.hpp"

namespace tidemill::statistics {

/// Below this the order has drifted: the limit that SageMaker Clarify alerts at.
inline constexpr double kAttributionLimit = 0.9;

/// Mean |contribution| of each feature over rows and outputs. contributions: rows × outputs × (features + 1),
/// row-major, the last of each being the expected value, which is left out (the form of pred_contribs).
/// Weights: one a row, or empty. Nothing where lengths don't fit, a number is not finite, or there is no
/// weight.
std::optional<std::vector<double>> mean_absolute_contributions(Numbers contributions, size_t outputs,
                                                               size_t features, Numbers weights = {});

/// Normalised discounted cumulative gain of the current order, the relevance of a feature being its
/// attribution in the reference:
///   nDCG = Σ a(f′_i)/log₂(i+1) ÷ Σ a(f_i)/log₂(i+1),  i = 1 … m,
/// where a is the reference's mean |contribution|, f the features by falling a, and f′ by falling current
/// attribution. 1 for the same order. This is what Amazon SageMaker documents for feature attribution drift
/// ("Feature attribution drift for models in production"; Järvelin & Kekäläinen 2002), with the value of
/// scikit-learn's ndcg_score(reference, current): features that tie now share the mean discount of their
/// places (McSherry & Najork 2008). Even the reverse order is far from 0, which is why the limit is high.
/// Both: one a feature, not negative. Nothing where lengths differ, a number is not finite or negative, or
/// the reference is all 0.
Maybe attribution_ndcg(Numbers reference, Numbers current);

}  // namespace tidemill::statistics
