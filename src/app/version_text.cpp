#include "app/version_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "app/output.hpp"

namespace tidemill::app {

namespace {

constexpr size_t kFeaturesShown = 20;
constexpr size_t kSlicesShown = 40;

/// The member, or an empty object: what an imported version has not is not printed.
Json member(const Json& json, const char* name) {
  return json.is_object() && json.contains(name) ? json[name] : Json::object();
}
std::string number(const Json& json) {
  return json.is_number() ? fmt::format("{:.4g}", json.get<double>()) : "not defined";
}
std::string value_of(const Json& metric) {
  return metric.is_object() ? number(metric.value("value", Json())) : number(metric);
}
/// Without one there were too few days or groups to draw from, or the metric is not defined.
std::string interval(const Json& metric) {
  if (!metric.is_object() || !metric.contains("low")) return "";
  return metric["low"].is_number() ? number(metric["low"]) + " to " + number(metric["high"])
                                   : "cannot be told";
}
std::string share(const Json& json) {
  return json.is_number() ? fmt::format("{:.1f} %", 100 * json.get<double>()) : "";
}

std::string heading(const Json& version) {
  std::string out = fmt::format("{} version {}", cell_text(version["model"]), cell_text(version["version"]));
  std::string aliases;
  for (const Json& alias : version["aliases"]) aliases += (aliases.empty() ? "" : ", ") + cell_text(alias);
  if (!aliases.empty()) out += fmt::format(" ({})", aliases);
  out += fmt::format(": {}, made {}", cell_text(version["state"]), cell_text(version["made_at"]));
  if (const std::string run = cell_text(version["run"]); !run.empty()) out += " in run " + run;
  return visible(out, Breaks::Show) + "\n";
}

/// What it is where no metrics say it: what its file says.
std::string origin_text(const Json& version) {
  const Json imported = member(member(version, "gate"), "imported");
  if (imported.empty()) return "";
  const auto said = [&](const char* name) { return cell_text(imported.value(name, Json())); };
  std::string out = fmt::format("imported from {}: {} of {}, {} trees\n", said("file"), said("objective"),
                                said("library"), said("trees"));
  const Json features = version.value("features", Json::array());
  out += fmt::format("{} of {} feature{}", cell_text(version.value("task", Json())), features.size(),
                     features.size() == 1 ? "" : "s");
  if (const Json classes = version.value("classes", Json::array()); !classes.empty())
    out += fmt::format(" and {} classes", classes.size());
  for (size_t i = 0; i < std::min(kFeaturesShown, features.size()); ++i)
    out += fmt::format("{}{}{}", i == 0 ? ": " : ", ", cell_text(features[i]["name"]),
                       features[i]["category"].get<bool>() ? " (category)" : "");
  if (features.size() > kFeaturesShown)
    out += fmt::format(" … and {} more", features.size() - kFeaturesShown);
  return visible(out, Breaks::Keep) + "\n";
}

/// The second of two classes is the one that the score is of.
std::string decision_line(const Json& threshold, const Json& classes) {
  const std::string from = fmt::format("from a score of {:.6g} on", threshold.get<double>());
  if (classes.size() != 2) return fmt::format("decision: yes {}\n", from);
  const std::string positive = visible(cell_text(classes[1]), Breaks::Show);
  return fmt::format("decision: \"{0}\" {1}; the score is the probability of \"{0}\"\n", positive, from);
}

std::string rows_line(const Json& metrics, const Json& classes) {
  const Json rows = member(metrics, "rows");
  std::string out;
  for (const auto& [part, words] : {std::pair{"train", "to train"}, std::pair{"validation", "for validation"},
                                    std::pair{"test", "for test"}})
    if (rows.contains(part) && rows[part].is_number_integer())
      out += fmt::format("{}{} {}", out.empty() ? "rows: " : ", ", grouped(rows[part].get<int64_t>()), words);
  if (!out.empty()) out += "\n";
  if (const Json threshold = metrics.value("threshold", Json()); threshold.is_number())
    out += decision_line(threshold, classes);
  return out;
}

std::string metrics_text(const Json& metrics) {
  const Json test = member(metrics, "test"), validation = member(metrics, "validation");
  if (test.empty()) return "";
  TextTable text({{"metric"}, {"test", true}, {"95 % interval"}, {"validation", true}});
  for (const auto& [name, metric] : test.items())
    text.add({name, value_of(metric), interval(metric),
              validation.contains(name) ? value_of(validation[name]) : ""});
  return "\n" + text.text();
}

std::string slices_text(const Json& metrics) {
  const Json slices = metrics.value("slices", Json::array());
  if (slices.empty() || member(slices[0], "metrics").empty()) return "";
  const std::string metric = slices[0]["metrics"].begin().key();
  TextTable text({{"slice"}, {"rows", true}, {metric, true}, {"95 % interval"}});
  for (size_t i = 0; i < std::min(kSlicesShown, slices.size()); ++i) {
    const Json of = member(member(slices[i], "metrics"), metric.c_str());
    text.add({fmt::format("{} = {}", cell_text(slices[i].value("column", Json())),
                          cell_text(slices[i].value("value", Json()))),
              cell_text(slices[i].value("rows", Json())), value_of(of), interval(of)});
  }
  std::string out = "\n" + text.text();
  if (slices.size() > kSlicesShown) out += fmt::format("… and {} more\n", slices.size() - kSlicesShown);
  return out;
}

std::string gate_text(const Json& gate) {
  const Json rules = gate.is_object() ? gate.value("rules", Json::array()) : Json::array();
  if (rules.empty()) return "";
  std::string out = fmt::format("\ngate: {}\n", gate.value("passed", false) ? "passed" : "not passed");
  for (const Json& rule : rules)
    out += visible(fmt::format("  {}  {}", rule.value("passed", false) ? "passed" : "failed",
                               cell_text(rule.value("message", Json()))),
                   Breaks::Show) +
           "\n";
  return out;
}

std::string importance_text(const Json& importance) {
  if (!importance.is_array() || importance.empty()) return "";
  TextTable text({{"feature"}, {"share of gain", true}, {"share of splits", true}});
  for (size_t i = 0; i < std::min(kFeaturesShown, importance.size()); ++i)
    text.add({cell_text(importance[i].value("feature", Json())), share(importance[i].value("gain", Json())),
              share(importance[i].value("weight", Json()))});
  std::string out = "\n" + text.text();
  if (importance.size() > kFeaturesShown)
    out += fmt::format("… and {} more\n", importance.size() - kFeaturesShown);
  return out;
}

}  // namespace

std::string version_text(const Json& version) {
  const Json metrics = member(version, "metrics");
  return heading(version) + origin_text(version) +
         rows_line(metrics, version.value("classes", Json::array())) + metrics_text(metrics) +
         slices_text(metrics) + gate_text(member(version, "gate")) +
         importance_text(version.value("importance", Json::array()));
}

}  // namespace tidemill::app
