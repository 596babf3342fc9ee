#include "training/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "training/labels.hpp"

namespace tidemill::training {

namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr uint32_t kMaxLevels = 1U << 24;                     // codes are float32
constexpr int64_t kFarthestMicros = 250'000'000'000'000'000;  // some 7 900 years from 1970, either way
constexpr double kLeastInfinite = 3.4028235677973366e38;      // rounds to a float that is infinite
constexpr size_t kMaxCells = size_t{1} << 36;
// A value while it is trained on: 4 bytes of ours with room to grow, XGBoost's entry (8) and its bin (1 or
// 2).
constexpr size_t kBytesPerCell = 16;
constexpr double kRareRows = 10;     // a level with fewer training rows than this,
constexpr double kRareShare = 0.01;  // and less of them than this share, folds into the rest

/// Streams the table and keeps what training needs.
class Reader {
 public:
  Reader(const TrainInput& input, const Roles& roles)
      : input_(input), model_(*input.model), roles_(roles), labels_(roles.target, model_) {
    data_.columns = roles.features.size();
    data_.features = roles.features;
    levels_.resize(roles.features.size());
    for (const std::string& name : roles.texts) data_.texts.push_back({.name = name});
    for (const std::string& key : model_.key) keys_.push_back(key);
    previous_.resize(keys_.size());
  }

  std::string sql() const {
    std::string list, order;
    const auto add = [&](const std::string& one) { list += (list.empty() ? "" : ", ") + one; };
    for (const std::string& key : keys_) {
      add(split_text(*engine::find_column(input_.columns, key)));
      order += (order.empty() ? "" : ", ") + engine::quote_name(key);
    }
    add(expression(roles_.target.name, labels_.reading()));
    if (!roles_.weight.empty()) add(expression(roles_.weight, Reading::Number));
    const std::string column = engine::quote_name(roles_.split_column);
    if (model_.split.kind == project::Split::Kind::Time) {
      add(fmt::format("epoch_us({})", column));
      add(fmt::format("CAST(CAST({} AS DATE) - DATE '1970-01-01' AS BIGINT)", column));
    } else if (model_.split.kind == project::Split::Kind::Group) {
      add(split_text(*engine::find_column(input_.columns, roles_.split_column)));
    }
    for (size_t f = 0; f < roles_.features.size(); ++f)
      add(expression(roles_.features[f].name, roles_.readings[f]));
    for (const std::string& text : roles_.texts) add(expression(text, Reading::Text));
    // By key, since XGBoost is stable over threads but not over the order of rows.
    return fmt::format("SELECT {} FROM {}{} ORDER BY {}", list, input_.relation, where_clause(model_), order);
  }

  Result<void> take(const engine::Chunk& chunk) {
    if (input_.stop && *input_.stop) return environment_error("interrupted", "training was interrupted");
    const size_t count = chunk.rows();
    const size_t cells = (data_.rows + count) * std::max<size_t>(data_.columns, 1);
    if (cells > kMaxCells)
      return data_error("training.too_many_rows", fmt::format("more than {} values to train on", kMaxCells),
                        model_.place);
    if (input_.memory_bytes > 0 && cells > static_cast<size_t>(input_.memory_bytes) / kBytesPerCell)
      return environment_error(
          "training.memory",
          fmt::format("to train on more than {} rows with {} features takes more memory than the {} MB there "
                      "may be",
                      data_.rows, data_.columns, input_.memory_bytes / 1'000'000),
          "raise run.memory or TIDEMILL_MEMORY, or train on fewer rows (`where`) or features");
    size_t column = 0;
    TM_CHECK(take_keys(chunk));
    column += keys_.size();
    TM_CHECK(labels_.take(chunk, column++));
    if (!roles_.weight.empty()) {
      TM_CHECK(take_weights(chunk, column++));
    }
    TM_CHECK(take_split(chunk, column));
    data_.matrix.resize((data_.rows + count) * data_.columns);
    for (size_t f = 0; f < data_.columns; ++f) {
      TM_CHECK(take_feature(chunk, column++, f));
    }
    for (TextColumn& text : data_.texts) {
      for (size_t r = 0; r < count; ++r)
        text.codes.push_back(chunk.is_null(column, r) ? TextColumn::kNull
                                                      : text.texts.code(chunk.varchar(column, r)));
      ++column;
    }
    data_.rows += count;
    return {};
  }

  /// The column in which a value was infinite.
  const std::string& infinite() const { return infinite_; }

  Result<Dataset> finish() {
    TM_CHECK(labels_.finish(data_));
    TM_TRY(data_.split, plan_split(model_.split, data_.times));
    data_.split.column = roles_.split_column;
    assign_parts();
    TM_CHECK(check_parts());
    TM_CHECK(learn_levels());
    order_by_part();
    TM_CHECK(labels_.check_parts(data_, model_));
    return std::move(data_);
  }

