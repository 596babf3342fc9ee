#include "app/report_sections.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "app/report_charts.hpp"
#include "app/report_svg.hpp"

namespace tidemill::app {

namespace {

using monitoring::Maybe;
using monitoring::NamedReading;
using monitoring::Reading;
using monitoring::Report;
using monitoring::ReportColumn;
using monitoring::ReportGroups;
using State = monitoring::ReportColumn::State;

std::string note(const std::string& text) {
  return text.empty() ? "" : fmt::format("<p class=\"note\">{}</p>\n", escaped(text));
}
std::string begin(std::string_view id, std::string_view title, std::string_view lede) {
  return fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n<p class=\"lede\">{}</p>\n", id, title, lede);
}
constexpr std::string_view kEnd = "</section>\n";

std::string more(size_t count, std::string_view what, std::string_view where) {
  return count == 0 ? "" : fmt::format("<p class=\"lede\">And {} more {}{}.</p>\n", count, what, where);
}
std::string number(double value) { return escaped(short_number(value)); }
std::string number(int64_t value) { return number(static_cast<double>(value)); }
std::string number(const Maybe& value) { return value ? number(*value) : "–"; }
std::string share(const Maybe& value) { return value ? percent_text(*value) : "–"; }
std::string share_bar(const Maybe& value) {
  if (!value) return "–";
  return fmt::format("{}<span class=\"bar\"><b style=\"width:{:.1f}%\"></b></span>", percent_text(*value),
                     100 * std::clamp(*value, 0.0, 1.0));
}

std::string card(std::string_view head, const std::string& body, std::string_view width = "") {
  return fmt::format("<div class=\"card{}\">{}{}</div>\n", width, head, body);
}
std::string picture(const std::string& svg, std::string_view caption) {
  return svg.empty() ? "" : fmt::format("<figure>{}<figcaption>{}</figcaption></figure>", svg, caption);
}
std::string numbers(const std::string& table) {
  return fmt::format("<details><summary>Numbers</summary><div class=\"wide\">{}</div></details>", table);
}

// Columns ---------------------------------------------------------------------------------------------------

struct Look {
  std::string_view tone, mark;
};
Look look_of(State state) {
  switch (state) {
    case State::Drifted:
      return {"bad", "▲ drifted"};
    case State::Moved:
      return {"warn", "◆ moved"};
    case State::Steady:
      return {"good", "● steady"};
    case State::TooFew:
      return {"soft", "○ too few rows"};
    case State::Unknown:
      break;
  }
  return {"soft", "○ not compared"};
}

std::string histogram_table(const ReportColumn& column) {
  std::string out = "<table><tr><th>bin</th><th class=\"n\">reference</th><th class=\"n\">now</th></tr>";
  for (const size_t p : drawn_places(column))
    out += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                       escaped(column.places[p]), percent_text(share_of(column.reference, p)),
                       column.current.empty() ? "–" : percent_text(share_of(column.current, p)));
  return out + "</table>";
}

std::string drift_table(const ReportColumn& column, const Report& report) {
  if (column.psi_by_period.empty()) return "";
  std::string out = "<table><tr><th>from</th><th class=\"n\">rows</th><th class=\"n\">PSI</th></tr>";
  for (size_t p = 0; p < column.psi_by_period.size(); ++p)
    out += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                       time_text(report.traffic.periods[p].begin), number(column.rows_by_period[p]),
                       column.psi_by_period[p] ? number(column.psi_by_period[p]) : "too few rows");
  return out + "</table>";
}

std::string distance_table(const ReportColumn& column) {
  std::string out = "<table><tr><th>distance to the reference</th><th class=\"n\"></th></tr>";
  const auto row = [&](std::string_view name, const Maybe& value) {
    if (value) out += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td></tr>", name, number(value));
  };
  row("population stability index", column.psi);
  row("… that no drift stays under, 99 times in 100", column.no_drift);
  row("Jensen–Shannon distance", column.jensen_shannon);
  row("Kolmogorov–Smirnov D", column.ks);
  row("Wasserstein distance over σ", column.wasserstein);
  return out + "</table>";
}

