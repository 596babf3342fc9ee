#include "app/report_charts.hpp"

#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "app/report_page.hpp"
#include "app/report_svg.hpp"

namespace tidemill::app {

namespace {

using monitoring::Report;
using monitoring::ReportColumn;

constexpr const char* kHostile = "\"><script>alert('&')</script>";

size_t count_of(const std::string& text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

ReportColumn column_of(std::string name) {
  ReportColumn column;
  column.name = std::move(name);
  column.state = ReportColumn::State::Drifted;
  column.places = {"missing", "< 0", "[0, 10)", "[10, 20]", "> 20"};
  column.reference = {0, 0, 50, 50, 0};
  column.current = {0, 0, 30, 60, 10};
  column.reference_rows = column.current_rows = 100;
  column.psi = 0.4321;
  column.psi_by_period = {0.05, {}, 0.5};
  column.rows_by_period = {300, 12, 400};
  return column;
}

Report report_of_column(const std::string& name) {
  Report report;
  report.deployment = "late";
  report.model = "late";
  report.alias = "champion";
  report.task = "binary";
  report.version = report.live_version = 3;
  report.main_metric = "roc_auc";
  report.made_at = report.window_end = parse_instant("2026-11-29T12:00:00Z").value();
  report.window_begin = parse_instant("2026-11-01T12:00:00Z").value();
  report.period = Duration{int64_t{86'400'000'000}};
  report.traffic.rows = 712;
  report.traffic.first = parse_instant("2026-11-27T01:00:00Z").value();
  report.traffic.last = parse_instant("2026-11-29T01:00:00Z").value();
  for (const char* day : {"2026-11-27", "2026-11-28", "2026-11-29"})
    report.traffic.periods.push_back({parse_instant(day).value(), {{3, 300}}, 2});
  report.columns = {column_of(name)};
  return report;
}

}  // namespace

TEST(ReportSvg, escapes_what_is_markup) {
  EXPECT_EQ(escaped("<a href=\"x\">&'</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(escaped("Zürich ✓"), "Zürich ✓");
  EXPECT_EQ(escaped(std::string_view("a\0b\x1b", 4)),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  EXPECT_EQ(escaped("\xff"), "\xef\xbf\xbd");
}

TEST(ReportSvg, shortens_between_characters) {
  EXPECT_EQ(shortened("carrier", 7), "carrier");
  EXPECT_EQ(shortened("carriers", 7), "carrie…");
  EXPECT_EQ(shortened("äöüäöü", 4), "äöü…");
}

TEST(ReportSvg, scales_in_both_directions) {
  const Scale down{0, 10, 100, 0};
  EXPECT_DOUBLE_EQ(down(0), 100);
  EXPECT_DOUBLE_EQ(down(2.5), 75);
  EXPECT_DOUBLE_EQ((Scale{3, 3, 0, 50})(3), 25);
}

TEST(ReportSvg, ticks_are_round_and_within) {
  EXPECT_EQ(ticks(0, 1, 4), (std::vector<double>{0, 0.5, 1}));
  EXPECT_EQ(ticks(0, 0.32, 3), (std::vector<double>{0, 0.2}));
  EXPECT_EQ(ticks(-7, 12, 4), (std::vector<double>{-5, 0, 5, 10}));
  EXPECT_TRUE(ticks(1, 1, 4).empty());
  EXPECT_TRUE(ticks(0, std::numeric_limits<double>::infinity(), 4).empty());
  EXPECT_LE(ticks(0, 1, 40).size(), 50U);
}

TEST(ReportSvg, numbers_are_short) {
  EXPECT_EQ(short_number(0.031249), "0.0312");
  EXPECT_EQ(short_number(1234567), "1\u202f234\u202f567");
  EXPECT_EQ(short_number(-2), "−2");
  EXPECT_EQ(short_number(std::numeric_limits<double>::quiet_NaN()), "none");
  EXPECT_EQ(percent_text(0.1234), "12.3\u00a0%");
  EXPECT_EQ(percent_text(0.00123), "0.12\u00a0%");
  EXPECT_EQ(percent_text(1), "100\u00a0%");
}

TEST(ReportSvg, times_are_as_long_as_periods_need) {
  const Instant instant = parse_instant("2026-11-09T14:05:00Z").value();
  EXPECT_EQ(short_time(instant, {int64_t{86'400'000'000}}), "9 Nov");
  EXPECT_EQ(short_time(instant, {3'600'000'000}), "9 Nov 14:05");
}

TEST(ReportCharts, histogram_leaves_out_ends_that_nothing_is_in) {
  const ReportColumn column = column_of("x");
  EXPECT_EQ(drawn_places(column), (std::vector<size_t>{2, 3, 4}));
  const std::string svg = histogram_chart(column);
  EXPECT_EQ(count_of(svg, "class=\"ref\""), 3U);
  EXPECT_EQ(count_of(svg, "class=\"cur\""), 3U);
  EXPECT_NE(svg.find("[10, 20]: reference 50.0\u00a0%, now 60.0\u00a0%"), std::string::npos);
  EXPECT_EQ(histogram_chart({}), "");
}

TEST(ReportCharts, drift_has_a_gap_where_rows_are_too_few) {
  const Report report = report_of_column("x");
  const std::string svg = drift_chart(report.columns[0], report);
  EXPECT_EQ(count_of(svg, "<circle"), 2U);
  EXPECT_EQ(count_of(svg, "<polyline"), 0U);  // no two neighbours
  EXPECT_NE(svg.find("28 Nov: 12 rows, too few"), std::string::npos);
  ReportColumn quiet = report.columns[0];
  quiet.psi_by_period = {{}, {}, {}};
  EXPECT_EQ(drift_chart(quiet, report), "");
}

TEST(ReportPage, shows_names_and_never_obeys_them) {
  Report report = report_of_column(kHostile);
  report.columns[0].places[2] = kHostile;
  report.deployment = report.target = report.project = kHostile;
  report.importance = {{kHostile, 0.5, 0.5, 0.5}};
  report.slices = {{kHostile, kHostile, 10, {}, {0.5, 0.4, 0.6}, {}}};
  report.fairness.push_back({kHostile, false, {{kHostile, 200, true, 0.5, {}, {}}}, {}, 0.5, {}, {}});
  report.versions.push_back({3, kHostile, kHostile, kHostile, {}, {kHostile}, kHostile, false, {}});
  report.moves.push_back({{}, 3, 0, kHostile, kHostile});
  report.notes["roc"] = kHostile;
  monitoring::Alert alert;
  alert.cause.column = alert.text = kHostile;
  report.alerts = {alert};
  const std::string page = report_page(report);
  EXPECT_EQ(count_of(page, "<script>"), 1U);  // our own
  EXPECT_EQ(count_of(page, "alert('&')"), 0U);
  EXPECT_GT(count_of(page, "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"), 12U);
}

TEST(ReportPage, says_what_is_not_known) {
  Report report;
  report.deployment = "late";
  report.main_metric = "roc_auc";
  for (const char* part : {"traffic", "alerts", "roc", "calibration", "slices", "fairness", "importance",
                           "moves", "performance", "drift"})
    report.notes[part] = fmt::format("nothing of {}", part);
  const std::string page = report_page(report);
  for (const auto& [part, note] : report.notes) EXPECT_NE(page.find(note), std::string::npos) << part;
  EXPECT_EQ(count_of(page, "<svg"), 0U);
}

TEST(ReportPage, sums_up_what_is_wrong_first) {
  Report report = report_of_column("dep_delay");
  report.performance.labelled = 500;
  report.performance.metrics.push_back({"roc_auc", {0.8, 0.78, 0.82}, {}, {0.7, 0.66, 0.74}});
  const auto said = report_summary(report);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0], "1 of 1 inputs has drifted: dep_delay.");
  EXPECT_EQ(
      said[1],
      "On 500 labelled predictions, roc_auc is 0.7 (0.66 to 0.74); in the test split it was 0.8 (0.78 to "
      "0.82): worse than chance explains.");
  report.performance.metrics[0].live.high = 0.81;
  EXPECT_EQ(report_summary(report)[1].find("worse"), std::string::npos);
  report.columns.push_back(column_of("income"));
  report.columns.back().state = ReportColumn::State::Unknown;
  EXPECT_EQ(report_summary(report)[0], said[0]);
  EXPECT_EQ(report_summary(report)[1], "1 input is not compared: income.");
}

}  // namespace tidemill::app
