#include "app/draft.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/draft_names.hpp"
#include "app/output.hpp"
#include "app/yaml_text.hpp"
#include "engine/names.hpp"
#include "engine/number_types.hpp"
#include "project/scalar.hpp"
#include "quality/row_rule.hpp"
#include "statistics/intervals.hpp"
#include "training/training.hpp"

namespace tidemill::app {

namespace {

using engine::is_number_type;
using quality::is_time_type;

constexpr int64_t kMostLevels = 1000;  // the default of max_categories
constexpr int64_t kFewLevels = 12;     // accepted_values is suggested up to here
constexpr int64_t kManyRows = 50'000;
constexpr int64_t kMostCounted = 10;  // classes that training finds by itself
constexpr double kTooGood = 0.98;
constexpr double kNearlyAll = 0.95;
constexpr double kFilledTooGood = 0.9;  // values are seldom missing so regularly by accident
constexpr double kDayMicros = 86'400e6;
constexpr double kTestShare = 0.2;
constexpr double kLargestTestShare = 0.4;
// Above what the gate asks at the least, since days have gaps and a hash is not even.
constexpr double kTestBlocks = 1.4 * statistics::kMinBlocks;  // days, or contents of rows
constexpr double kTestRows = 1.5 * training::kMinRowsOfLimit;

const ColumnFacts* find(const DataFacts& data, const std::string& name) {
  for (const ColumnFacts& facts : data.columns)
    if (facts.column.name == name) return &facts;
  return nullptr;
}

bool unique(const DataFacts& data, const ColumnFacts& facts) {
  return facts.nulls == 0 && facts.distinct == data.rows;
}

bool is_whole(const ColumnFacts& facts) {
  return facts.column.type.ends_with("INT") || facts.column.type == "INTEGER";
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

struct Key {
  const ColumnFacts* column = nullptr;  // null: one is made
  std::string note;
};

// Whole numbers or texts, different in every row; best what is called a key, else the first of them.
Key choose_key(const DataFacts& data, const std::string& target) {
  std::vector<const ColumnFacts*> possible;
  for (const ColumnFacts& facts : data.columns) {
    if (facts.column.name == target || !unique(data, facts)) continue;
    if (!facts.written_as.what.empty()) continue;  // a date or measurement that came as text
    if (facts.column.type == "VARCHAR" || facts.column.type == "UUID" || is_whole(facts)) {
      const std::string name = lower(facts.column.name);
      if (name.ends_with("id") || name.ends_with("key"))
        return {&facts, fmt::format("key: {} (unique in all {} rows)", facts.column.name, data.rows)};
      possible.push_back(&facts);
    }
  }
  if (possible.empty()) return {};
  const std::string& name = possible[0]->column.name;
  std::string note = fmt::format("key: {} (unique in all {} rows", name, data.rows);
  if (possible.size() > 1)
    note += fmt::format(", the first of {} such columns", possible.size());
  else if (is_whole(*possible[0]))
    note += ", so it is taken to name the row, not as a feature";
  return {possible[0], note + ")"};
}

double days_of(const ColumnFacts& time) { return (time.high - time.low) / kDayMicros; }

// The share of days that a test part needs for the gate to tell two versions apart.
double test_share(const ColumnFacts& time) {
  const double days = std::min(days_of(time), static_cast<double>(time.distinct));
  return days > 0 ? std::max(kTestShare, kTestBlocks / days) : 1;
}

// Too few days to judge by leave the hash of the key.
const ColumnFacts* choose_time(const DataFacts& data) {
  for (const ColumnFacts& facts : data.columns)
    if (is_time_type(facts.column.type) && facts.nulls == 0 && test_share(facts) <= kLargestTestShare)
      return &facts;
  return nullptr;
}

// What is suggested from one look at the data only warns: what came is not all that may come. An absent or
// doubled value stops.
Json softened(const Json& checks) {
  Json out = Json::array();
  for (Json check : checks) {
    if (check.is_object() && !check.contains("severity")) check["severity"] = "warn";
    out.push_back(std::move(check));
  }
  return out;
}

// A type that the project file has no word for is found in the data as it was here.
bool is_declarable(const std::string& type) {
  project::YamlNode node{.kind = project::YamlNode::Kind::Scalar, .text = type, .shown = type};
  return !project::misfit({project::Scalar::Kind::ColumnType}, node);
}

std::string_view word_of_mixed(const ColumnFacts& facts) {
  return facts.column.type == "VARCHAR" ? "text" : "numbers";
}

std::string column_line(const ColumnFacts& facts, bool is_key) {
  std::vector<std::string> parts;
  if (const std::string type = lower(facts.column.type); is_declarable(type))
    parts.push_back("type: " + yaml_value(type));
  Json checks = softened(facts.checks);
  if (is_key && std::find(checks.begin(), checks.end(), Json("unique")) == checks.end())
    checks.push_back("unique");
  if (!checks.empty()) parts.push_back("checks: " + yaml_flow(checks));
  if (parts.empty()) return "";
  const std::string why = facts.mixed.empty() ? ""
                                              : fmt::format("  # {}: {}", word_of_mixed(facts),
                                                            visible(facts.mixed, Breaks::Show));
  return fmt::format("      {}: {{{}}}{}\n", yaml_key(facts.column.name), fmt::join(parts, ", "), why);
}

struct Training {
  TargetKind kind;        // what training makes of the target
  std::string objective;  // that has to be said for it; empty: none
  std::string note;
};

// Of numbers, training takes 0 and 1 for a yes and no and a few that count from 0 for classes, if it is not
// told.
Training training_of(TargetKind kind, const ColumnFacts& target) {
  if (!is_number_type(target.column.type)) return {kind, "", ""};
  switch (kind) {
    case TargetKind::Binary:
      if (target.low == 0 && target.high == 1) return {kind, "", ""};
      return {TargetKind::Multiclass, "multiclass",
              fmt::format(
                  "objective: multiclass, as {} is {} or {}: for one score and roc_auc make it 0 and 1 in "
                  "the transform",
                  target.column.name, target.low, target.high)};
    case TargetKind::Multiclass:
      return {kind, "multiclass", ""};
    case TargetKind::Regression:
      return {kind, target.distinct <= kMostCounted ? "regression" : "", ""};
  }
  return {kind, "", ""};
}

// "No worse" must be provable: on few rows even an equal model's interval reaches some hundredths down.
std::string gate_of(TargetKind kind, int64_t rows) {
  const double slack = rows < kManyRows ? 0.03 : 0.01;
  const auto rules = [&](std::string_view floor, std::string_view metric) {
    return fmt::format("      - {{{}}}\n      - {{metric: {}, vs: champion, no_worse_by: {}}}\n", floor,
                       metric, slack);
  };
  switch (kind) {
    case TargetKind::Binary:
      return rules("metric: roc_auc, min: 0.55", "roc_auc");
    case TargetKind::Multiclass:
      return rules("metric: accuracy, min: 0.3", "log_loss");
    case TargetKind::Regression:
      return rules("metric: r2, min: 0.0", "r2");
  }
  return "";
}

std::string filled_words(const ColumnFacts& facts, const std::string& target) {
  return fmt::format("is {} almost only where {} is {}", facts.when_filled.filled ? "filled" : "empty",
                     target, facts.when_filled.of);
}

// The name's last word, as "id" of customer_id and customerId and "no" of "Order No.".
std::string last_word(const std::string& name) {
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const auto is_lower = [](char c) { return std::islower(static_cast<unsigned char>(c)) != 0; };
  size_t end = name.size();
  while (end > 0 && !is_letter(name[end - 1])) --end;
  size_t start = end;
  while (start > 0 && is_letter(name[start - 1]) &&
         !(start < end && is_lower(name[start - 1]) && !is_lower(name[start])))
    --start;
  return lower(name.substr(start, end - start));
}

// Called as a key is, and different in nearly every row.
bool names_nearly_every_row(const DataFacts& data, const ColumnFacts& facts) {
  constexpr std::array kWords{"id", "uuid", "guid", "key", "nr", "no", "number"};
  const bool is_name = facts.column.type == "VARCHAR" || facts.column.type == "UUID" || is_whole(facts);
  return is_name && !unique(data, facts) &&
         std::ranges::find(kWords, last_word(facts.column.name)) != kWords.end() &&
         static_cast<double>(facts.distinct) >= kNearlyAll * static_cast<double>(data.rows);
}

// Columns that cannot be features as they are, each with its reason.
std::vector<std::pair<std::string, std::string>> unfit(const DataFacts& data, const std::string& key,
                                                       const std::string& target) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const ColumnFacts& facts : data.columns) {
    const std::string& name = facts.column.name;
    if (name == key || name == target) continue;
    if (facts.distinct <= 1)
      out.emplace_back(name, "has one value only");
    else if (!facts.written_as.what.empty())
      out.emplace_back(name, fmt::format("is {}: make it one in the transform: {}", facts.written_as.what,
                                         facts.written_as.sql));
    else if (is_time_type(facts.column.type) && facts.when_filled.auc >= kFilledTooGood)
      out.emplace_back(name, fmt::format("is a time that {}", filled_words(facts, target)));
    else if (is_time_type(facts.column.type))
      out.emplace_back(name, "is a time: make features of it in the transform (hour, weekday, age)");
    else if (names_nearly_every_row(data, facts))
      out.emplace_back(
          name, fmt::format(
                    "looks like a key, though only {} of {} are different (rows that came twice?): strike it "
                    "from `exclude` to learn from it",
                    facts.distinct, data.rows));
    else if (facts.column.type == "VARCHAR" && (facts.distinct > kMostLevels || unique(data, facts)))
      out.emplace_back(name, fmt::format("has {} different texts", facts.distinct));
    else if (!is_number_type(facts.column.type) && facts.column.type != "VARCHAR" &&
             facts.column.type != "BOOLEAN")
      out.emplace_back(name, fmt::format("is {}", facts.column.type));
    else if (is_number_type(facts.column.type) && unique(data, facts) && lower(name).ends_with("id"))
      out.emplace_back(name, "names the row");
  }
  return out;
}

// A name that no column has.
std::string free_name(const DataFacts& data, std::string name) {
  const auto taken = [&](const ColumnFacts& facts) { return engine::same_name(facts.column.name, name); };
  while (std::ranges::any_of(data.columns, taken)) name += "_";
  return name;
}

// A selection names tables and models alike.
std::string model_name(const DataFacts& data, const std::string& target) {
  const std::string name = legal_name(target, "target") + "_model";
  return name == data.table || project::is_reserved_name(name) ? "my_" + name : name;
}

// Columns that the transform makes; empty: it does not.
struct Made {
  std::string key;
  std::string content;  // equal in rows that differ in nothing but the target
};

std::string transform_of(const DataFacts& data, const std::string& target, const Made& made) {
  const std::string table = engine::quote_name(data.table);
  std::string out =
      fmt::format("-- What is known of each row when its {} is to be predicted. Add features here.\n",
                  visible(target, Breaks::Show));
  if (made.key.empty()) return out + fmt::format("SELECT *\nFROM {}\n", table);
  out += fmt::format(
      "-- No column names a row, so {} is a hash of it; the number behind tells equal rows apart.\n",
      made.key);
  if (!made.content.empty())
    out += fmt::format("-- Rows of one {} are equal but for the target: the split keeps them on one side.\n",
                       made.content);
  out += fmt::format(
      "SELECT md5(CAST({0} AS VARCHAR)) || '-' || row_number() OVER (PARTITION BY md5(CAST({0} AS VARCHAR))) "
      "AS {1},\n",
      table, made.key);
  if (!made.content.empty())
    out += fmt::format("  md5(concat_ws('|', *COLUMNS(* EXCLUDE ({})))) AS {},\n", engine::quote_name(target),
                       made.content);
  return out + fmt::format("  *\nFROM {}\n", table);
}

}  // namespace

