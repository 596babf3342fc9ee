// Checks: what each kind takes, and the options they share. A check is a word (`not_null`) or a map with one
// kind and options.
#include "project/describe.hpp"

namespace tidemill::project {

namespace {

using Target = Scalar::Target;

constexpr double kMaxRows = 1e15;
constexpr size_t kMaxColumnsOfCheck = 100;
constexpr size_t kMaxAcceptedValues = 10'000;

const Object& nothing_object() {
  static const Object described{"nothing", "This kind takes no arguments.", {}};
  return described;
}

const Object& values_object() {
  static const Object described{"accepted values",
                                "The values a column may have. The short form is the list alone.",
                                {{"values", list_of(scalar(any_value()), 1, kMaxAcceptedValues),
                                  "The values that are accepted.", "", Key::Need::Required}}};
  return described;
}

Form bound() { return any_of({Scalar::Kind::Number}, {Scalar::Kind::Text}); }

const Object& range_object() {
  static const Object described{
      "range",
      "Bounds of a column's values, both included. The short form is `[min, max]`, where ~ leaves a side "
      "open.",
      {{"min", bound(), "The least value: a number, or a date or time as text.", "no bound"},
       {"max", bound(), "The greatest value.", "no bound"}},
      {},
      {{"min", "max"}}};
  return described;
}

const Object& pattern_object() {
  static const Object described{
      "pattern",
      "A regular expression (RE2) that the whole text must match. The short form is the expression alone.",
      {{"pattern", scalar(text()), "The expression.", "", Key::Need::Required}}};
  return described;
}

const Object& length_object() {
  static const Object described{
      "length",
      "Bounds of a text's length in characters. The short forms are `[min, max]` and one number.",
      {{"min", scalar(whole(0)), "The least length.", "no bound"},
       {"max", scalar(whole(0)), "The greatest length.", "no bound"}},
      {},
      {{"min", "max"}}};
  return described;
}

const Object& type_object() {
  static const Object described{
      "column type",
      "The type a column must have. The short form is the type alone.",
      {{"type", scalar({Scalar::Kind::ColumnType}), "An SQL type.", "", Key::Need::Required}}};
  return described;
}

const Object& row_count_object() {
  static const Object described{
      "row count",
      "Bounds of the number of rows. They scale with an environment's `sample`. The short form is `[min, "
      "max]`.",
      {{"min", scalar(whole(0, kMaxRows)), "The least number of rows.", "no bound"},
       {"max", scalar(whole(0, kMaxRows)), "The greatest number of rows.", "no bound"}},
      {},
      {{"min", "max"}}};
  return described;
}

const Object& freshness_check_object() {
  static const Object described{
      "freshness check",
      "How old the newest row may be. The short form is a duration, which means `error_after`.",
      {{"column", scalar(column_name()), "The column with the rows' times.", "the source's time_column"},
       {"warn_after", scalar(duration()), "Warn when the newest row is older.", "never"},
       {"error_after", scalar(duration()), "Fail when the newest row is older.", "never"}},
      {},
      {{"warn_after", "error_after"}}};
  return described;
}

const Object& relationship_object() {
  static const Object described{
      "relationship",
      "Every value must exist in another table's column; NULL passes. The short form is `table.column`.",
      {{"table", scalar(reference(Target::Table)), "The other table.", "", Key::Need::Required},
       {"column", scalar(column_name()), "Its column.", "", Key::Need::Required}}};
  return described;
}

const Object& sql_object() {
  static const Object described{
      "sql",
      "For `expression` a condition on a row: a row where it is not true fails, NULL passes. For `sql` a "
      "query: each row it "
      "returns is a failure. The short form is the SQL alone.",
      {{"sql", scalar(sql_text()), "The condition or the query.", "", Key::Need::Required}}};
  return described;
}

const Object& compare_object() {
  static const Object described{
      "comparison",
      "Compares this table with another: the number of rows, the sum of a column, or an SQL expression over "
      "each.",
      {{"table", scalar(reference(Target::Table)), "The other table.", "", Key::Need::Required},
       {"column", scalar(column_name()), "Compare the sums of this column.",
        "the number of rows is compared"},
       {"sql", scalar(sql_text()), "Compare this aggregate over both tables.", ""},
       {"tolerance", scalar(share()), "The relative difference that is allowed.", "0"}},
      {{"column", "sql"}}};
  return described;
}

const Object& point_in_time_object() {
  static const Object described{"point in time",
                                "Proves that no feature knows what was not known at `as_of`: everything "
                                "later is blanked for a sample of rows, the "
                                "transforms run again, and the features must be the same.",
                                {{"model", scalar(reference(Target::Model)),
                                  "The model whose `as_of` counts, where the check stands on a table.",
                                  "the model the check stands on"},
                                 {"sample", scalar(whole(1, 10'000)), "How many rows are tried.", "20"}}};
  return described;
}

const Object& distribution_object() {
  static const Object described{
      "distribution",
      "How far a column's distribution may lie from a reference's.",
      {{"reference", scalar(reference(Target::TableOrPrevious)),
        "A table, or `previous`: the snapshot that was live before this one.", "previous"},
       {"column", scalar(column_name()), "The column, where the check stands on the table.",
        "the column the check stands on"},
       {"statistic", scalar(words({"psi", "ks", "wasserstein"})),
        "The distance: population stability index, Kolmogorov–Smirnov's D, or Wasserstein-1 over the "
        "reference's standard deviation.",
        "psi"},
       {"max", scalar(real(0)), "The greatest distance that passes.", "", Key::Need::Required}}};
  return described;
}

Scalar anomaly_metric() {
  return words({"row_count", "null_share", "distinct_count", "mean", "sum", "min", "max", "stddev"});
}

const Object& anomaly_object() {
  static const Object described{
      "anomaly",
      "Compares a number of today's table with its own history. The short form is the metric alone.",
      {{"metric", scalar(anomaly_metric()), "The number that is watched.", "", Key::Need::Required},
       {"column", scalar(column_name()), "The column, where the check stands on the table.",
        "the column the check stands on"},
       {"z", scalar(real(0, 1000)), "How many standard deviations from the expected value are too many.",
        "3"},
       {"season", scalar(words({"none", "day", "week", "month"})),
        "Compare with the same time of day, day of the week or day of the month.", "none"}}};
  return described;
}

enum class On { Column, Table, Model };

Form no_arguments(On on) {
  Form form = nullable(object(nothing_object()));
  return on == On::Table ? either(form, one_or_list(column_name())) : form;
}

Object make_check(std::string name, On on) {
  Object check;
  check.name = std::move(name);
  check.doc =
      "A rule: exactly one kind, with its arguments, and options. A kind without arguments may stand as a "
      "bare word: `not_null`.";
  const auto kind = [&](const char* key, Form form, const char* doc) {
    check.keys.push_back({key, std::move(form), doc});
  };
  if (on != On::Model) {
    kind("not_null", no_arguments(on),
         on == On::Table ? "The columns named have a value in every row."
                         : "The column has a value in every row.");
    kind("unique", no_arguments(on),
         on == On::Table ? "No two rows have the same values in the columns named, taken together."
                         : "No two rows have the same value.");
    kind("accepted_values",
         either(object(values_object()), list_of(scalar(any_value()), 1, kMaxAcceptedValues)),
         "Every value is one of these; NULL passes.");
    kind("range", either(object(range_object()), list_of(nullable(bound()), 2, 2)),
         "Every value lies between the bounds; NULL passes.");
    kind("regex", either(object(pattern_object()), scalar(text())), "Every text matches; NULL passes.");
    kind("length",
         either(object(length_object()), either(list_of(nullable(scalar(whole(0))), 2, 2), scalar(whole(0)))),
         "Every text has such a length; NULL passes.");
    kind("type", either(object(type_object()), scalar({Scalar::Kind::ColumnType})),
         "The column has this type.");
    kind("relationships", either(object(relationship_object()), scalar({Scalar::Kind::TableColumn})),
         "Every value exists in another table.");
    kind("freshness", either(object(freshness_check_object()), scalar(duration())),
         "The newest row is not too old.");
    kind("expression", either(object(sql_object()), scalar(sql_text())), "A condition holds in every row.");
    kind("distribution", object(distribution_object()), "The column's distribution has not moved away.");
    kind("anomaly", either(object(anomaly_object()), scalar(anomaly_metric())),
         "A number of the table is what its history lets expect.");
  }
  if (on == On::Table) {
    kind("row_count", either(object(row_count_object()), list_of(nullable(scalar(whole(0, kMaxRows))), 2, 2)),
         "The table has so many rows.");
    kind("sql", either(object(sql_object()), scalar(sql_text())), "A query that returns the rows that fail.");
    kind("compare", either(object(compare_object()), scalar(reference(Target::Table))),
         "The table agrees with another.");
  }
  if (on != On::Column)
    kind("point_in_time", nullable(object(point_in_time_object())), "No feature knows the future.");
  std::vector<std::string> kinds = check.key_names();
  check.at_most_one = {kinds};
  check.at_least_one = {kinds};
  if (on == On::Table)
    check.keys.push_back(
        {"column", either(scalar(column_name()), list_of(scalar(column_name()), 1, kMaxColumnsOfCheck)),
         "The column or columns that the rule is about.", "the whole table"});
  check.keys.push_back({"severity", scalar(words({"error", "warn"})),
                        "`error` stops what is downstream, `warn` only reports.", "error"});
  check.keys.push_back(
      {"on_fail", scalar(words({"stop", "quarantine", "continue"})),
       "`quarantine` sets the failing rows aside and publishes the others; `continue` publishes all.",
       "stop"});
  if (on != On::Model) {
    check.keys.push_back(
        {"mostly", scalar(share()), "The rule passes when at least this share of the rows does.", "100%"});
    check.keys.push_back({"where", scalar(sql_text()),
                          "Judge only the rows for which this SQL condition is true.", "all rows"});
    check.keys.push_back({"warn_if", scalar({Scalar::Kind::FailLimit}),
                          "Warn when more rows, or a greater share of them, fail.", ""});
    check.keys.push_back({"error_if", scalar({Scalar::Kind::FailLimit}),
                          "Fail when more rows, or a greater share of them, fail.", ""});
    check.at_most_one.push_back({"mostly", "error_if"});
  }
  check.keys.push_back({"name", scalar(text()), "What reports call it.", "kind(column)"});
  return check;
}

}  // namespace

const Object& column_check_object() {
  static const Object described = make_check("column check", On::Column);
  return described;
}
const Object& table_check_object() {
  static const Object described = make_check("table check", On::Table);
  return described;
}
const Object& model_check_object() {
  static const Object described = make_check("model check", On::Model);
  return described;
}

Form checks_form(const Object& check) {
  constexpr size_t kMaxChecks = 1'000;
  std::vector<std::string> bare;
  for (const Key& key : check.keys)
    if (key.form.object != nullptr && key.form.nullable &&
        (key.form.object == &nothing_object() || key.form.object == &point_in_time_object()) &&
        !key.form.item)
      bare.push_back(key.name);
  Form item = object(check);
  if (!bare.empty()) item = either(item, scalar(words(bare)));
  return list_of(item, 0, kMaxChecks);
}

}  // namespace tidemill::project
