// The rows of a model's table in memory: one float matrix in the order of parts (training, validation, test,
// the rest), by key inside a part, so that XGBoost reads each part in place and the same rows give the same
// model whatever order the table had.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "forest/package.hpp"
#include "statistics/intervals.hpp"
#include "training/columns.hpp"
#include "training/split.hpp"
#include "training/training.hpp"

namespace tidemill::training {

/// Texts ↔ codes in order of first appearance.
class Interner {
 public:
  uint32_t code(std::string_view text);
  const std::string& text(uint32_t code) const { return *texts_[code]; }
  size_t size() const { return texts_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> codes_;
  std::vector<const std::string*> texts_;
};

/// A text column kept beside the matrix, for slices and fairness groups.
struct TextColumn {
  std::string name;
  Interner texts;
  std::vector<uint32_t> codes;  // one a row
  static constexpr uint32_t kNull = UINT32_MAX;
};

/// What each column of the table is for.
struct Roles {
  std::vector<forest::Feature> features;  // without levels
  std::vector<Reading> readings;
  engine::Column target;
  std::string weight;              // empty: none
  std::string split_column;        // empty under a hash split
  bool local_time = false;         // the split's time has no zone
  std::vector<std::string> texts;  // slices and fairness groups, each once
};
/// Errors: training.unknown_column, training.time_feature, training.feature_type, training.target_type …
Result<Roles> assign_roles(const TrainInput& input);

struct Dataset {
  size_t columns = 0;
  std::vector<float> matrix;
  std::vector<double> labels;   // 0/1, class index, or the target
  std::vector<double> weights;  // empty: all 1
  std::vector<int64_t> times;   // time split: microseconds
  std::vector<int64_t> days;    // time split: days since 1970 in the connection's time zone
  std::vector<int64_t> groups;  // group split: the group's number
  std::vector<TextColumn> texts;
  std::array<size_t, 3> begin{}, size{};  // of Train, Validation, Test
  size_t rows = 0;
  size_t gap_rows = 0;

  forest::Task task = forest::Task::Binary;
  std::vector<std::string> classes;
  std::vector<forest::Feature> features;  // with levels
  SplitRule split;

  std::span<const float> matrix_of(Part part) const;
  std::span<const double> labels_of(Part part) const;
  std::span<const double> weights_of(Part part) const;
  size_t rows_of(Part part) const { return size[static_cast<size_t>(part)]; }
  size_t begin_of(Part part) const { return begin[static_cast<size_t>(part)]; }
  /// Days, groups or single rows: what the bootstrap resamples.
  statistics::Blocks blocks_of(Part part) const;
};

/// Reads, splits, learns the dictionary from the training part, and orders. Errors: training.* and the
/// engine's.
Result<Dataset> read_dataset(const TrainInput& input, const Roles& roles);

}  // namespace tidemill::training
