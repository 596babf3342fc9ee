// The training side of a report, and its history: what the registry and the package know.
#include "monitoring/report_data.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "monitoring/kept.hpp"
#include "monitoring/report_live.hpp"
#include "monitoring/steady_read.hpp"

namespace tidemill::monitoring {

namespace {

/// The member, or null.
const Json& member(const Json& json, const std::string& name) {
  static const Json nothing;
  if (!json.is_object()) return nothing;
  const auto found = json.find(name);
  return found == json.end() ? nothing : *found;
}
Maybe number(const Json& json) { return json.is_number() ? Maybe(json.get<double>()) : Maybe(); }
std::string text(const Json& json) { return json.is_string() ? json.get<std::string>() : std::string(); }
Reading reading(const Json& metric) {
  return {number(member(metric, "value")), number(member(metric, "low")), number(member(metric, "high"))};
}

/// What its gate holds it against the champion by, or what its task is mostly judged by.
std::string main_metric(const project::Project& project, const forest::Package& package) {
  if (const auto model = project.models.find(package.model); model != project.models.end())
    for (const project::GateRule& rule : model->second.gate)
      if (rule.against == project::GateRule::Against::Champion && rule.slice.empty()) return rule.metric;
  return package.task == forest::Task::Binary       ? "roc_auc"
         : package.task == forest::Task::Multiclass ? "accuracy"
                                                    : "rmse";
}

void add_alerts(const ReportInput& input, Report& report) {
  const auto monitors = input.project->monitors.find(input.deployment->name);
  if (monitors == input.project->monitors.end() || monitors->second.empty()) {
    report.notes["alerts"] = fmt::format(
        "The project declares no monitors for {}, so nobody would be told of drift or of a bad metric.",
        input.deployment->name);
    return;
  }
  const auto kept = kept_alerts(*input.registry);
  if (!kept || !*kept) {
    report.notes["alerts"] = kept ? "No server has looked at the monitors yet."
                                  : fmt::format("What the monitors found cannot be read: {} [{}].",
                                                kept.error().message, kept.error().code);
    return;
  }
  const Alerts& alerts = **kept;
  report.is_watched = true;
  for (const auto& [cause, alert] : alerts.by_cause)
    if (cause.deployment == input.deployment->name) report.alerts.push_back(alert);
  std::ranges::stable_sort(report.alerts, [](const Alert& a, const Alert& b) {
    const auto rank = [](const Alert& alert) {
      return alert.state == Alert::State::Firing ? 0 : alert.state == Alert::State::Pending ? 1 : 2;
    };
    return rank(a) != rank(b) ? rank(a) < rank(b) : a.since > b.since;
  });
  if (report.alerts.size() > kMaxReportAlerts) {
    report.more.alerts = report.alerts.size() - kMaxReportAlerts;
    report.alerts.resize(kMaxReportAlerts);
  }
  if (report.alerts.empty())
    report.notes["alerts"] =
        fmt::format("Nothing fires: the monitors are quiet ({} of them).", monitors->second.size());
}

void add_limits(const ReportInput& input, Report& report) {
  const auto monitors = input.project->monitors.find(input.deployment->name);
  if (monitors == input.project->monitors.end()) return;
  for (const project::Monitor& monitor : monitors->second) {
    if (monitor.kind != project::Monitor::Kind::Drift || monitor.measure != "psi") continue;
    report.fail = monitor.fail.value_or(report.fail);
    report.warn = std::min(monitor.warn.value_or(report.warn), report.fail);
    return;
  }
}

Result<void> add_versions(const ReportInput& input, const std::vector<registry::Version>& versions,
                          Report& report) {
  TM_TRY(const auto aliases, input.registry->aliases(report.model));
  for (const registry::Version& version : versions) {
    if (report.versions.size() == kMaxReportVersions) {
      report.more.versions = versions.size() - kMaxReportVersions;
      break;
    }
    ReportVersion& shown = report.versions.emplace_back();
    shown.number = version.number;
    shown.state = version.state;
    shown.run = version.run;
    shown.commit = version.git_commit.substr(0, 10) + (version.git_dirty ? "+" : "");
    shown.made_at = version.made_at;
    shown.retired = version.retired;
    shown.dropped = version.dropped;
    for (const auto& [alias, number] : aliases)
      if (number == version.number) shown.aliases.push_back(alias);
    const Json& test = member(version.metrics, "test");
    shown.main = reading(member(test.is_object() ? test : version.metrics, report.main_metric));
  }
  return {};
}

/// Who moved an alias where: the run of a release says it, else the act in the audit trail with its time.
struct Act {
  std::string who, reason;
};
Result<Act> act_of(const registry::Registry& registry, const registry::Release& release,
                   const std::string& model, const std::vector<registry::AuditEntry>& audit) {
  if (!release.run.empty()) {
    TM_TRY(const auto run, registry.run(release.run));
    return Act{run ? run->by : "", "passed the gate in run " + release.run};
  }
  Act act{"", release.note};
  int64_t nearest = INT64_C(2'000'000);
  for (const registry::AuditEntry& entry : audit) {
    if (entry.what != "promote" && entry.what != "rollback" && entry.what != "rollback_release" &&
        entry.what != "retire")
      continue;
    // The rollback of a release names no model: it is of all.
    if (const std::string of = text(member(entry.details, "model")); !of.empty() && of != model) continue;
    const int64_t apart = std::abs(entry.at.micros - release.made_at.micros);
    if (apart >= nearest) continue;
    nearest = apart;
    act.who = entry.who;
  }
  return act;
}

Result<void> add_moves(const ReportInput& input, Report& report) {
  const std::string& alias = report.alias;
  if (!alias.empty() && std::ranges::all_of(alias, [](char c) { return c >= '0' && c <= '9'; })) {
    report.notes["moves"] =
        fmt::format("The project file pins version {}: it changes when somebody changes the file.", alias);
    return {};
  }
  TM_TRY(auto releases, input.registry->releases(kMaxReportReleases));
  TM_TRY(const auto audit, input.registry->audit(kMaxReportReleases));
  std::ranges::reverse(releases);
  int before = 0;
  for (const registry::Release& release : releases) {
    int now = 0;
    if (const auto model = release.aliases.find(report.model); model != release.aliases.end())
      if (const auto found = model->second.find(alias); found != model->second.end()) now = found->second;
    if (now != before) {
      TM_TRY(const Act act, act_of(*input.registry, release, report.model, audit));
      report.moves.push_back({release.made_at, now, before, act.who, act.reason});
    }
    before = now;
  }
  std::ranges::reverse(report.moves);
  if (!report.moves.empty() && report.moves[0].version == report.live_version)
    report.live_since = report.moves[0].at;
  if (report.moves.size() > kMaxReportMoves) {
    report.more.moves = report.moves.size() - kMaxReportMoves;
    report.moves.resize(kMaxReportMoves);
  }
  if (report.moves.empty()) report.notes["moves"] = fmt::format("The alias {} was never moved.", alias);
  return {};
}

void add_metrics(const forest::Package& package, Report& report) {
  const Json &test = member(package.metrics, "test"), &validation = member(package.metrics, "validation");
  if (test.is_object())
    for (const auto& [name, metric] : test.items())
      report.performance.metrics.push_back({name, reading(metric), reading(member(validation, name)), {}});
  if (report.performance.metrics.empty())
    report.notes["performance"] =
        fmt::format("Version {} has no metrics: it was not trained here.", report.version);
}

void add_curves(const forest::Package& package, Report& report) {
  const Json& curves = member(package.baseline, "curves");
  ReportCurves& shown = report.performance.test;
  for (const Json& point : member(curves, "roc"))
    if (point.is_array() && point.size() == 2 && point[0].is_number() && point[1].is_number())
      shown.roc.push_back({point[0].get<double>(), point[1].get<double>()});
  for (const Json& bin : member(curves, "calibration"))
    if (const Maybe score = number(member(bin, "score")), label = number(member(bin, "label")),
        rows = number(member(bin, "rows"));
        score && label && rows)
      shown.calibration.push_back({*score, *label, *rows});
  const bool binary = package.task == forest::Task::Binary;
  const std::string old = "its package is of an older version of Tidemill, or was imported";
  if (!binary)
    report.notes["roc"] = "ROC curves are of models that say yes or no.";
  else if (shown.roc.empty())
    report.notes["roc"] = fmt::format("Version {} has no ROC curve: {}.", report.version, old);
  if (package.task == forest::Task::Multiclass)
    report.notes["calibration"] = "Calibration is drawn of models with one score.";
  else if (shown.calibration.empty())
    report.notes["calibration"] =
        fmt::format("Version {} has no calibration curve: {}.", report.version, old);
}

void add_slices(const forest::Package& package, Report& report) {
  for (const Json& slice : member(package.metrics, "slices")) {
    if (report.slices.size() == kMaxReportSlices) {
      ++report.more.slices;
      continue;
    }
    report.slices.push_back({text(member(slice, "column")),
                             text(member(slice, "value")),
                             number(member(slice, "rows")).value_or(0),
                             {},
                             reading(member(member(slice, "metrics"), report.main_metric)),
                             {}});
  }
  if (report.slices.empty())
    report.notes["slices"] = fmt::format(
        "No slices were measured: models: {{{}: {{slices: [COLUMN]}}}} names columns, and values "
        "with too few rows of a class are left out.",
        report.model);
}

void add_fairness(const forest::Package& package, Report& report) {
  for (const Json& column : member(package.metrics, "fairness")) {
    ReportGroups& groups = report.fairness.emplace_back();
    groups.column = text(member(column, "column"));
    for (const Json& group : member(column, "groups"))
      groups.groups.push_back({text(member(group, "value")), number(member(group, "rows")).value_or(0),
                               member(group, "judged") == Json(true), number(member(group, "selection_rate")),
                               number(member(group, "true_positive_rate")),
                               number(member(group, "false_positive_rate"))});
    groups.parity_difference = number(member(member(column, "demographic_parity"), "difference"));
    groups.parity_ratio = number(member(member(column, "demographic_parity"), "ratio"));
    groups.opportunity_difference = number(member(member(column, "equal_opportunity"), "difference"));
    groups.opportunity_ratio = number(member(member(column, "equal_opportunity"), "ratio"));
  }
  if (report.fairness.empty())
    report.notes["fairness"] =
        package.task == forest::Task::Binary
            ? fmt::format("No groups were named: models: {{{}: {{fairness: {{groups: [COLUMN]}}}}}}.",
                          report.model)
            : "Fairness is measured of decisions of yes and no.";
}

void add_importance(const forest::Package& package, Report& report) {
  for (const Json& one : package.importance) {
    if (report.importance.size() == kMaxReportFeatures) {
      ++report.more.importance;
      continue;
    }
    report.importance.push_back({text(member(one, "feature")), number(member(one, "gain")).value_or(0),
                                 number(member(one, "cover")).value_or(0),
                                 number(member(one, "weight")).value_or(0)});
  }
  if (report.importance.empty())
    report.notes["importance"] = fmt::format("The package of version {} does not say.", report.version);
}

Result<void> add_column(std::string name, const Json& baseline, Report& report) {
  ReportColumn& shown = report.columns.emplace_back();
  shown.name = std::move(name);
  if (!baseline.is_object()) {
    shown.problem = "the package has no baseline of it";
    return {};
  }
  TM_TRY(const statistics::Baseline read, statistics::read_baseline(baseline));
  shown.is_category = read.kind == statistics::Baseline::Kind::Level;
  shown.reference = read.counts;
  shown.reference_rows = read.rows;
  for (size_t place = 0; place < read.counts.size(); ++place)
    shown.places.push_back(shown.is_category ? read.levels.label(place) : read.numbers.label(place));
  return {};
}

/// Scores first; then what has drifted most for what no drift gives; what has no number goes by importance.
void sort_columns(Report& report) {
  std::ranges::stable_sort(report.columns, [](const ReportColumn& a, const ReportColumn& b) {
    const auto rank = [](const ReportColumn& column) {
      return std::tuple(column.is_score, column.state, column.psi.value_or(-1),
                        column.importance.value_or(0));
    };
    return rank(a) > rank(b);
  });
  if (report.columns.size() > kMaxReportColumns) {
    report.more.columns = report.columns.size() - kMaxReportColumns;
    report.columns.resize(kMaxReportColumns);
  }
}

std::string no_log_note(const project::Deployment& deployment) {
  return fmt::format(
      "{0} keeps no log of its predictions, so nothing is known of its traffic: deployments: {{{0}: {{log: "
      "{{}}}}}} begins one.",
      deployment.name);
}

}  // namespace

Result<void> add_columns(const forest::Package& package, Report& report) {
  std::map<std::string, double> gains;
  for (const Json& one : package.importance)
    gains[text(member(one, "feature"))] = number(member(one, "gain")).value_or(0);
  const Json& inputs = member(package.baseline, "inputs");
  for (const forest::Feature& feature : package.features) {
    TM_CHECK(add_column(feature.name, member(inputs, feature.name), report));
    if (const auto gain = gains.find(feature.name); gain != gains.end())
      report.columns.back().importance = gain->second;
  }
  const Json& score = member(package.baseline, "score");
  if (package.task != forest::Task::Multiclass) {
    TM_CHECK(add_column("score", score, report));
    report.columns.back().is_score = true;
    return {};
  }
  for (const std::string& label : package.classes) {
    TM_CHECK(add_column("score_" + label, member(score, label), report));
    report.columns.back().is_score = true;
  }
  return {};
}

std::string_view to_text(ReportColumn::State state) {
  switch (state) {
    case ReportColumn::State::Unknown:
      return "unknown";
    case ReportColumn::State::TooFew:
      return "not enough data";
    case ReportColumn::State::Steady:
      return "steady";
    case ReportColumn::State::Moved:
      return "moved";
    case ReportColumn::State::Drifted:
      return "drifted";
  }
  return "unknown";
}

Result<Report> report_of(const ReportInput& input) {
  const project::Deployment& deployment = *input.deployment;
  const registry::Registry& registry = *input.registry;
  Report report;
  report.project = input.project->name;
  report.deployment = deployment.name;
  report.model = deployment.model;
  report.alias = deployment.version;
  report.made_at = report.window_end = input.now;
  report.window_begin = {input.now.micros - input.window.micros};

  TM_TRY(const auto versions, registry.versions(deployment.model));
  if (versions.empty())
    return user_error(
        "report.not_live",
        fmt::format("model {} has no version yet, so there is nothing to report on", deployment.model),
        deployment.place, "tidemill run");
  const auto live = registry.version(deployment.model, deployment.version);
  if (live) report.live_version = live->number;
  if (!live && !input.version)
    return user_error("report.not_live",
                      fmt::format("deployment {} serves {}@{}, which is not live", deployment.name,
                                  deployment.model, deployment.version),
                      deployment.place, "--version N reports on one that is not");
  TM_TRY(const registry::Version version,
         registry.version(deployment.model, fmt::format("{}", input.version.value_or(report.live_version))));
  report.version = version.number;
  if (version.dropped)
    return user_error("report.dropped",
                      fmt::format("the package of version {} was dropped by gc", version.number), {},
                      "tidemill models lists the others");
  TM_TRY(forest::Package read, forest::load_package(version.package, [&](const std::string& object) {
           return registry.read_object(object);
         }));
  const auto package = std::make_shared<const forest::Package>(std::move(read));
  report.task = forest::to_text(package->task);
  report.target = package->target;
  report.threshold = package->threshold;
  report.main_metric = main_metric(*input.project, *package);
  if (const auto* metric = statistics::find_metric(report.main_metric))
    report.more_is_better = metric->more_is_better;
  TM_TRY(const auto rollouts, registry.rollouts());
  if (const auto rollout = rollouts.find(deployment.name); rollout != rollouts.end())
    report.challenger = rollout->second;
  TM_TRY(report.hold, registry.hold(deployment.model));

  add_alerts(input, report);
  add_limits(input, report);
  TM_CHECK(add_versions(input, versions, report));
  TM_CHECK(add_moves(input, report));
  add_metrics(*package, report);
  add_curves(*package, report);
  add_slices(*package, report);
  add_fairness(*package, report);
  add_importance(*package, report);

  TM_CHECK(add_columns(*package, report));
  if (deployment.log) {
    TM_TRY(const VersionReference reference,
           reference_of(version.number, package, *deployment.log, input.project->home));
    const Report without = report;
    TM_CHECK(read_steadily(input.project->home, deployment.name, [&] {
      report = without;
      return add_live(input, reference, report);
    }));
  } else {
    note_no_traffic(no_log_note(deployment), report);
  }
  sort_columns(report);
  return report;
}

}  // namespace tidemill::monitoring
