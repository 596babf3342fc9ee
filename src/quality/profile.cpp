// What a table looks like, from one scan and a top-values query per column that has few; and the checks it
// would pass today.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "quality/judge.hpp"
#include "quality/row_rule.hpp"
#include "quality/verdict.hpp"

namespace tidemill::quality {
namespace {

using engine::quote_name;

constexpr int kTopValues = 10;
/// A text column with so few values, each seen often enough, looks like a closed list.
constexpr int64_t kMaxAcceptedValues = 20;
constexpr int64_t kLeastRowsPerValue = 20;
/// Fewer rows say too little to suggest rules from.
constexpr int64_t kMinRows = 20;
/// How far a suggested range reaches beyond what was seen, as a share of its width.
constexpr double kRangeMargin = 0.25;
/// Of so many rows it is cheap to count the different values of a column; of more they are estimated.
constexpr int64_t kMostRowsToCountValuesOf = 2'000'000;
constexpr std::array kQuantiles{0.05, 0.25, 0.5, 0.75, 0.95};

bool has_order(const std::string& type) {
  return is_number_type(type) || is_time_type(type) || type == "VARCHAR" || type == "BOOLEAN" ||
         type.starts_with("TIME") || type == "UUID";
}

Json to_json(const engine::Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* whole = std::get_if<int64_t>(&value)) return *whole;
  if (const auto* real = std::get_if<double>(&value))
    return std::isfinite(*real) ? Json(*real) : Json(fmt::format("{}", *real));
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return nullptr;
}

/// The aggregates of one column, in the order in which `read` takes them.
std::vector<std::string> aggregates(const engine::Column& column) {
  const std::string name = quote_name(column.name);
  std::vector<std::string> list{fmt::format("count({})", name),
                                fmt::format("approx_count_distinct({})", name)};
  if (is_number_type(column.type)) {
    const std::string number =
        fmt::format("CASE WHEN isfinite(CAST({} AS DOUBLE)) THEN CAST({} AS DOUBLE) END", name, name);
    const std::string value = is_float_type(column.type) ? number : name;
    list.push_back(fmt::format("min({})", value));
    list.push_back(fmt::format("max({})", value));
    list.push_back(fmt::format("avg({})", number));
    list.push_back(fmt::format("stddev_samp({})", number));
    list.push_back(fmt::format("count({})", number));
    for (const double q : kQuantiles) list.push_back(fmt::format("approx_quantile({}, {})", number, q));
  } else if (has_order(column.type)) {
    list.push_back(fmt::format("CAST(min({}) AS VARCHAR)", name));
    list.push_back(fmt::format("CAST(max({}) AS VARCHAR)", name));
    if (column.type == "VARCHAR") {
      list.push_back(fmt::format("min(length({}))", name));
      list.push_back(fmt::format("max(length({}))", name));
    }
  }
  return list;
}

Json described(const engine::Column& column, const engine::Value* answers, int64_t rows) {
  const int64_t present = to_count(answers[0]);
  Json json{{"name", column.name},
            {"type", column.type},
            {"nulls", rows - present},
            {"null_share", rows > 0 ? static_cast<double>(rows - present) / static_cast<double>(rows) : 0.0},
            {"distinct", std::min(present, to_count(answers[1]))}};
  if (!has_order(column.type)) return json;
  json["min"] = to_json(answers[2]);
  json["max"] = to_json(answers[3]);
  if (is_number_type(column.type)) {
    json["mean"] = to_json(answers[4]);
    json["std"] = to_json(answers[5]);
    if (const int64_t odd = present - to_count(answers[6]); odd > 0) json["not_finite"] = odd;
    for (size_t i = 0; i < kQuantiles.size(); ++i)
      json["quantiles"][fmt::format("{}", kQuantiles[i])] = to_json(answers[7 + i]);
  } else if (column.type == "VARCHAR") {
    json["shortest"] = to_json(answers[4]);
    json["longest"] = to_json(answers[5]);
  }
  return json;
}

Result<int64_t> count_values(engine::Connection& connection, const std::string& relation,
                             const engine::Column& column) {
  TM_TRY(const engine::Value count, connection.scalar(fmt::format("SELECT count(DISTINCT {}) FROM {}",
                                                                  quote_name(column.name), relation)));
  return to_count(count);
}

/// In place of the scan's estimate: one column at a time, as each holds all its values.
Result<void> count_or_mark(engine::Connection& connection, const std::string& relation,
                           const engine::Column& column, int64_t rows, Json& json) {
  if (rows > kMostRowsToCountValuesOf) {
    json["distinct_is_estimated"] = true;
    return {};
  }
  TM_TRY(json["distinct"], count_values(connection, relation, column));
  return {};
}

Result<void> add_top_values(engine::Connection& connection, const std::string& relation,
                            const engine::Column& column, Json& json) {
  const std::string name = quote_name(column.name);
  TM_TRY(const engine::Rows rows,
         connection.query(
             fmt::format("SELECT CAST({0} AS VARCHAR), count(*) FROM {1} WHERE {0} IS NOT NULL GROUP BY {0} "
                         "ORDER BY count(*) DESC, {0} LIMIT {2}",
                         name, relation, kMaxAcceptedValues + 1)));
  json["top"] = Json::array();
  for (size_t i = 0; i < std::min<size_t>(rows.rows.size(), kTopValues); ++i)
    json["top"].push_back({{"value", to_json(rows.rows[i][0])}, {"rows", to_count(rows.rows[i][1])}});
  // Exact now, where all values were listed.
  if (static_cast<int64_t>(rows.rows.size()) <= kMaxAcceptedValues) {
    json["distinct"] = rows.rows.size();
    json.erase("distinct_is_estimated");
    json["values"] = Json::array();
    for (const auto& row : rows.rows) json["values"].push_back(to_json(row[0]));
  }
  return {};
}

/// A bound that people would write: outwards to one digit more than the width's size.
double rounded_out(double bound, double width, bool up) {
  const double step = std::pow(10.0, std::floor(std::log10(width)) - 1) * 5;
  return (up ? std::ceil(bound / step) : std::floor(bound / step)) * step;
}

Json suggested_range(const Json& json) {
  const double low = json["min"].get<double>(), high = json["max"].get<double>(), width = high - low;
  double least = rounded_out(low - kRangeMargin * width, width, false),
         most = rounded_out(high + kRangeMargin * width, width, true);
  if (low >= 0) least = std::max(0.0, least);  // what was never negative should not be
  const auto number = [](double x) {
    return x == std::floor(x) && std::abs(x) < 1e15 ? Json(static_cast<int64_t>(x)) : Json(x);
  };
  return {{"range", {number(least), number(most)}}};
}

/// Rules in the project file's form. Unique is proved, the others follow from what was counted.
Result<Json> suggestions(engine::Connection& connection, const std::string& relation,
                         const engine::Column& column, const Json& json, int64_t rows) {
  Json list = Json::array();
  const int64_t nulls = json["nulls"].get<int64_t>(), distinct = json["distinct"].get<int64_t>(),
                present = rows - nulls;
  if (rows < kMinRows || present == 0) return list;
  if (nulls == 0)
    list.push_back("not_null");
  else if (const double share = json["null_share"].get<double>(); share <= 0.05)
    list.push_back({{"not_null", Json::object()}, {"mostly", std::floor((1 - 2 * share) * 1000) / 1000}});

  // An estimate is right within some percent.
  const bool estimated = json.contains("distinct_is_estimated");
  const bool may_be_key = (estimated ? static_cast<double>(distinct) > 0.9 * static_cast<double>(present)
                                     : distinct == present) &&
                          !is_float_type(column.type);
  if (may_be_key && (column.type == "VARCHAR" || is_number_type(column.type) || column.type == "UUID")) {
    TM_TRY(const int64_t exact,
           estimated ? count_values(connection, relation, column) : Result<int64_t>(distinct));
    if (exact == present) {
      list.push_back("unique");
      return list;
    }
  }
  if (column.type == "VARCHAR" && json.contains("values") && present >= kLeastRowsPerValue * distinct) {
    std::vector<std::string> values = json["values"].get<std::vector<std::string>>();
    std::sort(values.begin(), values.end());
    list.push_back({{"accepted_values", values}});
  } else if (is_number_type(column.type) && json["min"].is_number() && json["min"] < json["max"]) {
    list.push_back(suggested_range(json));
  }
  return list;
}

}  // namespace

