#include "monitoring/shadow_agreement.hpp"

#include <cmath>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/steady_read.hpp"
#include "statistics/bins.hpp"
#include "statistics/score_drift.hpp"

namespace tidemill::monitoring {

namespace {

constexpr int64_t kSqlMemory = 512'000'000;
constexpr int64_t kMostRows = 1'000'000;  // the newest

/// The columns of the log in which both are compared; empty where the log has none of that kind.
struct Compared {
  std::string score, decision;
};
Compared compared_columns(const std::vector<engine::Column>& log) {
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (engine::find_column(log, name) != nullptr) return std::string(name);
    return std::string();
  };
  return {first_of({"score", "prediction"}), first_of({"decision", "label"})};
}

std::string pairs_in(const std::string& log, const registry::Rollout& shadow, const Compared& compared) {
  const auto column = [](const char* of, const std::string& name) {
    return name.empty() ? std::string("NULL") : fmt::format("{}.{}", of, engine::quote_name(name));
  };
  return fmt::format(
      "SELECT CAST({} AS DOUBLE) AS champion, CAST({} AS DOUBLE) AS shadow, {} = {} AS same "
      "FROM (SELECT * FROM {} AS all_rows WHERE role = 'shadow' AND version = {} AND error IS NULL AND "
      "\"time\" >= {} ORDER BY \"time\" DESC LIMIT {}) AS s "
      "JOIN {} AS c ON c.prediction_id = s.prediction_id AND c.\"row\" = s.\"row\" AND c.role <> 'shadow' "
      "AND c.version <> s.version AND c.error IS NULL",
      column("c", compared.score), column("s", compared.score), column("c", compared.decision),
      column("s", compared.decision), log, shadow.version, sql_of(shadow.since), kMostRows, log);
}

Result<Agreement> agreement_once(const Path& home, const registry::Rollout& shadow,
                                 const forest::Package& package) {
  TM_TRY(const auto database, open_log(home, 0, kSqlMemory));
  TM_TRY(engine::Connection sql, database->connect());
  const std::string log = log_relation(home, shadow.deployment);
  TM_TRY(const auto columns, sql.describe("SELECT * FROM " + log));
  const Compared compared = compared_columns(columns);

  statistics::NumberBins bins;
  if (const auto baseline = package.baseline.find("score"); baseline != package.baseline.end())
    if (auto read = statistics::read_baseline(*baseline)) bins = std::move(read->numbers);
  statistics::NewestScores champion, challenger;
  Agreement found;
  int64_t same = 0, judged = 0, scored = 0;
  double differences = 0;
  TM_CHECK(sql.for_each_chunk(
      "SELECT champion, shadow, CAST(same AS DOUBLE) FROM (" + pairs_in(log, shadow, compared) + ")",
      [&](const engine::Chunk& chunk) -> Result<void> {
        found.rows += static_cast<int64_t>(chunk.rows());
        for (size_t r = 0; r < chunk.rows(); ++r) {
          if (!chunk.is_null(2, r)) {
            ++judged;
            same += chunk.doubles(2)[r] != 0 ? 1 : 0;
          }
          if (chunk.is_null(0, r) || chunk.is_null(1, r)) continue;
          differences += std::abs(chunk.doubles(0)[r] - chunk.doubles(1)[r]);
          ++scored;
          champion.add(chunk.doubles(0)[r]);
          challenger.add(chunk.doubles(1)[r]);
        }
        return {};
      }));
  if (judged > 0) found.same_decisions = static_cast<double>(same) / static_cast<double>(judged);
  if (scored > 0) found.mean_difference = differences / static_cast<double>(scored);
  if (champion.values().size() >= kLeastForPsi && bins.bins() > 0)
    found.score_psi = statistics::score_drift(bins, champion.values(), challenger.values());
  return found;
}

}  // namespace

Json Agreement::to_json() const {
  const auto number = [](const std::optional<double>& value) { return value ? Json(*value) : Json(); };
  return {{"rows", rows},
          {"same_decisions", number(same_decisions)},
          {"mean_difference", number(mean_difference)},
          {"score_psi", number(score_psi)}};
}

Result<Agreement> agreement_of(const Path& home, const registry::Rollout& shadow,
                               const forest::Package& package) {
  return read_steadily(home, shadow.deployment, [&] { return agreement_once(home, shadow, package); });
}

}  // namespace tidemill::monitoring
