#include "app/shadow_status.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/output.hpp"
#include "monitoring/shadow_agreement.hpp"
#include "pipeline/predictors.hpp"

namespace tidemill::app {

Result<Json> shadow_agreement(const Session& session, const std::string& deployment) {
  const registry::Registry& registry = *session.registry;
  TM_TRY(const auto rollouts, registry.rollouts());
  const auto found = rollouts.find(deployment);
  if (found == rollouts.end() || found->second.stage != registry::Rollout::Stage::Shadow ||
      !session.project.deployments.at(deployment).log)
    return Json();
  TM_TRY(const auto version, registry.version(found->second.model, std::to_string(found->second.version)));
  TM_TRY(const forest::Package package, pipeline::load_package(registry, version));
  TM_TRY(const auto measured, monitoring::agreement_of(session.project.home, found->second, package));
  return measured.to_json();
}

std::string agreement_text(const Json& agreement) {
  constexpr double kWhole = 100;
  const auto rows = agreement["rows"].get<int64_t>();
  if (rows == 0) return "the log has no row yet that both answered";
  std::vector<std::string> parts;
  const auto number = [&](const char* name) { return agreement[name].get<double>(); };
  if (!agreement["same_decisions"].is_null())
    parts.push_back(fmt::format("{:.1f} % of the decisions are the same", number("same_decisions") * kWhole));
  if (!agreement["mean_difference"].is_null())
    parts.push_back(fmt::format("scores differ by {:.4f} on average", number("mean_difference")));
  if (!agreement["score_psi"].is_null()) parts.push_back(fmt::format("PSI {:.4f}", number("score_psi")));
  return fmt::format("of {} rows that both answered: {}", grouped(rows), fmt::join(parts, ", "));
}

}  // namespace tidemill::app