 private:
  bool time_split() const { return model_.split.kind == project::Split::Kind::Time; }

  std::string key_text() const {
    std::string text;
    for (size_t k = 0; k < keys_.size(); ++k)
      text += fmt::format("{}{} = {}", k ? ", " : "", keys_[k], previous_[k].value_or("NULL"));
    return text;
  }

  Result<void> take_keys(const engine::Chunk& chunk) {
    const bool hash = model_.split.kind == project::Split::Kind::Hash;
    for (size_t r = 0; r < chunk.rows(); ++r) {
      bool same = data_.rows + r > 0;
      SplitHash share;
      for (size_t k = 0; k < keys_.size(); ++k) {
        std::optional<std::string>& previous = previous_[k];
        if (chunk.is_null(k, r)) {
          same = same && !previous;
          previous.reset();
          if (hash) share.add_null();
          continue;
        }
        const std::string_view text = chunk.varchar(k, r);
        same = same && previous && *previous == text;
        if (!same) previous = text;
        if (hash) share.add(text);
      }
      if (same)
        return data_error(
            "training.duplicate_key", fmt::format("{} has two rows with {}", model_.from, key_text()),
            model_.place,
            "the key names one row: add columns to `key`, or make the table's rows unique in SQL");
      if (hash) shares_.push_back(share.share());
    }
    return {};
  }

  Result<void> take_weights(const engine::Chunk& chunk, size_t column) {
    for (size_t r = 0; r < chunk.rows(); ++r) {
      const double weight = chunk.is_null(column, r) ? -1 : chunk.doubles(column)[r];
      if (!(weight >= 0) || !std::isfinite(static_cast<float>(weight)))
        return data_error(
            "training.bad_weight",
            fmt::format("the weight {} is NULL, negative or not finite in {}", roles_.weight, model_.from),
            model_.place, "leave such rows out by `where`, or give them a weight in SQL");
      data_.weights.push_back(weight);
    }
    return {};
  }

  Result<void> take_split(const engine::Chunk& chunk, size_t& column) {
    if (time_split()) {
      for (size_t r = 0; r < chunk.rows(); ++r) {
        const bool null = chunk.is_null(column, r) || chunk.is_null(column + 1, r);
        const int64_t time = null ? kFarthestMicros : chunk.bigints(column)[r];
        if (null || std::abs(time) >= kFarthestMicros)
          return data_error("training.null_time",
                            fmt::format("the split's time {} is {} in some row of {}", roles_.split_column,
                                        null ? "NULL" : "infinite", model_.from),
                            model_.split.place, where_hint(model_, roles_.split_column));
        data_.times.push_back(time);
        data_.days.push_back(chunk.bigints(column + 1)[r]);
      }
      column += 2;
    } else if (model_.split.kind == project::Split::Kind::Group) {
      for (size_t r = 0; r < chunk.rows(); ++r) {
        if (chunk.is_null(column, r))
          return data_error(
              "training.null_group",
              fmt::format("the split's group {} is NULL in some row of {}", roles_.split_column, model_.from),
              model_.split.place, where_hint(model_, roles_.split_column));
        const std::string_view text = chunk.varchar(column, r);
        SplitHash share;
        share.add(text);
        shares_.push_back(share.share());
        data_.groups.push_back(groups_.code(text));
      }
      ++column;
    }
    return {};
  }

  Result<void> take_feature(const engine::Chunk& chunk, size_t column, size_t f) {
    float* out = data_.matrix.data() + data_.rows * data_.columns + f;
    const size_t stride = data_.columns;
    if (!roles_.features[f].category) {
      const double* values = chunk.doubles(column);
      for (size_t r = 0; r < chunk.rows(); ++r, out += stride) {
        *out = chunk.is_null(column, r) ? kMissing : static_cast<float>(values[r]) + 0.0F;
        if (std::isinf(*out)) {
          infinite_ = roles_.features[f].name;
          return data_error("training.infinite",
                            fmt::format("{} is {} in some row of {}: infinite, or too large for a float",
                                        roles_.features[f].name, values[r], model_.from),
                            model_.place,
                            "bound it in SQL, for example with least() and greatest(), or make it NULL");
        }
      }
      return {};
    }
    Interner& levels = levels_[f];
    for (size_t r = 0; r < chunk.rows(); ++r, out += stride) {
      if (chunk.is_null(column, r))
        *out = kMissing;
      else if (roles_.readings[f] == Reading::Text)
        *out = static_cast<float>(levels.code(chunk.varchar(column, r)));
      else if (const double number = chunk.doubles(column)[r]; std::isnan(number))
        *out = kMissing;
      else
        *out = static_cast<float>(levels.code(forest::category_text(number)));
    }
    if (levels.size() >= kMaxLevels) return too_many_levels(f, levels.size());
    return {};
  }

