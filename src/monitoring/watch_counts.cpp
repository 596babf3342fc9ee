#include "monitoring/watch_counts.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>

#include <fmt/format.h>

namespace tidemill::monitoring {

namespace {

constexpr uint32_t kNoSlice = UINT32_MAX;
constexpr uint32_t kMissingPlace = 0;  // of NumberBins and LevelBins

// Values beside each other are compared with one edge after the other: edges are few, and no step waits for
// the one before. What a comparison gives is -1 or 0.
using Values = double __attribute__((vector_size(32)));
using Places = int64_t __attribute__((vector_size(32)));
constexpr double kInfinity = std::numeric_limits<double>::infinity();  // no number is above it
constexpr size_t kLanes = sizeof(Values) / sizeof(double), kVectors = 4;

/// Missing is 0, under 1, and each edge that is not above the value is a place more; the last bin has its
/// upper edge.
[[gnu::always_inline]] inline void place_among(std::span<const double> edges, double last,
                                               std::span<const double> values, uint32_t* places) {
  size_t done = 0;
  for (; values.size() - done >= kVectors * kLanes; done += kVectors * kLanes) {
    std::array<Values, kVectors> value;
    std::memcpy(value.data(), values.data() + done, sizeof value);
    std::array<Places, kVectors> place;
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) place[v] = (value[v] == last) - (value[v] <= kInfinity);
    for (const double edge : edges)
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) place[v] -= value[v] >= edge;
#pragma GCC unroll 16
    for (size_t i = 0; i < kVectors * kLanes; ++i)
      places[done + i] = static_cast<uint32_t>(place[i / kLanes][i % kLanes]);
  }
  for (; done < values.size(); ++done) {
    const double value = values[done];
    uint32_t place = (value <= kInfinity ? 1u : 0u) - (value == last ? 1u : 0u);
    for (const double edge : edges) place += value >= edge ? 1 : 0;
    places[done] = place;
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void place_with_avx2(std::span<const double> edges, double last,
                                                     std::span<const double> values, uint32_t* places) {
  place_among(edges, last, values, places);
}
#endif

std::string number_sql(const std::string& column) {
  return fmt::format("TRY_CAST({} AS DOUBLE)", engine::quote_name(column));
}
std::string text_sql(const std::string& column) {
  return fmt::format("CAST({} AS VARCHAR)", engine::quote_name(column));
}

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
/// A column by whose values rows are sliced: value → its place among all slices.
struct SliceColumn {
  std::string name;
  std::unordered_map<std::string, uint32_t, TextHash, std::equal_to<>> of_value;
};

class Counting {
 public:
  Counting(std::span<const CountedColumn> columns, std::vector<SliceOf> slices, std::vector<SliceColumn> by)
      : columns_(columns), slices_(std::move(slices)), by_(std::move(by)) {
    counts_.resize(columns_.size());
    unseen_.resize(columns_.size());
    for (size_t c = 0; c < columns_.size(); ++c) {
      counts_[c].resize(slices_.size() * columns_[c].places);
      unseen_[c].resize(slices_.size());
    }
    rows_.resize(slices_.size());
    slice_of_row_.resize(by_.size());
  }

  void take(const engine::Chunk& chunk) {
    const size_t rows = chunk.rows();
    rows_[0] += rows;
    places_.resize(rows);
    unseen_rows_.assign(rows, 0);
    for (size_t s = 0; s < by_.size(); ++s) find_slices(chunk, s);
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].numbers != nullptr)
        place_numbers(chunk, c);
      else
        place_texts(chunk, c);
      add(c, rows);
    }
  }

  std::vector<SliceCounts> finish() const {
    std::vector<SliceCounts> result;
    for (size_t s = 0; s < slices_.size(); ++s) {
      SliceCounts& slice = result.emplace_back(SliceCounts{slices_[s], static_cast<double>(rows_[s]), {}});
      for (size_t c = 0; c < columns_.size(); ++c) {
        const auto begin = counts_[c].begin() + static_cast<std::ptrdiff_t>(s * columns_[c].places);
        slice.columns.push_back({{begin, begin + static_cast<std::ptrdiff_t>(columns_[c].places)},
                                 static_cast<double>(unseen_[c][s])});
      }
    }
    return result;
  }

 private:
  void find_slices(const engine::Chunk& chunk, size_t s) {
    const size_t column = columns_.size() + s;
    slice_of_row_[s].assign(chunk.rows(), kNoSlice);
    for (size_t r = 0; r < chunk.rows(); ++r) {
      if (chunk.is_null(column, r)) continue;
      const auto found = by_[s].of_value.find(chunk.varchar(column, r));
      if (found == by_[s].of_value.end()) continue;
      slice_of_row_[s][r] = found->second;
      ++rows_[found->second];
    }
  }

  void place_numbers(const engine::Chunk& chunk, size_t c) {
    columns_[c].numbers->place({chunk.doubles(c), chunk.rows()}, places_.data());
    if (!chunk.may_be_null(c)) return;
    for (size_t r = 0; r < chunk.rows(); ++r)
      if (chunk.is_null(c, r)) places_[r] = kMissingPlace;
  }

  void place_texts(const engine::Chunk& chunk, size_t c) {
    for (size_t r = 0; r < chunk.rows(); ++r) {
      if (chunk.is_null(c, r)) {
        places_[r] = kMissingPlace;
        continue;
      }
      const TextPlaces::Place found = columns_[c].texts->place(chunk.varchar(c, r));
      places_[r] = found.place;
      unseen_rows_[r] = found.unseen ? 1 : 0;
    }
  }

  void add(size_t c, size_t rows) {
    uint64_t* counts = counts_[c].data();
    for (size_t r = 0; r < rows; ++r) ++counts[places_[r]];
    const bool is_text = columns_[c].texts != nullptr;
    if (is_text)
      for (size_t r = 0; r < rows; ++r) unseen_[c][0] += unseen_rows_[r];
    for (const std::vector<uint32_t>& slice_of : slice_of_row_)
      for (size_t r = 0; r < rows; ++r) {
        if (slice_of[r] == kNoSlice) continue;
        ++counts[slice_of[r] * columns_[c].places + places_[r]];
        if (is_text) unseen_[c][slice_of[r]] += unseen_rows_[r];
      }
    if (is_text) std::ranges::fill(unseen_rows_, uint8_t{0});
  }

  std::span<const CountedColumn> columns_;
  std::vector<SliceOf> slices_;
  std::vector<SliceColumn> by_;
  std::vector<std::vector<uint64_t>> counts_;  // column → slices × places
  std::vector<std::vector<uint64_t>> unseen_;  // column → slices
  std::vector<uint64_t> rows_;                 // of each slice
  std::vector<uint32_t> places_;               // of the chunk's rows, in one column
  std::vector<uint8_t> unseen_rows_;
  std::vector<std::vector<uint32_t>> slice_of_row_;  // of the chunk's rows, one a column of slices
};

