// The rules of one table, from their declarations to a report: columns are looked up first, rules that are
// aggregates share a scan, the others run on their own, and the values of failing rows are fetched as
// examples.
#include <algorithm>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "engine/sql_text.hpp"
#include "quality/judge.hpp"
#include "quality/row_rule.hpp"
#include "quality/verdict.hpp"

namespace tidemill::quality {
namespace {

using engine::quote_name;
using project::Check;

constexpr int kMaxExamples = 3;
constexpr size_t kMaxExampleLength = 80;

/// The check's column that the table does not have, as a broken check.
std::optional<CheckResult> unknown_column(const CheckContext& context, const Check& check) {
  std::vector<std::string> names = check.columns;
  if (check.kind == "expression") names.clear();  // its SQL says what it needs
  if (check.arguments.contains("column") && check.kind != "relationships" &&
      check.arguments["column"].is_string())
    names.push_back(check.arguments["column"].get<std::string>());
  for (const std::string& name : names) {
    if (engine::find_column(context.columns, name) != nullptr) continue;
    std::vector<std::string> known;
    for (const engine::Column& column : context.columns) known.push_back(column.name);
    std::string hint = did_you_mean(name, known);
    if (hint.empty()) hint = fmt::format("it has {}", fmt::join(known, ", "));
    return broken(check,
                  fmt::format("{} has no column '{}'",
                              context.described.empty() ? context.table : context.described, name),
                  hint);
  }
  return {};
}

bool shows_values(const CheckResult& result) {
  static const std::vector<std::string> kKinds{"accepted_values", "range",         "regex",
                                               "length",          "relationships", "unique"};
  return result.failing > 0 && result.status != CheckStatus::Passed && !result.failing_where.empty() &&
         std::find(kKinds.begin(), kKinds.end(), result.kind) != kKinds.end();
}

std::string shortened(std::string text) {
  if (text.size() <= kMaxExampleLength) return text;
  size_t end = kMaxExampleLength;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;  // not inside a UTF-8 character
  return text.substr(0, end) + "…";
}

/// The most frequent failing values. They only illustrate: when they cannot be had, the verdict stands
/// without.
void add_examples(const CheckContext& context, CheckResult& result) {
  std::vector<std::string> names;
  for (const std::string& column : result.columns)
    names.push_back(fmt::format("CAST({} AS VARCHAR)", quote_name(column)));
  // By place: a name of ours could be a column of the table.
  const Result<engine::Rows> rows = context.connection->query(fmt::format(
      "SELECT concat_ws(', ', {}), count(*) FROM {}{} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {}",
      fmt::join(names, ", "), context.relation, where_clause(result.failing_where), kMaxExamples));
  if (!rows) return;
  for (const auto& row : rows->rows) result.numbers["examples"].push_back(shortened(engine::to_text(row[0])));
}

}  // namespace

bool is_users_sql(const Error& error) {
  return error.kind == ErrorKind::User || error.kind == ErrorKind::Data;
}

CheckResult broken_by(const Check& check, const Error& error) {
  CheckResult result = broken(check, error.message, error.hint);
  result.numbers["cause"] = error.code;
  return result;
}

int64_t to_count(const engine::Value& value) {
  if (const auto* whole = std::get_if<int64_t>(&value)) return *whole;
  if (const auto* real = std::get_if<double>(&value)) return static_cast<int64_t>(*real);
  return 0;
}

std::optional<double> to_double(const engine::Value& value) {
  if (const auto* whole = std::get_if<int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return {};
}

Result<CheckReport> run_checks(const CheckContext& context, const std::vector<Check>& checks) {
  CheckReport report;
  Results results;
  std::vector<Numbered> in_scan, apart;
  for (size_t i = 0; i < checks.size(); ++i) {
    if (checks[i].kind == "point_in_time") continue;
    if (auto wrong = unknown_column(context, checks[i]))
      results[i] = std::move(*wrong);
    else
      (fits_one_scan(checks[i]) ? in_scan : apart).push_back({i, &checks[i]});
  }
  TM_CHECK(judge_in_one_scan(context, in_scan, results, report.observed));
  for (const Numbered& of : apart) {
    Result<CheckResult> result = judge_apart(context, *of.check);
    if (!result && !is_users_sql(result.error())) return std::unexpected(result.error());
    results[of.index] = result ? std::move(*result) : broken_by(*of.check, result.error());
  }
  for (auto& [index, result] : results) {
    if (shows_values(result)) add_examples(context, result);
    report.results.push_back(std::move(result));
  }
  return report;
}

bool is_table_rule(const std::string& kind) {
  static const std::vector<std::string> kKinds{"row_count",    "freshness", "anomaly",
                                               "distribution", "compare",   "sql"};
  return std::ranges::find(kKinds, kind) != kKinds.end();
}

std::optional<Quarantine> quarantine_of(const CheckReport& report) {
  std::string failing;
  for (const CheckResult& result : report.results) {
    const bool judged = result.status == CheckStatus::Failed || result.status == CheckStatus::Warned;
    if (!judged || result.on_fail != project::OnFail::Quarantine || result.failing_where.empty() ||
        result.failing == 0)
      continue;
    // A condition may be NULL for a row; the row then passed.
    failing += fmt::format("{}coalesce({}, FALSE)", failing.empty() ? "" : " OR ",
                           engine::bracketed(result.failing_where));
  }
  if (failing.empty()) return {};
  return Quarantine{.passed_where = fmt::format("NOT ({})", failing), .quarantined_where = failing};
}

}  // namespace tidemill::quality
