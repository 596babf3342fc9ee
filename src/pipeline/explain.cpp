#include "pipeline/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/keys.hpp"

namespace tidemill::pipeline {

namespace {

constexpr size_t kMaxRunsSearched = 1000;

std::vector<std::string> ids_of(const std::string& step) {
  if (step.find(':') != std::string::npos) return {step};
  return {"transform:" + step, "source:" + step, "model:" + step, "export:" + step};
}

Json changes_json(const std::string& name, const std::vector<PartChange>& changes) {
  Json out = Json::array();
  for (const PartChange& change : changes)
    out.push_back({{"part", change.part},
                   {"before", change.before},
                   {"after", change.after},
                   {"text", describe_change(name, change)}});
  return out;
}

/// The record of the same step in the newest run before `run`.
Result<std::optional<registry::StepRecord>> record_before(registry::Registry& registry,
                                                          const std::string& step, const std::string& run) {
  TM_TRY(const auto runs, registry.runs(kMaxRunsSearched));
  bool before = false;
  for (const registry::Run& other : runs) {
    if (other.id == run) {
      before = true;
      continue;
    }
    if (!before) continue;
    TM_TRY(auto records, registry.steps(other.id));
    for (registry::StepRecord& record : records)
      if (record.step == step) return std::optional(std::move(record));
  }
  return std::optional<registry::StepRecord>();
}

Result<Json> explain_last(registry::Registry& registry, const registry::StepRecord& last,
                          const std::string& name) {
  Json out{{"run", last.run},
           {"status", registry::to_text(last.status)},
           {"at", tidemill::to_text(last.ended_at)}};
  out["key"] = last.key.empty() ? Json(nullptr) : Json(last.key);
  TM_TRY(const auto before, record_before(registry, last.step, last.run));
  if (before) {
    const std::vector<PartChange> changes = compare_parts(before->key_parts, last.key_parts);
    out["compared_with"] = before->run;
    out["changes"] = changes_json(name, changes);
  } else {
    out["compared_with"] = nullptr;
    out["changes"] = Json::array();
  }
  if (last.report.contains("reason")) {
    out["why"] = last.report["reason"];
    if (out["why"] == "never made") out["why"] = "it had never been made before";
  }
  if (last.error) out["error"] = *last.error;
  return out;
}

}  // namespace

Result<Json> explain(registry::Registry& registry, const std::string& step, const Plan* plan) {
  const PlannedStep* planned = nullptr;
  std::optional<registry::StepRecord> last;
  std::string id;
  for (const std::string& candidate : ids_of(step)) {
    if (plan != nullptr) planned = plan->find(candidate);
    TM_TRY(last, registry.last_step(candidate));
    id = candidate;
    if (planned != nullptr || last) break;
  }
  if (planned == nullptr && !last) {
    std::vector<std::string> names;
    if (plan != nullptr)
      for (const PlannedStep& one : plan->steps)
        names.push_back(step.find(':') == std::string::npos ? one.name : one.id);
    return user_error("usage.unknown_step", fmt::format("there is no step '{}'", step), {},
                      did_you_mean(step, names));
  }
  const std::string name = id.substr(id.find(':') + 1);
  Json out{{"step", id}};
  if (last) {
    TM_TRY(out["last"], explain_last(registry, *last, name));
  }
  if (planned != nullptr) {
    Json now{{"state", to_text(planned->state)}, {"reason", planned->reason}};
    now["key"] = planned->key.empty() ? Json(nullptr) : Json(planned->key);
    if (planned->state == StepState::UpToDate && planned->reason.empty()) {
      const std::string run = planned->table     ? planned->table->run
                              : planned->version ? planned->version->run
                              : last             ? last->run
                                                 : "";
      now["reason"] = "nothing that it is made from changed" + (run.empty() ? "" : " since run " + run);
    }
    if (last && !planned->key.empty()) {
      // With what is live, as the plan does: the newest record may be of a run that failed.
      TM_TRY(const auto live, registry.live_step(id));
      const registry::StepRecord& with = live ? *live : *last;
      now["compared_with"] = with.run;
      now["changes"] = changes_json(name, compare_parts(with.key_parts, planned->key_parts));
    }
    out["now"] = std::move(now);
  }
  return out;
}

}  // namespace tidemill::pipeline