std::string column_card(const ReportColumn& column, const Report& report) {
  const Look look = look_of(column.state);
  const std::string head =
      fmt::format("<div class=\"head\"><h3>{}</h3><span class=\"chip {}\">{}</span></div>",
                  escaped(column.name), look.tone, look.mark);
  std::string facts;
  const auto fact = [&](const std::string& text) { facts += (facts.empty() ? "" : " · ") + text; };
  if (column.psi)
    fact(fmt::format("PSI <b>{}</b>", number(column.psi)) +
         (column.no_drift ? fmt::format(" (by chance {})", number(column.no_drift)) : ""));
  if (column.importance) fact(share(column.importance) + " of the gain");
  if (column.current_rows > 0 && column.unseen > 0)
    fact(fmt::format("{} never seen in training", percent_text(column.unseen / column.current_rows)));
  if (!column.problem.empty()) fact(escaped(column.problem));
  std::string body = fmt::format("<p class=\"facts\">{}</p>", facts);
  body += "<div class=\"pair\">" + picture(drift_chart(column, report), "PSI over time") +
          picture(histogram_chart(column), column.current.empty() ? "reference" : "reference and now") +
          "</div>";
  if (!column.reference.empty())
    body += numbers(distance_table(column) + histogram_table(column) + drift_table(column, report));
  return card(head, body, column.is_score ? " double" : "");
}

std::string key_of(const Report& report) {
  if (!report.traffic.first) return "<p class=\"key\"><span><i class=\"ref\"></i>reference</span></p>\n";
  return fmt::format(
      "<p class=\"key\"><span><i class=\"ref\"></i>reference</span><span><i class=\"cur\"></i>now, in the "
      "window</span><span><i class=\"warnline\"></i>moved from {}</span><span><i "
      "class=\"failline\"></i>drifted from {}</span></p>\n",
      number(report.warn), number(report.fail));
}

std::string column_grid(const Report& report, bool scores) {
  std::string out = "<div class=\"grid\">\n";
  for (const ReportColumn& column : report.columns)
    if (column.is_score == scores) out += column_card(column, report);
  return out + "</div>\n";
}

// Traffic ---------------------------------------------------------------------------------------------------

std::string traffic_table(const Report& report) {
  std::string out = "<table><tr><th>from</th><th>rows by version</th><th class=\"n\">errors</th></tr>";
  for (const auto& period : report.traffic.periods) {
    std::string rows;
    for (const auto& [version, count] : period.rows)
      rows += fmt::format("{}version {}: {}", rows.empty() ? "" : ", ", version, number(count));
    out += fmt::format("<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td></tr>", time_text(period.begin),
                       rows.empty() ? "none" : rows, period.errors);
  }
  return out + "</table>";
}

std::string traffic_card(const Report& report) {
  const auto& traffic = report.traffic;
  std::string facts =
      fmt::format("{} rows answered, {} errors", number(traffic.rows), number(traffic.errors));
  if (traffic.shadow_rows > 0) facts += fmt::format(", {} rows of a shadow", number(traffic.shadow_rows));
  if (traffic.p50_ms && traffic.p99_ms)
    facts += fmt::format(" · half of the answers within {}\u00a0ms, 99\u00a0% within {}\u00a0ms",
                         number(traffic.p50_ms), number(traffic.p99_ms));
  std::set<int> versions;
  for (const auto& period : traffic.periods)
    for (const auto& [version, rows] : period.rows) versions.insert(version);
  std::string key;
  for (const int version : versions)
    key +=
        fmt::format("<span><i class=\"{}\"></i>version {}</span>", version_style(report, version), version);
  if (traffic.errors > 0) key += "<span><i class=\"bad\"></i>errors</span>";
  return card(
      "<div class=\"head\"><h3>Rows predicted</h3></div>",
      fmt::format("<p class=\"facts\">{}</p><p class=\"key\">{}</p>{}{}", facts, key,
                  picture(traffic_chart(report), fmt::format("a bar for each {}", to_text(report.period))),
                  numbers(traffic_table(report))));
}

std::string alerts_card(const Report& report) {
  if (report.alerts.empty()) return note(note_of(report, "alerts"));
  std::string out =
      "<div class=\"wide\"><table><tr><th>state</th><th>about</th><th>since</th><th>what it "
      "says</th></tr>";
  for (const auto& alert : report.alerts) {
    using AlertState = monitoring::Alert::State;
    const Look look = alert.state == AlertState::Firing    ? Look{"bad", "▲ firing"}
                      : alert.state == AlertState::Pending ? Look{"warn", "◆ pending"}
                                                           : Look{"good", "● resolved"};
    std::string about = alert.cause.monitor;
    for (const std::string* part : {&alert.cause.column, &alert.cause.slice})
      if (!part->empty()) about += ", " + *part;
    if (alert.cause.version > 0) about += fmt::format(", version {}", alert.cause.version);
    out += fmt::format(
        "<tr><td><span class=\"chip {}\">{}</span></td><td class=\"free\">{}</td><td>{}</td><td "
        "class=\"free\">{}</td></tr>",
        look.tone, look.mark, escaped(about), time_text(alert.since), escaped(alert.text));
  }
  return card("<div class=\"head\"><h3>Alerts</h3></div>",
              out + "</table></div>" + more(report.more.alerts, "alerts", ""));
}