Result<Profile> profile(engine::Connection& connection, const std::string& relation) {
  TM_TRY(const std::vector<engine::Column> columns, connection.describe("SELECT * FROM " + relation));
  std::vector<std::string> list{"count(*)"};
  std::vector<size_t> starts;
  for (const engine::Column& column : columns) {
    starts.push_back(list.size());
    for (std::string& aggregate : aggregates(column)) list.push_back(std::move(aggregate));
  }
  TM_TRY(const engine::Rows answers,
         connection.query(fmt::format("SELECT {} FROM {}", fmt::join(list, ", "), relation)));
  const std::vector<engine::Value>& row = answers.rows.at(0);

  Profile profile{.rows = to_count(row[0])};
  for (size_t i = 0; i < columns.size(); ++i) {
    Json json = described(columns[i], row.data() + starts[i], profile.rows);
    TM_CHECK(count_or_mark(connection, relation, columns[i], profile.rows, json));
    const bool lists_values =
        columns[i].type == "VARCHAR" || columns[i].type == "BOOLEAN" || columns[i].type.starts_with("ENUM");
    if (lists_values || json["distinct"].get<int64_t>() <= kMaxAcceptedValues)
      TM_CHECK(add_top_values(connection, relation, columns[i], json));
    TM_TRY(Json rules, suggestions(connection, relation, columns[i], json, profile.rows));
    json.erase("values");
    profile.columns.push_back(std::move(json));
    if (!rules.empty()) profile.suggested_checks[columns[i].name] = std::move(rules);
  }
  return profile;
}

}  // namespace tidemill::quality
