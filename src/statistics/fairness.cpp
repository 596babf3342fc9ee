#include "statistics/fairness.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "statistics/bins.hpp"

namespace tidemill::statistics {
namespace {

constexpr double kOutOfSight = 1e3;  // on the logarithmic scale: a rate that a resample does not have
constexpr double kRounding = 1e-12;  // 0.24 / 0.3 is four fifths

/// Sums of weights over rows of one group.
struct Sums {
  double all = 0, selected = 0, positive = 0, true_positive = 0;
  void add(const Sums& other, double times) {
    all += times * other.all;
    selected += times * other.selected;
    positive += times * other.positive;
    true_positive += times * other.true_positive;
  }
};

enum Rate : size_t { kSelection, kTruePositive, kFalsePositive, kRates };
using Rates = std::array<Maybe, kRates>;

Rates rates_of(const Sums& s, bool labelled) {
  const auto share = [](double part, double whole) {
    return whole > 0 ? Maybe(std::clamp(part / whole, 0.0, 1.0)) : Maybe();
  };
  Rates rates{share(s.selected, s.all), {}, {}};
  if (!labelled) return rates;
  rates[kTruePositive] = share(s.true_positive, s.positive);
  rates[kFalsePositive] = share(s.selected - s.true_positive, s.all - s.positive);
  return rates;
}

/// Rows of one block and one group together.
struct Cell {
  uint32_t block = 0, group = 0;
  Sums sums;
};

Sums sums_of(const Decided& rows, size_t row) {
  const double weight = rows.weights.empty() ? 1.0 : rows.weights[row];
  const bool selected = rows.decisions[row] == 1, positive = !rows.labels.empty() && rows.labels[row] == 1;
  return {.all = weight,
          .selected = selected ? weight : 0,
          .positive = positive ? weight : 0,
          .true_positive = selected && positive ? weight : 0};
}

std::vector<Cell> cells_of(const Decided& rows, const Blocks& blocks) {
  std::vector<std::pair<uint64_t, uint32_t>> order(rows.decisions.size());
  for (size_t row = 0; row < order.size(); ++row)
    order[row] = {uint64_t{blocks.of_row[row]} << 32 | rows.groups[row], static_cast<uint32_t>(row)};
  std::sort(order.begin(), order.end());
  std::vector<Cell> cells;
  for (const auto& [key, row] : order) {
    const auto block = static_cast<uint32_t>(key >> 32), group = static_cast<uint32_t>(key);
    if (cells.empty() || cells.back().block != block || cells.back().group != group)
      cells.push_back({.block = block, .group = group, .sums = {}});
    cells.back().sums.add(sums_of(rows, row), 1);
  }
  return cells;
}

Result<void> check(const Decided& rows) {
  const size_t count = rows.decisions.size();
  if (rows.groups.size() != count || (!rows.labels.empty() && rows.labels.size() != count) ||
      (!rows.weights.empty() && rows.weights.size() != count))
    return data_error("fairness.bad_input",
                      fmt::format("{} decisions, {} labels, {} groups and {} weights do not belong together",
                                  count, rows.labels.size(), rows.groups.size(), rows.weights.size()));
  if (count > std::numeric_limits<uint32_t>::max())
    return data_error("fairness.bad_input", fmt::format("{} rows are too many", count));
  for (const Numbers numbers : {rows.decisions, rows.labels})
    for (const double x : numbers)
      if (x != 0 && x != 1)
        return data_error("fairness.bad_input", fmt::format("decisions and labels are 0 or 1, not {}", x));
  for (const double weight : rows.weights)
    if (!(weight >= 0) || !std::isfinite(weight))
      return data_error("fairness.bad_input", fmt::format("{} is no weight", weight));
  for (const uint32_t group : rows.groups)
    if (group >= rows.names.size())
      return data_error("fairness.bad_input", fmt::format("group {} of {}", group, rows.names.size()));
  return {};
}

// ---- between groups ----

struct Apart {
  double difference = 0;
  Maybe ratio;
};
std::optional<Apart> apart(const std::vector<Rates>& groups, Rate rate) {
  double low = 1, high = 0;
  size_t known = 0;
  for (const Rates& rates : groups) {
    if (!rates[rate]) continue;
    ++known;
    low = std::min(low, *rates[rate]);
    high = std::max(high, *rates[rate]);
  }
  if (known < 2) return {};
  return Apart{.difference = high - low, .ratio = high > 0 ? Maybe(low / high) : Maybe()};
}

/// The larger difference and the smaller ratio; nothing without both.
std::optional<Apart> worse(const std::optional<Apart>& a, const std::optional<Apart>& b) {
  if (!a || !b) return {};
  return Apart{.difference = std::max(a->difference, b->difference),
               .ratio = a->ratio && b->ratio ? Maybe(std::min(*a->ratio, *b->ratio)) : Maybe()};
}

/// How far the groups' errors of a rate are apart in a resample: of the rate and of its logarithm. Nothing
/// when a group that has the rate has lost it.
struct Error {
  double plain = 0, logarithmic = 0;
};
std::optional<Error> error_of(const std::vector<Rates>& groups, const std::vector<Rates>& resampled,
                              Rate rate) {
  double low = kOutOfSight, high = -kOutOfSight, log_low = kOutOfSight, log_high = -kOutOfSight;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g][rate]) continue;
    if (!resampled[g][rate]) return {};
    const double truth = *groups[g][rate], here = *resampled[g][rate];
    low = std::min(low, here - truth);
    high = std::max(high, here - truth);
    const double log_error = truth > 0 && here > 0 ? std::log(here / truth) : truth > 0 ? -kOutOfSight : 0;
    log_low = std::min(log_low, log_error);
    log_high = std::max(log_high, log_error);
  }
  return Error{.plain = high - low, .logarithmic = log_high - log_low};
}