// Metrics ---------------------------------------------------------------------------------------------------

std::string metrics_table(const Report& report) {
  const bool has_live = std::ranges::any_of(
      report.performance.metrics, [](const NamedReading& metric) { return metric.live.value.has_value(); });
  std::string out = fmt::format(
      "<div class=\"wide\"><table><tr><th>metric</th>{}<th>test split</th><th>validation</th></tr>",
      has_live ? "<th>labelled traffic</th>" : "");
  for (const NamedReading& metric : report.performance.metrics) {
    const bool main = metric.name == report.main_metric;
    out += fmt::format("<tr{}><td>{}</td>", main ? " class=\"live\"" : "", escaped(metric.name));
    if (has_live) out += fmt::format("<td>{}</td>", reading_text(metric.live));
    out += fmt::format("<td>{}</td><td>{}</td></tr>", reading_text(metric.test),
                       reading_text(metric.validation));
  }
  return out + "</table></div>\n";
}

std::string performance_table(const Report& report) {
  std::string out = fmt::format("<table><tr><th>from</th><th class=\"n\">labels</th><th>{}</th></tr>",
                                escaped(report.main_metric));
  for (const auto& period : report.performance.periods)
    out += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>", time_text(period.begin),
                       number(period.rows), period.reading.value ? reading_text(period.reading) : "too few");
  return out + "</table>";
}

std::string roc_table(const monitoring::ReportPerformance& performance) {
  const auto at = [](const std::vector<statistics::RocPoint>& curve, double rate) {
    if (curve.empty()) return Maybe();
    size_t i = 1;
    while (i + 1 < curve.size() && curve[i].false_positive_rate < rate) ++i;
    const auto &a = curve[i - 1], &b = curve[i];
    const double width = b.false_positive_rate - a.false_positive_rate;
    const double part = width > 0 ? std::clamp((rate - a.false_positive_rate) / width, 0.0, 1.0) : 1;
    return Maybe(a.true_positive_rate + part * (b.true_positive_rate - a.true_positive_rate));
  };
  std::string out =
      "<table><tr><th class=\"n\">false positives</th><th class=\"n\">found, test</th><th class=\"n\">found, "
      "live</th></tr>";
  for (const double rate : {0.01, 0.05, 0.1, 0.2, 0.3, 0.5})
    out += fmt::format("<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                       percent_text(rate), share(at(performance.test.roc, rate)),
                       share(at(performance.live.roc, rate)));
  return out + "</table>";
}

std::string calibration_table(const monitoring::ReportPerformance& performance) {
  std::string out =
      "<table><tr><th></th><th class=\"n\">predicted</th><th class=\"n\">came</th><th "
      "class=\"n\">rows</th></tr>";
  const auto add = [&](const std::vector<statistics::CalibrationBin>& curve, std::string_view name) {
    for (const statistics::CalibrationBin& bin : curve)
      out += fmt::format(
          "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td "
          "class=\"n\">{}</td></tr>",
          name, number(bin.score), number(bin.label), number(bin.rows));
  };
  add(performance.test.calibration, "test");
  add(performance.live.calibration, "live");
  return out + "</table>";
}

/// From the least to the largest of what is drawn in a column of intervals.
struct Extent {
  double low = 0, high = 1;
};
Extent extent_of(const Report& report) {
  std::vector<double> all;
  for (const auto& slice : report.slices)
    for (const Reading* reading : {&slice.test, &slice.live})
      for (const Maybe& value : {reading->value, reading->low, reading->high})
        if (value) all.push_back(*value);
  if (all.empty()) return {};
  const auto [low, high] = std::ranges::minmax(all);
  return {low, high};
}

std::string groups_card(const ReportGroups& groups) {
  std::string body = fmt::format(
      "<p class=\"facts\">Selected: ratio <b>{}</b>, difference {} · Found of those it should find: ratio "
      "<b>{}</b>, difference {}</p>",
      number(groups.parity_ratio), share(groups.parity_difference), number(groups.opportunity_ratio),
      share(groups.opportunity_difference));
  if (groups.parity_ratio)
    body += *groups.parity_ratio < 0.8
                ? "<p class=\"chip bad\">▲ under four fifths: one group is selected much less</p>"
                : "<p class=\"chip good\">● at least four fifths</p>";
  body +=
      "<div class=\"wide\"><table><tr><th>group</th><th class=\"n\">rows</th><th>selected</th><th>true "
      "positives</th><th>false positives</th></tr>";
  for (const auto& group : groups.groups)
    body += fmt::format("<tr><td>{}{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                        escaped(group.value), group.judged ? "" : " <span class=\"chip soft\">too few</span>",
                        number(group.rows), share_bar(group.selection_rate),
                        share_bar(group.true_positive_rate), share_bar(group.false_positive_rate));
  body += "</table></div>";
  return card(fmt::format("<div class=\"head\"><h3>By {}</h3><span class=\"chip soft\">{}</span></div>",
                          escaped(groups.column), groups.live ? "labelled traffic" : "test split"),
              body);
}

}  // namespace