Result<Draft> draft_project(const std::string& name, const DataFacts& data, const std::string& target) {
  TM_TRY(const TargetKind kind, kind_of_target(data, target));
  Draft draft;
  draft.transform_name = "features";
  const Key chosen = choose_key(data, target);
  const ColumnFacts* key_column = chosen.column;
  const ColumnFacts* time = choose_time(data);
  Made made;
  if (key_column == nullptr) made.key = free_name(data, "row_id");
  // Few contents, as of a few categories, leave no test part; and their equal rows are no copies.
  if (key_column == nullptr && time == nullptr &&
      kTestShare * static_cast<double>(data.contents) >= kTestBlocks)
    made.content = free_name(data, "row_content");
  const std::string key = key_column != nullptr ? key_column->column.name : made.key;
  const std::string model = model_name(data, target);
  draft.transform_sql = transform_of(data, target, made);
  draft.notes.push_back(key_column != nullptr
                            ? chosen.note
                            : fmt::format("key: {}, made from the row's content, as no column looks like one "
                                          "(whole numbers or texts, different in every row)",
                                          key));
  const Training training = training_of(kind, *find(data, target));
  if (!training.note.empty()) draft.notes.push_back(training.note);

  std::string& out = draft.project_file;
  out = fmt::format(
      "# Drafted from {}: {} rows. Every line is yours to change; tidemill schema describes all keys.\nname: "
      "{}\n\nsources:\n  {}:\n    path: {}\n",
      visible(data.path, Breaks::Show), data.rows, yaml_value(name), data.table, yaml_value(data.path));
  if (key_column != nullptr) out += fmt::format("    key: {}\n", yaml_value(key));
  out += fmt::format(
      "    checks:\n      - row_count: {{min: {}}}  # half of today's: a file cut short stops here\n",
      data.rows / 2);
  std::string columns;
  for (const ColumnFacts& facts : data.columns) columns += column_line(facts, &facts == key_column);
  if (!columns.empty()) out += "    columns:\n" + columns;

  out += fmt::format("\nmodels:\n  {}:\n    from: features\n    key: {}\n    target: {}\n", model,
                     yaml_value(key), yaml_value(target));
  if (find(data, target)->nulls > 0)
    out += fmt::format("    where: {}\n", yaml_value(engine::quote_name(target) + " IS NOT NULL"));
  const auto excluded = unfit(data, key, target);
  if (!excluded.empty()) {
    out += "    features:\n      exclude:\n";
    for (const auto& [column, reason] : excluded)
      out += fmt::format("        - {}  # {}\n", yaml_value(column), visible(reason, Breaks::Show));
  }
  double share = kTestShare;
  if (time != nullptr) {
    const auto days = static_cast<int64_t>(days_of(*time));
    share = test_share(*time);
    out += fmt::format(
        "    split: {{time: {}, validation: {}d, test: {}d}}  # the newest rows judge, as in life\n",
        yaml_value(time->column.name), std::max<int64_t>(1, days * 15 / 100),
        std::max<int64_t>(1, static_cast<int64_t>(std::floor(share * static_cast<double>(days)))));
    draft.notes.push_back(
        share > kTestShare
            ? fmt::format("split: by {}, the newest {:.0f} % are for the test", time->column.name,
                          100 * share)
            : fmt::format("split: by {}, the newest fifth is for the test", time->column.name));
  } else {
    share = std::clamp(kTestRows / static_cast<double>(data.rows), kTestShare, kLargestTestShare);
    const std::string shares = fmt::format("validation: 20%, test: {:.0f}%", 100 * share);
    if (made.content.empty()) {
      out += fmt::format("    split: {{{}}}  # by a hash of the key: a row never changes sides\n", shares);
      draft.notes.push_back(
          "split: by a hash of the key; if rows have a time or belong to groups, split by that instead");
    } else {
      out +=
          fmt::format("    split: {{group: {}, {}}}  # equal rows stay on one side\n", made.content, shares);
      draft.notes.push_back(
          "split: by a hash of the row's content, so that equal rows stay on one side; if rows have a time "
          "or "
          "belong to groups, split by that instead");
    }
  }
  out += fmt::format(
      "    train: {{{}algorithm: xgboost, rounds: 300, early_stopping: 20, seed: 42, params: {{max_depth: 6, "
      "eta: 0.1}}}}\n",
      training.objective.empty() ? "" : fmt::format("objective: {}, ", training.objective));
  if (share * static_cast<double>(data.rows) < kTestRows)
    draft.notes.push_back(fmt::format(
        "gate: none, as {} rows leave too few to judge by: every version becomes champion", data.rows));
  else
    out += "    gate:\n" + gate_of(training.kind, data.rows);
  out += fmt::format("\ndeployments:\n  {0}: {{model: {0}@champion}}\n", model);

  for (const ColumnFacts& facts : data.columns)
    if (!facts.mixed.empty())
      draft.notes.push_back(fmt::format("{}: {}: {}", word_of_mixed(facts), facts.column.name, facts.mixed));
  for (const auto& [column, reason] : excluded)
    draft.notes.push_back(fmt::format("not a feature: {} {}", column, reason));
  for (const ColumnFacts& facts : data.columns) {
    const std::string& column = facts.column.name;
    if (column == target || column == key) continue;
    const std::string question = "is it known before the outcome, or is it a consequence of it? If so,";
    if (facts.when_filled.auc >= kFilledTooGood)
      draft.warnings.push_back(fmt::format("{} {} (AUC {:.3f}): {} exclude it, and make no features of it",
                                           column, filled_words(facts, target), facts.when_filled.auc,
                                           question));
    else if (facts.alone >= kTooGood)
      draft.warnings.push_back(
          fmt::format("{} alone tells {} almost surely ({} {:.3f}): {} exclude it", column, target,
                      kind == TargetKind::Regression ? "|correlation|" : "AUC", facts.alone, question));
  }
  return draft;
}

}  // namespace tidemill::app
