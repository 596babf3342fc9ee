#include "pipeline/plan.hpp"

#include <optional>

#include <fmt/format.h>

#include "pipeline/columns.hpp"
#include "pipeline/decide.hpp"
#include "pipeline/evaluate.hpp"
#include "pipeline/outline.hpp"
#include "pipeline/selection.hpp"

namespace tidemill::pipeline {

std::string_view to_text(StepKind kind) {
  switch (kind) {
    case StepKind::Source:
      return "source";
    case StepKind::Transform:
      return "transform";
    case StepKind::Model:
      return "model";
    case StepKind::Export:
      return "export";
  }
  return "source";
}

std::string_view to_text(StepState state) {
  switch (state) {
    case StepState::UpToDate:
      return "up_to_date";
    case StepState::WillRun:
      return "will_run";
    case StepState::DependsOn:
      return "depends_on";
    case StepState::Withdrawn:
      return "withdrawn";
    case StepState::NotSelected:
      return "not_selected";
  }
  return "will_run";
}

const PlannedStep* Plan::find(const std::string& id) const {
  const auto found =
      std::find_if(steps.begin(), steps.end(), [&](const PlannedStep& step) { return step.id == id; });
  return found == steps.end() ? nullptr : &*found;
}

Json to_json(const Plan& plan) {
  Json steps = Json::array();
  for (const PlannedStep& step : plan.steps) {
    Json one{{"step", step.id},
             {"kind", to_text(step.kind)},
             {"name", step.name},
             {"state", to_text(step.state)},
             {"reason", step.reason}};
    one["needs"] = step.needs;
    one["key"] = step.key.empty() ? Json(nullptr) : Json(step.key);
    Json columns = Json::array();
    for (const engine::Column& column : step.columns)
      columns.push_back({{"name", column.name}, {"type", column.type}});
    if (!columns.empty()) one["columns"] = std::move(columns);
    if (!step.models.empty()) one["models"] = step.models;
    steps.push_back(std::move(one));
  }
  return {{"steps", std::move(steps)}};
}

namespace {

std::unexpected<Errors> one(Error error) { return std::unexpected(Errors{std::move(error)}); }

/// Goes through the outline once, in order, knowing of each step what its readers will find.
class Evaluation {
 public:
  Evaluation(const PlanInput& input, const Outline& outline, std::set<std::string> selected)
      : input_(input), outline_(outline), selected_(std::move(selected)) {}

  std::expected<Plan, Errors> make() {
    auto live = input_.registry->live_tables();
    if (!live) return one(std::move(live).error());
    live_ = *std::move(live);
    Plan plan;
    plan.steps.reserve(outline_.steps.size());
    for (const StepOutline& step : outline_.steps) {
      auto planned = selected_.contains(step.id) ? evaluate(step) : not_selected(step);
      if (!planned) return one(std::move(planned).error());
      note_output(*planned);
      plan.steps.push_back(*std::move(planned));
    }
    if (!errors_.empty()) return std::unexpected(std::move(errors_));
    return plan;
  }

 private:
  Result<PlannedStep> not_selected(const StepOutline& step) {
    PlannedStep out = planned_of(step);
    out.state = StepState::NotSelected;
    return out;
  }

  void note_output(const PlannedStep& step) {
    if (step.state == StepState::Withdrawn) withdrawn_.insert(step.id);
    if (step.state == StepState::WillRun || step.state == StepState::DependsOn) {
      pending_.insert(step.id);
    } else if (step.table) {
      hashes_[step.id] = step.table->logical;
    } else if (const auto live = live_.find(step.name);
               live != live_.end() && step.kind <= StepKind::Transform) {
      hashes_[step.id] = live->second.logical;
    }
  }

  Result<PlannedStep> evaluate(const StepOutline& step) {
    const auto depends = [&](const std::string& on) {
      PlannedStep out = planned_of(step);
      out.state = StepState::DependsOn;
      out.reason = "depends on " + on;
      return out;
    };
    InputHashes inputs;
    std::optional<std::string> no_champion;
    for (const std::string& text : step.models) {
      const ModelReference reference = parse_reference(text);
      auto version = input_.registry->version(reference.model, reference.version);
      if (version)
        inputs.models[text] = version->package;
      else if (reference.version == "champion" && !is_imported(reference.model))
        no_champion = text;  // its model's step may find one
      else
        errors_.push_back(unknown_version(step, text, std::move(version).error()));
    }
    for (const std::string& need : step.needs)
      if (pending_.contains(need)) return depends(need);
    for (const std::string& model : step.after)
      if (pending_.contains(model)) return depends(model);
    for (const std::string& need : step.needs) {
      const std::string table = need.substr(need.find(':') + 1);
      if (withdrawn_.contains(need)) inputs.withdrawn = table;
      const auto hash = hashes_.find(need);
      if (hash != hashes_.end()) {
        inputs.tables[table] = hash->second;
      } else if (selected_.contains(need)) {
        PlannedStep out = planned_of(step);
        out.state = StepState::Withdrawn;
        out.reason = fmt::format("{} was taken back by a rollback", table);
        return out;
      } else {
        errors_.push_back(user_error("plan.missing_input",
                                     fmt::format("{} needs {}, which was never made", step.name, table), {},
                                     fmt::format("run it too: +{}", step.name))
                              .error());
      }
    }
    if (no_champion) return depends(*no_champion);
    return decide(step, inputs, *input_.project, *input_.registry, input_.force);
  }

  bool is_imported(const std::string& model) const { return input_.project->models.at(model).imported; }

  /// The registry's error with the place in the SQL: no run makes this version.
  Error unknown_version(const StepOutline& step, const std::string& text, Error error) const {
    if (const auto call = step.calls.find(text); call != step.calls.end()) error.where = call->second;
    return with_maker(*input_.project, parse_reference(text), std::move(error));
  }

  const PlanInput& input_;
  const Outline& outline_;
  std::set<std::string> selected_;
  std::map<std::string, registry::Table> live_;
  std::set<std::string> pending_;
  std::set<std::string> withdrawn_;
  std::map<std::string, std::string> hashes_;  // step → logical hash of its table
  Errors errors_;
};

}  // namespace

std::expected<Plan, Errors> evaluate(const PlanInput& input, const Outline& outline) {
  auto selected = select(outline.graph(), input.selection);
  if (!selected) return std::unexpected(std::move(selected).error());
  return Evaluation(input, outline, *std::move(selected)).make();
}

std::expected<Plan, Errors> plan(const PlanInput& input) {
  auto made = outline(input);
  if (!made) return std::unexpected(std::move(made).error());
  return evaluate(input, *made);
}

}  // namespace tidemill::pipeline
