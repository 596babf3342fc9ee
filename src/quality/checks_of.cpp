// All rules that a source or transform declares, in the order of its columns, then the table's own.
#include "quality/quality.hpp"

#include <fmt/format.h>

namespace tidemill::quality {
namespace {

using project::Check;

Check declared_type(const project::Column& column) {
  Check check;
  check.kind = "type";
  check.columns = {column.name};
  check.arguments = {{"type", column.type}};
  check.name = fmt::format("type({})", column.name);
  check.place = column.place;
  return check;
}

void add_columns(const std::vector<project::Column>& columns, std::vector<Check>& checks) {
  for (const project::Column& column : columns) {
    if (!column.type.empty()) checks.push_back(declared_type(column));
    checks.insert(checks.end(), column.checks.begin(), column.checks.end());
  }
}

}  // namespace

std::vector<Check> checks_of(const project::Source& source) {
  std::vector<Check> checks;
  add_columns(source.columns, checks);
  checks.insert(checks.end(), source.checks.begin(), source.checks.end());
  if (source.freshness) {
    Check check;
    check.kind = "freshness";
    check.columns = {source.time_column};
    check.arguments["column"] = source.time_column;
    if (source.freshness->warn_after) check.arguments["warn_after"] = source.freshness->warn_after->micros;
    if (source.freshness->error_after) check.arguments["error_after"] = source.freshness->error_after->micros;
    check.name = fmt::format("freshness({})", source.time_column);
    check.place = source.freshness->place;
    checks.push_back(std::move(check));
  }
  return checks;
}

std::vector<Check> checks_of(const project::Transform& transform) {
  std::vector<Check> checks;
  add_columns(transform.columns, checks);
  checks.insert(checks.end(), transform.checks.begin(), transform.checks.end());
  return checks;
}

}  // namespace tidemill::quality
