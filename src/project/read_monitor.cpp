// Monitors, labels and notify: what only their values together, or the rest of the project, can tell.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "project/describe.hpp"
#include "project/read.hpp"

namespace tidemill::project {

namespace {

using Kind = Monitor::Kind;

struct Named {
  const char* key;
  Kind kind;
};
constexpr std::array kKinds{Named{"drift", Kind::Drift},
                            Named{"metric", Kind::Metric},
                            Named{"traffic", Kind::Traffic},
                            Named{"quality", Kind::Quality},
                            Named{"fairness", Kind::Fairness},
                            Named{"latency", Kind::Latency},
                            Named{"attribution", Kind::Attribution}};
constexpr int kDriftFor = 3;  // evaluations in a row

Error& add_bad(Problems& problems, const Reader& reader, const char* key, std::string message,
               std::string hint) {
  Error& error = problems.add("project.bad_value", std::move(message), reader.place_of(key));
  error.hint = std::move(hint);
  return error;
}

/// A limit in the monitor's own unit: a share for quality, seconds for latency, else a number.
std::optional<double> read_limit(const Reader& reader, const char* key, Kind kind, Problems& problems) {
  const YamlNode* node = reader.node(key);
  if (node == nullptr || !node->is_scalar() || node->deferred) return std::nullopt;
  const auto number = parse_number(*node);
  const auto share = parse_share(*node);
  const auto span = duration_of(*node);
  if (kind == Kind::Latency) {
    if (span) return span->seconds();
    if (number)
      add_bad(problems, reader, key, fmt::format("`{}` of a latency is a time", key), "for example 50ms");
    return std::nullopt;
  }
  if (kind == Kind::Quality) {
    if (share) return share;
    if (number || span)
      add_bad(problems, reader, key, fmt::format("`{}` of quality is a share, from 0 to 1", key),
              "for example 1%");
    return std::nullopt;
  }
  if (number) return number;
  if (share) return share;  // "5%"
  if (span) add_bad(problems, reader, key, fmt::format("`{}` is a number here, not a time", key), "");
  return std::nullopt;
}

std::optional<Monitor::Rate> rate_of(const std::string& text) {
  static const std::map<std::string, int64_t, std::less<>> kSeconds{
      {"minute", 60}, {"hour", 3'600}, {"day", 86'400}, {"week", 604'800}};
  const size_t space = text.find(' ');
  const auto count = parse_number(std::string_view(text).substr(0, space));
  const auto unit = kSeconds.find(text.substr(text.rfind(' ') + 1));
  if (!count || unit == kSeconds.end()) return std::nullopt;
  return Monitor::Rate{*count, {unit->second * 1'000'000}};
}
double per_second(const Monitor::Rate& rate) { return rate.count / rate.per.seconds(); }

void read_what(Monitor& monitor, const Reader& reader, Problems& problems) {
  for (const Named& named : kKinds)
    if (reader.has(named.key)) {
      monitor.kind = named.kind;
      if (named.kind != Kind::Traffic) monitor.measure = reader.text(named.key);
      monitor.name = monitor.measure.empty() ? named.key : fmt::format("{} {}", named.key, monitor.measure);
      break;
    }
  monitor.columns = reader.texts("columns");
  if (monitor.columns.empty() && (monitor.kind == Kind::Drift || monitor.kind == Kind::Quality))
    monitor.columns = {"*"};
  monitor.slices = reader.texts("slices");
  const std::string against = reader.text("reference");
  monitor.against = against == "previous"    ? Monitor::Against::Previous
                    : against == "last_year" ? Monitor::Against::LastYear
                                             : Monitor::Against::Training;
  if (monitor.kind == Kind::Traffic) {
    const Reader traffic = reader.object("traffic");
    monitor.min_rate = rate_of(traffic.text("min"));
    monitor.max_rate = rate_of(traffic.text("max"));
    if (monitor.min_rate && monitor.max_rate && per_second(*monitor.min_rate) > per_second(*monitor.max_rate))
      add_bad(problems, traffic, "min", "`min` is above `max`", "no traffic can be both");
    return;
  }
  monitor.warn = read_limit(reader, "warn", monitor.kind, problems);
  monitor.fail = read_limit(reader, "fail", monitor.kind, problems);
  monitor.min = read_limit(reader, "min", monitor.kind, problems);
  monitor.max = read_limit(reader, "max", monitor.kind, problems);
  if (monitor.warn && monitor.fail && *monitor.warn > *monitor.fail)
    add_bad(problems, reader, "warn", "`warn` is past `fail`", "");
  if (monitor.kind == Kind::Metric && monitor.min && monitor.max && *monitor.min > *monitor.max)
    add_bad(problems, reader, "min", "`min` is above `max`", "no value can be both");
}

void read_when(Monitor& monitor, const Reader& reader, Problems& problems) {
  if (const YamlNode* window = reader.node("window"); window != nullptr) {
    if (const auto rows = parse_integer(*window))
      monitor.window = *rows;
    else if (const auto span = duration_of(*window))
      monitor.window = *span;
    const auto* span = std::get_if<Duration>(&monitor.window);
    if (span != nullptr && span->micros <= 0)
      add_bad(problems, reader, "window", "the window is empty", "for example 7d");
    if (monitor.kind == Kind::Traffic && span == nullptr)
      add_bad(problems, reader, "window", "the window of traffic is a span", "for example 1d");
  }
  monitor.every = reader.duration("every").value_or(monitor.every);
  if (monitor.every < kLeastEvery)
    add_bad(problems, reader, "every",
            fmt::format("looked at every {}, at least {}", to_text(monitor.every), to_text(kLeastEvery)),
            "for example 1h");
  monitor.fire_after = static_cast<int>(std::clamp<int64_t>(
      reader.integer("for").value_or(monitor.kind == Kind::Drift ? kDriftFor : 1), 1, 1'000));
  monitor.min_rows = reader.integer("min_rows").value_or(monitor.min_rows);
}

void read_acts(Monitor& monitor, const Reader& reader, const Project& project, const std::string& deployment,
               Problems& problems) {
  monitor.estimated = reader.boolean("estimated").value_or(false);
  if (!reader.has("on_fail")) return;
  monitor.on_fail.clear();
  for (const std::string& act : reader.texts("on_fail"))
    monitor.on_fail.push_back(act == "retrain"    ? Monitor::Act::Retrain
                              : act == "rollback" ? Monitor::Act::Rollback
                                                  : Monitor::Act::Alert);
  const auto does = [&](Monitor::Act act) {
    return std::ranges::find(monitor.on_fail, act) != monitor.on_fail.end();
  };
  if (monitor.estimated && (does(Monitor::Act::Retrain) || does(Monitor::Act::Rollback)))
    add_bad(problems, reader, "on_fail",
            "an estimate can only alert: it does not see that the meaning of inputs changed",
            "on_fail: alert; or leave `estimated` out, and judge by labels");
  const auto served = project.deployments.find(deployment);
  if (!does(Monitor::Act::Retrain) || served == project.deployments.end()) return;
  const auto model = project.models.find(served->second.model);
  if (model != project.models.end() && model->second.imported)
    add_bad(problems, reader, "on_fail",
            fmt::format("model {} was trained elsewhere, and cannot be retrained here", model->first),
            "on_fail: alert");
}

}  // namespace

std::map<std::string, std::vector<Monitor>> read_monitors(const Reader& reader, const Project& project,
                                                          Problems& problems) {
  std::map<std::string, std::vector<Monitor>> all;
  reader.each("monitors", [&](const std::string& deployment, const YamlNode& list, const Place& place) {
    std::set<std::string> names;
    each_item(&list, place, "monitor", [&](const YamlNode& item, const Place& at) {
      const Reader rule(&item, monitor_object(), at);
      Monitor monitor;
      monitor.place = at;
      read_what(monitor, rule, problems);
      read_when(monitor, rule, problems);
      read_acts(monitor, rule, project, deployment, problems);
      const std::string name = monitor.name;
      for (int number = 2; !names.insert(monitor.name).second; ++number)
        monitor.name = fmt::format("{} {}", name, number);
      all[deployment].push_back(std::move(monitor));
    });
  });
  return all;
}

std::map<std::string, Labels> read_labels(const Reader& project) {
  std::map<std::string, Labels> all;
  project.each("labels", [&](const std::string& deployment, const YamlNode& node, const Place& place) {
    const Reader reader(&node, label_object(), place);
    Labels labels;
    labels.place = place;
    labels.from = reader.text("from");
    labels.key = reader.texts("key");
    labels.places = reader.places_of({"key", "value"});
    labels.value = reader.text("value");
    labels.matures_after = reader.duration("matures_after").value_or(labels.matures_after);
    if (reader.has("missing")) labels.missing = reader.json("missing");
    all.emplace(deployment, std::move(labels));
  });
  return all;
}

std::optional<Notify> read_notify(const Reader& project) {
  const Reader reader = project.object("notify");
  if (!reader.has("webhook") && !reader.has("alertmanager")) return std::nullopt;
  Notify notify;
  notify.place = reader.place();
  const auto url = [&](const char* key) {
    const YamlNode* node = reader.node(key);
    return node == nullptr || !text_of(*node) ? Secret() : Secret(node->shown, node->text);
  };
  notify.webhook = url("webhook");
  notify.alertmanager = url("alertmanager");
  const bool slack = notify.webhook.reveal().starts_with("https://hooks.slack.com/");
  notify.form =
      reader.text("form", slack ? "slack" : "json") == "slack" ? Notify::Form::Slack : Notify::Form::Json;
  notify.on =
      reader.has("on") ? reader.texts("on") : std::vector<std::string>{"failed", "rejected", "firing"};
  return notify;
}

}  // namespace tidemill::project
