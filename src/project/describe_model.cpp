// Models: what is learned, from what, how, and what a version must prove.
#include "project/describe.hpp"

namespace tidemill::project {

using Target = Scalar::Target;

namespace {

constexpr double kMaxRounds = 100'000;
constexpr size_t kMaxColumns = 10'000;

const Object& features_object() {
  static const Object described{
      "features",
      "Which columns of the table are features. Key, target, weight and as_of's columns are no features "
      "unless included.",
      {{"include", list_of(scalar(column_name()), 1, kMaxColumns), "Only these columns."},
       {"exclude", list_of(scalar(column_name()), 0, kMaxColumns),
        "All columns but these. A column that is new since the champion is an error until it is named."}},
      {{"include", "exclude"}}};
  return described;
}

const Object& split_object() {
  static const Object described{
      "split",
      "How rows are divided into training, validation and test: by time (the newest rows test), by group (a "
      "group never stands on both sides), or by a hash of the key.",
      {{"time", scalar(column_name()), "Split by this column's time."},
       {"group", scalar(column_name()), "Split by this column's values."},
       {"gap", scalar(duration()), "With time: rows left out between the spans.", "0s"},
       {"validation", any_of(share(), duration()),
        "The part for early stopping, calibration and the decision: a span with time, else a share.",
        "20%; with time: none"},
       {"test", any_of(share(), duration()), "The part for the verdict only.",
        "20%; with time it must be given"}},
      {{"time", "group"}},
      {},
      "split: {time: scheduled_at, gap: 1d, validation: 14d, test: 28d}",
      {{"gap", {"time"}, "a gap lies between spans of time"},
       {"time", {"test"}, "a time split says how long its test span is: test: 28d"}}};
  return described;
}

const Object& train_object() {
  static const Object described{
      "train",
      "How the model learns.",
      {{"algorithm", scalar(words({"xgboost"})), "The learner.", "xgboost"},
       {"objective", scalar({Scalar::Kind::Objective}), "What is learned.",
        "from the target: bool, 0/1 or two texts is binary, more texts or whole numbers from 0 to at most 9 "
        "multiclass, else regression"},
       {"rounds", scalar(whole(1, kMaxRounds)),
        "The number of trees, or the most of them with early stopping.", "100"},
       {"early_stopping", scalar(whole(0, kMaxRounds)),
        "Stop after so many rounds without gain on validation; 0: never.", "0"},
       {"seed", scalar(whole(0, 2147483647)),
        "The same data, seed and version give the same model, bit by bit.", "42"},
       {"params", map_of(text(), scalar(any_value()), "parameter"),
        "XGBoost's own parameters, by its names."}}};
  return described;
}

const Object& decision_object() {
  static const Object described{"decision",
                                "From which score on the answer is yes.",
                                {{"threshold", scalar(real(0, 1)), "A fixed threshold.", "0.5"},
                                 {"choose", scalar({Scalar::Kind::DecisionRule}),
                                  "Choose it on validation: the best f1, youden or accuracy, or the least "
                                  "score with such a precision or recall."}},
                                {{"threshold", "choose"}},
                                {{"threshold", "choose"}}};
  return described;
}

const Object& fairness_object() {
  static const Object described{"fairness",
                                "Groups over which decisions are compared. Their columns are never features "
                                "unless also included; where the champion learned from one, plan and run "
                                "say so. Of each group of a binary model's test rows the "
                                "version's metrics and card show the selection rate, true and false "
                                "positive rate, and the difference and ratio between groups of at least "
                                "100 rows: demographic parity and equal opportunity. A gate rule judges "
                                "groups like any slice: slice: {sex: \"*\"}.",
                                {{"groups", list_of(scalar(column_name()), 1, 20),
                                  "Columns that name the groups.", "", Key::Need::Required}}};
  return described;
}

const Object& conformal_object() {
  static const Object described{
      "conformal",
      "Intervals around a regression's predictions, by split-conformal prediction.",
      {{"coverage", scalar(share(0.01, 0.999)), "The share of truths that the intervals shall hold.", "",
        Key::Need::Required}}};
  return described;
}

const Object& naive_object() {
  static const Object described{"naive forecast",
                                "A column of the model's table that forecasts the target without learning.",
                                {{"column", scalar(column_name()), "The column.", "", Key::Need::Required}}};
  return described;
}

const Object& gate_object() {
  static const Object described{
      "gate rule",
      "A condition that a version must meet before it becomes champion: a limit, or a comparison on the same "
      "rows. A limit on fewer than 30 test rows, and a comparison on fewer than 10 days, groups or rows (by "
      "the "
      "kind of split), cannot be told and fail.",
      {{"metric", scalar(metric()), "What is judged, on the test rows.", "", Key::Need::Required},
       {"min", scalar(real()), "It must be at least this."},
       {"max", scalar(real()), "It must be at most this."},
       {"vs", either(object(naive_object()), scalar(words({"champion"}))),
        "Compare with the champion, or with a naive forecast in a column."},
       {"no_worse_by", scalar(real(0)), "It may be worse by at most this; whether more is better is known."},
       {"better_by", scalar(real(0)), "It must be better by at least this."},
       {"slice", map_of(column_name(), scalar(any_value()), "column"),
        "Judge only the rows where the columns have these values; \"*\" judges each value alone. "
        "Slices with fewer than 50 rows of a class are not judged.",
        "all rows"}},
      {{"min", "vs"}, {"max", "vs"}, {"no_worse_by", "better_by"}, {"min", "max"}},
      {{"min", "max", "vs"}},
      "gate:\n  - {metric: roc_auc, min: 0.65}\n  - {metric: roc_auc, vs: champion, no_worse_by: 0.005}",
      {{"vs", {"no_worse_by", "better_by"}, "for example no_worse_by: 0.005"},
       {"no_worse_by", {"vs"}, "say what it is compared with: vs: champion"},
       {"better_by", {"vs"}, "say what it is compared with: vs: champion"}}};
  return described;
}

const Object& retrain_object() {
  static const Object described{
      "retrain",
      "When a model is trained again by itself: by monitors whose `on_fail` says retrain, by schedules, and "
      "by new labels. "
      "What passes the gate goes through the deployment's `rollout`.",
      {{"cooldown", scalar(duration()), "Not before so long after the last one ended.", "24h"},
       {"min_new_labels", scalar(whole(0)), "Not before so many labels are new since it was trained last.",
        "0"},
       {"every_labels", scalar(whole(1)),
        "So many labels that are new since it was trained last begin one. Labels of its deployment's "
        "predictions, so that one needs `log`.",
        "never"},
       {"max_per_week", scalar(whole(0, 1'000)),
        "At most so many within seven days. Schedules and persons are not bound by these four.", "3"},
       {"stop_after", scalar(whole(1, 1'000)),
        "After so many rejections in a row none begins by itself until a person begins one.", "3"},
       {"hold", scalar(duration()),
        "How long a rollback holds promotion of the model, unless a person releases it before.",
        "until a person releases it"}},
      {},
      {},
      "retrain: {cooldown: 24h, min_new_labels: 500, max_per_week: 3}"};
  return described;
}

}  // namespace

const Object& model_object() {
  static const Object described{
      "model",
      "A named thing to learn.",
      {{"from", scalar(reference(Target::Table)), "The table with one row for each thing to learn from.", "",
        Key::Need::Required},
       {"key", one_or_list(column_name()),
        "The column or columns that name a row. Training refuses two rows with the same.", "",
        Key::Need::Required},
       {"target", scalar(column_name()),
        "The column to predict. Of two texts the one that comes last in the alphabet is the positive class, "
        "whose "
        "probability the score is.",
        "", Key::Need::Required},
       {"as_of", scalar(sql_text()),
        "The instant of the prediction, as an SQL expression over the table: nothing known later may be "
        "used. Where a source has a `time_column`, that is proved before training, as a check "
        "`point_in_time` would."},
       {"where", scalar(sql_text()), "Rows to train and judge on, as an SQL condition; serving ignores it.",
        "all rows"},
       {"features", object(features_object()), "Which columns are features.",
        "all but key, target and weight"},
       {"types", map_of(column_name(), scalar(words({"category", "numeric"})), "column"),
        "How columns are taken. A feature of another kind than the champion's is an error until it "
        "stands here.",
        "text is a category, all else numeric"},
       {"weight", scalar(column_name()), "A column with each row's weight.", "all rows weigh the same"},
       {"split", object(split_object()), "How rows are divided.",
        "by a hash of the key: 60 % training, 20 % validation, 20 % test"},
       {"train", object(train_object()), "How the model learns."},
       {"calibrate", scalar(words({"isotonic", "platt"})), "Make scores probabilities, on validation.",
        "no calibration"},
       {"decision", object(decision_object()), "From which score on the answer is yes.", "0.5"},
       {"slices", list_of(scalar(column_name()), 0, 100), "Columns by whose values metrics are shown."},
       {"fairness", object(fairness_object()), "Groups over which decisions are compared."},
       {"max_categories", scalar(whole(2, 1'000'000)), "The most different values a category may have.",
        "1000"},
       {"conformal", object(conformal_object()), "Intervals for regression."},
       {"gate", list_of(object(gate_object()), 0, 100), "What a version must meet.",
        "nothing: every version becomes champion"},
       {"retrain", object(retrain_object()), "When it is trained again by itself."},
       {"checks", checks_form(model_check_object()), "Proofs about the model's data."},
       {"timeout", scalar(positive_duration()), "The longest time that training may take.", "no limit"},
       {"imported", scalar(yes_or_no()),
        "Its versions were trained elsewhere and come by `tidemill models import`: there is nothing to "
        "learn, "
        "and nothing else to say.",
        "false"}},
      {},
      {},
      "late:\n  from: features\n  key: flight_id\n  target: is_late\n  split: {time: scheduled_at, gap: 1d, "
      "validation: 14d, test: 28d}\n"
      "  train: {rounds: 300, early_stopping: 20}\n  gate: [{metric: roc_auc, min: 0.65}]\nbought: "
      "{imported: true}",
      {},
      "imported"};
  return described;
}

}  // namespace tidemill::project