std::string time_text(Instant instant) {
  const std::string text = to_text(Instant{instant.micros / 60'000'000 * 60'000'000});
  return text.substr(0, 10) + " " + text.substr(11, 5);
}

std::string note_of(const Report& report, const std::string& part) {
  const auto found = report.notes.find(part);
  return found == report.notes.end() ? "" : found->second;
}

std::string traffic_section(const Report& report) {
  return begin("traffic", "Traffic and alerts",
               "What was asked in the window, who answered, and what the monitors say of it.") +
         note(note_of(report, "traffic")) + "<div class=\"duo\">\n" +
         (report.traffic.first ? traffic_card(report) : "") + alerts_card(report) + "</div>\n" +
         std::string(kEnd);
}

std::string drift_section(const Report& report) {
  std::string out = begin(
      "drift", "Inputs: then and now",
      "Each feature in the bins that training fixed, twentieths of its training rows where it is a number: "
      "where both colours are level, the traffic is as training was. The worst come first. PSI under 0.1 is "
      "small, above 0.2 large; “by chance” is what it stays under, 99 times in 100, where nothing drifted.");
  out += note(note_of(report, "drift")) + key_of(report) + column_grid(report, false);
  return out + more(report.more.columns, "features, which have no picture here", "") + std::string(kEnd);
}

std::string scores_section(const Report& report) {
  return begin("scores", "Scores",
               "What the model answers. The reference is the test split: rows that the model had not learned "
               "from.") +
         note(note_of(report, "scores")) + key_of(report) + column_grid(report, true) + std::string(kEnd);
}

std::string performance_section(const Report& report) {
  const auto& performance = report.performance;
  std::string out = begin("performance", "Performance",
                          "How good the answers were where it is known what came: in the test split before "
                          "the version went live, and on traffic whose labels have come.");
  out += note(note_of(report, "performance")) + note(note_of(report, "live_performance"));
  if (performance.labelled > 0)
    out += fmt::format("<p class=\"lede\">{} of {} predictions in the window have a label{}.</p>\n",
                       number(performance.labelled), number(performance.predictions),
                       performance.sampled > 0 && performance.sampled < performance.labelled
                           ? fmt::format("; {} of them were read", number(performance.sampled))
                           : "");
  out +=
      "<p class=\"key\"><span><i class=\"ref\"></i>test split</span><span><i class=\"cur\"></i>labelled "
      "traffic</span></p>\n<div class=\"grid\">\n";
  if (const std::string chart = performance_chart(report); !chart.empty())
    out += card(fmt::format("<div class=\"head\"><h3>{} over time</h3></div>", escaped(report.main_metric)),
                picture(chart, "whiskers and band: 95 % intervals") + numbers(performance_table(report)));
  if (const std::string chart = roc_chart(performance); !chart.empty())
    out += card(
        "<div class=\"head\"><h3>ROC curve</h3></div>",
        picture(chart, "how many it finds, for how many false alarms") + numbers(roc_table(performance)));
  if (const std::string chart = calibration_chart(report); !chart.empty())
    out += card("<div class=\"head\"><h3>Calibration</h3></div>",
                picture(chart, "on the dotted line, predictions come true as often as they say") +
                    numbers(calibration_table(performance)));
  out += "</div>\n" + note(note_of(report, "roc")) + note(note_of(report, "calibration"));
  if (!performance.metrics.empty()) out += metrics_table(report);
  return out + std::string(kEnd);
}

