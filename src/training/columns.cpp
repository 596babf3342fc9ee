#include "training/columns.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/names.hpp"
#include "engine/sql_text.hpp"
#include "training/training.hpp"

namespace tidemill::training {

namespace {

std::vector<std::string> names_of(const std::vector<engine::Column>& columns) {
  std::vector<std::string> names;
  for (const engine::Column& column : columns) names.push_back(column.name);
  return names;
}

/// Names in a SQL expression that may be columns, in lower case: "scheduled_at - INTERVAL 1 HOUR" →
/// scheduled_at. A function, a type after AS or ::, an interval's unit and AT TIME ZONE are none, since a
/// feature may well be called hour.
std::set<std::string> names_in(std::string_view sql) {
  using Kind = engine::SqlToken::Kind;
  std::vector<engine::SqlToken> tokens;
  for (const engine::SqlToken& token : engine::sql_tokens(sql))
    if (token.kind != Kind::Space && token.kind != Kind::Comment) tokens.push_back(token);
  const auto text = [&](size_t i) {
    return i < tokens.size() ? sql.substr(tokens[i].begin, tokens[i].end - tokens[i].begin)
                             : std::string_view();
  };
  const auto is = [&](size_t i, std::string_view word) {
    return i < tokens.size() && tokens[i].kind != Kind::QuotedName && engine::folded_name(text(i)) == word;
  };
  std::set<std::string> names;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == Kind::QuotedName) {
      names.insert(engine::folded_name(text(i).substr(1, text(i).size() - 2)));
    } else if (is(i, "interval") && i + 1 < tokens.size() &&
               (tokens[i + 1].kind == Kind::Number || tokens[i + 1].kind == Kind::Text)) {
      // A number needs a unit; a text may have its own.
      i += i + 2 < tokens.size() && tokens[i + 2].kind == Kind::Word ? 2 : 1;
    } else if (is(i, "at") && is(i + 1, "time") && is(i + 2, "zone")) {
      i += 2;
    } else if (is(i, "as") || (is(i, ":") && is(i + 1, ":"))) {
      while (i + 1 < tokens.size() && (tokens[i + 1].kind == Kind::Word || is(i + 1, ":"))) ++i;
    } else if (tokens[i].kind == Kind::Word && !is(i + 1, "(")) {
      names.insert(engine::folded_name(text(i)));
    }
  }
  return names;
}

/// Why a column that nobody named is no feature.
std::set<std::string> columns_with_another_part(const project::Model& model) {
  std::set<std::string> names = names_in(model.as_of);
  for (const std::string& key : model.key) names.insert(engine::folded_name(key));
  names.insert({engine::folded_name(model.target), engine::folded_name(model.weight),
                engine::folded_name(model.split.column)});
  for (const std::string& group : model.fairness_groups) names.insert(engine::folded_name(group));
  return names;
}

std::unexpected<Error> unknown(const project::Model& model, const std::string& what, const std::string& name,
                               const std::vector<engine::Column>& columns) {
  return user_error("training.unknown_column",
                    fmt::format("{} '{}' is no column of {}", what, name, model.from), model.place,
                    did_you_mean(name, names_of(columns)));
}

}  // namespace

std::string split_text(const engine::Column& column) {
  const std::string name = engine::quote_name(column.name);
  return column.type == "TIMESTAMP WITH TIME ZONE" ? fmt::format("CAST(timezone('UTC', {}) AS VARCHAR)", name)
                                                   : expression(column.name, Reading::Text);
}

std::string where_clause(const project::Model& model) {
  return model.where.empty() ? "" : " WHERE " + engine::bracketed(model.where);
}

const std::string* declared_type(const project::Model& model, std::string_view column) {
  for (const auto& [name, type] : model.types)
    if (engine::same_name(name, column)) return &type;
  return nullptr;
}

