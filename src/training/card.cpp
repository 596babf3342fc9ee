#include "training/card.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "training/columns.hpp"

namespace tidemill::training {

namespace {

constexpr size_t kFeaturesShown = 20;

/// A text as YAML: JSON's quoting is YAML's.
std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}
/// A text inside a Markdown table.
std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}
std::string number(const Json& json) {
  return json.is_number() ? fmt::format("{:.4g}", json.get<double>()) : "not defined";
}
/// Without one there were too few days or groups to draw from, or the metric is not defined.
std::string interval(const Json& metric) {
  return metric["low"].is_number() ? number(metric["low"]) + " to " + number(metric["high"])
                                   : "cannot be told";
}
std::string percent(const Json& json) {
  return json.is_number() ? fmt::format("{:.1f} %", 100 * json.get<double>()) : "?";
}

std::string front_matter(const forest::Package& package, const std::string& table) {
  const std::string task =
      package.task == forest::Task::Regression ? "tabular-regression" : "tabular-classification";
  std::string text = fmt::format(
      "---\nlibrary_name: xgboost\npipeline_tag: {0}\ntags:\n- {0}\n- xgboost\n- tidemill\nmodel-index:\n- "
      "name: {1}\n  results:\n  - task:\n      type: {0}\n    dataset:\n      type: tabular\n      name: "
      "{2}\n      split: test\n    metrics:\n",
      task, quoted(package.model), quoted(table));
  const Json test = package.metrics.value("test", Json::object());
  for (const auto& [name, metric] : test.items())
    if (metric.is_object() && metric["value"].is_number())
      text += fmt::format("    - type: {}\n      value: {}\n", name, metric["value"].dump());
  return text + "---\n";
}

std::string metrics_table(const forest::Package& package) {
  std::string text = "| metric | test | 95 % interval | validation |\n|---|---|---|---|\n";
  const Json test = package.metrics.value("test", Json::object());
  const Json validation = package.metrics.value("validation", Json::object());
  for (const auto& [name, metric] : test.items()) {
    if (!metric.is_object()) continue;
    text += fmt::format("| {} | {} | {} | {} |\n", name, number(metric["value"]), interval(metric),
                        validation.contains(name) ? number(validation[name]["value"]) : "");
  }
  return text;
}

std::string fairness_text(const Json& columns) {
  std::string text = "## Groups\n\n";
  for (const Json& column : columns) {
    text += fmt::format(
        "By {}: selection rates differ by {} (ratio {}), true positive rates by {} (ratio {}).\n\n"
        "| group | rows | selected | true positives | false positives |\n|---|---|---|---|---|\n",
        cell(column["column"].get<std::string>()), number(column["demographic_parity"]["difference"]),
        number(column["demographic_parity"]["ratio"]), number(column["equal_opportunity"]["difference"]),
        number(column["equal_opportunity"]["ratio"]));
    for (const Json& group : column["groups"])
      text += fmt::format("| {}{} | {} | {} | {} | {} |\n", cell(group["value"].get<std::string>()),
                          group["judged"].get<bool>() ? "" : " (too few to judge)", group["rows"].dump(),
                          percent(group["selection_rate"]), percent(group["true_positive_rate"]),
                          percent(group["false_positive_rate"]));
    text += "\n";
  }
  return text;
}

std::string split_text(const Json& split) {
  const std::string kind = split.value("kind", "hash");
  if (kind == "time")
    return fmt::format("By time ({}): test from {} to {}{}, with a gap of {} between the parts.",
                       split["column"].get<std::string>(), split["test_from"].get<std::string>(),
                       split["test_to"].get<std::string>(),
                       split["validation_from"].is_string()
                           ? ", validation from " + split["validation_from"].get<std::string>()
                           : "",
                       split["gap"].get<std::string>());
  const std::string by =
      kind == "group" ? "the group " + split["column"].get<std::string>() : "a hash of the key";
  return fmt::format("By {}: {} test, {} validation. A row never changes sides.", by, percent(split["test"]),
                     percent(split["validation"]));
}

}  // namespace

std::string model_card(const forest::Package& package, const std::string& table) {
  std::string text = front_matter(package, table);
  const Json& rows = package.metrics["rows"];
  text += fmt::format("# {}\n\nA {} model of `{}` from the table `{}`: {} trees' worth of XGBoost {}.\n\n",
                      package.model, to_text(package.task), package.target, table,
                      package.provenance.value("best_round", 0), package.provenance.value("xgboost", ""));
  text +=
      fmt::format("## Data\n\n{} rows to train, {} for validation, {} for test. {}\n\n", rows["train"].dump(),
                  rows["validation"].dump(), rows["test"].dump(), split_text(package.split));
  text += "## How good it is\n\n" + metrics_table(package) + "\n";
  if (package.threshold)
    text += fmt::format(
        "{} from a score of {:.6g} on.\n\n",
        package.classes.size() == 2
            ? fmt::format("The score is the probability of `{0}`: it is `{0}`", cell(package.classes[1]))
            : "Positive",
        *package.threshold);
  if (!package.calibration.kind.empty())
    text += fmt::format("Scores are calibrated on validation ({}).\n\n", package.calibration.kind);
  if (package.metrics.contains("conformal")) {
    const Json& conformal = package.metrics["conformal"];
    text += fmt::format(
        "Intervals of prediction ± {} were asked to hold {} of the targets and held {} of the test rows.\n\n",
        number(conformal["half_width"]), percent(conformal["asked"]), percent(conformal["measured"]));
  }
  if (const Json& slices = package.metrics["slices"]; !slices.empty()) {
    const std::string first = slices[0]["metrics"].begin().key();
    text += fmt::format("## Slices\n\n| slice | rows | {} | 95 % interval |\n|---|---|---|---|\n", first);
    for (const Json& slice : slices) {
      const Json& metric = slice["metrics"][first];
      text += fmt::format("| {} = {} | {} | {} | {} |\n", cell(slice["column"].get<std::string>()),
                          cell(slice["value"].get<std::string>()), slice["rows"].dump(),
                          number(metric["value"]), interval(metric));
    }
    text += "\n";
  }
  if (package.metrics.contains("fairness")) text += fairness_text(package.metrics["fairness"]);
  text += "## What it looks at\n\n| feature | share of gain | share of splits |\n|---|---|---|\n";
  for (size_t i = 0; i < std::min(kFeaturesShown, package.importance.size()); ++i) {
    const Json& one = package.importance[i];
    text += fmt::format("| {} | {} | {} |\n", cell(one["feature"].get<std::string>()), percent(one["gain"]),
                        percent(one["weight"]));
  }
  if (package.importance.size() > kFeaturesShown)
    text += fmt::format("\n… and {} more.\n", package.importance.size() - kFeaturesShown);
  text +=
      fmt::format("\n## Where it comes from\n\n```json\n{}\n```\n", tidemill::to_text(package.provenance, 2));
  return text;
}

}  // namespace tidemill::training
