#include "statistics/intervals.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include <fmt/format.h>

#include "statistics/additive.hpp"
#include "statistics/bins.hpp"
#include "statistics/random.hpp"
#include "statistics/ranked.hpp"

namespace tidemill::statistics {
namespace {

/// One metric on one set of rows, made ready to be computed under many multiplicities of blocks.
class Resampled {
 public:
  Resampled(std::string_view name, const Evaluation& e, const Blocks& blocks) : name_(name) {
    if (is_ranked(name)) {
      ranked_.emplace(e.labels, e.scores, e.weights, blocks.of_row);
      return;
    }
    additive_ = additive_metric(name, e);
    sums_.assign(blocks.count * additive_->components, 0.0);
    for (size_t row = 0; row < e.labels.size(); ++row)
      additive_->add(row, sums_.data() + blocks.of_row[row] * additive_->components);
    total_.resize(additive_->components);
  }

  Maybe operator()(Numbers multiplicity) {
    if (ranked_) return ranked_->compute(name_, multiplicity);
    std::fill(total_.begin(), total_.end(), 0.0);
    const size_t n = total_.size();
    for (size_t block = 0; block < multiplicity.size(); ++block) {
      if (multiplicity[block] == 0) continue;
      for (size_t i = 0; i < n; ++i) total_[i] += multiplicity[block] * sums_[block * n + i];
    }
    return additive_->finish(total_);
  }

 private:
  std::string_view name_;
  std::optional<Ranked> ranked_;
  std::optional<Additive> additive_;
  std::vector<double> sums_;  // blocks × components
  std::vector<double> total_;
};

}  // namespace

Blocks make_blocks(std::span<const int64_t> ids) {
  Blocks blocks;
  blocks.of_row.reserve(ids.size());
  std::unordered_map<int64_t, uint32_t> numbers;
  for (const int64_t id : ids)
    blocks.of_row.push_back(numbers.try_emplace(id, static_cast<uint32_t>(numbers.size())).first->second);
  blocks.count = numbers.size();
  return blocks;
}

Blocks blocks_of_single_rows(size_t rows) {
  Blocks blocks{.of_row = std::vector<uint32_t>(rows), .count = rows};
  for (size_t row = 0; row < rows; ++row) blocks.of_row[row] = static_cast<uint32_t>(row);
  return blocks;
}

void draw_blocks(uint64_t seed, uint64_t resample, std::span<double> multiplicity) {
  std::fill(multiplicity.begin(), multiplicity.end(), 0.0);
  const CounterRandom random(seed, resample);
  for (size_t draw = 0; draw < multiplicity.size(); ++draw)
    multiplicity[random.below(draw, multiplicity.size())] += 1;
}

Result<void> check_bootstrap(size_t rows, const Blocks& blocks, const BootstrapOptions& options) {
  if (blocks.of_row.size() != rows)
    return data_error("bootstrap.bad_options",
                      fmt::format("{} rows need {} block ids, not {}", rows, rows, blocks.of_row.size()));
  if (options.resamples < 1 || options.resamples > kMaxResamples || !(options.level > 0 && options.level < 1))
    return data_error("bootstrap.bad_options",
                      fmt::format("resamples must be 1 to {} and the level between 0 and 1", kMaxResamples));
  return {};
}

std::optional<Interval> percentile_interval(double estimate, Numbers sorted, double bias,
                                            const Blocks& blocks, const BootstrapOptions& options) {
  if (sorted.empty() || sorted.size() * 2 < options.resamples) return {};
  const double tail = (1 - options.level) / 2;
  return Interval{.estimate = estimate,
                  .low = *quantile(sorted, tail) - bias,
                  .high = *quantile(sorted, 1 - tail) - bias,
                  .level = options.level,
                  .resamples = sorted.size(),
                  .blocks = blocks.count};
}

Result<std::optional<Interval>> bootstrap(std::string_view metric, const Evaluation& e, const Blocks& blocks,
                                          const BootstrapOptions& options) {
  TM_CHECK(check_bootstrap(e.labels.size(), blocks, options));
  TM_TRY(const Maybe estimate, compute(metric, e));
  if (!estimate || blocks.count < kMinBlocks) return std::optional<Interval>();

  Resampled resampled(metric, e, blocks);
  std::vector<double> multiplicity(blocks.count), values;
  values.reserve(options.resamples);
  for (size_t r = 0; r < options.resamples; ++r) {
    draw_blocks(options.seed, r, multiplicity);
    if (const Maybe value = resampled(multiplicity)) values.push_back(*value);
  }
  std::sort(values.begin(), values.end());
  if (metric != "ece" || values.empty()) return percentile_interval(*estimate, values, 0, blocks, options);
  // Noise in a bin only ever adds to the distance from calibration, and a resample has it twice: its values
  // lie above the estimate. The bootstrap's estimate of that bias (Efron & Tibshirani 1993, 10.2) is taken
  // off, so that the interval says how far the estimate itself varies.
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  auto interval = percentile_interval(*estimate, values, mean - *estimate, blocks, options);
  if (interval) interval->low = std::max(interval->low, 0.0);
  return interval;
}

Result<std::optional<Difference>> bootstrap_difference(std::string_view metric, const Evaluation& first,
                                                       const Evaluation& second, const Blocks& blocks,
                                                       const BootstrapOptions& options) {
  TM_CHECK(check_bootstrap(first.labels.size(), blocks, options));
  TM_CHECK(check_bootstrap(second.labels.size(), blocks, options));
  TM_TRY(const Maybe a, compute(metric, first));
  TM_TRY(const Maybe b, compute(metric, second));
  if (!a || !b || blocks.count < kMinBlocks) return std::optional<Difference>();

  Resampled resampled_first(metric, first, blocks), resampled_second(metric, second, blocks);
  Difference difference{.first = *a, .second = *b};
  std::vector<double> multiplicity(blocks.count);
  difference.resampled.reserve(options.resamples);
  for (size_t r = 0; r < options.resamples; ++r) {
    draw_blocks(options.seed, r, multiplicity);
    const Maybe x = resampled_first(multiplicity), y = resampled_second(multiplicity);
    if (x && y) difference.resampled.push_back(*x - *y);
  }
  std::sort(difference.resampled.begin(), difference.resampled.end());
  const std::optional<Interval> interval =
      percentile_interval(*a - *b, difference.resampled, 0, blocks, options);
  if (!interval) return std::optional<Difference>();
  difference.interval = *interval;
  return std::optional(std::move(difference));
}

double Difference::p_not_above(double limit) const {
  const auto end = std::upper_bound(resampled.begin(), resampled.end(), limit);
  return (1.0 + static_cast<double>(end - resampled.begin())) / (1.0 + static_cast<double>(resampled.size()));
}

double Difference::p_not_below(double limit) const {
  const auto begin = std::lower_bound(resampled.begin(), resampled.end(), limit);
  return (1.0 + static_cast<double>(resampled.end() - begin)) / (1.0 + static_cast<double>(resampled.size()));
}

}  // namespace tidemill::statistics
