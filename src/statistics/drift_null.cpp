#include "statistics/drift_null.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "statistics/bins.hpp"
#include "statistics/distances.hpp"
#include "statistics/random.hpp"

namespace tidemill::statistics {
namespace {

Result<void> check(Numbers counts, size_t places, const DriftNullOptions& options) {
  if (places == 0 || counts.size() % places != 0)
    return data_error("drift.bad_null",
                      fmt::format("{} counts are no whole blocks of {} places", counts.size(), places));
  if (options.window_blocks < 1 || options.draws < 1 || options.draws > kMaxNullDraws)
    return data_error("drift.bad_null",
                      fmt::format("a window needs a block, and draws must be 1 to {}", kMaxNullDraws));
  const auto wrong = std::find_if_not(counts.begin(), counts.end(),
                                      [](double count) { return count >= 0 && std::isfinite(count); });
  if (wrong != counts.end()) return data_error("drift.bad_null", fmt::format("{} is no count", *wrong));
  return {};
}

/// A window of blocks against all the others.
class Windows {
 public:
  Windows(Numbers counts, size_t places, const Distance& distance)
      : counts_(counts), total_(places, 0.0), window_(places), rest_(places), distance_(distance) {
    for (size_t i = 0; i < counts.size(); ++i) total_[i % places] += counts[i];
  }
  void clear() { std::fill(window_.begin(), window_.end(), 0.0); }
  void add(size_t block) {
    for (size_t i = 0; i < window_.size(); ++i) window_[i] += counts_[block * window_.size() + i];
  }
  void measure(std::vector<double>& out) {
    // Fractional counts may leave a rest of −1e-12.
    for (size_t i = 0; i < window_.size(); ++i) rest_[i] = std::max(0.0, total_[i] - window_[i]);
    if (const Maybe d = distance_(rest_, window_)) out.push_back(*d);
  }

 private:
  Numbers counts_;
  std::vector<double> total_, window_, rest_;
  const Distance& distance_;
};

}  // namespace

Result<std::optional<DriftNull>> drift_null(Numbers counts, size_t places, const Distance& distance,
                                            const DriftNullOptions& options) {
  TM_CHECK(check(counts, places, options));
  const size_t blocks = counts.size() / places, length = options.window_blocks;
  if (blocks < kMinNullBlocks || length > blocks / 2) return std::optional<DriftNull>();

  DriftNull null;
  Windows windows(counts, places, distance);
  for (size_t first = 0; first + length <= blocks; ++first) {
    windows.clear();
    for (size_t block = first; block < first + length; ++block) windows.add(block);
    windows.measure(null.spans);
  }
  std::vector<size_t> order(blocks);
  for (size_t draw = 0; draw < options.draws; ++draw) {
    const CounterRandom random(options.seed, draw);
    std::iota(order.begin(), order.end(), size_t{0});
    windows.clear();
    for (size_t i = 0; i < length; ++i) {  // the first places of a Fisher–Yates shuffle
      std::swap(order[i], order[i + random.below(i, blocks - i)]);
      windows.add(order[i]);
    }
    windows.measure(null.draws);
  }
  if (null.spans.empty() || null.draws.empty()) return std::optional<DriftNull>();
  std::sort(null.spans.begin(), null.spans.end());
  std::sort(null.draws.begin(), null.draws.end());
  return std::optional(std::move(null));
}

double DriftNull::quantile(double q) const {
  return std::max(statistics::quantile(spans, q).value_or(0), statistics::quantile(draws, q).value_or(0));
}

std::optional<IndependentPsi> psi_of_independent_rows(size_t places, double reference_rows,
                                                      double current_rows, double level) {
  if (places < 2 || !(reference_rows > 0) || !(current_rows > 0) || !(level > 0 && level < 1)) return {};
  const double degrees = static_cast<double>(places) - 1, scale = 1 / reference_rows + 1 / current_rows;
  double low = 0, high = degrees + 1;
  while (chi_square_tail(high, degrees) > 1 - level) high *= 2;
  for (double middle = (low + high) / 2; low < middle && middle < high; middle = (low + high) / 2)
    (chi_square_tail(middle, degrees) > 1 - level ? low : high) = middle;
  return IndependentPsi{.mean = degrees * scale, .quantile = high * scale};
}

}  // namespace tidemill::statistics
