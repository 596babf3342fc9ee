// One look at a stranger's file: its columns, and what each alone tells of the target.
#include "app/data_facts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/draft_names.hpp"
#include "engine/number_types.hpp"
#include "engine/scan.hpp"
#include "pipeline/file_format.hpp"
#include "project/scalar.hpp"
#include "quality/quality.hpp"
#include "quality/row_rule.hpp"

namespace tidemill::app {

namespace {

using engine::is_number_type;
using quality::is_time_type;

constexpr int64_t kFewestRows = 50;
constexpr int64_t kMostClasses = 20;
constexpr int64_t kFewLevels = 20;

int64_t integer_of(const engine::Value& value) {
  const auto* integer = std::get_if<int64_t>(&value);
  return integer != nullptr ? *integer : 0;
}
double number_of(const engine::Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return static_cast<double>(integer_of(value));
}

// How well a column alone tells the target: rank AUC for a binary target (levels of a text ranked by their
// share of positives), |Pearson correlation| for a number. In sample, so a text of many levels is not asked.
Result<double> alone(engine::Connection& connection, const ColumnFacts& facts, const std::string& target,
                     TargetKind kind, int64_t rows) {
  const std::string column = engine::quote_name(facts.column.name);
  const bool number = is_number_type(facts.column.type) || facts.column.type == "BOOLEAN";
  if (!number &&
      (facts.column.type != "VARCHAR" || facts.distinct > std::max<int64_t>(kFewLevels, rows / 20)))
    return 0.0;
  if (kind == TargetKind::Multiclass) return 0.0;
  if (kind == TargetKind::Regression) {
    if (!number) return 0.0;
    TM_TRY(const engine::Value value,
           connection.scalar(fmt::format(
               "SELECT abs(corr(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE))) FROM data", column, target)));
    return std::isfinite(number_of(value)) ? number_of(value) : 0.0;
  }
  const std::string positive = fmt::format("({} = (SELECT max({}) FROM data))", target, target);
  const std::string x = number ? fmt::format("CAST({} AS DOUBLE)", column)
                               : fmt::format("avg(CAST({} AS INT)) OVER (PARTITION BY {})", positive, column);
  TM_TRY(const engine::Value value,
         connection.scalar(
             fmt::format("WITH scored AS (SELECT {0} AS x, {1} AS y FROM data WHERE {2} IS NOT NULL), "
                         "ranked AS (SELECT y, rank() OVER (ORDER BY x NULLS FIRST) + (count(*) OVER "
                         "(PARTITION BY x) - 1) / 2.0 AS r FROM scored) "
                         "SELECT (sum(r) FILTER (y) - count(*) FILTER (y) * (count(*) FILTER (y) + 1) / 2.0) "
                         "/ (count(*) FILTER (y) * count(*) FILTER (NOT y)) FROM ranked",
                         x, positive, target)));
  const double auc = number_of(value);
  return std::isfinite(auc) ? std::max(auc, 1 - auc) : 0.0;
}

// "Has a value" as a score for each value of the target against all others: with a score of two values, AUC
// is one half and half the difference of the shares. A text, a time, a list: all columns are asked.
Result<WhenFilled> when_filled(engine::Connection& connection, const ColumnFacts& facts,
                               const std::string& target) {
  TM_TRY(const engine::Rows groups,
         connection.query(fmt::format("SELECT CAST({0} AS VARCHAR), count(*), count({1}) FROM data WHERE {0} "
                                      "IS NOT NULL GROUP BY ALL ORDER BY ALL",
                                      target, engine::quote_name(facts.column.name))));
  double rows = 0, filled = 0;
  for (const auto& group : groups.rows) {
    rows += number_of(group[1]);
    filled += number_of(group[2]);
  }
  WhenFilled best;
  for (const auto& group : groups.rows) {
    const double here = number_of(group[1]), filled_here = number_of(group[2]);
    if (here >= rows) continue;
    const double difference = filled_here / here - (filled - filled_here) / (rows - here);
    const double auc = 0.5 + std::abs(difference) / 2;
    if (auc > best.auc || (auc == best.auc && difference > 0))
      best = {auc, difference > 0, engine::to_text(group[0])};
  }
  return best;
}

Result<ColumnFacts> measure(engine::Connection& connection, const engine::Column& column) {
  ColumnFacts facts;
  facts.column = column;
  const std::string name = engine::quote_name(column.name);
  const std::string as_number = is_time_type(column.type)
                                    ? fmt::format("epoch_us(CAST({} AS TIMESTAMP))", name)
                                : is_number_type(column.type) ? fmt::format("CAST({} AS DOUBLE)", name)
                                                              : "NULL";
  TM_TRY(const engine::Rows row,
         connection.query(fmt::format("SELECT count(*) - count({0}), count(DISTINCT {0}), CAST(min({1}) AS "
                                      "DOUBLE), CAST(max({1}) AS DOUBLE) FROM data",
                                      name, as_number)));
  facts.nulls = integer_of(row.rows[0][0]);
  facts.distinct = integer_of(row.rows[0][1]);
  facts.low = number_of(row.rows[0][2]);
  facts.high = number_of(row.rows[0][3]);
  return facts;
}

Result<int64_t> contents_of(engine::Connection& connection, const DataFacts& data,
                            const std::string& target) {
  if (data.columns.size() < 2) return 1;
  TM_TRY(const engine::Value count,
         connection.scalar(fmt::format("SELECT count(*) FROM (SELECT DISTINCT * EXCLUDE ({}) FROM data)",
                                       engine::quote_name(target))));
  return integer_of(count);
}

struct DateStyle {
  std::string_view format;  // strptime's
  std::string_view example;
};
// Two digits of the year come first: with four, 24 would be the year 24.
constexpr std::array kDateStyles{DateStyle{"%d.%m.%y", "24.12.24"},   DateStyle{"%d.%m.%Y", "24.12.2024"},
                                 DateStyle{"%d/%m/%y", "24/12/24"},   DateStyle{"%d/%m/%Y", "24/12/2024"},
                                 DateStyle{"%m/%d/%y", "12/24/24"},   DateStyle{"%m/%d/%Y", "12/24/2024"},
                                 DateStyle{"%d-%m-%y", "24-12-24"},   DateStyle{"%d-%m-%Y", "24-12-2024"},
                                 DateStyle{"%m-%d-%Y", "12-24-2024"}, DateStyle{"%Y/%m/%d", "2024/12/24"},
                                 DateStyle{"%Y-%m-%d", "2024-12-24"}};
constexpr std::array<std::string_view, 3> kTimesOfDay{"", " %H:%M", " %H:%M:%S"};

// One file may hold several styles, and what reads it takes one: columns in the others come as text.
Result<WrittenAs> written_as(engine::Connection& connection, const ColumnFacts& facts) {
  const std::string name = engine::quote_name(facts.column.name);
  std::vector<std::string> asked{fmt::format(
      "count(*) FILTER (regexp_full_match({0}, '[+-]?([0-9]{{1,3}}([.][0-9]{{3}})+|[0-9]+)(,[0-9]+)?')) = "
      "count({0}) AND count(*) FILTER (contains({0}, ',')) > 0",
      name)};
  for (const DateStyle& style : kDateStyles)
    for (const std::string_view time : kTimesOfDay)
      asked.push_back(
          fmt::format("count(try_strptime({0}, '{1}{2}')) = count({0})", name, style.format, time));
  TM_TRY(const engine::Rows answers,
         connection.query(fmt::format("SELECT {} FROM data", fmt::join(asked, ", "))));
  const auto holds = [&](size_t i) {
    const auto* flag = std::get_if<bool>(&answers.rows.at(0).at(i));
    return flag != nullptr && *flag;
  };
  if (holds(0))
    return WrittenAs{"a number with a decimal comma",
                     fmt::format("CAST(replace(replace({}, '.', ''), ',', '.') AS DOUBLE)", name)};
  for (size_t i = 1; i < asked.size(); ++i)
    if (holds(i)) {
      const DateStyle& style = kDateStyles.at((i - 1) / kTimesOfDay.size());
      const std::string_view time = kTimesOfDay.at((i - 1) % kTimesOfDay.size());
      return WrittenAs{fmt::format("a {} written {}", time.empty() ? "date" : "time", style.example),
                       fmt::format("strptime({}, '{}{}')", name, style.format, time)};
    }
  return WrittenAs{};
}

/// The file as the table `data`. A column that has another form behind the rows that its type was found in
/// gets a type that takes it, too; which columns, and why.
Result<std::map<std::string, std::string>> load(engine::Connection& connection, engine::FileScan scan) {
  std::map<std::string, std::string> mixed;
  for (;;) {
    TM_TRY(const std::string select, engine::select_from_files(connection, scan));
    auto loaded = connection.execute("CREATE TEMP TABLE data AS " + select);
    if (loaded) return mixed;
    const auto wider = engine::wider_column(scan, loaded.error());
    const Error error = engine::explain_scan_error(scan, std::move(loaded).error());
    if (!wider) return std::unexpected(error);
    const std::string line = error.where.line > 0 ? fmt::format("line {}: ", error.where.line) : "";
    mixed[wider->name] = line + error.message;
    engine::declare(scan, *wider);
  }
}

/// The file's name as a name that SQL and the project leave free.
std::string table_name(const Path& file) {
  const std::string name = file.filename().native();
  std::string out = legal_name(name.substr(0, name.find('.')), "data");
  if (project::is_reserved_name(out) || out == "features") out += "_data";
  return project::is_reserved_name(out) ? "my_" + out : out;  // its beginning is what is reserved
}

/// A relative path holds wherever the project and its data are moved together. What means many files in a
/// pattern stands in brackets.
std::string path_from(const Path& folder, const Path& file) {
  const Path named = std::filesystem::absolute(file).lexically_normal();
  const Path relative = named.lexically_relative(folder);
  std::error_code error;
  const bool same =
      !relative.empty() && std::filesystem::equivalent((folder / relative).lexically_normal(), file, error);
  const Path path = same ? relative : std::filesystem::weakly_canonical(file);
  std::string out;
  for (const char c : path.native())
    out += c == '*' || c == '?' || c == '[' ? fmt::format("[{}]", c) : std::string(1, c);
  return out;
}

}  // namespace

Result<TargetKind> kind_of_target(const DataFacts& data, const std::string& target) {
  const auto facts =
      std::ranges::find_if(data.columns, [&](const ColumnFacts& each) { return each.column.name == target; });
  if (facts == data.columns.end()) {
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

Result<DataFacts> measure_file(const GlobalOptions& global, const Path& file, const Path& folder,
                               const std::string& target) {
  if (!std::filesystem::exists(file))
    return user_error("init.no_file", fmt::format("there is no file {}", file.native()));
  const Path absolute = std::filesystem::weakly_canonical(file);
  DataFacts data;
  data.table = table_name(file);
  data.path = path_from(folder, file);

  engine::DatabaseOptions options =
      pipeline::engine_within(budget_of(global), pipeline::temporary_spill_folder());
  options.access = engine::DatabaseOptions::Access::Open;
  TM_TRY(const auto database, engine::Database::open(options));
  TM_TRY(engine::Connection connection, database->connect());
  TM_TRY(const std::string format, pipeline::format_of(file));
  TM_TRY(const auto mixed, load(connection, {format, {absolute}, {}, Json::object()}));
  TM_TRY(const std::vector<engine::Column> columns, connection.describe("SELECT * FROM data"));
  TM_TRY(const engine::Value rows, connection.scalar("SELECT count(*) FROM data"));
  data.rows = integer_of(rows);
  TM_TRY(const quality::Profile profile, quality::profile(connection, "data"));
  for (const engine::Column& column : columns) {
    if (std::ranges::all_of(column.name, [](char c) { return static_cast<unsigned char>(c) <= ' '; }))
      return data_error("init.column_name", "a column's name is blank", {.file = data.path},
                        "name it in the file: the project file has to name it, too");
    TM_TRY(ColumnFacts facts, measure(connection, column));
    if (const auto why = mixed.find(column.name); why != mixed.end()) facts.mixed = why->second;
    facts.checks = profile.suggested_checks.value(column.name, Json::array());
    data.columns.push_back(std::move(facts));
  }
  TM_TRY(const TargetKind kind, kind_of_target(data, target));
  TM_TRY(data.contents, contents_of(connection, data, target));
  for (ColumnFacts& facts : data.columns)
    if (facts.column.name != target) {
      const std::string name = engine::quote_name(target);
      TM_TRY(facts.alone, alone(connection, facts, name, kind, data.rows));
      if (facts.nulls > 0 && facts.nulls < data.rows && kind != TargetKind::Regression) {
        TM_TRY(facts.when_filled, when_filled(connection, facts, name));
      }
      if (facts.column.type == "VARCHAR") {
        TM_TRY(facts.written_as, written_as(connection, facts));
      }
    }
  return data;
}

}  // namespace tidemill::app
