// What each column of a model's table is for, before a row is read.
#include <algorithm>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "training/dataset.hpp"

namespace tidemill::training {

namespace {

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
    // A text that is declared numeric must read as numbers, all of them.
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
      return user_error(
          "training.split_type", fmt::format("the split's time column {} is {}", column->name, column->type),
          model.split.place,
          "split by a DATE or TIMESTAMP; make one in SQL, for example make_date(year, month, day)");
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