std::string slices_section(const Report& report) {
  std::string out = begin(
      "slices", "Slices",
      fmt::format("{} where one column has one value. Whiskers are 95 % intervals: slices whose whiskers "
                  "overlap may well be alike.",
                  escaped(report.main_metric)));
  if (report.slices.empty()) return out + note(note_of(report, "slices")) + std::string(kEnd);
  const Extent extent = extent_of(report);
  out += fmt::format(
      "<p class=\"key\"><span><i class=\"ref\"></i>test split</span><span><i class=\"cur\"></i>labelled "
      "traffic</span></p><div class=\"wide\"><table><tr><th>slice</th><th class=\"n\">rows in "
      "test</th><th>{0} to {1}</th><th>test</th><th>live</th></tr>",
      number(extent.low), number(extent.high));
  for (const auto& slice : report.slices)
    out += fmt::format(
        "<tr><td>{} = {}</td><td class=\"n\">{}</td><td class=\"picture\">{}</td><td>{}</td><td>{}</td></tr>",
        escaped(slice.column), escaped(slice.value), number(slice.test_rows),
        interval_chart(slice.test, slice.live, extent.low, extent.high), reading_text(slice.test),
        slice.live.value  ? reading_text(slice.live)
        : slice.live_rows ? number(slice.live_rows) + " labels"
                          : "–");
  out += "</table></div>\n" + more(report.more.slices, "slices", "");
  const bool some_unknown =
      std::ranges::any_of(report.slices, [](const auto& slice) { return !slice.live_rows.has_value(); });
  return out + (some_unknown ? note(note_of(report, "live_groups")) : "") + std::string(kEnd);
}

std::string fairness_section(const Report& report) {
  std::string out =
      begin("fairness", "Fairness",
            "Whether decisions fall on groups alike. A ratio of 1 and a difference of 0 are alike; "
            "under four fifths, a ratio of selection is taken for evidence of adverse impact.");
  if (report.fairness.empty()) return out + note(note_of(report, "fairness")) + std::string(kEnd);
  out += "<div class=\"grid\">\n";
  for (const ReportGroups& groups : report.fairness) out += groups_card(groups);
  out += "</div>\n";
  const bool has_live = std::ranges::any_of(report.fairness, &ReportGroups::live);
  return out + (has_live ? "" : note(note_of(report, "live_groups"))) + std::string(kEnd);
}

std::string importance_section(const Report& report) {
  std::string out =
      begin("importance", "What the model looks at",
            "Each feature's share of what all splits of the trees gain, of the rows that pass its "
            "splits (cover), and of the splits.");
  if (report.importance.empty()) return out + note(note_of(report, "importance")) + std::string(kEnd);
  out +=
      "<div class=\"wide\"><table><tr><th>feature</th><th>gain</th><th class=\"n\">cover</th><th "
      "class=\"n\">splits</th></tr>";
  for (const auto& one : report.importance)
    out += fmt::format(
        "<tr><td>{}</td><td class=\"picture\">{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td></tr>",
        escaped(one.feature), share_bar(one.gain), percent_text(one.cover), percent_text(one.splits));
  return out + "</table></div>\n" + more(report.more.importance, "features with less gain", "") +
         std::string(kEnd);
}

std::string versions_section(const Report& report) {
  std::string out = begin(
      "versions", "Versions",
      fmt::format("Every version of {}, newest first, and who made which one live.", escaped(report.model)));
  out += fmt::format(
      "<div class=\"wide\"><table><tr><th class=\"n\">version</th><th>state</th><th>{} in "
      "test</th><th>made</th><th>commit</th></tr>",
      escaped(report.main_metric));
  for (const auto& version : report.versions) {
    std::string state = version.retired ? "retired: " + *version.retired : version.state;
    for (const std::string& alias : version.aliases) state += ", " + alias;
    if (version.dropped) state += ", package dropped";
    out += fmt::format(
        "<tr{}><td class=\"n\">{}</td><td class=\"free\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        version.number == report.version ? " class=\"live\"" : "", version.number, escaped(state),
        reading_text(version.main), time_text(version.made_at),
        version.commit.empty() ? "–" : escaped(version.commit));
  }
  out += "</table></div>\n" + more(report.more.versions, "versions", "");
  out += fmt::format("<h3>{}@{}</h3>\n", escaped(report.model), escaped(report.alias));
  if (report.moves.empty()) return out + note(note_of(report, "moves")) + std::string(kEnd);
  out += "<div class=\"wide\"><table><tr><th>when</th><th>from</th><th>to</th><th>who</th><th>why</th></tr>";
  for (const auto& move : report.moves) {
    const auto version = [](int number) {
      return number == 0 ? std::string("none") : fmt::format("version {}", number);
    };
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"free\">{}</td></tr>",
                       time_text(move.at), version(move.before), version(move.version),
                       move.who.empty() ? "–" : escaped(move.who),
                       move.reason.empty() ? "–" : escaped(move.reason));
  }
  return out + "</table></div>\n" + more(report.more.moves, "moves", "") + std::string(kEnd);
}

}  // namespace tidemill::app
