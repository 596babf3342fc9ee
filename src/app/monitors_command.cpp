// tidemill monitors: what each monitor found last, as whoever watches kept it, or what it finds right now.
#include <algorithm>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "app/watcher.hpp"
#include "monitoring/kept.hpp"

namespace tidemill::app {

namespace {

using monitoring::Finding;
using monitoring::LastLook;

/// A monitor that is declared, and its last look.
struct Looked {
  std::string deployment;
  const project::Monitor* monitor = nullptr;
  std::optional<LastLook> look;
  std::optional<Error> error;  // of --now
};

std::string short_number(double value) { return fmt::format("{:.4g}", value); }

std::string state_text(const Finding& finding) {
  if (finding.state != Finding::State::Measured) return finding.text;
  return finding.fails() ? "fails" : finding.warned ? "warns" : "ok";
}

/// What fails first, then by pressure, then what was not measured.
bool presses_more(const Finding& a, const Finding& b) {
  const auto rank = [](const Finding& finding) {
    return std::tuple(finding.fails(), finding.state == Finding::State::Measured, finding.pressure);
  };
  return rank(a) > rank(b);
}

void add_row(TextTable& table, const Looked& looked, const Finding& finding, const std::string& of) {
  const bool measured = finding.state == Finding::State::Measured;
  const auto number = [&](double value) { return measured ? short_number(value) : std::string(); };
  const bool has_limit = measured && finding.limit != 0;
  table.add({looked.deployment, looked.monitor->name, of,
             finding.cause.version == 0 ? "" : fmt::format("{}", finding.cause.version),
             number(finding.value), has_limit ? number(finding.limit) : "", number(finding.pressure),
             state_text(finding), human_time(looked.look->evaluation.window_end)});
}

std::string name_of(const Finding& finding) {
  const auto& [deployment, monitor, column, slice, version] = finding.cause;
  return column.empty() || slice.empty() ? column + slice : column + ", " + slice;
}

std::string text_of(const std::vector<Looked>& all, bool in_full) {
  TextTable table({{"deployment"},
                   {"monitor"},
                   {"of"},
                   {"version", true},
                   {"value", true},
                   {"limit", true},
                   {"pressure", true},
                   {"state"},
                   {"until"}});
  for (const Looked& looked : all) {
    if (looked.error || !looked.look) {
      table.add({looked.deployment, looked.monitor->name, "", "", "", "", "",
                 looked.error ? "failed: " + looked.error->message : "not looked at yet", ""});
      continue;
    }
    std::vector<Finding> findings = looked.look->evaluation.findings;
    std::ranges::stable_sort(findings, presses_more);
    if (findings.empty())
      table.add({looked.deployment, looked.monitor->name, "", "", "", "", "", "no version is served",
                 human_time(looked.look->evaluation.window_end)});
    const size_t shown = in_full ? findings.size() : std::min<size_t>(findings.size(), 1);
    for (size_t i = 0; i < shown; ++i) {
      const size_t others = findings.size() - shown;
      const std::string of = name_of(findings[i]);
      add_row(table, looked, findings[i],
              others == 0 ? of : fmt::format("{}{}+{} more", of, of.empty() ? "" : " ", others));
    }
  }
  return table.text();
}

Json json_of(const std::vector<Looked>& all) {
  Json list = Json::array();
  for (const Looked& looked : all) {
    Json json = {{"deployment", looked.deployment}, {"monitor", looked.monitor->name}};
    if (looked.look) {
      json = monitoring::to_json(*looked.look);
    } else {
      json["window_end"] = nullptr;
      json["looked_at"] = nullptr;
      json["findings"] = Json::array();
    }
    json["every"] = to_text(looked.monitor->every);
    json["error"] = looked.error ? Json(to_json(*looked.error)) : Json();
    list.push_back(std::move(json));
  }
  return {{"monitors", std::move(list)}};
}

Result<std::vector<Looked>> chosen(const Session& session, const std::string& deployment) {
  const auto& monitors = session.project.monitors;
  if (!deployment.empty()) TM_CHECK(find_deployment(session, deployment));
  std::vector<Looked> all;
  for (const auto& [name, of] : monitors)
    for (const project::Monitor& monitor : of)
      if (deployment.empty() || name == deployment) all.push_back({name, &monitor, {}, {}});
  return all;
}

Result<int> show(const GlobalOptions& global, const Session& session, const MonitorsOptions& options) {
  TM_TRY(std::vector<Looked> all, chosen(session, options.deployment));
  bool has_failed = false;
  if (options.now) {
    const Instant now = session.clock->now();
    Looker looker(session.project, *session.registry, session.project.threads.value_or(0));
    for (Looked& looked : all) {
      auto evaluation = looker.look(looked.deployment, *looked.monitor, now);
      if (evaluation)
        looked.look = LastLook{now, std::move(*evaluation)};
      else
        looked.error = std::move(evaluation).error();
      has_failed = has_failed || looked.error.has_value();
    }
  } else {
    TM_TRY(auto looks, monitoring::kept_looks(*session.registry));
    for (Looked& looked : all)
      if (const auto found = looks.find({looked.deployment, looked.monitor->name}); found != looks.end())
        looked.look = std::move(found->second);
  }
  if (global.json)
    print_json(json_of(all));
  else
    print(text_of(all, !options.deployment.empty()));
  if (all.empty() && !global.quiet && !global.json)
    fmt::print(stderr, "{} declares no monitors{}\n", session.project.file.filename().native(),
               options.deployment.empty() ? "" : " of " + options.deployment);
  return has_failed ? 1 : 0;
}

}  // namespace

int monitors(const GlobalOptions& global, const MonitorsOptions& options) {
  auto session = open_session(global, registry::Options::Mode::ReadOnly);
  if (!session) return report(global, session.error());
  const auto exit = show(global, *session, options);
  return exit ? *exit : report(global, exit.error());
}

}  // namespace tidemill::app
