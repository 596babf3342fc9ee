// The project as JSON: everything that was declared, with defaults filled in. A value that holds a secret is
// shown as it was written, ${env:NAME}; where its text comes back inside another one it is redacted.
#include <array>

#include "project/project.hpp"

namespace tidemill::project {

namespace {

Json of(const Column& column);
Json of(const Connection& connection);
Json of(const Source& source);
Json of(const Transform& transform);
Json of(const GateRule& rule);
Json of(const Retrain& retrain);
Json of(const Model& model);
Json of(const PredictionLog::Column& column);
Json of(const Deployment& deployment);
Json of(const Export& made);
Json of(const Monitor& monitor);
Json of(const Labels& labels);
Json of(const Schedule& schedule);

Json list(const std::vector<std::string>& values) { return Json(values); }
Json map(const std::map<std::string, std::string>& values) {
  Json json = Json::object();
  for (const auto& [key, value] : values) json[key] = value;
  return json;
}
Json span(const std::optional<Duration>& duration) { return duration ? Json(to_text(*duration)) : Json(); }
template <class T>
Json maybe(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}
Json limit(const std::optional<FailLimit>& value) {
  if (!value) return {};
  return value->count ? Json{{"count", *value->count}} : Json{{"share", *value->share}};
}
Json retry(const Retry& value) {
  return {{"attempts", value.attempts}, {"first_wait", to_text(value.first_wait)}};
}
Json part(const std::variant<double, Duration>& value) {
  return std::holds_alternative<double>(value) ? Json(std::get<double>(value))
                                               : Json(to_text(std::get<Duration>(value)));
}

Json of(const Check& check) {
  return {{"kind", check.kind},
          {"name", check.name},
          {"columns", list(check.columns)},
          {"arguments", check.arguments},
          {"severity", check.severity == Severity::Error ? "error" : "warn"},
          {"mostly", check.mostly},
          {"where", check.where},
          {"warn_if", limit(check.warn_if)},
          {"error_if", limit(check.error_if)},
          {"on_fail", check.on_fail == OnFail::Stop         ? "stop"
                      : check.on_fail == OnFail::Quarantine ? "quarantine"
                                                            : "continue"}};
}

template <class T>
Json all(const std::vector<T>& values) {
  Json json = Json::array();
  for (const T& value : values) json.push_back(of(value));
  return json;
}
template <class T>
Json all(const std::map<std::string, T>& values) {
  Json json = Json::object();
  for (const auto& [name, value] : values) json[name] = of(value);
  return json;
}

Json of(const Column& column) {
  return {{"name", column.name}, {"type", column.type}, {"checks", all(column.checks)}};
}
Json of(const Connection& connection) { return {{"type", connection.type}, {"dsn", connection.dsn.name()}}; }

Json of(const Source& source) {
  Json json{{"path", list(source.paths)},
            {"format", source.format},
            {"options", source.options},
            {"connection", source.connection},
            {"table", source.table},
            {"query", source.query},
            {"watermark", source.watermark},
            {"key", list(source.key)},
            {"time_column", source.time_column},
            {"known_at", map(source.known_at)},
            {"freshness", nullptr},
            {"columns", all(source.columns)},
            {"checks", all(source.checks)},
            {"retries", retry(source.retry)},
            {"timeout", span(source.timeout)}};
  if (source.freshness)
    json["freshness"] = {{"warn_after", span(source.freshness->warn_after)},
                         {"error_after", span(source.freshness->error_after)}};
  return json;
}

Json of(const Transform& transform) {
  Json scripts = Json::array();
  for (const Path& script : transform.scripts) scripts.push_back(script.native());
  return {{"sql_path", transform.sql_path.native()}, {"sql", transform.sql},
          {"command", list(transform.command)},      {"inputs", list(transform.inputs)},
          {"scripts", std::move(scripts)},           {"deterministic", transform.deterministic},
          {"columns", all(transform.columns)},       {"checks", all(transform.checks)},
          {"retries", retry(transform.retry)},       {"timeout", span(transform.timeout)}};
}

Json of(const GateRule& rule) {
  Json against;
  if (rule.against == GateRule::Against::Champion) against = "champion";
  if (rule.against == GateRule::Against::Column) against = {{"column", rule.column}};
  return {{"metric", rule.metric},
          {"min", maybe(rule.min)},
          {"max", maybe(rule.max)},
          {"vs", against},
          {"no_worse_by", maybe(rule.no_worse_by)},
          {"better_by", maybe(rule.better_by)},
          {"slice", map(rule.slice)}};
}

Json of(const Split& split) {
  static constexpr std::array kKinds{"time", "group", "hash"};
  return {{"kind", kKinds[static_cast<size_t>(split.kind)]},
          {"column", split.column},
          {"gap", to_text(split.gap)},
          {"validation", part(split.validation)},
          {"test", part(split.test)}};
}

Json of(const Model& model) {
  if (model.imported) return {{"imported", true}};
  return {{"from", model.from},
          {"key", list(model.key)},
          {"target", model.target},
          {"as_of", model.as_of},
          {"where", model.where},
          {"features", {{"include", list(model.include)}, {"exclude", list(model.exclude)}}},
          {"types", map(model.types)},
          {"weight", model.weight},
          {"split", of(model.split)},
          {"train",
           {{"algorithm", model.train.algorithm},
            {"objective", model.train.objective},
            {"rounds", model.train.rounds},
            {"early_stopping", model.train.early_stopping},
            {"seed", model.train.seed},
            {"params", model.train.params}}},
          {"calibrate", model.calibrate},
          {"decision", {{"threshold", maybe(model.decision.threshold)}, {"choose", model.decision.choose}}},
          {"slices", list(model.slices)},
          {"fairness", {{"groups", list(model.fairness_groups)}}},
          {"max_categories", model.max_categories},
          {"conformal", {{"coverage", maybe(model.conformal_coverage)}}},
          {"gate", all(model.gate)},
          {"retrain", of(model.retrain)},
          {"checks", all(model.checks)},
          {"timeout", span(model.timeout)}};
}

Json of(const Rollout& rollout) {
  return {{"shadow", rollout.shadow},
          {"canary", rollout.canary},
          {"stage", span(rollout.stage)},
          {"sticky", rollout.sticky},
          {"limits",
           {{"errors", maybe(rollout.limits.errors)},
            {"p99", span(rollout.limits.p99)},
            {"score_drift", maybe(rollout.limits.score_drift)}}}};
}

Json of(const PredictionLog::Column& column) {
  static constexpr std::array kRules{"known", "keep", "drop", "hash"};
  if (column.rule == PredictionLog::Column::Rule::Bucket) return {{"bucket", column.width}};
  return kRules[static_cast<size_t>(column.rule)];
}

Json of(const PredictionLog& log) {
  static constexpr std::array kDurabilities{"none", "interval", "sync"};
  Json columns = all(log.columns);
  columns["*"] = of(log.others);
  return {{"durability", kDurabilities[static_cast<size_t>(log.durability)]},
          {"interval", to_text(log.interval)},
          {"when_full", log.when_full == PredictionLog::WhenFull::Drop ? "drop" : "block"},
          {"sample", log.sample},
          {"retain", to_text(log.retain)},
          {"columns", std::move(columns)}};
}

Json of(const Deployment& deployment) {
  return {{"model", deployment.model},
          {"version", deployment.version},
          {"request", deployment.request},
          {"through", list(deployment.through)},
          {"rollout", deployment.rollout ? of(*deployment.rollout) : Json()},
          {"log", deployment.log ? of(*deployment.log) : Json()}};
}

Json of(const Export& made) {
  static constexpr std::array kModes{"replace", "merge", "append"};
  return {{"path", made.path},
          {"connection", made.connection},
          {"table", made.to_table},
          {"mode", kModes[static_cast<size_t>(made.mode)]},
          {"key", list(made.key)},
          {"retries", retry(made.retry)},
          {"timeout", span(made.timeout)}};
}

Json of(const Schedule& schedule) {
  static constexpr std::array kCatchUps{"none", "latest", "all"};
  return {{"name", schedule.name},
          {"cron", schedule.cron},
          {"watch", list(schedule.watch)},
          {"every", schedule.watch.empty() ? Json() : Json(to_text(schedule.every))},
          {"run", schedule.run},
          {"overlap", schedule.overlap == Schedule::Overlap::Queue ? "queue" : "skip"},
          {"catchup", kCatchUps[static_cast<size_t>(schedule.catch_up)]}};
}

Json of(const Retrain& retrain) {
  return {{"cooldown", to_text(retrain.cooldown)},
          {"min_new_labels", retrain.min_new_labels},
          {"every_labels", maybe(retrain.every_labels)},
          {"max_per_week", retrain.max_per_week},
          {"stop_after", retrain.stop_after},
          {"hold", span(retrain.hold)}};
}

Json of(const std::optional<Monitor::Rate>& rate) {
  return rate ? Json{{"count", rate->count}, {"per", to_text(rate->per)}} : Json();
}

Json of(const Monitor& monitor) {
  static constexpr std::array kKinds{"drift",    "metric",  "traffic",    "quality",
                                     "fairness", "latency", "attribution"};
  static constexpr std::array kActs{"alert", "retrain", "rollback"};
  static constexpr std::array kAgainst{"training", "previous", "last_year"};
  Json acts = Json::array();
  for (const Monitor::Act act : monitor.on_fail) acts.push_back(kActs[static_cast<size_t>(act)]);
  const auto* window = std::get_if<Duration>(&monitor.window);
  return {{"name", monitor.name},
          {"kind", kKinds[static_cast<size_t>(monitor.kind)]},
          {"measure", monitor.measure},
          {"columns", list(monitor.columns)},
          {"slices", list(monitor.slices)},
          {"reference", kAgainst[static_cast<size_t>(monitor.against)]},
          {"warn", maybe(monitor.warn)},
          {"fail", maybe(monitor.fail)},
          {"min", monitor.min_rate ? of(monitor.min_rate) : maybe(monitor.min)},
          {"max", monitor.max_rate ? of(monitor.max_rate) : maybe(monitor.max)},
          {"window", window != nullptr ? Json(to_text(*window)) : Json(std::get<int64_t>(monitor.window))},
          {"every", to_text(monitor.every)},
          {"for", monitor.fire_after},
          {"min_rows", monitor.min_rows},
          {"estimated", monitor.estimated},
          {"on_fail", std::move(acts)}};
}

Json of(const Labels& labels) {
  return {{"from", labels.from},
          {"key", list(labels.key)},
          {"value", labels.value},
          {"matures_after", to_text(labels.matures_after)},
          {"missing", labels.missing}};
}

Json of(const std::optional<Notify>& notify) {
  if (!notify) return Json::object();
  return {{"webhook", notify->webhook.name()},
          {"form", notify->form == Notify::Form::Slack ? "slack" : "json"},
          {"alertmanager", notify->alertmanager.name()},
          {"on", list(notify->on)}};
}

/// Strings that hold a secret become what was written.
void hide(Json& json, const std::map<std::string, std::string>& written) {
  if (json.is_string()) {
    const std::string& text = json.get_ref<const std::string&>();
    if (const auto found = written.find(text); found != written.end())
      json = found->second;
    else
      json = redact(text);
  } else if (json.is_structured()) {
    for (Json& value : json) hide(value, written);
  }
}

Json monitors_of(const Project& project) {
  Json json = Json::object();
  for (const auto& [deployment, monitors] : project.monitors) json[deployment] = all(monitors);
  return json;
}

}  // namespace

Json to_json(const Project& project) {
  Json json{{"name", project.name},
            {"folder", project.folder.native()},
            {"file", project.file.native()},
            {"home", project.home.native()},
            {"timezone", project.timezone},
            {"environment", project.environment},
            {"sample", maybe(project.sample)},
            {"parameters", map(project.parameters)},
            {"connections", all(project.connections)},
            {"sources", all(project.sources)},
            {"transforms", all(project.transforms)},
            {"models", all(project.models)},
            {"deployments", all(project.deployments)},
            {"monitors", monitors_of(project)},
            {"labels", all(project.labels)},
            {"exports", all(project.exports)},
            {"schedules", all(project.schedules)},
            {"notify", of(project.notify)},
            {"run",
             {{"timeout", span(project.run_timeout)},
              {"memory_bytes", maybe(project.memory_bytes)},
              {"threads", maybe(project.threads)}}},
            {"fingerprint", project.fingerprint}};
  std::map<std::string, std::string> written;
  for (const Secret& secret : project.secrets) written[secret.reveal()] = secret.name();
  for (const auto& [name, connection] : project.connections)
    written.emplace(connection.dsn.reveal(), connection.dsn.name());
  written.erase("");
  if (!written.empty()) hide(json, written);
  return json;
}

const Deployment* Project::rollout_of(const std::string& model) const {
  for (const auto& [name, deployment] : deployments) {
    const bool follows = deployment.model == model && deployment.version == "champion";
    const auto& rollout = deployment.rollout;
    if (follows && rollout && (rollout->shadow > 0 || !rollout->canary.empty())) return &deployment;
  }
  return nullptr;
}

std::vector<std::string> Project::key_of(const Deployment& deployment) const {
  if (!deployment.request.empty()) {
    const auto source = sources.find(deployment.request);
    return source == sources.end() ? std::vector<std::string>() : source->second.key;
  }
  const auto model = models.find(deployment.model);
  return model == models.end() ? std::vector<std::string>() : model->second.key;
}

Place Project::place_of_table(const std::string& table) const {
  if (const auto source = sources.find(table); source != sources.end()) return source->second.place;
  if (const auto transform = transforms.find(table); transform != transforms.end())
    return transform->second.place;
  return {};
}

}  // namespace tidemill::project