bool has_zero(const std::vector<Rates>& groups, Rate rate) {
  return std::any_of(groups.begin(), groups.end(), [&](const Rates& rates) { return rates[rate] == 0.0; });
}

/// The larger of both.
std::optional<Error> worse(const std::optional<Error>& a, const std::optional<Error>& b) {
  if (!a || !b) return {};
  return Error{.plain = std::max(a->plain, b->plain),
               .logarithmic = std::max(a->logarithmic, b->logarithmic)};
}

/// Cells of the judged groups, which are numbered from 0 here.
class Judged {
 public:
  Judged(std::vector<Cell> cells, size_t groups, bool labelled)
      : cells_(std::move(cells)), groups_(groups), labelled_(labelled) {}
  /// Of all groups; multiplicity: one a block, or empty for the rows as they are.
  std::vector<Rates> rates(Numbers multiplicity = {}) const {
    std::vector<Sums> sums(groups_);
    for (const Cell& cell : cells_) {
      const double times = multiplicity.empty() ? 1 : multiplicity[cell.block];
      if (times != 0) sums[cell.group].add(cell.sums, times);
    }
    std::vector<Rates> rates;
    for (const Sums& s : sums) rates.push_back(rates_of(s, labelled_));
    return rates;
  }

 private:
  std::vector<Cell> cells_;
  size_t groups_;
  bool labelled_;
};

enum Between : size_t { kParity, kOpportunity, kOdds, kBetween };

/// What came of the resamples: values of each group and rate, errors of each disparity.
struct Resampled {
  std::vector<std::array<std::vector<double>, kRates>> values;
  std::array<std::vector<double>, kBetween> errors, log_errors;
};

Resampled resample(const Judged& judged, const std::vector<Rates>& groups, const Blocks& blocks,
                   const BootstrapOptions& options) {
  Resampled out;
  out.values.resize(groups.size());
  std::vector<double> multiplicity(blocks.count);
  for (size_t r = 0; blocks.count >= kMinBlocks && r < options.resamples; ++r) {
    draw_blocks(options.seed, r, multiplicity);
    const std::vector<Rates> here = judged.rates(multiplicity);
    for (size_t g = 0; g < here.size(); ++g)
      for (size_t rate = 0; rate < kRates; ++rate)
        if (here[g][rate]) out.values[g][rate].push_back(*here[g][rate]);
    const std::optional<Error> opportunity = error_of(groups, here, kTruePositive);
    const std::array<std::optional<Error>, kBetween> errors{
        error_of(groups, here, kSelection), opportunity,
        worse(opportunity, error_of(groups, here, kFalsePositive))};
    for (size_t between = 0; between < kBetween; ++between) {
      if (!errors[between]) continue;
      out.errors[between].push_back(errors[between]->plain);
      out.log_errors[between].push_back(errors[between]->logarithmic);
    }
  }
  for (auto& group : out.values)
    for (std::vector<double>& values : group) std::sort(values.begin(), values.end());
  for (auto* errors : {&out.errors, &out.log_errors})
    for (std::vector<double>& values : *errors) std::sort(values.begin(), values.end());
  return out;
}

/// Puts numbers and what came of their resamples together.
class Intervals {
 public:
  Intervals(const Blocks& blocks, const BootstrapOptions& options) : blocks_(blocks), options_(options) {}

