#include "pipeline/spec.hpp"

#include "quality/quality.hpp"

namespace tidemill::pipeline {

namespace {

Json limit_spec(const std::optional<project::FailLimit>& limit) {
  if (!limit) return nullptr;
  Json out = Json::object();
  if (limit->count) out["count"] = *limit->count;
  if (limit->share) out["share"] = *limit->share;
  return out;
}

Json columns_spec(const std::vector<project::Column>& columns) {
  Json out = Json::array();
  for (const project::Column& column : columns) out.push_back({{"name", column.name}, {"type", column.type}});
  return out;
}

template <class Table>
Json checks_spec(const Table& table) {
  Json out = Json::array();
  for (const project::Check& check : quality::checks_of(table))
    if (check.kind != "freshness") out.push_back(spec_of(check));
  return out;
}

Json span_spec(const std::variant<double, Duration>& span) {
  if (const double* share = std::get_if<double>(&span)) return *share;
  return to_text(std::get<Duration>(span));
}

std::string_view text_of(project::Export::Mode mode) {
  switch (mode) {
    case project::Export::Mode::Replace:
      return "replace";
    case project::Export::Mode::Merge:
      return "merge";
    case project::Export::Mode::Append:
      return "append";
  }
  return "replace";
}

}  // namespace

Json spec_of(const project::Check& check) {
  Json out{{"kind", check.kind}, {"columns", check.columns}, {"arguments", check.arguments}};
  out["severity"] = check.severity == project::Severity::Error ? "error" : "warn";
  out["mostly"] = check.mostly;
  out["where"] = check.where;
  out["warn_if"] = limit_spec(check.warn_if);
  out["error_if"] = limit_spec(check.error_if);
  out["on_fail"] = check.on_fail == project::OnFail::Stop         ? "stop"
                   : check.on_fail == project::OnFail::Quarantine ? "quarantine"
                                                                  : "continue";
  return out;
}

Json reading_spec(const project::Source& source) {
  Json out = Json::object();
  if (source.connection.empty()) {
    out["paths"] = source.paths;
    out["format"] = source.format;
    out["options"] = source.options;
  } else {
    out["connection"] = source.connection;
    out["table"] = source.table;
    out["query"] = source.query;
    out["watermark"] = source.watermark;
  }
  out["columns"] = columns_spec(source.columns);
  return out;
}

Json spec_of(const project::Source& source) {
  Json out = reading_spec(source);
  out["key"] = source.key;
  out["checks"] = checks_spec(source);
  return out;
}

Json spec_of(const project::Transform& transform) {
  Json out = Json::object();
  if (!transform.command.empty()) {
    out["command"] = transform.command;
    out["inputs"] = transform.inputs;
  }
  if (transform.deterministic) out["deterministic"] = true;
  out["columns"] = columns_spec(transform.columns);
  out["checks"] = checks_spec(transform);
  return out;
}

Json spec_of(const project::Model& model) {
  Json checks = Json::array();
  for (const project::Check& check : model.checks) checks.push_back(spec_of(check));
  Json split{{"kind", static_cast<int>(model.split.kind)},
             {"column", model.split.column},
             {"validation", span_spec(model.split.validation)},
             {"test", span_spec(model.split.test)},
             {"gap", to_text(model.split.gap)}};
  Json train{{"algorithm", model.train.algorithm},
             {"objective", model.train.objective},
             {"rounds", model.train.rounds},
             {"early_stopping", model.train.early_stopping},
             {"params", model.train.params}};
  Json decision = Json::object();
  if (model.decision.threshold) decision["threshold"] = *model.decision.threshold;
  if (!model.decision.choose.empty()) decision["choose"] = model.decision.choose;
  Json out{{"from", model.from},
           {"key", model.key},
           {"target", model.target},
           {"as_of", model.as_of},
           {"where", model.where},
           {"include", model.include},
           {"exclude", model.exclude},
           {"types", model.types},
           {"weight", model.weight},
           {"split", split},
           {"train", train},
           {"calibrate", model.calibrate},
           {"decision", decision},
           {"slices", model.slices},
           {"fairness_groups", model.fairness_groups},
           {"max_categories", model.max_categories},
           {"checks", checks}};
  if (model.conformal_coverage) out["conformal_coverage"] = *model.conformal_coverage;
  return out;
}

Json gate_spec(const project::Model& model) {
  Json out = Json::array();
  for (const project::GateRule& rule : model.gate) {
    Json one{{"metric", rule.metric}};
    if (rule.min) one["min"] = *rule.min;
    if (rule.max) one["max"] = *rule.max;
    if (rule.against == project::GateRule::Against::Champion) one["vs"] = "champion";
    if (rule.against == project::GateRule::Against::Column) one["vs"] = {{"column", rule.column}};
    if (rule.no_worse_by) one["no_worse_by"] = *rule.no_worse_by;
    if (rule.better_by) one["better_by"] = *rule.better_by;
    if (!rule.slice.empty()) one["slice"] = rule.slice;
    out.push_back(std::move(one));
  }
  return out;
}

Json spec_of(const project::Export& target) {
  Json out{{"table", target.table}};
  if (target.connection.empty()) {
    out["path"] = target.path;
  } else {
    out["connection"] = target.connection;
    out["to_table"] = target.to_table;
    out["mode"] = text_of(target.mode);
    out["key"] = target.key;
  }
  return out;
}

}  // namespace tidemill::pipeline