  std::unexpected<Error> too_many_levels(size_t f, size_t count) const {
    const std::string& name = roles_.features[f].name;
    return data_error("training.too_many_categories",
                      fmt::format("{} has {} different values in the training rows (max_categories {})", name,
                                  count, model_.max_categories),
                      model_.place,
                      fmt::format("put it under features.exclude, group its values in SQL, take it as a "
                                  "number by `types: {{{}: numeric}}`, or raise max_categories",
                                  name));
  }

  void assign_parts() {
    parts_.resize(data_.rows);
    for (size_t r = 0; r < data_.rows; ++r)
      parts_[r] = time_split() ? data_.split.of_time(data_.times[r]) : data_.split.of_share(shares_[r]);
  }

  Result<void> check_parts() {
    std::array<size_t, 5> counts{};
    for (const Part part : parts_) ++counts[static_cast<size_t>(part)];
    for (const Part part : {Part::Train, Part::Validation, Part::Test})
      data_.size[static_cast<size_t>(part)] = counts[static_cast<size_t>(part)];
    data_.gap_rows = counts[static_cast<size_t>(Part::Gap)];
    const bool validates =
        time_split() ? data_.split.validation_from.has_value() : data_.split.validation > 0;
    for (const Part part : {Part::Train, Part::Validation, Part::Test}) {
      if (counts[static_cast<size_t>(part)] > 0 || (part == Part::Validation && !validates)) continue;
      std::string seen;
      if (time_split()) {
        const auto [first, last] = std::minmax_element(data_.times.begin(), data_.times.end());
        seen = fmt::format("rows from {} to {}", tidemill::to_text(Instant{*first}),
                           tidemill::to_text(Instant{*last}));
      }
      Error error{ErrorKind::Data, "training.empty_part",
                  fmt::format("the split leaves no row of {} for {}", model_.from, to_text(part)),
                  model_.split.place};
      error.seen = fmt::format("{} rows: {} train, {} validation, {} test, {} in gaps{}{}", data_.rows,
                               counts[0], counts[1], counts[2], counts[3], seen.empty() ? "" : "; ", seen);
      error.hint = "change the spans or shares of `split`, or bring more data";
      return std::unexpected(std::move(error));
    }
    return {};
  }

  /// The dictionary, from training rows alone; then temporary codes become its codes.
  Result<void> learn_levels() {
    for (size_t f = 0; f < data_.columns; ++f) {
      forest::Feature& feature = data_.features[f];
      if (!feature.category) continue;
      Interner& seen = levels_[f];
      std::vector<double> counts(seen.size());
      for (size_t r = 0; r < data_.rows; ++r) {
        const float code = data_.matrix[r * data_.columns + f];
        if (parts_[r] == Part::Train && !std::isnan(code)) ++counts[static_cast<size_t>(code)];
      }
      const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
      std::vector<uint32_t> rare, kept;
      for (uint32_t code = 0; code < seen.size(); ++code)
        if (counts[code] > 0)
          (counts[code] < kRareRows && counts[code] < kRareShare * total ? rare : kept).push_back(code);
      if (rare.size() + kept.size() > static_cast<size_t>(model_.max_categories))
        return too_many_levels(f, rare.size() + kept.size());
      for (const uint32_t code : kept) feature.levels.push_back(seen.text(code));
      for (const uint32_t code : rare) feature.folded.push_back(seen.text(code));
      std::sort(feature.folded.begin(), feature.folded.end());
      if (!rare.empty()) {
        feature.other_level = "(other)";
        while (std::find(feature.levels.begin(), feature.levels.end(), feature.other_level) !=
               feature.levels.end())
          feature.other_level += '*';
        feature.levels.push_back(feature.other_level);
      }
      std::sort(feature.levels.begin(), feature.levels.end());
      const auto code_of = [&](const std::string& text) {
        return static_cast<float>(std::lower_bound(feature.levels.begin(), feature.levels.end(), text) -
                                  feature.levels.begin());
      };
      std::vector<float> codes(seen.size(), kMissing);
      for (const uint32_t code : kept) codes[code] = code_of(seen.text(code));
      for (const uint32_t code : rare) codes[code] = code_of(feature.other_level);
      for (size_t r = 0; r < data_.rows; ++r)
        if (float& code = data_.matrix[r * data_.columns + f]; !std::isnan(code))
          code = codes[static_cast<size_t>(code)];
      seen = {};
    }
    return {};
  }

  template <class T>
  static void permute(std::vector<T>& values, const std::vector<uint32_t>& order) {
    if (values.empty()) return;
    std::vector<T> result(values.size());
    for (size_t i = 0; i < order.size(); ++i) result[i] = values[order[i]];
    values = std::move(result);
  }

