// Models, with what only their values together can tell: parts of a split, what needs validation, forms of
// gate rules.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "project/describe.hpp"
#include "project/read.hpp"
#include "project/xgboost_parameters.hpp"

namespace tidemill::project {

namespace {

bool is_zero(const std::variant<double, Duration>& part) {
  return std::holds_alternative<double>(part) ? std::get<double>(part) == 0
                                              : std::get<Duration>(part).micros == 0;
}

/// A part of a split: a span under a time split, else a share. The other one is a mistake. False when nothing
/// was read.
bool read_part(const Reader& split, const char* key, Split::Kind kind, std::variant<double, Duration>& part,
               Problems& problems) {
  const YamlNode* node = split.node(key);
  if (node == nullptr || !node->is_scalar() || node->deferred) return false;
  const auto share = parse_share(*node);
  const auto span = duration_of(*node);
  if (kind == Split::Kind::Time) {
    if (span) part = *span;
    if (span || (share && *share == 0)) return true;
    if (share)
      problems
          .add("project.bad_value", fmt::format("`{}` of a time split is a span, not a share", key),
               split.place_of(key))
          .hint = "for example 28d";
    return false;
  }
  if (share) part = *share;
  if (share || !span) return share.has_value();
  problems
      .add("project.bad_value", fmt::format("`{}` is a share unless the split has `time`", key),
           split.place_of(key))
      .hint = "for example 20%";
  return false;
}

Split read_split(const Reader& model, Problems& problems) {
  Split split;
  split.place = model.place_of("split");
  if (!model.has("split")) return split;
  const Reader reader = model.object("split");
  split.place = reader.place();
  split.kind = reader.has("time")    ? Split::Kind::Time
               : reader.has("group") ? Split::Kind::Group
                                     : Split::Kind::Hash;
  split.column = reader.text(split.kind == Split::Kind::Group ? "group" : "time");
  if (split.kind == Split::Kind::Time) split.validation = split.test = Duration{0};
  read_part(reader, "validation", split.kind, split.validation, problems);
  const bool reads_test = read_part(reader, "test", split.kind, split.test, problems);
  split.gap = reader.duration("gap").value_or(Duration{0});
  if (reads_test && is_zero(split.test))
    problems.add("project.bad_value", "the test part is empty", reader.place_of("test")).hint =
        "without test rows there is no verdict";
  if (split.kind != Split::Kind::Time &&
      std::get<double>(split.validation) + std::get<double>(split.test) >= 1)
    problems.add("project.bad_value", "validation and test leave no rows for training", reader.place()).hint =
        "together they are below 100%";
  return split;
}

/// XGBoost would say so only when it is trained, and of no place.
void check_parameter(const YamlEntry& entry, Place place, Problems& problems) {
  const std::string expected = value_of_parameter(entry.key.text);
  if (expected.empty() || !entry.value.is_scalar() || entry.value.deferred) return;
  const std::string& text = entry.value.text;
  const char* end = text.data() + text.size();
  double number = 0;
  int64_t whole = 0;
  const auto parsed = expected == "a number" ? std::from_chars(text.data(), end, number)
                                             : std::from_chars(text.data(), end, whole);
  if (!text.empty() && parsed.ec == std::errc() && parsed.ptr == end) return;
  place.line = entry.value.line;
  place.column = entry.value.column;
  Error& error =
      problems.add("project.bad_value",
                   fmt::format("{} is {}, not '{}'", entry.key.text, expected, entry.value.shown), place);
  error.expected = expected;
}

Train read_train(const Reader& model, Problems& problems) {
  Train train;
  train.place = model.place_of("train");
  const Reader reader = model.object("train");
  train.algorithm = reader.text("algorithm", train.algorithm);
  train.objective = reader.text("objective");
  train.rounds =
      static_cast<int>(std::clamp<int64_t>(reader.integer("rounds").value_or(train.rounds), 0, 100'000));
  train.early_stopping =
      static_cast<int>(std::clamp<int64_t>(reader.integer("early_stopping").value_or(0), 0, 100'000));
  train.seed = reader.integer("seed").value_or(train.seed);
  train.params = reader.json("params");
  if (const YamlNode* params = reader.node("params"); params != nullptr)
    for (const YamlEntry& entry : params->entries) {
      const std::string& name = entry.key.text;
      const auto& known = xgboost_parameters();
      if (std::find(known.begin(), known.end(), name) != known.end()) {
        check_parameter(entry, reader.place(), problems);
        continue;
      }
      Place place = reader.place();
      place.line = entry.key.line;
      place.column = entry.key.column;
      const std::string instead = project_key_of_parameter(name);
      Error& error = problems.add("project.unknown_key",
                                  instead.empty() ? fmt::format("XGBoost has no parameter '{}'", name)
                                                  : fmt::format("'{}' does not belong into `params`", name),
                                  place);
      error.hint = instead.empty() ? did_you_mean(name, known) : "say " + instead;
    }
  return train;
}

GateRule read_rule(const YamlNode& node, Place place) {
  place.line = node.line;
  place.column = node.column;
  const Object& description = *model_object().find("gate")->form.item->object;
  const Reader reader(&node, description, place);
  GateRule rule;
  rule.place = place;
  rule.metric = reader.text("metric");
  rule.min = reader.number("min");
  rule.max = reader.number("max");
  rule.no_worse_by = reader.number("no_worse_by");
  rule.better_by = reader.number("better_by");
  rule.slice = reader.text_map("slice");
  if (const YamlNode* against = reader.node("vs"); against != nullptr) {
    rule.against = against->is_map() ? GateRule::Against::Column : GateRule::Against::Champion;
    if (against->is_map()) rule.column = reader.object("vs").text("column");
  }
  return rule;
}

void judge_model(const Model& model, const Reader& reader, Problems& problems) {
  if (is_zero(model.split.validation)) {
    const auto needs = [&](const char* what, const Place& place) {
      problems
          .add("project.missing_key", fmt::format("{} needs validation rows, and the split has none", what),
               place)
          .hint = model.split.kind == Split::Kind::Time ? "add to split: validation: 14d"
                                                        : "add to split: validation: 20%";
    };
    if (model.train.early_stopping > 0)
      needs("`early_stopping`", reader.object("train").place_of("early_stopping"));
    if (!model.calibrate.empty()) needs("`calibrate`", reader.place_of("calibrate"));
    if (!model.decision.choose.empty()) needs("`choose`", reader.place_of("decision"));
    if (model.conformal_coverage) needs("`conformal`", reader.place_of("conformal"));
  }
  const auto holds = [](const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  if (!model.target.empty() && holds(model.include, model.target))
    problems
        .add("project.bad_value", fmt::format("the target '{}' is among the features", model.target),
             reader.object("features").place_of("include"))
        .hint = "a model that sees its answer learns nothing else";
  if (!model.target.empty() && holds(model.key, model.target))
    problems.add("project.bad_value", fmt::format("the target '{}' is part of the key", model.target),
                 reader.place_of("key"));
  for (const auto& [column, type] : model.types)
    if (holds(model.exclude, column))
      problems
          .add("project.exclusive_keys", fmt::format("column '{}' has a type and is excluded", column),
               reader.place_of("types"))
          .hint = "remove it from one of them";
}

Retrain read_retrain(const Reader& reader) {
  Retrain retrain;
  retrain.place = reader.place();
  retrain.cooldown = reader.duration("cooldown").value_or(retrain.cooldown);
  retrain.min_new_labels = reader.integer("min_new_labels").value_or(retrain.min_new_labels);
  retrain.every_labels = reader.integer("every_labels");
  const auto small = [&](const char* key, int standard) {
    return static_cast<int>(std::clamp<int64_t>(reader.integer(key).value_or(standard), 0, 1'000));
  };
  retrain.max_per_week = small("max_per_week", retrain.max_per_week);
  retrain.stop_after = small("stop_after", retrain.stop_after);
  retrain.hold = reader.duration("hold");
  return retrain;
}

}  // namespace

Model read_model(const std::string& name, const YamlNode& node, const Place& place, Problems& problems) {
  const Reader reader(&node, model_object(), place);
  Model model;
  model.name = name;
  model.place = place;
  model.imported = reader.boolean("imported").value_or(false);
  if (model.imported) return model;
  model.places = reader.places_of({"key", "target", "weight", "types", "slices", "as_of", "where"});
  model.places.merge(reader.object("features").places_of({"include", "exclude"}));
  model.places.merge(reader.object("fairness").places_of({"groups"}));
  model.from = reader.text("from");
  model.key = reader.texts("key");
  model.target = reader.text("target");
  model.as_of = reader.text("as_of");
  model.where = reader.text("where");
  model.include = reader.object("features").texts("include");
  model.exclude = reader.object("features").texts("exclude");
  model.types = reader.text_map("types");
  model.weight = reader.text("weight");
  model.split = read_split(reader, problems);
  model.train = read_train(reader, problems);
  model.calibrate = reader.text("calibrate");
  model.decision.threshold = reader.object("decision").number("threshold");
  model.decision.choose = reader.object("decision").text("choose");
  model.slices = reader.texts("slices");
  model.fairness_groups = reader.object("fairness").texts("groups");
  model.max_categories = static_cast<int>(
      std::clamp<int64_t>(reader.integer("max_categories").value_or(model.max_categories), 2, 1'000'000));
  model.conformal_coverage = reader.object("conformal").share("coverage");
  if (const YamlNode* gate = reader.node("gate"); gate != nullptr)
    for (size_t i = 0; i < gate->items.size(); ++i) {
      Place rule = place;
      rule.what += fmt::format(", gate rule {}", i + 1);
      model.gate.push_back(read_rule(gate->items[i], rule));
    }
  if (reader.has("retrain")) model.retrain = read_retrain(reader.object("retrain"));
  CheckScope scope;
  scope.model = name;
  model.checks = read_checks(reader.node("checks"), model_check_object(), scope, place, problems);
  std::vector<Column> no_columns;
  name_checks(no_columns, model.checks, problems);
  if (model.as_of.empty() && !model.checks.empty())
    problems.add("project.missing_key", "`point_in_time` needs the model's `as_of`", model.checks[0].place)
        .hint = "say when the prediction is made: as_of: scheduled_at - INTERVAL 1 HOUR";
  model.timeout = reader.duration("timeout");
  judge_model(model, reader, problems);
  return model;
}

}  // namespace tidemill::project