  Measured percentile(Maybe value, Numbers sorted) const {
    if (!value) return {};
    return {value, percentile_interval(*value, sorted, 0, blocks_, options_)};
  }
  /// value ± the bound that `level` of the errors keep, inside [0, 1].
  Measured difference(double value, Numbers sorted_errors) const {
    const Maybe c = bound(sorted_errors);
    if (!c) return {value, {}};
    return {value, interval(value, std::max(0.0, value - *c), std::min(1.0, value + *c), sorted_errors)};
  }
  /// value ÷ and × its exponential.
  Measured ratio(double value, Numbers sorted_errors) const {
    const Maybe c = bound(sorted_errors);
    if (!c) return {value, {}};
    return {value,
            interval(value, value * std::exp(-*c), std::min(1.0, value * std::exp(*c)), sorted_errors)};
  }

 private:
  Maybe bound(Numbers sorted) const {
    return sorted.size() * 2 < options_.resamples ? Maybe() : quantile(sorted, options_.level);
  }
  Interval interval(double value, double low, double high, Numbers errors) const {
    return {.estimate = value,
            .low = low,
            .high = high,
            .level = options_.level,
            .resamples = errors.size(),
            .blocks = blocks_.count};
  }
  const Blocks& blocks_;
  const BootstrapOptions& options_;
};

}  // namespace

Result<Fairness> fairness(const Decided& rows, const Blocks& blocks, const BootstrapOptions& options) {
  TM_CHECK(check(rows));
  TM_CHECK(check_bootstrap(rows.decisions.size(), blocks, options));
  Fairness out;
  for (const std::string& name : rows.names) out.groups.push_back({.name = name});
  for (const uint32_t group : rows.groups) ++out.groups[group].rows;

  std::vector<size_t> judged_groups;  // → index of out.groups
  std::vector<uint32_t> number(out.groups.size());
  for (size_t g = 0; g < out.groups.size(); ++g) {
    out.groups[g].judged = out.groups[g].rows >= kMinGroupRows;
    number[g] = static_cast<uint32_t>(judged_groups.size());
    if (out.groups[g].judged) judged_groups.push_back(g);
  }
  std::vector<Cell> cells = cells_of(rows, blocks);
  for (const Cell& cell : cells) out.groups[cell.group].weight += cell.sums.all;
  std::erase_if(cells, [&](const Cell& cell) { return !out.groups[cell.group].judged; });
  for (Cell& cell : cells) cell.group = number[cell.group];

  const Judged judged(std::move(cells), judged_groups.size(), !rows.labels.empty());
  const std::vector<Rates> groups = judged.rates();
  const Resampled resampled = resample(judged, groups, blocks, options);
  const Intervals intervals(blocks, options);
  const auto disparity = [&](const std::optional<Apart>& a, Between between, bool zero) {
    if (!a) return Disparity{};
    Disparity d{.difference = intervals.difference(a->difference, resampled.errors[between]), .ratio = {}};
    if (a->ratio)
      d.ratio = zero ? Measured{a->ratio, {}} : intervals.ratio(*a->ratio, resampled.log_errors[between]);
    return d;
  };
  const bool none_selected = has_zero(groups, kSelection);
  const auto selection = apart(groups, kSelection), opportunity = apart(groups, kTruePositive);
  out.demographic_parity = disparity(selection, kParity, none_selected);
  out.equal_opportunity = disparity(opportunity, kOpportunity, has_zero(groups, kTruePositive));
  out.equalized_odds = disparity(worse(opportunity, apart(groups, kFalsePositive)), kOdds,
                                 has_zero(groups, kTruePositive) || has_zero(groups, kFalsePositive));
  if (const Maybe ratio = out.demographic_parity.ratio.value)
    out.four_fifths = *ratio >= kFourFifths - kRounding;

  double highest = 0;
  for (const Rates& rates : groups) highest = std::max(highest, rates[kSelection].value_or(0));
  for (size_t g = 0; g < groups.size(); ++g) {
    GroupRates& group = out.groups[judged_groups[g]];
    const auto measured = [&](Rate rate) {
      return intervals.percentile(groups[g][rate], resampled.values[g][rate]);
    };
    group.selection_rate = measured(kSelection);
    group.true_positive_rate = measured(kTruePositive);
    group.false_positive_rate = measured(kFalsePositive);
    if (!(highest > 0) || !groups[g][kSelection]) continue;
    const double impact = *groups[g][kSelection] / highest;
    group.impact_ratio =
        none_selected ? Measured{impact, {}} : intervals.ratio(impact, resampled.log_errors[kParity]);
  }
  return out;
}

}  // namespace tidemill::statistics
