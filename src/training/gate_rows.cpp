#include "training/gate_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "engine/sql_text.hpp"
#include "training/columns.hpp"
#include "training/dataset.hpp"
#include "training/gate_text.hpp"
#include "training/labels.hpp"

namespace tidemill::training {

namespace {

/// A SELECT that grows: each column is asked for once and remembered by its place.
class Query {
 public:
  explicit Query(const std::vector<engine::Column>& columns, std::string relation)
      : columns_(columns), relation_(std::move(relation)) {}

  Result<const engine::Column*> column(const std::string& name) const {
    if (const engine::Column* found = engine::find_column(columns_, name)) return found;
    std::vector<std::string> names;
    for (const engine::Column& one : columns_) names.push_back(one.name);
    return data_error("training.missing_column",
                      fmt::format("the gate needs the column {}, which {} does not have", name, relation_),
                      {}, did_you_mean(name, names));
  }
  size_t add(const std::string& expression) {
    list_ += (list_.empty() ? "" : ", ") + expression;
    return count_++;
  }
  Result<size_t> add(const std::string& name, Reading reading) {
    TM_TRY(const engine::Column* found, column(name));
    return add(expression(found->name, reading));
  }
  std::string sql(const std::string& where, const std::string& order) const {
    return fmt::format("SELECT {} FROM {}{}{}", list_, relation_, where.empty() ? "" : " WHERE " + where,
                       order.empty() ? "" : " ORDER BY " + order);
  }

 private:
  const std::vector<engine::Column>& columns_;
  std::string relation_;
  std::string list_;
  size_t count_ = 0;
};

std::string key_of(const engine::Chunk& chunk, size_t first, size_t columns, size_t row) {
  std::string key;
  for (size_t k = 0; k < columns; ++k) {
    if (chunk.is_null(first + k, row)) {
      key += "-:";
      continue;
    }
    const std::string_view text = chunk.varchar(first + k, row);
    key += fmt::format("{}:", text.size());
    key += text;
  }
  return key;
}

/// Assigns rows to the parts of a version's split, from columns of a query.
class PartReader {
 public:
  static Result<PartReader> make(const forest::Package& package, Query& query) {
    PartReader reader;
    // What an imported version was trained on nobody knows: it is judged on every row.
    reader.knows_ = !package.split.empty();
    if (!reader.knows_) return reader;
    TM_TRY(reader.rule_, split_from_json(package.split));
    if (reader.rule_.kind == project::Split::Kind::Hash) {
      for (const std::string& key : package.key) {
        TM_TRY(const engine::Column* column, query.column(key));
        reader.columns_.push_back(query.add(split_text(*column)));
      }
    } else if (reader.rule_.kind == project::Split::Kind::Group) {
      TM_TRY(const engine::Column* column, query.column(reader.rule_.column));
      reader.columns_.push_back(query.add(split_text(*column)));
    } else {
      TM_TRY(const engine::Column* column, query.column(reader.rule_.column));
      if (kind_of(column->type) != Kind::Time)
        return data_error("training.split_type",
                          fmt::format("the split's time column {} is {}", column->name, column->type));
      reader.columns_.push_back(query.add(fmt::format("epoch_us({})", engine::quote_name(column->name))));
      reader.columns_.push_back(query.add(fmt::format("CAST(CAST({} AS DATE) - DATE '1970-01-01' AS BIGINT)",
                                                      engine::quote_name(column->name))));
    }
    return reader;
  }
  const SplitRule& rule() const { return rule_; }

  Part part(const engine::Chunk& chunk, size_t row) const {
    if (!knows_) return Part::Test;
    if (rule_.kind == project::Split::Kind::Time)
      return chunk.is_null(columns_[0], row) ? Part::Gap : rule_.of_time(chunk.bigints(columns_[0])[row]);
    SplitHash hash;
    for (const size_t column : columns_) {
      if (chunk.is_null(column, row))
        hash.add_null();
      else
        hash.add(chunk.varchar(column, row));
    }
    return rule_.of_share(hash.share());
  }
  /// What the bootstrap resamples: the day, the group, or the row itself.
  int64_t block(const engine::Chunk& chunk, size_t row, Interner& groups, size_t ordinal) const {
    if (rule_.kind == project::Split::Kind::Time) return chunk.bigints(columns_[1])[row];
    if (rule_.kind == project::Split::Kind::Group)
      return chunk.is_null(columns_[0], row) ? -1 : groups.code(chunk.varchar(columns_[0], row));
    return static_cast<int64_t>(ordinal);
  }

