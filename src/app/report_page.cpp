#include "app/report_page.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "app/report_charts.hpp"
#include "app/report_sections.hpp"
#include "app/report_style.hpp"
#include "app/report_svg.hpp"

namespace tidemill::app {

namespace {

using monitoring::Alert;
using monitoring::Report;
using monitoring::ReportColumn;
using State = monitoring::ReportColumn::State;

size_t count_of(const Report& report, State state, bool scores) {
  return static_cast<size_t>(std::ranges::count_if(report.columns, [&](const ReportColumn& column) {
    return column.state == state && column.is_score == scores;
  }));
}

std::string names_of(const Report& report, State state, size_t most) {
  std::string names;
  size_t count = 0;
  for (const ReportColumn& column : report.columns) {
    if (column.state != state || column.is_score) continue;
    if (++count <= most) names += (names.empty() ? "" : ", ") + column.name;
  }
  return count > most ? fmt::format("{} and {} more", names, count - most) : names;
}

std::string alias_text(const Report& report) { return fmt::format("{}@{}", report.model, report.alias); }

const monitoring::NamedReading* main_reading(const Report& report) {
  const auto& metrics = report.performance.metrics;
  const auto found = std::ranges::find(metrics, report.main_metric, &monitoring::NamedReading::name);
  return found == metrics.end() ? nullptr : &*found;
}

/// A sentence and how bad it is.
struct Said {
  std::string tone, text;
};

void say_drift(const Report& report, std::vector<Said>& said) {
  if (!report.traffic.first) return;
  const size_t drifted = count_of(report, State::Drifted, false),
               moved = count_of(report, State::Moved, false), steady = count_of(report, State::Steady, false);
  const size_t judged = drifted + moved + steady;
  if (judged == 0) {
    said.push_back({"soft", "Too little traffic in the window to say whether inputs have drifted."});
  } else if (drifted > 0) {
    said.push_back({"bad", fmt::format("{} of {} inputs {} drifted: {}.", drifted, judged,
                                       drifted == 1 ? "has" : "have", names_of(report, State::Drifted, 5))});
  } else if (moved > 0) {
    said.push_back(
        {"warn", fmt::format("No input has drifted past the limit; {} of {} {} moved: {}.", moved, judged,
                             moved == 1 ? "has" : "have", names_of(report, State::Moved, 5))});
  } else {
    said.push_back({"good", fmt::format("None of {} inputs has drifted.", judged)});
  }
  const size_t unknown = count_of(report, State::Unknown, false);
  if (judged > 0 && unknown > 0)
    said.push_back(
        {"soft", fmt::format("{} input{} not compared: {}.", unknown, unknown == 1 ? " is" : "s are",
                             names_of(report, State::Unknown, 5))});
  if (count_of(report, State::Drifted, true) > 0)
    said.push_back({"bad", "What the model answers has drifted, too."});
}

void say_performance(const Report& report, std::vector<Said>& said) {
  const auto* main = main_reading(report);
  if (main == nullptr || !main->live.value) {
    if (report.traffic.first)
      said.push_back({"soft", "How good the answers were is not known: too few labels have come."});
    return;
  }
  const monitoring::Reading &live = main->live, &test = main->test;
  std::string text = fmt::format("On {} labelled predictions, {} is {}",
                                 short_number(static_cast<double>(report.performance.labelled)),
                                 report.main_metric, reading_text(live));
  if (!test.value) {
    said.push_back({"soft", text + "."});
    return;
  }
  text += fmt::format("; in the test split it was {}", reading_text(test));
  // Worse only where even the interval's better end is.
  const bool more = report.more_is_better;
  const bool worse = live.low && live.high && (more ? *live.high < *test.value : *live.low > *test.value);
  said.push_back({worse ? "bad" : "good", text + (worse ? ": worse than chance explains." : ".")});
}

std::vector<Said> all_said(const Report& report) {
  std::vector<Said> said;
  if (report.live_version != report.version)
    said.push_back(
        {"warn", fmt::format("This page is of version {}, which is not what {} serves ({}).", report.version,
                             report.deployment,
                             report.live_version == 0 ? "nothing is live"
                                                      : fmt::format("version {}", report.live_version))});
  const auto firing = std::ranges::count_if(
      report.alerts, [](const Alert& alert) { return alert.state == Alert::State::Firing; });
  if (firing > 0)
    said.push_back({"bad", fmt::format("{} alert{} firing.", firing, firing == 1 ? " is" : "s are")});
  if (!report.traffic.first) said.push_back({"soft", note_of(report, "traffic")});
  say_drift(report, said);
  say_performance(report, said);
  if (report.hold) said.push_back({"warn", fmt::format("Promotion is on hold: {}.", *report.hold)});
  return said;
}

std::string tile(std::string_view label, const std::string& value, const std::string& below) {
  return fmt::format("<div class=\"tile\"><span class=\"label\">{}</span><b>{}</b><span>{}</span></div>",
                     label, escaped(value), escaped(below));
}

std::string tiles(const Report& report) {
  std::string out = "<div class=\"tiles\">";
  const auto made = std::ranges::find(report.versions, report.version, &monitoring::ReportVersion::number);
  out += tile("Version", fmt::format("{}", report.version),
              report.live_since               ? "live since " + time_text(*report.live_since)
              : made != report.versions.end() ? "made " + time_text(made->made_at)
                                              : "");
  if (const auto* main = main_reading(report); main != nullptr) {
    const bool live = main->live.value.has_value();
    const monitoring::Reading& shown = live ? main->live : main->test;
    out += tile(escaped(main->name) + (live ? ", live" : ", in test"),
                shown.value ? short_number(*shown.value) : "not known",
                live && main->test.value ? "in test " + short_number(*main->test.value)
                : shown.low && shown.high
                    ? fmt::format("{} to {}", short_number(*shown.low), short_number(*shown.high))
                    : "");
  }
  const auto& traffic = report.traffic;
  out +=
      traffic.first
          ? tile("Rows predicted", short_number(static_cast<double>(traffic.rows)),
                 fmt::format("{} errors{}", short_number(static_cast<double>(traffic.errors)),
                             traffic.p99_ms ? fmt::format(", p99 {} ms", short_number(*traffic.p99_ms)) : ""))
          : tile("Rows predicted", "not known", "nothing in the log");
  if (traffic.first) {
    const size_t drifted = count_of(report, State::Drifted, false);
    const size_t judged =
        drifted + count_of(report, State::Moved, false) + count_of(report, State::Steady, false);
    out += judged == 0 ? tile("Drifted inputs", "not known", "too little traffic")
                       : tile("Drifted inputs", fmt::format("{} of {}", drifted, judged),
                              fmt::format("{} more moved", count_of(report, State::Moved, false)));
  }
  const auto firing = std::ranges::count_if(
      report.alerts, [](const Alert& alert) { return alert.state == Alert::State::Firing; });
  out += tile("Alerts firing", report.is_watched ? fmt::format("{}", firing) : "not known",
              report.is_watched ? fmt::format("{} known", report.alerts.size() + report.more.alerts)
                                : "nobody has looked");
  if (report.challenger) {
    const auto& challenger = *report.challenger;
    const bool canary = challenger.stage == registry::Rollout::Stage::Canary;
    out += tile("Challenger", fmt::format("version {}", challenger.version),
                canary ? fmt::format("answers {:g} % of the requests", challenger.percent)
                       : std::string("shadow: it answers nobody"));
  } else {
    out += tile("Challenger", "none", "");
  }
  return out + "</div>";
}

}  // namespace

std::vector<std::string> report_summary(const Report& report) {
  std::vector<std::string> texts;
  for (Said& said : all_said(report)) texts.push_back(std::move(said.text));
  return texts;
}

std::string report_page(const Report& report) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'\">\n"
      "<title>{0}: report of {1}</title>\n<style>{2}</style>\n</head>\n<body>\n",
      escaped(report.deployment), escaped(time_text(report.made_at)), kReportStyle);
  out += fmt::format(
      "<header>\n<p class=\"kicker\">{}, {} to {} UTC</p>\n<h1>{}</h1>\n<p class=\"lede\">Serves "
      "{}: a {} model of {}.</p>\n",
      escaped(report.project), time_text(report.window_begin), time_text(report.window_end),
      escaped(report.deployment), escaped(alias_text(report)), escaped(report.task), escaped(report.target));
  out += "<ul class=\"summary\">";
  for (const Said& said : all_said(report))
    out += fmt::format("<li class=\"{}\">{}</li>", said.tone, escaped(said.text));
  out += "</ul>\n" + tiles(report);
  out +=
      "<nav aria-label=\"Sections\"><a href=\"#traffic\">Traffic</a><a href=\"#drift\">Inputs</a><a "
      "href=\"#scores\">Scores</a><a href=\"#performance\">Performance</a><a href=\"#slices\">Slices</a><a "
      "href=\"#fairness\">Fairness</a><a href=\"#importance\">Importance</a><a "
      "href=\"#versions\">Versions</a></nav>\n</header>\n<main>\n";
  out += traffic_section(report) + drift_section(report) + scores_section(report) +
         performance_section(report) + slices_section(report) + fairness_section(report) +
         importance_section(report) + versions_section(report);
  out += fmt::format(
      "</main>\n<footer><p>Made by Tidemill at {} UTC; all times are UTC. Intervals hold 95 %. The same "
      "numbers, "
      "and more digits: <code>tidemill report {} --json</code></p></footer>\n<script>{}</script>\n</body>\n"
      "</html>\n",
      time_text(report.made_at), escaped(report.deployment), kReportScript);
  return out;
}

}  // namespace tidemill::app
