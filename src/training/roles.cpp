// What each column of a model's table is for, before a row is read.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/names.hpp"
#include "training/dataset.hpp"

namespace tidemill::training {

namespace {

constexpr int kShownWords = 3;     // texts shown in a message
constexpr int kShownLetters = 40;  // of each

Result<const engine::Column*> require(const TrainInput& input, const std::string& name,
                                      std::string_view what) {
  if (const engine::Column* column = engine::find_column(input.columns, name)) return column;
  std::vector<std::string> names;
  for (const engine::Column& column : input.columns) names.push_back(column.name);
  return user_error("training.unknown_column",
                    fmt::format("the {} '{}' is no column of {}", what, name, input.model->from),
                    input.model->place, did_you_mean(name, names));
}

Result<forest::Feature> feature_of(const TrainInput& input, const engine::Column& column, Kind kind) {
  const project::Model& model = *input.model;
  forest::Feature feature{.name = column.name, .sql_type = column.type, .category = kind == Kind::Text};
  if (const std::string* declared = declared_type(model, column.name))
    feature.category = *declared == "category";
  if (kind == Kind::Time)
    return user_error(
        "training.time_feature",
        fmt::format("the column {} is {}: a model cannot learn from an instant", column.name, column.type),
        model.place,
        fmt::format("put it under features.exclude, or derive numbers from it in SQL: hour({0}), "
                    "dayofweek({0}), date_diff('day', {0}, …)",
                    column.name));
  if (kind == Kind::Other)
    return user_error("training.feature_type",
                      fmt::format("the column {} is {}, which no feature can be", column.name, column.type),
                      model.place,
                      "put it under features.exclude, or derive numbers or texts from it in SQL");
  return feature;
}

/// What a text column holds beside numbers (DOUBLE) or times (TIMESTAMP): "3 rows hold no number: 'n/a' (2),
/// '' (1)"; nothing when all are such.
Result<std::string> words_in(const TrainInput& input, const engine::Column& column,
                             std::string_view type = "DOUBLE", std::string_view what = "number") {
  TM_TRY(const engine::Rows found,
         input.connection->query(
             fmt::format("SELECT left(word, {}), count(*) AS n, CAST(sum(count(*)) OVER () AS BIGINT), "
                         "count(*) OVER () FROM (SELECT {} AS word FROM {}{}) WHERE word IS NOT NULL AND "
                         "TRY_CAST(word AS {}) IS NULL GROUP BY word ORDER BY n DESC, word LIMIT {}",
                         kShownLetters, engine::expression(column.name, Reading::Text), input.relation,
                         where_clause(*input.model), type, kShownWords)));
  if (found.rows.empty()) return std::string();
  std::vector<std::string> words;
  for (const auto& row : found.rows)
    words.push_back(fmt::format("'{}' ({})", engine::to_text(row[0]), engine::to_text(row[1])));
  const int64_t rows = std::get<int64_t>(found.rows[0][2]), different = std::get<int64_t>(found.rows[0][3]);
  return fmt::format("{} row{} no {}: {}{}", rows, rows == 1 ? " holds" : "s hold", what,
                     fmt::join(words, ", "), different > kShownWords ? ", …" : "");
}

std::string how_to_mend_words(const engine::Column& column) {
  return fmt::format(
      "read such texts as missing (a CSV source's csv.null), or make numbers of them in SQL: TRY_CAST({} AS "
      "DOUBLE)",
      engine::quote_if_needed(column.name));
}

/// A text that is declared numeric must read as numbers, all of them.
Result<void> check_declared_numbers(const TrainInput& input, const engine::Column& column) {
  TM_TRY(const std::string words, words_in(input, column));
  if (words.empty()) return {};
  return data_error("training.not_numeric", fmt::format("{} is declared numeric and {}", column.name, words),
                    input.model->place, how_to_mend_words(column));
}

/// A column that nobody declared is what it was to the champion: else one stray text in a file would make a
/// category of a number, and the next version would refuse the numbers that callers send.
Result<void> check_kept_kind(const TrainInput& input, const engine::Column& column,
                             const forest::Feature& feature) {
  if (!input.champion_features || declared_type(*input.model, column.name)) return {};
  const auto before = std::ranges::find_if(*input.champion_features, [&](const forest::Feature& other) {
    return engine::same_name(other.name, feature.name);
  });
  if (before == input.champion_features->end() || before->category == feature.category) return {};
  const auto changed = [&](std::string_view here, std::string_view there, const std::string& why,
                           const std::string& hint) {
    return data_error("training.changed_kind",
                      fmt::format("{} is a {} here ({}) and a {} in the champion{}", column.name, here,
                                  column.type, there, why),
                      input.model->place, hint);
  };
  if (!feature.category)
    return changed("number", "category", "",
                   fmt::format("say what it is: `types: {{{0}: category}}` as before, or `types: {{{0}: "
                               "numeric}}`, after which callers send numbers",
                               column.name));
  TM_TRY(const std::string words, words_in(input, column));
  const std::string declared =
      fmt::format("if it is to be a category now, say so: `types: {{{}: category}}`", column.name);
  if (words.empty())  // not one value, or numbers that are written as texts
    return changed(
        "category", "number", "; its values are missing, or numbers written as texts",
        fmt::format("say that it is a number: `types: {{{}: numeric}}`; {}", column.name, declared));
  return changed("category", "number", "; " + words, how_to_mend_words(column) + "; " + declared);
}

/// The column of a split by time has another type: a text is mostly one bad date among good ones, or a table
/// without rows.
std::unexpected<Error> no_time(const TrainInput& input, const engine::Column& column) {
  const Place& place = input.model->split.place;
  std::string message = fmt::format("the split's time column {} is {}", column.name, column.type);
  if (kind_of(column.type) != Kind::Text)
    return user_error(
        "training.split_type", message, place,
        "split by a DATE or TIMESTAMP; make one in SQL, for example make_date(year, month, day)");
  TM_TRY(const engine::Value rows,
         input.connection->scalar(
             fmt::format("SELECT count(*) FROM {}{}", input.relation, where_clause(*input.model))));
  if (std::get<int64_t>(rows) == 0)
    return data_error("training.split_type", fmt::format("{}; {} has no rows", message, input.model->from),
                      place, "look at the source: a file with a header alone has columns of text");
  TM_TRY(const std::string words, words_in(input, column, "TIMESTAMP", "time"));
  if (words.empty())
    return data_error("training.split_type", message, place,
                      fmt::format("every text in it is a time: CAST({} AS TIMESTAMP) in SQL",
                                  engine::quote_if_needed(column.name)));
  return data_error(
      "training.split_type", fmt::format("{}; {}", message, words), place,
      fmt::format("mend them, or read them as missing (a CSV source's csv.null); a declared type, `columns: "
                  "{{{}: {{type: timestamp}}}}`, names the file and the line",
                  column.name));
}

}  // namespace

Result<Roles> assign_roles(const TrainInput& input) {
  const project::Model& model = *input.model;
  Roles roles;
  TM_TRY(const std::vector<std::string> names,
         feature_columns(model, input.columns, input.champion_features));
  for (const std::string& name : names) {
    const engine::Column& column = *engine::find_column(input.columns, name);
    const Kind kind = kind_of(column.type);
    TM_TRY(forest::Feature feature, feature_of(input, column, kind));
    if (!feature.category && kind == Kind::Text) {
      TM_CHECK(check_declared_numbers(input, column));
    }
    TM_CHECK(check_kept_kind(input, column, feature));
    roles.readings.push_back(feature.category ? reading_of(kind, true) : Reading::Number);
    roles.features.push_back(std::move(feature));
  }
  for (const std::string& key : model.key) {
    TM_CHECK(require(input, key, "key"));
  }
  if (model.key.empty())
    return user_error("training.no_key", "the model has no key", model.place,
                      "name the column or columns that name a row: `key: id`");
  TM_TRY(const engine::Column* target, require(input, model.target, "target"));
  roles.target = *target;
  const Kind target_kind = kind_of(target->type);
  if (target_kind == Kind::Time || target_kind == Kind::Other)
    return user_error("training.target_type", fmt::format("the target {} is {}", target->name, target->type),
                      model.place, "a target is a number, a truth value or a text");
  if (!model.weight.empty()) {
    TM_TRY(const engine::Column* weight, require(input, model.weight, "weight"));
    if (!is_number(kind_of(weight->type)))
      return user_error("training.bad_weight",
                        fmt::format("the weight {} is {}, not a number", weight->name, weight->type),
                        model.place);
    roles.weight = weight->name;
  }
  if (model.split.kind != project::Split::Kind::Hash) {
    TM_TRY(const engine::Column* column, require(input, model.split.column, "split's column"));
    if (model.split.kind == project::Split::Kind::Time && kind_of(column->type) != Kind::Time)
      return no_time(input, *column);
    roles.split_column = column->name;
    roles.local_time = column->type != "TIMESTAMP WITH TIME ZONE";
  }
  for (const auto* list : {&model.slices, &model.fairness_groups})
    for (const std::string& name : *list) {
      TM_TRY(const engine::Column* column, require(input, name, "slice"));
      if (std::find(roles.texts.begin(), roles.texts.end(), column->name) == roles.texts.end())
        roles.texts.push_back(column->name);
    }
  return roles;
}

}  // namespace tidemill::training
