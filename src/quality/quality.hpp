// Checks, profiles and anomalies over tables. Reads data through the engine, decides with statistics, changes
// nothing.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "engine/database.hpp"
#include "project/project.hpp"

namespace tidemill::quality {

enum class CheckStatus { Passed, Warned, Failed, NotEnoughHistory, Error };
std::string_view to_text(CheckStatus status);

struct CheckResult {
  std::string name;
  std::string kind;
  std::vector<std::string> columns;
  CheckStatus status = CheckStatus::Passed;
  project::OnFail on_fail = project::OnFail::Stop;
  project::Severity severity = project::Severity::Error;
  int64_t rows = 0;  // judged (after `where`)
  int64_t failing = 0;
  std::string message;  // "412 of 27 004 rows have no tailnum, 1.5 % (limit 1 %)"
  std::string hint;
  Json numbers = Json::object();
  std::string failing_where;  // SQL condition that is TRUE for a failing row of the table; empty when the
                              // rule has no rows
  std::string failing_sql;    // or a SELECT that gives them
  Place place;
  /// As an error check.<kind>, for reports and exit codes.
  tidemill::Error as_error() const;
  /// Whether what is downstream must wait: failed, and not `continue`, and not set aside row by row. A rule
  /// that could not be judged (CheckStatus::Error) with severity error stops whatever on_fail says.
  bool stops() const;
};

struct SeriesPoint {
  Instant at;
  double value = 0;
};

struct CheckContext {
  engine::Connection* connection = nullptr;
  std::string table;      // name in messages
  std::string relation;   // SQL that reads the staged table: a view's quoted name
  std::string described;  // "source flights" | "transform features"
  std::vector<engine::Column> columns;
  Instant now;
  /// Relation of another table (relationships, compare, distribution); error when it is not there.
  std::function<Result<std::string>(const std::string& table)> relation_of;
  /// The table's previous live snapshot, for distribution against "previous"; empty: none.
  std::optional<std::string> previous_relation;
  /// Past values, oldest first, of a metric of this table, for anomaly. Today's values come back in
  /// observed().
  std::function<Result<std::vector<SeriesPoint>>(const std::string& metric)> history;
  std::optional<double> sample;  // share of rows kept in this environment: row_count limits scale with it
};

struct CheckReport {
  std::vector<CheckResult> results;  // in the order of the checks given
  std::map<std::string, double>
      observed;         // metric → today's value, to be kept as history when the table is published
  bool failed() const;  // any Failed, or Error with severity error
  bool stops() const;   // any result that stops
};
Json to_json(const CheckResult& result);

/// All rules of one table. Row-wise rules share one scan; unique, relationships, sql, compare … run on their
/// own. point_in_time is left out: it is a model's (check_point_in_time). An error is ours or the engine's; a
/// failing check is a result, and so is a rule with a wrong column, expression or pattern:
/// CheckStatus::Error, with its place. SQL's three values: a row fails only where its rule is FALSE; NULL
/// passes all rules but not_null. `regex` (RE2) must match the whole text.
Result<CheckReport> run_checks(const CheckContext& context, const std::vector<project::Check>& checks);

/// row_count, freshness, anomaly, distribution, compare, sql: rules on the table that is published, which is
/// not the one that was made where rows were set aside.
bool is_table_rule(const std::string& kind);

/// Whether the check's limits can be held against the types of its columns: numbers against a column of texts
/// cannot, since '100' < '20'. Error check.<kind> with a hint. Columns that are not there are not its matter.
Result<void> fits_types(const project::Check& check, const std::vector<engine::Column>& columns);

/// All checks of a source or transform: its columns' (with `type` for declared types), its own, its
/// freshness.
std::vector<project::Check> checks_of(const project::Source& source);
std::vector<project::Check> checks_of(const project::Transform& transform);

/// Splits a table by the checks with on_fail quarantine that did not pass: conditions for the rows that stay
/// and for those set aside. Every row is in exactly one. Nothing when no such check has failing rows.
struct Quarantine {
  std::string passed_where;
  std::string quarantined_where;
};
std::optional<Quarantine> quarantine_of(const CheckReport& report);

/// What a table looks like: per column type, nulls, distinct, min, max, mean, quantiles, top values; and
/// checks it would pass.
struct Profile {
  Json columns = Json::array();
  int64_t rows = 0;
  Json suggested_checks = Json::object();  // column → list, in the project file's form
};
Result<Profile> profile(engine::Connection& connection, const std::string& relation);

// point_in_time
// ------------------------------------------------------------------------------------------------------
struct TimedSource {
  std::string name;
  std::string relation;
  std::vector<std::string> key;
  std::string time_column;
  std::map<std::string, std::string> known_at;
  std::vector<engine::Column> columns;
};
struct PointInTimeInput {
  engine::Connection* connection = nullptr;
  std::vector<TimedSource> sources;  // all tables the transforms read
  std::vector<std::pair<std::string, std::string>>
      transforms;        // (name, SQL) in an order in which each finds its inputs
  std::string from;      // the model's table; also a relation of that name may be read
  std::string relation;  // the features as they were built
  std::vector<std::string> key;
  std::string as_of;                  // SQL expression over `from`
  std::vector<std::string> features;  // columns that must come out the same
  std::string request_source;  // the source whose row is the prediction's own: it may begin after as_of;
                               // empty: found by key
  int sample = 20;             // rows checked
  int64_t seed = 42;
  Place place;
};
/// Blanks every source value whose known_at lies after the row's as_of and every source row that began after
/// it, runs the transforms again, and demands the same features, bit for bit. numbers: {column: rows that
/// differ}; message names row, column, both values.
Result<CheckResult> check_point_in_time(const PointInTimeInput& input);

}  // namespace tidemill::quality