 private:
  bool knows_ = true;
  SplitRule rule_;
  std::vector<size_t> columns_;
};

/// Target cell → label, by the classes of the package.
class LabelOf {
 public:
  LabelOf(const forest::Package& package, Kind kind, size_t column)
      : package_(package), reading_(kind == Kind::Text ? Reading::Text : Reading::Number), column_(column) {}
  Result<double> operator()(const engine::Chunk& chunk, size_t row) const {
    if (package_.classes.empty()) {
      if (reading_ == Reading::Text)
        return data_error("training.target_type",
                          fmt::format("the target {} is a text now", package_.target));
      return chunk.doubles(column_)[row];
    }
    const std::string text = reading_ == Reading::Text ? std::string(chunk.varchar(column_, row))
                                                       : forest::category_text(chunk.doubles(column_)[row]);
    const auto found = std::find(package_.classes.begin(), package_.classes.end(), text);
    if (found == package_.classes.end())
      return data_error(
          "training.unknown_class",
          fmt::format("the target {} is '{}', a class the version does not know", package_.target, text));
    return static_cast<double>(found - package_.classes.begin());
  }

 private:
  const forest::Package& package_;
  Reading reading_;
  size_t column_;
};

std::string time_bounds(const SplitRule& rule) {
  if (rule.kind != project::Split::Kind::Time) return {};
  return fmt::format("epoch_us({}) BETWEEN {} AND {}", engine::quote_name(rule.column), rule.test_from,
                     rule.test_to);
}
std::string both(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a + b : a + " AND " + b;
}

/// The other version's scores in the challenger's order of classes; a class it does not know has probability
/// 0.
std::vector<size_t> class_order(const forest::Package& challenger, const forest::Package& other) {
  std::vector<size_t> order;
  for (const std::string& name : challenger.classes)
    order.push_back(static_cast<size_t>(std::find(other.classes.begin(), other.classes.end(), name) -
                                        other.classes.begin()));
  return order;
}

}  // namespace

Result<TestRows> read_test_rows(const GateInput& input, const RowsWanted& wanted) {
  const project::Model& model = *input.model;
  const forest::Predictor& predictor = *input.challenger.predictor;
  TM_TRY(const auto columns, input.connection->describe("SELECT * FROM " + input.challenger.relation));
  Query query(columns, input.challenger.relation);
  std::string order;
  for (const std::string& key : model.key) {
    TM_TRY(const engine::Column* column, query.column(key));
    query.add(expression(column->name, Reading::Text));
    order += (order.empty() ? "" : ", ") + engine::quote_name(column->name);
  }
  TM_TRY(const engine::Column* target, query.column(model.target));
  const Kind target_kind = kind_of(target->type);
  const size_t target_at =
      query.add(expression(target->name, target_kind == Kind::Text ? Reading::Text : Reading::Number));
  const LabelOf label_of(predictor.package(), target_kind, target_at);
  std::optional<size_t> weight_at;
  if (!model.weight.empty()) {
    TM_TRY(weight_at, query.add(model.weight, Reading::Number));
  }
  TM_TRY(const PartReader parts, PartReader::make(predictor.package(), query));
  std::vector<size_t> slices_at, naive_at;
  for (const std::string& name : wanted.slices) {
    TM_TRY(const size_t at, query.add(name, Reading::Text));
    slices_at.push_back(at);
  }
  for (const std::string& name : wanted.naive) {
    TM_TRY(const size_t at, query.add(name, Reading::Number));
    naive_at.push_back(at);
  }
  TM_TRY(const FeatureReader features, FeatureReader::make(predictor, columns));
  const bool scored = !input.challenger.test_scores.empty();
  size_t features_at = 0;
  for (size_t f = 0; f < features.expressions().size() && !scored; ++f) {
    const size_t at = query.add(features.expressions()[f]);
    if (f == 0) features_at = at;
  }

  TestRows result;
  result.scores = input.challenger.test_scores;
  result.slices.resize(slices_at.size());
  result.naive.resize(naive_at.size());
  Interner groups;
  forest::InputCounts counts;
  std::vector<double> matrix;
  const auto take = [&](const engine::Chunk& chunk) -> Result<void> {
    matrix.clear();
    const size_t before = result.rows();
    for (size_t r = 0; r < chunk.rows(); ++r) {
      if (parts.part(chunk, r) != Part::Test) continue;
      if (chunk.is_null(target_at, r))
        return data_error("training.null_target",
                          fmt::format("the target {} is NULL in some test row of {}", model.target,
                                      input.challenger.relation),
                          model.place, where_hint(model, model.target));
      TM_TRY(const double label, label_of(chunk, r));
      result.blocks.push_back(parts.block(chunk, r, groups, result.rows()));
      result.labels.push_back(label);
      if (weight_at)
        result.weights.push_back(chunk.is_null(*weight_at, r) ? 0 : chunk.doubles(*weight_at)[r]);
      for (size_t s = 0; s < slices_at.size(); ++s)
        result.slices[s].push_back(chunk.is_null(slices_at[s], r)
                                       ? std::nullopt
                                       : std::optional(std::string(chunk.varchar(slices_at[s], r))));
      for (size_t n = 0; n < naive_at.size(); ++n)
        result.naive[n].push_back(chunk.is_null(naive_at[n], r) ? std::numeric_limits<double>::quiet_NaN()
                                                                : chunk.doubles(naive_at[n])[r]);
      result.keys.push_back(key_of(chunk, 0, model.key.size(), r));
      if (!result.index.emplace(result.keys.back(), result.rows() - 1).second)
        return data_error("training.duplicate_key",
                          fmt::format("{} has two rows with one key", input.challenger.relation),
                          model.place);
      if (scored) continue;
      matrix.resize(matrix.size() + predictor.forest().features);
      features.read(chunk, features_at, r, matrix.data() + matrix.size() - predictor.forest().features,
                    counts);
    }
    if (scored) return {};
    result.scores.resize(result.rows() * predictor.outputs());
    predictor.predict(matrix, std::span(result.scores).subspan(before * predictor.outputs()));
    return {};
  };
  const std::string where = model.where.empty() ? "" : engine::bracketed(model.where);
  TM_CHECK(input.connection->for_each_chunk(query.sql(both(where, time_bounds(parts.rule())), order), take));
  if (result.scores.size() != result.rows() * predictor.outputs())
    return internal_error("training.other_rows",
                          fmt::format("training scored {} values of {}, and the gate reads {} test rows",
                                      result.scores.size(), input.challenger.relation, result.rows()));
  return result;
}

Result<OtherScores> read_other(const GateInput& input, const Candidate& other, const TestRows& rows) {
  const project::Model& model = *input.model;
  const forest::Predictor& predictor = *other.predictor;
  const forest::Package& challenger = input.challenger.predictor->package();
  if (predictor.package().task != challenger.task)
    return data_error(
        "training.other_task",
        fmt::format("{} is {} and {} is {}: they cannot be compared", other.name,
                    to_text(predictor.package().task), input.challenger.name, to_text(challenger.task)),
        model.place,
        challenger.task == forest::Task::Multiclass
            ? classes_text(challenger) +
                  ": if one is a mistake, mend it in SQL; a model for another question "
                  "needs another name"
            : "declare `train: {objective: …}` as it was; a model for another question needs another name");
  TM_TRY(const auto columns, input.connection->describe("SELECT * FROM " + other.relation));
  Query query(columns, other.relation);
  for (const std::string& key : model.key) {
    TM_CHECK(query.add(key, Reading::Text));
  }
  TM_TRY(const PartReader parts, PartReader::make(predictor.package(), query));
  TM_TRY(const FeatureReader features, FeatureReader::make(predictor, columns));
  size_t features_at = 0;
  for (size_t f = 0; f < features.expressions().size(); ++f) {
    const size_t at = query.add(features.expressions()[f]);
    if (f == 0) features_at = at;
  }
  const size_t outputs = input.challenger.predictor->outputs(), width = predictor.forest().features;
  const std::vector<size_t> order = class_order(challenger, predictor.package());
  OtherScores result{.scores = std::vector<double>(rows.rows() * outputs),
                     .judged = std::vector<bool>(rows.rows())};
  std::vector<bool> matched(rows.rows());
  forest::InputCounts counts;
  std::vector<double> matrix;
  std::vector<double> scores;
  std::vector<size_t> to;
  const auto take = [&](const engine::Chunk& chunk) -> Result<void> {
    matrix.clear();
    to.clear();
    for (size_t r = 0; r < chunk.rows(); ++r) {
      const auto found = rows.index.find(key_of(chunk, 0, model.key.size(), r));
      if (found == rows.index.end()) continue;
      if (matched[found->second])
        return data_error("training.duplicate_key",
                          fmt::format("{} has two rows with one key", other.relation), model.place);
      matched[found->second] = true;
      const Part part = parts.part(chunk, r);
      if (part == Part::Train || part == Part::Validation) {
        ++result.seen;
        continue;
      }
      to.push_back(found->second);
      matrix.resize(matrix.size() + width);
      features.read(chunk, features_at, r, matrix.data() + matrix.size() - width, counts);
    }
    scores.resize(to.size() * predictor.outputs());
    predictor.predict(matrix, scores);
    for (size_t i = 0; i < to.size(); ++i) {
      result.judged[to[i]] = true;
      for (size_t k = 0; k < outputs; ++k) {
        const size_t from = outputs == 1 ? 0 : order[k];
        result.scores[to[i] * outputs + k] =
            from < predictor.outputs() ? scores[i * predictor.outputs() + from] : 0;
      }
    }
    return {};
  };
  TM_CHECK(input.connection->for_each_chunk(query.sql({}, {}), take));
  result.unmatched = std::count(matched.begin(), matched.end(), false);
  return result;
}

}  // namespace tidemill::training
