#include "training/gate_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "training/labels.hpp"
#include "training/training.hpp"

namespace tidemill::training {

std::string limit_text(const project::GateRule& rule) {
  return rule.min ? fmt::format("{} ≥ {}", rule.metric, *rule.min)
                  : fmt::format("{} ≤ {}", rule.metric, rule.max.value_or(0));
}

std::string comparison_text(const project::GateRule& rule, const std::string& other) {
  const std::string bound = rule.better_by ? fmt::format("better by {}", *rule.better_by)
                                           : fmt::format("no worse by {}", rule.no_worse_by.value_or(0));
  return fmt::format("{} vs {}, {}", rule.metric, other, bound);
}

std::string rule_text(const project::GateRule& rule) {
  if (rule.against == project::GateRule::Against::None) return limit_text(rule);
  return comparison_text(rule, rule.against == project::GateRule::Against::Column ? rule.column : "champion");
}

std::string with_interval(double value, double low, double high) {
  return fmt::format("{:.6g} ({:.6g} to {:.6g})", value, low, high);
}

std::string better_text(double value, double low, double high) {
  return value < 0 ? "worse by " + with_interval(-value, 0 - high, 0 - low)
                   : "better by " + with_interval(value, low, high);
}

std::string way_out(const std::string& role) {
  return role == "anchor" ? "to take the champion as the anchor, promote it by hand: tidemill promote"
                          : "to go on without it, take `vs: champion` out of the gate for one run";
}

std::string classes_text(const forest::Package& package) {
  return fmt::format("the target {} has {} classes: {}", package.target, package.classes.size(),
                     listed(package.classes));
}

Error of_rule(const project::GateRule& rule, Error error, const forest::Package& package,
              const std::vector<double>& labels) {
  if (error.where == Place{}) error.where = rule.place;
  if (error.code != "metric.wrong_task") return error;
  if (package.task == forest::Task::Multiclass && package.classes.size() > 2) {
    error.hint = fmt::format("{}: if one is a mistake, mend it in SQL; for so many, {}",
                             classes_text(package), error.hint);
    return error;
  }
  if (package.task != forest::Task::Regression || labels.empty()) return error;
  const auto [low, high] = std::ranges::minmax(labels);
  if (low == high || !std::ranges::all_of(labels, [&](double y) { return y == low || y == high; }))
    return error;
  if (low == 0 && high == 1)
    error.hint =
        "the target is 0 and 1: declare `train: {objective: binary}`, or judge a regression by one of "
        "these: " +
        error.hint;
  else
    error.hint = fmt::format(
        "the target is {} and {}: for classes declare `train: {{objective: multiclass}}`, or make it 0 and 1 "
        "in "
        "SQL; of a regression, {}",
        low, high, error.hint);
  return error;
}

PartWords part_words(const Json& split) {
  const std::string kind = split.value("kind", "hash");
  if (kind == "time") return {"days", "give `split` a longer test span"};
  if (kind == "group") return {"groups", "give `split` a larger test share"};
  return {"rows", "give `split` a larger test share"};
}

Json to_json(const GateOutcome& outcome) {
  Json rules = Json::array();
  for (const GateRuleOutcome& rule : outcome.rules) {
    Json json = {
        {"rule", rule.rule}, {"passed", rule.passed}, {"message", rule.message}, {"numbers", rule.numbers}};
    if (rule.place.line > 0) json["place"] = tidemill::to_text(rule.place);
    rules.push_back(std::move(json));
  }
  return {{"passed", outcome.passed},
          {"proven_better", outcome.proven_better},
          {"rows", outcome.rows},
          {"rows_seen", outcome.rows_seen},
          {"rows_unmatched", outcome.rows_unmatched},
          {"rules", std::move(rules)},
          {"details", outcome.details}};
}

}  // namespace tidemill::training
