#include "pipeline/decide.hpp"

#include <fmt/format.h>

#include "pipeline/keys.hpp"
#include "pipeline/spec.hpp"

namespace tidemill::pipeline {

namespace {

const std::string kVerdictMemo = "verdict";
constexpr size_t kMaxReasons = 3;

/// `last` is the step's newest record, `live` the one that made what is live of it.
std::string reason_to_run(const PlannedStep& step, const std::optional<registry::StepRecord>& last,
                          const std::optional<registry::StepRecord>& live) {
  if (!last) return "never made";
  if (last->key == step.key && last->status != registry::StepStatus::Done)
    return fmt::format("{} in run {}", to_text(last->status), last->run);
  const std::vector<PartChange> changes = compare_parts((live ? live : last)->key_parts, step.key_parts);
  std::vector<std::string> words;
  for (const PartChange& change : changes) {
    if (words.size() == kMaxReasons) {
      words.push_back(fmt::format("and {} more", changes.size() - kMaxReasons));
      break;
    }
    words.push_back(describe_change(step.name, change));
  }
  if (!words.empty()) return fmt::format("{}", fmt::join(words, "; "));
  return "its output is not kept any more";
}

std::string why_withdrawn(const registry::Registry::Output& output) {
  if (output.version && output.version->retired)
    return fmt::format(
        "it would make version {} again, which was retired: {}; comes back when its inputs change, or with "
        "--force",
        output.version->number, *output.version->retired);
  std::string why = "taken back by a rollback; comes back when its inputs change, or with --force";
  if (output.version)
    why +=
        fmt::format(", or as it is: tidemill promote {} {}", output.version->model, output.version->number);
  return why;
}

/// Brought by a person, in a run of its own.
bool was_imported(const registry::Registry& registry, const std::string& model, int version) {
  const auto found = registry.version(model, std::to_string(version));
  return found && found->gate.is_object() && found->gate.contains("imported");
}

/// Whether the gate would compare with another anchor than it did.
Result<std::string> reason_of_anchor(const project::Model& model, const Json& verdict,
                                     registry::Registry& registry) {
  TM_TRY(const std::optional<int> now, registry.anchor(model.name));
  const Json& before = verdict.contains("anchor") ? verdict["anchor"] : Json();
  if (before == (now ? Json(*now) : Json())) return std::string();
  return now ? fmt::format("the anchor is version {} now", *now) : std::string("there is no anchor any more");
}

std::optional<int> champion_of(const std::map<std::string, int>& aliases) {
  const auto found = aliases.find("champion");
  return found == aliases.end() ? std::nullopt : std::optional(found->second);
}

/// A version that passed waits to challenge the champion that it was compared with.
Result<std::string> reason_not_to_wait(const project::Model& model, const Json& verdict,
                                       std::optional<int> champion, const project::Project& project,
                                       registry::Registry& registry) {
  if (verdict.value("champion", Json()) != (champion ? Json(*champion) : Json()))
    return champion ? fmt::format("the champion is version {} now", *champion)
                    : std::string("there is no champion any more");
  if (!champion) return std::string("there is no champion to challenge");
  if (project.rollout_of(model.name) != nullptr) return std::string();
  TM_TRY(const auto challenger, registry.challenger_of_champion(model.name));
  return challenger ? std::string() : std::string("no rollout stands before it any more");
}

/// Why a trained version must stand before the gate again; empty: it need not.
Result<std::string> reason_to_judge(const project::Model& model, const registry::Version& version,
                                    const project::Project& project, registry::Registry& registry) {
  TM_TRY(const Json verdict, latest_verdict(registry, version));
  if (!verdict.is_object() || !verdict.contains("passed")) return std::string();
  TM_TRY(const auto aliases, registry.aliases(model.name));
  const auto champion = aliases.find("champion");
  if (champion != aliases.end() && champion->second == version.number) return std::string();
  TM_TRY(const std::optional<std::string> hold, registry.hold(model.name));
  if (verdict.value("passed", false)) {
    if (hold) return std::string();
    if (verdict.value("held", false)) return std::string("promotion is not on hold any more");
    if (verdict.value("waits", false))
      return reason_not_to_wait(model, verdict, champion_of(aliases), project, registry);
    TM_TRY(const auto run, registry.run(verdict.value("run", version.run)));
    if (!run || run->status == "interrupted" || run->status == "running")
      return std::string("the run that accepted it was cut short before it went live");
    // It was live, and the champion is another since. What a person chose stays; what a run found better was
    // better than this one on other data.
    TM_TRY(const bool by_run, registry.moved_by_run(model.name, "champion"));
    if (by_run && champion != aliases.end() && !was_imported(registry, model.name, champion->second))
      return fmt::format(
          "made already as version {}; the champion is version {} now, trained on other inputs",
          version.number, champion->second);
    return std::string();
  }
  if (canonical(verdict.value("gate", Json::array())) != canonical(gate_spec(model)))
    return std::string("the gate changed");
  const int before = verdict.contains("champion") && verdict["champion"].is_number_integer()
                         ? verdict["champion"].get<int>()
                         : 0;
  const int now = champion == aliases.end() ? 0 : champion->second;
  if (before == now) return reason_of_anchor(model, verdict, registry);
  return now == 0 ? std::string("there is no champion any more")
                  : fmt::format("the champion is version {} now", now);
}

}  // namespace

PlannedStep planned_of(const StepOutline& step) {
  PlannedStep out;
  out.id = step.id;
  out.kind = step.kind;
  out.name = step.name;
  out.needs = step.needs;
  out.needs.insert(out.needs.end(), step.after.begin(), step.after.end());
  std::sort(out.needs.begin(), out.needs.end());
  out.key_parts = step.parts;
  out.columns = step.columns;
  out.models = step.models;
  return out;
}

Result<PlannedStep> decide(const StepOutline& step, const InputHashes& inputs,
                           const project::Project& project, registry::Registry& registry, bool force) {
  PlannedStep out = planned_of(step);
  if (!inputs.tables.empty()) out.key_parts["inputs"] = inputs.tables;
  if (!inputs.models.empty()) out.key_parts["models"] = inputs.models;
  out.state = StepState::WillRun;
  if (!step.never_cached.empty()) {
    out.reason = step.never_cached;
    return out;
  }
  out.key = key_of(out.key_parts);
  TM_TRY(const auto found, registry.find_output(step.id, out.key));
  if (force) {
    out.reason = "--force";
    return out;
  }
  if (found && found->withdrawn) {
    out.state = StepState::Withdrawn;
    out.reason = why_withdrawn(*found);
    return out;
  }
  if (found && !step.gone.empty()) {
    out.reason = step.gone;
    return out;
  }
  if (!found && !inputs.withdrawn.empty()) {
    // An old table under new SQL or a new spec would be a mix that never was live together.
    out.state = StepState::Withdrawn;
    out.reason = fmt::format("it needs {}, which was taken back by a rollback", inputs.withdrawn);
    return out;
  }
  if (!found) {
    TM_TRY(const auto last, registry.last_step(step.id));
    TM_TRY(const auto live, registry.live_step(step.id));
    out.reason = reason_to_run(out, last, live);
    return out;
  }
  out.table = found->table;
  out.version = found->version;
  out.state = StepState::UpToDate;
  if (step.kind == StepKind::Model && out.version) {
    TM_TRY(out.reason, reason_to_judge(project.models.at(step.name), *out.version, project, registry));
    if (!out.reason.empty()) {
      out.state = StepState::WillRun;
      out.judge_only = true;
    }
  }
  return out;
}

Result<Json> latest_verdict(registry::Registry& registry, const registry::Version& version) {
  TM_TRY(const auto memo, registry.memo(kVerdictMemo, fmt::format("{}/{}", version.model, version.number)));
  if (memo) return parse_json(*memo);
  return version.gate;
}

Result<void> keep_verdict(registry::Registry& registry, const std::string& model, int version,
                          const Json& verdict) {
  return registry.set_memos(kVerdictMemo, {{fmt::format("{}/{}", model, version), canonical(verdict)}});
}

}  // namespace tidemill::pipeline
