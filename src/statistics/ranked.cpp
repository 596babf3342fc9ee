#include "statistics/ranked.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tidemill::statistics {

Ranked::Ranked(Numbers labels, Numbers scores, Numbers weights, std::span<const uint32_t> block_of_row) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  // Ties by row, so that sums are added in one order whatever the sort does.
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return scores[a] != scores[b] ? scores[a] < scores[b] : a < b; });
  rows_.reserve(order.size());
  scores_.reserve(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t row = order[i];
    rows_.push_back({.weight = weights.empty() ? 1.0 : weights[row],
                     .block = block_of_row.empty() ? 0U : block_of_row[row],
                     .positive = labels[row] == 1.0,
                     .ends_tie = i + 1 == order.size() || scores[order[i + 1]] != scores[row]});
    scores_.push_back(scores[row]);
  }
}

Maybe Ranked::roc_auc(Numbers multiplicity) const {
  double area = 0, positives = 0, negatives = 0;  // of finished ties
  double tie[2] = {0, 0};                         // negatives, positives among equal scores
  for (const Row& row : rows_) {
    tie[row.positive] += multiplicity[row.block] * row.weight;
    if (!row.ends_tie) continue;
    area += tie[1] * (negatives + tie[0] * 0.5);
    negatives += tie[0];
    positives += tie[1];
    tie[0] = tie[1] = 0;
  }
  if (!(positives > 0) || !(negatives > 0)) return {};
  return area / positives / negatives;
}

Maybe Ranked::pr_auc(Numbers multiplicity) const {
  double sum = 0, taken = 0, positives = 0, tie = 0;
  for (size_t i = rows_.size(); i-- > 0;) {
    const Row& row = rows_[i];
    const double weight = multiplicity[row.block] * row.weight;
    taken += weight;
    if (row.positive) tie += weight;
    if (i > 0 && !rows_[i - 1].ends_tie) continue;
    positives += tie;
    if (tie > 0) sum += tie * (positives / taken);
    tie = 0;
  }
  if (!(positives > 0) || !(taken > positives)) return {};
  return sum / positives;
}

Maybe Ranked::ece(Numbers multiplicity, int bins) const {
  double total = 0;
  for (const Row& row : rows_) total += multiplicity[row.block] * row.weight;
  if (!(total > 0) || bins < 1) return {};
  // Σ over bins of |Σ w·score − Σ w·label| / Σ w, which is each bin's share times its gap.
  double error = 0, before = 0;
  double tie = 0, tie_positive = 0, bin_gap = 0;
  int current = 0;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const double weight = multiplicity[rows_[i].block] * rows_[i].weight;
    tie += weight;
    if (rows_[i].positive) tie_positive += weight;
    if (!rows_[i].ends_tie) continue;
    const int bin = std::min(bins - 1, static_cast<int>(bins * ((before + tie / 2) / total)));
    if (bin != current) {
      error += std::abs(bin_gap);
      bin_gap = 0;
      current = bin;
    }
    bin_gap += tie * scores_[i] - tie_positive;
    before += tie;
    tie = tie_positive = 0;
  }
  return (error + std::abs(bin_gap)) / total;
}

bool is_ranked(std::string_view name) { return name == "roc_auc" || name == "pr_auc" || name == "ece"; }

Maybe Ranked::compute(std::string_view name, Numbers multiplicity) const {
  if (name == "roc_auc") return roc_auc(multiplicity);
  if (name == "pr_auc") return pr_auc(multiplicity);
  if (name == "ece") return ece(multiplicity, kEceBins);
  return {};
}

}  // namespace tidemill::statistics