Result<std::vector<std::string>> feature_columns(
    const project::Model& model, const std::vector<engine::Column>& columns,
    const std::optional<std::vector<forest::Feature>>& champion_features) {
  std::set<std::string> typed;
  for (const auto& [column, type] : model.types) {
    if (!engine::find_column(columns, column)) return unknown(model, "types:", column, columns);
    if (!typed.insert(engine::folded_name(column)).second)
      return user_error("training.named_twice", fmt::format("types: names the column {} twice", column),
                        model.place);
  }
  if (!model.include.empty()) {
    std::vector<std::string> result;
    for (const std::string& name : model.include) {
      const engine::Column* column = engine::find_column(columns, name);
      if (!column) return unknown(model, "the feature", name, columns);
      if (engine::same_name(name, model.target))
        return user_error("training.target_feature", fmt::format("the target {} is among the features", name),
                          model.place);
      if (std::find(result.begin(), result.end(), column->name) != result.end())
        return user_error("training.named_twice",
                          fmt::format("the feature {} is included twice", column->name), model.place,
                          "a column is one feature, in whatever case it is written");
      result.push_back(column->name);
    }
    return result;
  }
  std::set<std::string> left_out = columns_with_another_part(model);
  for (const std::string& name : model.exclude) {
    if (!engine::find_column(columns, name)) return unknown(model, "the excluded column", name, columns);
    left_out.insert(engine::folded_name(name));
  }
  std::set<std::string> known;
  if (champion_features)
    for (const forest::Feature& feature : *champion_features) known.insert(engine::folded_name(feature.name));
  std::vector<std::string> result, unknown_names, types;
  for (const engine::Column& column : columns) {
    if (left_out.contains(engine::folded_name(column.name))) continue;
    if (champion_features && !known.contains(engine::folded_name(column.name)) &&
        !declared_type(model, column.name)) {
      unknown_names.push_back(column.name);
      types.push_back(
          fmt::format("{}: {}", column.name, kind_of(column.type) == Kind::Text ? "category" : "numeric"));
    }
    result.push_back(column.name);
  }
  if (!unknown_names.empty())
    return user_error(
        "training.new_column",
        fmt::format("{} has the column{} {}, which the champion does not know", model.from,
                    unknown_names.size() == 1 ? "" : "s", fmt::join(unknown_names, ", ")),
        model.place,
        fmt::format("say what {}: in features.exclude, or as {} under `types: {{{}}}`",
                    unknown_names.size() == 1 ? "it is" : "each is",
                    unknown_names.size() == 1 ? "a feature" : "features", fmt::join(types, ", ")));
  if (result.empty())
    return user_error("training.no_features",
                      fmt::format("{} leaves no column that is a feature", model.from), model.place);
  return result;
}

Result<FeatureReader> FeatureReader::make(const forest::Predictor& predictor,
                                          const std::vector<engine::Column>& columns) {
  FeatureReader reader;
  reader.predictor_ = &predictor;
  for (const forest::Feature& feature : predictor.package().features) {
    const engine::Column* column = engine::find_column(columns, feature.name);
    if (!column)
      return data_error(
          "training.missing_column",
          fmt::format("the feature {} of model {} is missing", feature.name, predictor.package().model), {},
          did_you_mean(feature.name, names_of(columns)));
    const Kind kind = kind_of(column->type);
    if (kind == Kind::Time || kind == Kind::Other)
      return data_error("training.feature_type",
                        fmt::format("the feature {} was {} in training and is {} here", feature.name,
                                    feature.sql_type, column->type));
    const Reading reading = reading_of(kind, feature.category);
    reader.readings_.push_back(reading);
    reader.expressions_.push_back(expression(column->name, reading));
  }
  return reader;
}

void FeatureReader::read(const engine::Chunk& chunk, size_t first, size_t row, double* out,
                         forest::InputCounts& counts) const {
  for (size_t f = 0; f < readings_.size(); ++f) {
    forest::Cell cell;
    if (!chunk.is_null(first + f, row)) {
      if (readings_[f] == Reading::Text)
        cell = {.kind = forest::Cell::Kind::Text, .text = chunk.varchar(first + f, row)};
      else
        cell = {.kind = forest::Cell::Kind::Number, .number = chunk.doubles(first + f)[row]};
    }
    out[f] = predictor_->encode(f, cell, counts);
  }
}

}  // namespace tidemill::training
