// How far a column has moved from a reference. The counting is SQL, so that a table may be larger than
// memory; the distances are those of the statistics room, and the tests hold the SQL forms of D and
// Wasserstein-1 against them.
#include <fmt/format.h>

#include "engine/names.hpp"
#include "quality/judge.hpp"
#include "quality/row_rule.hpp"
#include "quality/verdict.hpp"
#include "statistics/bins.hpp"
#include "statistics/distances.hpp"

namespace tidemill::quality {
namespace {

using engine::quote_name;
using project::Check;

/// Fewer values on a side say nothing about a distribution.
constexpr int64_t kMinValues = 200;

struct Sides {
  std::string reference, current;  // SQL: FROM clauses' operands with their conditions, one column v
  std::string reference_name;
};

/// SELECT … AS v FROM relation WHERE …; numbers as DOUBLE, NaN and NULL as NULL; anything else as text.
std::string values_of(const std::string& relation, const std::string& column, bool numeric,
                      const std::string& where) {
  const std::string name = quote_name(column);
  const std::string value =
      numeric ? fmt::format("CASE WHEN NOT isnan(CAST({} AS DOUBLE)) THEN CAST({} AS DOUBLE) END", name, name)
              : fmt::format("CAST({} AS VARCHAR)", name);
  return fmt::format("(SELECT {} AS v FROM {}{})", value, relation, where_clause(where));
}

/// Counts of one side in bins: missing, under, bins…, over.
Result<std::vector<double>> count_numbers(engine::Connection& connection, const std::string& side,
                                          const statistics::NumberBins& bins) {
  std::string place = "CASE WHEN v IS NULL THEN 0";
  for (size_t i = 0; i < bins.edges.size(); ++i) {
    const bool last = i + 1 == bins.edges.size();
    place += fmt::format(" WHEN v {} CAST('{}' AS DOUBLE) THEN {}", last ? "<=" : "<", bins.edges[i], i + 1);
  }
  place += fmt::format(" ELSE {} END", bins.places() - 1);
  TM_TRY(const engine::Rows rows,
         connection.query(fmt::format("SELECT {} AS place, count(*) FROM {} GROUP BY place", place, side)));
  std::vector<double> counts(bins.places(), 0.0);
  for (const auto& row : rows.rows)
    counts.at(static_cast<size_t>(to_count(row[0]))) += static_cast<double>(to_count(row[1]));
  return counts;
}

struct Compared {
  std::vector<double> reference, current;
  std::vector<std::string> labels;
};

Result<Compared> compare_numbers(engine::Connection& connection, const Sides& sides) {
  std::vector<std::string> shares;
  for (size_t i = 0; i <= statistics::kMaxBins; ++i)
    shares.push_back(fmt::format("{}", static_cast<double>(i) / static_cast<double>(statistics::kMaxBins)));
  std::vector<std::string> quantiles;
  for (const std::string& share : shares) quantiles.push_back(fmt::format("quantile_cont(v, {})", share));
  TM_TRY(const engine::Rows edges,
         connection.query(fmt::format("SELECT {} FROM {} WHERE isfinite(v)", fmt::join(quantiles, ", "),
                                      sides.reference)));
  statistics::NumberBins bins;
  for (const engine::Value& value : edges.rows.at(0)) {
    const std::optional<double> edge = to_double(value);
    if (edge && (bins.edges.empty() || *edge > bins.edges.back())) bins.edges.push_back(*edge);
  }
  if (bins.edges.size() == 1) bins.edges.push_back(bins.edges.front());
  Compared compared;
  TM_TRY(compared.reference, count_numbers(connection, sides.reference, bins));
  TM_TRY(compared.current, count_numbers(connection, sides.current, bins));
  for (size_t place = 0; place < bins.places(); ++place) compared.labels.push_back(bins.label(place));
  return compared;
}

Result<Compared> compare_levels(engine::Connection& connection, const Sides& sides) {
  TM_TRY(const engine::Rows rows,
         connection.query(fmt::format("SELECT v, CAST(sum(a) AS BIGINT), CAST(sum(b) AS BIGINT) FROM (SELECT "
                                      "v, count(*) AS a, 0 AS b FROM {} GROUP BY v "
                                      "UNION ALL SELECT v, 0, count(*) FROM {} GROUP BY v) GROUP BY v",
                                      sides.reference, sides.current)));
  std::vector<statistics::LevelCount> levels;
  for (const auto& row : rows.rows)
    if (const auto* level = std::get_if<std::string>(&row[0]); level != nullptr && to_count(row[1]) > 0)
      levels.push_back({*level, static_cast<double>(to_count(row[1]))});
  const statistics::LevelBins bins = statistics::frequent_levels(std::move(levels));
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < bins.levels.size(); ++i) places[bins.levels[i]] = i + 1;
  Compared compared{.reference = std::vector<double>(bins.places(), 0.0),
                    .current = std::vector<double>(bins.places(), 0.0)};
  for (const auto& row : rows.rows) {
    const auto* level = std::get_if<std::string>(&row[0]);
    const auto found = level == nullptr ? places.end() : places.find(*level);
    const size_t place = level == nullptr ? 0 : found == places.end() ? bins.places() - 1 : found->second;
    compared.reference[place] += static_cast<double>(to_count(row[1]));
    compared.current[place] += static_cast<double>(to_count(row[2]));
  }
  for (size_t place = 0; place < bins.places(); ++place) compared.labels.push_back(bins.label(place));
  return compared;
}

/// The two cumulative shares at every value, and the step to the next: D is their largest gap, Wasserstein-1
/// the area between them.
std::string cumulative(const Sides& sides) {
  return fmt::format(
      "SELECT v, abs(sum(a) OVER w / sum(a) OVER () - sum(b) OVER w / sum(b) OVER ()) AS gap, lead(v) OVER "
      "(ORDER BY v) - v AS step FROM "
      "(SELECT v, sum(a) AS a, sum(b) AS b FROM (SELECT v, 1 AS a, 0 AS b FROM {} UNION ALL SELECT v, 0, 1 "
      "FROM {}) "
      "WHERE isfinite(v) GROUP BY v) WINDOW w AS (ORDER BY v ROWS UNBOUNDED PRECEDING)",
      sides.reference, sides.current);
}

Result<std::optional<double>> distance_of_numbers(engine::Connection& connection, const Sides& sides,
                                                  const std::string& statistic) {
  if (statistic == "ks") {
    TM_TRY(const engine::Value d,
           connection.scalar(fmt::format("SELECT max(gap) FROM ({})", cumulative(sides))));
    return to_double(d);
  }
  TM_TRY(const engine::Value w,
         connection.scalar(fmt::format("SELECT (SELECT sum(gap * step) FROM ({})) / nullif((SELECT "
                                       "stddev_pop(v) FROM {} WHERE isfinite(v)), 0)",
                                       cumulative(sides), sides.reference)));
  return to_double(w);
}

/// What moved most, for the message: label and both shares.
Json largest_moves(const Compared& compared) {
  const double n = static_cast<double>(compared.reference.size());
  double a = 0, b = 0;
  for (size_t i = 0; i < compared.reference.size(); ++i) {
    a += compared.reference[i];
    b += compared.current[i];
  }
  std::vector<std::pair<double, size_t>> moves;
  for (size_t i = 0; i < compared.reference.size(); ++i)
    moves.emplace_back(
        -std::abs(compared.reference[i] / std::max(a, 1.0) - compared.current[i] / std::max(b, 1.0)), i);
  std::sort(moves.begin(), moves.end());
  Json list = Json::array();
  for (size_t k = 0; k < std::min<size_t>(3, static_cast<size_t>(n)); ++k) {
    const size_t i = moves[k].second;
    if (moves[k].first == 0) break;
    list.push_back({{"values", compared.labels[i]},
                    {"reference", compared.reference[i] / a},
                    {"current", compared.current[i] / b}});
  }
  return list;
}

/// The reference has its values and this side has not. Only a past that is missing is no verdict: a column
/// that lost its values fails. A table that is small by itself says nothing of its distribution, and that is
/// said.
CheckResult too_few_now(const Check& check, CheckResult result, const std::string& column, int64_t before,
                        int64_t now) {
  const bool lost = now == 0 || result.rows >= kMinValues;
  result.status = lost ? failure(check) : CheckStatus::Warned;
  result.message = fmt::format("{} has {} values in {} rows, the reference {}", column, grouped(now),
                               grouped(result.rows), grouped(before));
  result.hint = lost ? "was it renamed, or is it no longer filled where the data come from?"
                     : fmt::format("a distribution is judged from {} values on", kMinValues);
  return result;
}

/// In units of a spread of 0, staying is no distance and moving is infinitely far.
CheckResult against_a_constant(const Check& check, CheckResult result, const std::string& column,
                               const Compared& compared) {
  const double moved = compared.current.at(1) + compared.current.back();  // below and above the one value
  result.message = fmt::format("{} does not vary in the reference, and {} rows differ from it now", column,
                               grouped(static_cast<int64_t>(moved)));
  if (moved > 0) result.status = failure(check);
  return result;
}

}  // namespace