Result<std::vector<SliceCounts>> count_share(engine::Connection& connection, const std::string& rows,
                                             std::span<const CountedColumn> columns,
                                             const std::vector<SliceOf>& all,
                                             const std::vector<SliceColumn>& by) {
  std::string select;
  for (const CountedColumn& column : columns)
    select += (column.numbers != nullptr ? number_sql(column.name) : text_sql(column.name)) + ", ";
  for (const SliceColumn& slice : by) select += text_sql(slice.name) + ", ";
  Counting counting(columns, all, by);
  // With a constant behind them, there is something to select where only rows are counted.
  TM_CHECK(connection.for_each_chunk(fmt::format("SELECT {}1 FROM {}", select, rows),
                                     [&](const engine::Chunk& chunk) -> Result<void> {
                                       counting.take(chunk);
                                       return {};
                                     }));
  return counting.finish();
}

}  // namespace

NumberPlaces::NumberPlaces(const statistics::NumberBins& bins) : edges_(bins.edges) {
  if (edges_.empty())
    without_edges_ = static_cast<uint32_t>(bins.places() - 1);
  else
    last_ = edges_.back();
}

void NumberPlaces::place(std::span<const double> values, uint32_t* places) const {
  if (edges_.empty()) {
    for (size_t i = 0; i < values.size(); ++i) places[i] = values[i] == values[i] ? without_edges_ : 0;
    return;
  }
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return place_with_avx2(edges_, last_, values, places);
#endif
  place_among(edges_, last_, values, places);
}

std::string to_text(const SliceOf& slice) {
  return slice.column.empty() ? "" : fmt::format("{}={}", slice.column, slice.value);
}

Result<std::vector<SliceCounts>> count_rows(std::span<engine::Connection> connections,
                                            const std::string& rows, std::span<const CountedColumn> columns,
                                            std::span<const std::string> slices) {
  std::vector<SliceOf> all{{}};
  std::vector<SliceColumn> by;
  for (const std::string& slice : slices) {
    TM_TRY(const engine::Rows values,
           connections[0].query(
               fmt::format("SELECT {0} AS v, count(*) AS n FROM {1} AND {0} IS NOT NULL GROUP BY 1 "
                           "ORDER BY n DESC, v LIMIT {2}",
                           text_sql(slice), rows, kMaxSliceValues)));
    SliceColumn& column = by.emplace_back(SliceColumn{slice, {}});
    for (const auto& row : values.rows) {
      const auto& value = std::get<std::string>(row[0]);
      column.of_value.emplace(value, static_cast<uint32_t>(all.size()));
      all.push_back({slice, value});
    }
  }
  // Neighbours are alike: texts here, numbers there. So columns are dealt in turn.
  const size_t shares = std::clamp<size_t>(columns.size(), 1, connections.size());
  std::vector<std::vector<CountedColumn>> dealt(shares);
  for (size_t c = 0; c < columns.size(); ++c) dealt[c % shares].push_back(columns[c]);
  std::vector<Result<std::vector<SliceCounts>>> counted(shares);
  const auto count = [&](size_t share) {
    counted[share] = count_share(connections[share], rows, dealt[share], all, by);
  };
  {
    std::vector<std::jthread> others;
    for (size_t share = 1; share < shares; ++share) others.emplace_back(count, share);
    count(0);
  }
  for (auto& share : counted)
    if (!share) return std::unexpected(share.error());
  std::vector<SliceCounts> result = std::move(*counted[0]);
  for (size_t s = 0; s < result.size() && shares > 1; ++s) {
    std::vector<ColumnCounts> in_order;
    for (size_t c = 0; c < columns.size(); ++c) {
      auto& of = c % shares == 0 ? result[s] : (*counted[c % shares])[s];
      in_order.push_back(std::move(of.columns[c / shares]));
    }
    result[s].columns = std::move(in_order);
  }
  return result;
}

}  // namespace tidemill::monitoring
