// The three ways in which the rules of a table are judged; run_checks.cpp brings their results together.
// Inside this room only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quality/quality.hpp"

namespace tidemill::quality {

/// One check of the list and its place in it.
struct Numbered {
  size_t index = 0;
  const project::Check* check = nullptr;
};
using Results = std::map<size_t, CheckResult>;

/// What a rule of the one scan asks for, and how its answers become a result.
struct ScanQuestion {
  Numbered of;
  std::vector<std::string> aggregates;  // SQL
  std::string failing_where;
};
/// The rules that fit the one scan: rules on rows, type, row_count, freshness, the numbers of anomaly. Others
/// are not asked for.
bool fits_one_scan(const project::Check& check);
/// Fills results and observed. Aggregates that several rules ask for are computed once.
Result<void> judge_in_one_scan(const CheckContext& context, const std::vector<Numbered>& checks,
                               Results& results, std::map<std::string, double>& observed);

/// unique, relationships, sql, compare: each its own query.
Result<CheckResult> judge_apart(const CheckContext& context, const project::Check& check);
/// distribution against a table or the previous snapshot.
Result<CheckResult> judge_distribution(const CheckContext& context, const project::Check& check);

/// Errors of the user's SQL and tables become a broken check; those of the engine (memory, disk, interrupted)
/// go up.
bool is_users_sql(const Error& error);
CheckResult broken_by(const project::Check& check, const Error& error);

int64_t to_count(const engine::Value& value);
std::optional<double> to_double(const engine::Value& value);

}  // namespace tidemill::quality