Result<CheckResult> judge_distribution(const CheckContext& context, const Check& check) {
  CheckResult result = result_of(check);
  const std::string reference = check.arguments.value("reference", "previous"),
                    statistic = check.arguments.value("statistic", "psi");
  const std::string column_name =
      check.arguments.value("column", check.columns.empty() ? "" : check.columns[0]);
  const engine::Column* column = engine::find_column(context.columns, column_name);
  if (column == nullptr)
    return broken(check, fmt::format("{} has no column '{}'", context.table, column_name));
  const bool numeric = is_number_type(column->type);
  if (!numeric && statistic != "psi")
    return broken(check, fmt::format("{} is {}: {} needs numbers", column->name, column->type, statistic),
                  "statistic: psi");

  std::string relation;
  if (reference == "previous") {
    if (!context.previous_relation) {
      result.status = CheckStatus::NotEnoughHistory;
      result.message = "there is no earlier snapshot to compare with yet";
      return result;
    }
    relation = *context.previous_relation;
  } else {
    if (!context.relation_of)
      return internal_error("check.no_lookup", "a check asks for another table, and nobody can give it");
    TM_TRY(relation, context.relation_of(reference));
  }
  const Sides sides{.reference = values_of(relation, column->name, numeric, {}),
                    .current = values_of(context.relation, column->name, numeric, check.where),
                    .reference_name = reference};
  engine::Connection& connection = *context.connection;
  TM_TRY(const engine::Rows sizes,
         connection.query(fmt::format(
             "SELECT (SELECT count(v) FROM {}), (SELECT count(v) FROM {}), (SELECT count(*) FROM {})",
             sides.reference, sides.current, sides.current)));
  const int64_t before = to_count(sizes.rows.at(0)[0]), now = to_count(sizes.rows.at(0)[1]);
  result.rows = to_count(sizes.rows.at(0)[2]);
  result.numbers = {{"statistic", statistic}, {"reference_values", before}, {"current_values", now}};
  if (before < kMinValues) {
    result.status = CheckStatus::NotEnoughHistory;
    result.message = fmt::format("the reference has {} values of {}: {} are needed", grouped(before),
                                 column->name, kMinValues);
    return result;
  }
  if (now < kMinValues) return too_few_now(check, std::move(result), column->name, before, now);

  TM_TRY(const Compared compared,
         numeric ? compare_numbers(connection, sides) : compare_levels(connection, sides));
  std::optional<double> distance = statistics::psi(compared.reference, compared.current);
  if (statistic != "psi") {
    TM_TRY(distance, distance_of_numbers(connection, sides, statistic));
  }
  if (!distance) return against_a_constant(check, std::move(result), column->name, compared);
  const double most = check.arguments.value("max", 0.0);
  result.numbers["value"] = *distance;
  result.numbers["max"] = most;
  result.numbers["largest_moves"] = largest_moves(compared);
  result.message =
      fmt::format("{} of {} against {} is {:.3g} (limit {:.3g})", statistic, column->name,
                  reference == "previous" ? "the previous snapshot" : reference, *distance, most);
  if (*distance > most) {
    result.status = failure(check);
    std::string moved;
    for (const Json& move : result.numbers["largest_moves"])
      moved += fmt::format("{}{}: {} → {}", moved.empty() ? "" : "; ", move["values"].get<std::string>(),
                           percent(move["reference"].get<double>()), percent(move["current"].get<double>()));
    result.hint = "what moved most: " + moved;
  }
  return result;
}

}  // namespace tidemill::quality
