#include "app/draft.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/binder.hpp"
#include "engine/number_types.hpp"
#include "quality/row_rule.hpp"
#include "statistics/intervals.hpp"
#include "training/training.hpp"

namespace tidemill::app {

namespace {

using engine::is_number_type;
using quality::is_time_type;

constexpr int64_t kFewestRows = 50;
constexpr int64_t kMostClasses = 20;
constexpr int64_t kMostLevels = 1000;  // the default of max_categories
constexpr int64_t kFewLevels = 12;     // accepted_values is suggested up to here
constexpr int64_t kManyRows = 50'000;
constexpr double kTooGood = 0.98;
constexpr double kDayMicros = 86'400e6;
constexpr double kTestShare = 0.2;
constexpr double kLargestTestShare = 0.4;
// Above what the gate asks at the least, since days have gaps and a hash is not even.
constexpr double kTestDays = 1.4 * statistics::kMinBlocks;
constexpr double kTestRows = 1.5 * training::kMinRowsOfLimit;

const ColumnFacts* find(const DataFacts& data, const std::string& name) {
  for (const ColumnFacts& facts : data.columns)
    if (facts.column.name == name) return &facts;
  return nullptr;
}

bool unique(const DataFacts& data, const ColumnFacts& facts) {
  return facts.nulls == 0 && facts.distinct == data.rows;
}

// A plain word needs no quotes in YAML; the words YAML reads as something else do.
std::string yaml(const std::string& text) {
  const bool plain = !text.empty() &&
                     std::all_of(text.begin(), text.end(),
                                 [](char c) {
                                   return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                          (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '.' ||
                                          c == '-';
                                 }) &&
                     ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z') ||
                      text[0] == '_' || text[0] == '.' || text[0] == '/');
  std::string lower = text;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* word :
       {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", ".nan", ".inf"})
    if (lower == word) return "\"" + text + "\"";
  if (plain) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// The key: a unique column, best one that is called so.
const ColumnFacts* choose_key(const DataFacts& data, const std::string& target) {
  const ColumnFacts* best = nullptr;
  for (const ColumnFacts& facts : data.columns) {
    if (facts.column.name == target || !unique(data, facts)) continue;
    const bool integer_or_text = facts.column.type == "VARCHAR" || facts.column.type == "UUID" ||
                                 facts.column.type.ends_with("INT") || facts.column.type == "INTEGER";
    if (!integer_or_text) continue;
    const std::string name = lower(facts.column.name);
    if (name == "id" || name.ends_with("_id") || name.ends_with("id") || name.ends_with("key")) return &facts;
    if (best == nullptr && facts.column.type == "VARCHAR")
      best = &facts;  // an unnamed integer may be a measurement
  }
  return best;
}

double days_of(const ColumnFacts& time) { return (time.high - time.low) / kDayMicros; }

// The share of days that a test part needs for the gate to tell two versions apart.
double test_share(const ColumnFacts& time) {
  const double days = std::min(days_of(time), static_cast<double>(time.distinct));
  return days > 0 ? std::max(kTestShare, kTestDays / days) : 1;
}

// Too few days to judge by leave the hash of the key.
const ColumnFacts* choose_time(const DataFacts& data) {
  for (const ColumnFacts& facts : data.columns)
    if (is_time_type(facts.column.type) && facts.nulls == 0 && test_share(facts) <= kLargestTestShare)
      return &facts;
  return nullptr;
}

// A JSON value as YAML in flow style, without needless quotes.
std::string flow(const Json& json) {
  std::vector<std::string> parts;
  if (json.is_array()) {
    for (const Json& item : json) parts.push_back(flow(item));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (json.is_object()) {
    for (const auto& [key, value] : json.items())
      parts.push_back(fmt::format("{}: {}", yaml(key), flow(value)));
    return fmt::format("{{{}}}", fmt::join(parts, ", "));
  }
  return json.is_string() ? yaml(json.get<std::string>()) : to_text(json);
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

std::string column_line(const ColumnFacts& facts, bool is_key) {
  std::string line =
      fmt::format("      {}: {{type: {}", yaml(facts.column.name), yaml(lower(facts.column.type)));
  Json checks = softened(facts.checks);
  if (is_key && std::find(checks.begin(), checks.end(), Json("unique")) == checks.end())
    checks.push_back("unique");
  if (!checks.empty()) line += ", checks: " + flow(checks);
  return line + "}\n";
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

// Columns that cannot be features as they are, each with its reason.
std::vector<std::pair<std::string, std::string>> unfit(const DataFacts& data, const std::string& key,
                                                       const std::string& target) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const ColumnFacts& facts : data.columns) {
    const std::string& name = facts.column.name;
    if (name == key || name == target) continue;
    if (facts.distinct <= 1)
      out.emplace_back(name, "has one value only");
    else if (is_time_type(facts.column.type))
      out.emplace_back(name, "is a time: make features of it in the transform (hour, weekday, age)");
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

}  // namespace

Result<TargetKind> kind_of_target(const DataFacts& data, const std::string& target) {
  const ColumnFacts* facts = find(data, target);
  if (facts == nullptr) {
    std::vector<std::string> names;
    for (const ColumnFacts& column : data.columns) names.push_back(column.column.name);
    return user_error("init.target", fmt::format("the file has no column '{}'", target), {.file = data.path},
                      did_you_mean(target, names));
  }
  if (data.rows - facts->nulls < kFewestRows)
    return data_error("init.too_few_rows",
                      fmt::format("{} rows have a '{}' (at least {} are needed)", data.rows - facts->nulls,
                                  target, kFewestRows),
                      {.file = data.path});
  if (facts->distinct < 2)
    return data_error("init.target",
                      fmt::format("'{}' has one value only: there is nothing to learn", target),
                      {.file = data.path});
  if (facts->distinct == 2) return TargetKind::Binary;
  const bool whole = facts->column.type.ends_with("INT") || facts->column.type == "INTEGER";
  if (facts->column.type == "VARCHAR") {
    if (facts->distinct > kMostClasses)
      return data_error("init.target",
                        fmt::format("'{}' has {} different texts (at most {} classes)", target,
                                    facts->distinct, kMostClasses),
                        {.file = data.path});
    return TargetKind::Multiclass;
  }
  if (!is_number_type(facts->column.type))
    return data_error("init.target",
                      fmt::format("'{}' is {}: a target is a number, a text of few values, or true and false",
                                  target, facts->column.type),
                      {.file = data.path});
  return whole && facts->distinct <= 5 ? TargetKind::Multiclass : TargetKind::Regression;
}

Result<Draft> draft_project(const std::string& name, const DataFacts& data, const std::string& target) {
  TM_TRY(const TargetKind kind, kind_of_target(data, target));
  Draft draft;
  draft.transform_name = "features";
  const ColumnFacts* key_column = choose_key(data, target);
  const std::string key = key_column != nullptr ? key_column->column.name : "row_id";
  const ColumnFacts* time = choose_time(data);
  const std::string table = engine::quote_name(data.table);

  if (key_column != nullptr) {
    draft.notes.push_back(fmt::format("key: {} (unique in all {} rows)", key, data.rows));
    draft.transform_sql = fmt::format(
        "-- What is known of each row when its {} is to be predicted. Add features here.\nSELECT *\nFROM "
        "{}\n",
        target, table);
  } else {
    draft.notes.push_back("key: row_id, made from the row's content, as no column is unique");
    draft.transform_sql = fmt::format(
        "-- What is known of each row when its {0} is to be predicted. Add features here.\n"
        "-- No column names a row, so row_id is a hash of it; the number behind tells equal rows apart.\n"
        "SELECT md5(CAST({1} AS VARCHAR)) || '-' || row_number() OVER (PARTITION BY md5(CAST({1} AS "
        "VARCHAR))) AS row_id, *\nFROM {1}\n",
        target, table);
  }

  std::string& out = draft.project_file;
  out = fmt::format(
      "# Drafted from {}: {} rows. Every line is yours to change; tidemill schema describes all keys.\nname: "
      "{}\n\nsources:\n  {}:\n    path: {}\n",
      data.path, data.rows, yaml(name), yaml(data.table), yaml(data.path));
  if (key_column != nullptr) out += fmt::format("    key: {}\n", yaml(key));
  out += "    columns:\n";
  for (const ColumnFacts& facts : data.columns) out += column_line(facts, &facts == key_column);

  out += fmt::format("\nmodels:\n  {}:\n    from: features\n    key: {}\n    target: {}\n",
                     yaml(target + "_model"), yaml(key), yaml(target));
  if (find(data, target)->nulls > 0)
    out += fmt::format("    where: {} IS NOT NULL\n", engine::quote_name(target));
  const auto excluded = unfit(data, key, target);
  if (!excluded.empty()) {
    out += "    features:\n      exclude:\n";
    for (const auto& [column, reason] : excluded)
      out += fmt::format("        - {}  # {}\n", yaml(column), reason);
  }
  double share = kTestShare;
  if (time != nullptr) {
    const auto days = static_cast<int64_t>(days_of(*time));
    share = test_share(*time);
    out += fmt::format(
        "    split: {{time: {}, validation: {}d, test: {}d}}  # the newest rows judge, as in life\n",
        yaml(time->column.name), std::max<int64_t>(1, days * 15 / 100),
        std::max<int64_t>(1, static_cast<int64_t>(std::floor(share * static_cast<double>(days)))));
    draft.notes.push_back(
        share > kTestShare
            ? fmt::format("split: by {}, the newest {:.0f} % are for the test", time->column.name,
                          100 * share)
            : fmt::format("split: by {}, the newest fifth is for the test", time->column.name));
  } else {
    share = std::clamp(kTestRows / static_cast<double>(data.rows), kTestShare, kLargestTestShare);
    out += fmt::format(
        "    split: {{validation: 20%, test: {:.0f}%}}  # by a hash of the key: a row never changes sides\n",
        100 * share);
    draft.notes.push_back(
        "split: by a hash of the key; if rows have a time or belong to groups, split by that instead");
  }
  out +=
      "    train: {algorithm: xgboost, rounds: 300, early_stopping: 20, seed: 42, params: {max_depth: 6, "
      "eta: 0.1}}\n";
  if (share * static_cast<double>(data.rows) < kTestRows)
    draft.notes.push_back(fmt::format(
        "gate: none, as {} rows leave too few to judge by: every version becomes champion", data.rows));
  else
    out += "    gate:\n" + gate_of(kind, data.rows);
  out += fmt::format("\ndeployments:\n  {0}: {{model: {0}@champion}}\n", yaml(target + "_model"));

  for (const auto& [column, reason] : excluded)
    draft.notes.push_back(fmt::format("not a feature: {} {}", column, reason));
  for (const ColumnFacts& facts : data.columns)
    if (facts.column.name != target && facts.column.name != key && facts.alone >= kTooGood)
      draft.warnings.push_back(fmt::format(
          "{} alone tells {} almost surely ({} {:.3f}): is it known before the outcome, or is it a "
          "consequence of it? If so, exclude it",
          facts.column.name, target, kind == TargetKind::Regression ? "|correlation|" : "AUC", facts.alone));
  return draft;
}

}  // namespace tidemill::app