  void order_by_part() {
    std::vector<uint32_t> order(data_.rows);
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return parts_[a] < parts_[b]; });
    for (size_t part = 1; part < 3; ++part) data_.begin[part] = data_.begin[part - 1] + data_.size[part - 1];
    permute(data_.labels, order);
    permute(data_.weights, order);
    permute(data_.times, order);
    permute(data_.days, order);
    permute(data_.groups, order);
    for (TextColumn& text : data_.texts) permute(text.codes, order);
    // The matrix is the bulk: rows move in place along the cycles of the permutation.
    std::vector<bool> placed(data_.rows);
    std::vector<float> held(data_.columns);
    const auto row = [&](size_t r) {
      return data_.matrix.begin() + static_cast<std::ptrdiff_t>(r * data_.columns);
    };
    for (size_t start = 0; start < data_.rows; ++start) {
      if (placed[start] || order[start] == start) continue;
      std::copy_n(row(start), data_.columns, held.begin());
      size_t at = start;
      for (; order[at] != start; at = order[at]) {
        std::copy_n(row(order[at]), data_.columns, row(at));
        placed[at] = true;
      }
      std::copy_n(held.begin(), data_.columns, row(at));
      placed[at] = true;
    }
  }

  const TrainInput& input_;
  const project::Model& model_;
  const Roles& roles_;
  LabelReader labels_;
  Dataset data_;
  std::vector<std::string> keys_;
  std::vector<std::optional<std::string>> previous_;
  std::vector<Interner> levels_;
  Interner groups_;
  std::vector<double> shares_;
  std::vector<Part> parts_;
  std::string infinite_ = roles_.target.name;  // unless a feature says so of itself
};

/// Which rows, and how many: looked for once one is found, since rows stream by.
Error with_rows(const TrainInput& input, const std::string& column, Error error) {
  constexpr std::string_view kSomeRow = "some row of ";
  const project::Model& model = *input.model;
  const size_t at = error.message.find(kSomeRow);
  std::string keys, order;
  for (const std::string& key : model.key) {
    keys += fmt::format("{}CAST({} AS VARCHAR)", keys.empty() ? "" : ", ", engine::quote_name(key));
    order += fmt::format("{}{}", order.empty() ? "" : ", ", engine::quote_name(key));
  }
  const auto rows = input.connection->query(
      fmt::format(
          "SELECT count(*) OVER (), {} FROM (SELECT * FROM {}{}) WHERE abs({}) >= {} ORDER BY {} LIMIT 1",
          keys, input.relation, where_clause(model), expression(column, Reading::Number), kLeastInfinite,
          order),
      1);
  if (at == std::string::npos || !rows || rows->rows.empty()) return error;
  const auto& found = rows->rows[0];
  std::string first;
  for (size_t k = 0; k < model.key.size(); ++k)
    first += fmt::format("{}{} = {}", k ? ", " : "", model.key[k], engine::to_text(found[k + 1]));
  const int64_t count = std::get<int64_t>(found[0]);
  error.message.replace(at, kSomeRow.size() + model.from.size(),
                        fmt::format("{} row{} of {}, {} {}", count, count == 1 ? "" : "s", model.from,
                                    count == 1 ? "the one with" : "the first with", first));
  return error;
}

}  // namespace

uint32_t Interner::code(std::string_view text) {
  if (const auto found = codes_.find(text); found != codes_.end()) return found->second;
  const auto [added, fresh] = codes_.emplace(std::string(text), static_cast<uint32_t>(texts_.size()));
  texts_.push_back(&added->first);
  return added->second;
}

std::span<const float> Dataset::matrix_of(Part part) const {
  return std::span(matrix).subspan(begin_of(part) * columns, rows_of(part) * columns);
}
std::span<const double> Dataset::labels_of(Part part) const {
  return std::span(labels).subspan(begin_of(part), rows_of(part));
}
std::span<const double> Dataset::weights_of(Part part) const {
  if (weights.empty()) return {};
  return std::span(weights).subspan(begin_of(part), rows_of(part));
}

statistics::Blocks Dataset::blocks_of(Part part) const {
  const std::vector<int64_t>& ids = split.kind == project::Split::Kind::Time ? days : groups;
  if (split.kind == project::Split::Kind::Hash) return statistics::blocks_of_single_rows(rows_of(part));
  return statistics::make_blocks(std::span(ids).subspan(begin_of(part), rows_of(part)));
}

Result<Dataset> read_dataset(const TrainInput& input, const Roles& roles) {
  Reader reader(input, roles);
  auto read = input.connection->for_each_chunk(
      reader.sql(), [&](const engine::Chunk& chunk) { return reader.take(chunk); });
  if (!read && read.error().code == "training.infinite")
    return std::unexpected(with_rows(input, reader.infinite(), std::move(read).error()));
  if (!read) return std::unexpected(std::move(read).error());
  return reader.finish();
}

}  // namespace tidemill::training
