// Rows of the log counted in the bins that a model package fixed: of all of them, and of each slice. One pass
// over the rows, nothing kept of them but counts.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "engine/database.hpp"
#include "statistics/bins.hpp"

namespace tidemill::monitoring {

inline constexpr size_t kMaxSliceValues = 50;  // the most frequent ones of a column

/// statistics::NumberBins::place_of() of many values, without a branch.
class NumberPlaces {
 public:
  explicit NumberPlaces(const statistics::NumberBins& bins);
  void place(std::span<const double> values, uint32_t* places) const;

 private:
  std::vector<double> edges_;
  double last_ = 0;
  uint32_t without_edges_ = 0;  // not 0: the place of every value, there are no edges
};

/// From texts to places of statistics::LevelBins. A text that is not known is unseen: it counts as other.
class TextPlaces {
 public:
  explicit TextPlaces(const statistics::LevelBins& bins) : other_(static_cast<uint32_t>(bins.places() - 1)) {}
  /// The first word on a text stands.
  void know(std::string text, size_t place) {
    places_.emplace(std::move(text), static_cast<uint32_t>(place));
  }
  struct Place {
    uint32_t place = 0;
    bool unseen = false;
  };
  Place place(std::string_view text) const {
    const auto found = places_.find(text);
    return found == places_.end() ? Place{other_, true} : Place{found->second, false};
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  uint32_t other_;
  std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> places_;
};

/// A column to be counted. Exactly one of numbers and texts is there.
struct CountedColumn {
  std::string name;  // in the relation
  const NumberPlaces* numbers = nullptr;
  const TextPlaces* texts = nullptr;
  size_t places = 0;
};

struct SliceOf {
  std::string column, value;  // both empty: all rows
  bool operator==(const SliceOf&) const = default;
};
/// "carrier=UA"; empty: all rows.
std::string to_text(const SliceOf& slice);

struct ColumnCounts {
  std::vector<double> places;
  double unseen = 0;  // texts that nobody knows; among the other ones
};
struct SliceCounts {
  SliceOf slice;
  double rows = 0;
  std::vector<ColumnCounts> columns;  // as they were asked for
};

/// `rows`: "RELATION WHERE …", what stands behind FROM. slices: columns of it by whose values rows are
/// counted as well. First all rows, then each slice by falling count. Each connection reads a share of the
/// columns, in a thread of its own; at least one. Errors of the engine.
Result<std::vector<SliceCounts>> count_rows(std::span<engine::Connection> connections,
                                            const std::string& rows, std::span<const CountedColumn> columns,
                                            std::span<const std::string> slices);

}  // namespace tidemill::monitoring
