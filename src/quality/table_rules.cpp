// Rules that need a query of their own: unique and relationships look rows up, sql and compare ask other
// tables.
#include <cmath>

#include <fmt/format.h>

#include "engine/binder.hpp"
#include "engine/names.hpp"
#include "engine/sql_text.hpp"
#include "quality/judge.hpp"
#include "quality/row_rule.hpp"
#include "quality/verdict.hpp"

namespace tidemill::quality {
namespace {

using engine::quote_name;
using project::Check;

Result<std::string> relation_of(const CheckContext& context, const std::string& table) {
  if (!context.relation_of)
    return internal_error("check.no_lookup", "a check asks for another table, and nobody can give it");
  return context.relation_of(table);
}

/// From (rows judged, rows failing) of a query to the result.
CheckResult judged(const CheckContext& context, const Check& check, const engine::Rows& counts,
                   std::string failing_where) {
  CheckResult result = result_of(check);
  result.rows = to_count(counts.rows.at(0).at(0));
  result.failing = to_count(counts.rows.at(0).at(1));
  const Verdict verdict = judge(check, result.rows, result.failing);
  result.status = verdict.status;
  result.message = sentence(check, result.rows, result.failing, verdict);
  result.failing_where = std::move(failing_where);
  result.numbers["share"] =
      result.rows > 0 ? static_cast<double>(result.failing) / static_cast<double>(result.rows) : 0.0;
  if (result.status != CheckStatus::Passed)
    result.hint =
        fmt::format("look at them: tidemill check {} --show-rows {}", context.table, check.columns.at(0));
  return result;
}

/// Every row that shares its values with another fails; rows with a NULL among them are not compared.
Result<CheckResult> judge_unique(const CheckContext& context, const Check& check) {
  std::vector<std::string> names, present;
  for (const std::string& column : check.columns) {
    names.push_back(quote_name(column));
    present.push_back(quote_name(column) + " IS NOT NULL");
  }
  const std::string key = fmt::format("{}", fmt::join(names, ", "));
  const std::string condition = both(check.where, fmt::format("{}", fmt::join(present, " AND ")));
  const std::string repeated = fmt::format("FROM {}{} GROUP BY {} HAVING count(*) > 1", context.relation,
                                           where_clause(condition), key);
  TM_TRY(const engine::Rows counts, context.connection->query(fmt::format(
                                        "SELECT (SELECT count(*) FROM {}{}), (SELECT CAST(coalesce(sum(t.n), "
                                        "0) AS BIGINT) FROM (SELECT count(*) {}) AS t(n))",
                                        context.relation, where_clause(check.where), repeated)));
  const std::string among = names.size() == 1 ? fmt::format("{} IN (SELECT {} {})", key, key, repeated)
                                              : fmt::format("({}) IN (SELECT ({}) {})", key, key, repeated);
  CheckResult result = judged(context, check, counts, both(check.where, among));
  if (result.failing > 0) {
    TM_TRY(const engine::Value groups,
           context.connection->scalar(fmt::format("SELECT count(*) FROM (SELECT 1 {})", repeated)));
    result.numbers["repeated_values"] = to_count(groups);
  }
  return result;
}

Result<CheckResult> judge_relationships(const CheckContext& context, const Check& check) {
  TM_TRY(const std::string other, relation_of(context, check.arguments.value("table", "")));
  const std::string child = quote_name(check.columns.at(0)),
                    parent = quote_name(check.arguments.value("column", ""));
  // The column of the other table is named through an alias: an unknown one must not be found in this table
  // instead.
  const auto orphan = [&](const std::string& value) {
    return fmt::format(
        "{} IS NOT NULL AND {} NOT IN (SELECT other.{} FROM {} AS other WHERE other.{} IS NOT NULL)", value,
        value, parent, other, parent);
  };
  // Judged by distinct value: the other table is asked once per value, not once per row. Value and count get
  // names from outside, which no column of the table can be taken for.
  TM_TRY(const engine::Rows counts,
         context.connection->query(fmt::format(
             "SELECT CAST(coalesce(sum(t.n), 0) AS BIGINT), CAST(coalesce(sum(t.n) FILTER (WHERE {}), 0) AS "
             "BIGINT) FROM (SELECT {}, count(*) FROM {}{} GROUP BY {}) AS t(v, n)",
             orphan("t.v"), child, context.relation, where_clause(check.where), child)));
  return judged(context, check, counts, both(check.where, orphan(child)));
}

/// Every row that the query returns is a failure. The tables it names are looked up one by one.
Result<CheckResult> judge_sql(const CheckContext& context, const Check& check) {
  const std::string sql = check.arguments.value("sql", "");
  TM_TRY(const std::unique_ptr<engine::Binder> binder, engine::Binder::open("UTC"));
  const auto columns_of = [&](const std::string& table) -> Result<std::vector<engine::Column>> {
    if (engine::same_name(table, context.table)) return context.columns;
    TM_TRY(const std::string relation, relation_of(context, engine::folded_name(table)));
    return context.connection->describe("SELECT * FROM " + relation);
  };
  TM_TRY(const engine::BoundQuery bound, binder->bind(sql, check.place, columns_of));
  std::string with;
  for (const std::string& table : bound.tables) {
    std::string relation = context.relation;
    if (!engine::same_name(table, context.table)) {
      TM_TRY(relation, relation_of(context, engine::folded_name(table)));
    }
    with += fmt::format("{}{} AS NOT MATERIALIZED (SELECT * FROM {})", with.empty() ? "WITH " : ", ",
                        quote_name(table), relation);
  }
  CheckResult result = result_of(check);
  result.failing_sql =
      fmt::format("{}{}SELECT * FROM {}", with, with.empty() ? "" : " ", engine::bracketed(sql));
  TM_TRY(const engine::Rows counts,
         context.connection->query(
             fmt::format("{}{}SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {})", with,
                         with.empty() ? "" : " ", context.relation, engine::bracketed(sql))));
  result.rows = to_count(counts.rows.at(0).at(0));
  result.failing = to_count(counts.rows.at(0).at(1));
  const Verdict verdict = judge(check, result.rows, result.failing);
  result.status = verdict.status;
  result.message =
      fmt::format("the query returns {} row{}{}", grouped(result.failing), result.failing == 1 ? "" : "s",
                  result.failing > 0 && !verdict.limit.empty() ? fmt::format(" ({})", verdict.limit) : "");
  if (result.status != CheckStatus::Passed)
    result.hint = fmt::format("look at them: tidemill check {} --show-rows '{}'", context.table, result.name);
  return result;
}

/// The same aggregate over both tables; `where` holds for this one.
Result<CheckResult> judge_compare(const CheckContext& context, const Check& check) {
  const std::string table = check.arguments.value("table", "");
  TM_TRY(const std::string other, relation_of(context, table));
  std::string aggregate = "count(*)", what = "rows";
  if (check.arguments.contains("column")) {
    const std::string column = check.arguments["column"].get<std::string>();
    aggregate = fmt::format("sum({})", quote_name(column));
    what = fmt::format("sum of {}", column);
  } else if (check.arguments.contains("sql")) {
    what = check.arguments["sql"].get<std::string>();
    aggregate = engine::bracketed(what);
  }
  TM_TRY(const engine::Rows rows,
         context.connection->query(
             fmt::format("SELECT a.v IS NOT DISTINCT FROM b.v, TRY_CAST(a.v AS DOUBLE), TRY_CAST(b.v AS "
                         "DOUBLE), CAST(a.v AS VARCHAR), CAST(b.v AS VARCHAR) "
                         "FROM (SELECT {} AS v FROM {}{}) AS a, (SELECT {} AS v FROM {}) AS b",
                         aggregate, context.relation, where_clause(check.where), aggregate, other)));
  const std::vector<engine::Value>& row = rows.rows.at(0);
  CheckResult result = result_of(check);
  const std::optional<double> here = to_double(row[1]), there = to_double(row[2]);
  const double tolerance = check.arguments.value("tolerance", 0.0);
  bool equal = std::get<bool>(row[0]);
  if (here && there) {
    const double difference =
        *here == *there ? 0 : std::abs(*here - *there) / std::abs(*there);  // from 0: infinite
    result.numbers = {{"here", *here}, {"there", *there}};
    if (std::isfinite(difference)) result.numbers["relative_difference"] = difference;
    equal = equal || difference <= tolerance;
  }
  const auto text = [&](size_t place) {
    const auto* count =
        aggregate == "count(*)" && here && there ? std::get_if<double>(&row[place - 2]) : nullptr;
    return count != nullptr ? grouped(static_cast<int64_t>(*count)) : engine::to_text(row[place]);
  };
  result.message = fmt::format("{}: {} in {}, {} in {}", what, text(3), context.table, text(4), table);
  if (tolerance > 0) result.message += fmt::format(" (tolerance {})", percent(tolerance));
  if (!equal) result.status = failure(check);
  return result;
}

}  // namespace

Result<CheckResult> judge_apart(const CheckContext& context, const Check& check) {
  if (check.kind == "unique") return judge_unique(context, check);
  if (check.kind == "relationships") return judge_relationships(context, check);
  if (check.kind == "sql") return judge_sql(context, check);
  if (check.kind == "compare") return judge_compare(context, check);
  if (check.kind == "distribution") return judge_distribution(context, check);
  return broken(check, fmt::format("there is no check '{}'", check.kind),
                did_you_mean(check.kind, project::check_kinds()));
}

}  // namespace tidemill::quality
