#include "pipeline/report.hpp"

#include <algorithm>
#include <array>

namespace tidemill::pipeline {

namespace {
constexpr std::array kGravestFirst{130, 70, 6, 1, 3, 4, 0};
}

int step_exit(const Error& error) {
  const int code = exit_code(error);
  return code == 3 || code == 4 || code == 6 || code == 70 || code == 130 ? code : 1;
}

int gravest(int a, int b) {
  return std::find(kGravestFirst.begin(), kGravestFirst.end(), a) <
                 std::find(kGravestFirst.begin(), kGravestFirst.end(), b)
             ? a
             : b;
}

Json to_json(const StepOutcome& outcome) {
  Json out{{"step", outcome.step}, {"status", registry::to_text(outcome.status)}};
  for (const auto& [name, value] : outcome.report.items()) out[name] = value;
  if (outcome.error) out["error"] = tidemill::to_json(*outcome.error);
  return out;
}

Json to_json(const RunResult& result) {
  Json steps = Json::array();
  for (const StepOutcome& step : result.steps) steps.push_back(to_json(step));
  Json out{{"run", result.run}, {"status", result.status}, {"exit_code", result.exit_code}};
  out["started_at"] = tidemill::to_text(result.started_at);
  out["ended_at"] = tidemill::to_text(result.ended_at);
  out["release"] = result.release ? Json(*result.release) : Json(nullptr);
  if (result.error) out["error"] = tidemill::to_json(*result.error);
  out["steps"] = std::move(steps);
  return out;
}

}  // namespace tidemill::pipeline
