#include "app/report_charts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "app/report_svg.hpp"

namespace tidemill::app {

namespace {

using monitoring::Maybe;
using monitoring::Reading;
using monitoring::Report;
using monitoring::ReportColumn;
using monitoring::ReportPerformance;
using monitoring::ReportTraffic;
using Anchor = Svg::Anchor;

constexpr double kWidth = 360, kLeft = 38, kRight = 352;
constexpr size_t kVersionStyles = 5;
/// Where scores tie, some bins of a calibration curve have a row or two; the line passes them by.
constexpr double kFewOfABin = 0.1;

/// The frame of a picture: where values lie.
struct Frame {
  double top = 8, bottom = 100, left = kLeft, right = kRight;
};

void draw_y_axis(Svg& svg, const Scale& y, const Frame& frame, bool percent, int wanted = 3) {
  for (const double tick : ticks(y.from, y.to, wanted)) {
    svg.line(frame.left, y(tick), frame.right, y(tick), "gridline");
    svg.text(frame.left - 5, y(tick) + 3.5, Anchor::End,
             percent ? fmt::format("{:.4g}%", 100 * tick) : short_number(tick), "t");
  }
}

/// First, middle and last of the periods, under the frame.
void draw_time_axis(Svg& svg, const Report& report, const Frame& frame, const Scale& x) {
  const auto& periods = report.traffic.periods;
  if (periods.empty()) return;
  const size_t last = periods.size() - 1;
  svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
  std::set<size_t> places{0, last};
  if (last >= 4) places.insert(last / 2);
  for (const size_t p : places)
    svg.text(x(static_cast<double>(p)), frame.bottom + 13,
             last == 0   ? Anchor::Middle
             : p == 0    ? Anchor::Start
             : p == last ? Anchor::End
                         : Anchor::Middle,
             short_time(periods[p].begin, report.period));
}

/// "[3, 5)" → "3": where the bin begins. Names of places that are no bins stay.
std::string tick_of(const ReportColumn& column, size_t place) {
  const std::string& label = column.places[place];
  if (column.is_category || !label.starts_with("[")) return label;
  const std::string edge = label.substr(1, label.find(',') - 1);
  char* end = nullptr;
  const double number = std::strtod(edge.c_str(), &end);
  return end == edge.c_str() ? edge : short_number(number);
}

double most_of(const std::vector<Maybe>& values, double least) {
  for (const Maybe& value : values)
    if (value) least = std::max(least, *value);
  return least;
}

struct Range {
  double low = 0, high = 1;
  bool empty = true;
  void add(const Maybe& value) {
    if (!value || !std::isfinite(*value)) return;
    low = empty ? *value : std::min(low, *value);
    high = empty ? *value : std::max(high, *value);
    empty = false;
  }
  void add(const Reading& reading) {
    add(reading.value);
    add(reading.low);
    add(reading.high);
  }
  void widen(double share) {
    const double more = high > low ? (high - low) * share : std::max(std::abs(low) * 0.05, 0.01);
    low -= more;
    high += more;
  }
};

}  // namespace

std::string reading_text(const Reading& reading) {
  if (!reading.value) return "not known";
  std::string text = short_number(*reading.value);
  if (reading.low && reading.high)
    text += fmt::format(" ({} to {})", short_number(*reading.low), short_number(*reading.high));
  return text;
}

double share_of(const std::vector<double>& counts, size_t place) {
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  return all > 0 && place < counts.size() ? counts[place] / all : 0;
}

std::vector<size_t> drawn_places(const ReportColumn& column) {
  std::vector<size_t> places;
  for (size_t p = 0; p < column.reference.size(); ++p) {
    const bool is_end = p == 0 || p + 1 == column.reference.size() || (!column.is_category && p == 1);
    const bool has_any = column.reference[p] > 0 || (p < column.current.size() && column.current[p] > 0);
    if (!is_end || has_any) places.push_back(p);
  }
  return places;
}

std::string version_style(const Report& report, int version) {
  std::set<int, std::greater<>> versions;
  for (const ReportTraffic::Period& period : report.traffic.periods)
    for (const auto& [number, rows] : period.rows) versions.insert(number);
  const auto place = static_cast<size_t>(std::distance(versions.begin(), versions.find(version)));
  return fmt::format("v{}", std::min(place, kVersionStyles - 1));
}

std::string histogram_chart(const ReportColumn& column) {
  const std::vector<size_t> places = drawn_places(column);
  if (places.empty()) return "";
  const Frame frame{.top = 8, .bottom = 96};
  double most = 0;
  for (const size_t p : places)
    most = std::max({most, share_of(column.reference, p), share_of(column.current, p)});
  const bool has_current = !column.current.empty();
  Svg svg(kWidth, 114, fmt::format("Histogram of {}", column.name),
          has_current ? fmt::format("Shares of {} reference rows and {} rows of the window, in {} bins.",
                                    short_number(column.reference_rows), short_number(column.current_rows),
                                    places.size())
                      : fmt::format("Shares of {} reference rows in {} bins.",
                                    short_number(column.reference_rows), places.size()));
  const Scale y{0, most > 0 ? most * 1.08 : 1, frame.bottom, frame.top};
  draw_y_axis(svg, y, frame, true);
  const double step = (frame.right - frame.left) / static_cast<double>(places.size());
  const double gap = std::min(step * 0.12, 6.0), bar = std::min((step - 2 * gap) / 2, 26.0);
  const size_t every = std::max<size_t>((places.size() + 5) / 6, 1);
  for (size_t i = 0; i < places.size(); ++i) {
    const size_t p = places[i];
    const double middle = frame.left + (static_cast<double>(i) + 0.5) * step;
    const double was = share_of(column.reference, p), is = share_of(column.current, p);
    svg.group(fmt::format("{}: reference {}{}", column.places[p], percent_text(was),
                          has_current ? ", now " + percent_text(is) : ""));
    svg.rect(middle - step / 2, frame.top, step, frame.bottom - frame.top, "hit");
    svg.rect(middle - bar, y(was), has_current ? bar : 2 * bar, frame.bottom - y(was), "ref");
    if (has_current) svg.rect(middle, y(is), bar, frame.bottom - y(is), "cur");
    svg.ungroup();
    if (i % every == 0) {
      const double room = step * static_cast<double>(every) / 6.2;
      svg.text(middle, frame.bottom + 13, Anchor::Middle,
               shortened(tick_of(column, p), static_cast<size_t>(std::max(room, 4.0))));
    }
  }
  svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
  return std::move(svg).finish();
}

std::string drift_chart(const ReportColumn& column, const Report& report) {
  const auto& values = column.psi_by_period;
  const bool has_any = std::ranges::any_of(values, [](const Maybe& value) { return value.has_value(); });
  if (!has_any) return "";
  const Frame frame{.top = 8, .bottom = 78};
  const Scale y{0, most_of(values, report.fail) * 1.12, frame.bottom, frame.top};
  const Scale x{0, static_cast<double>(values.size() - 1), frame.left + 6, frame.right - 6};
  Svg svg(kWidth, 96, fmt::format("Drift of {} over time", column.name),
          fmt::format("PSI of {} periods of {}; warned at {}, failed at {}; at most {}.", values.size(),
                      to_text(report.period), short_number(report.warn), short_number(report.fail),
                      short_number(most_of(values, 0))));
  draw_y_axis(svg, y, frame, false);
  svg.line(frame.left, y(report.warn), frame.right, y(report.warn), "warnline");
  svg.line(frame.left, y(report.fail), frame.right, y(report.fail), "failline");
  std::vector<Svg::Point> stretch;
  for (size_t p = 0; p < values.size(); ++p) {
    if (values[p]) {
      stretch.push_back({x(static_cast<double>(p)), y(*values[p])});
      continue;
    }
    svg.polyline(stretch, "curline");
    stretch.clear();
  }
  svg.polyline(stretch, "curline");
  const double step = values.size() > 1 ? x(1) - x(0) : frame.right - frame.left;
  for (size_t p = 0; p < values.size(); ++p) {
    const double at = x(static_cast<double>(p));
    const std::string time = short_time(report.traffic.periods[p].begin, report.period);
    svg.group(values[p] ? fmt::format("{}: PSI {}, {} rows", time, short_number(*values[p]),
                                      short_number(column.rows_by_period[p]))
                        : fmt::format("{}: {} rows, too few", time, short_number(column.rows_by_period[p])));
    svg.rect(at - step / 2, frame.top, step, frame.bottom - frame.top, "hit");
    if (values[p])
      svg.circle(at, y(*values[p]), 2.6,
                 *values[p] > report.fail   ? "bad"
                 : *values[p] > report.warn ? "warn"
                                            : "cur");
    svg.ungroup();
  }
  draw_time_axis(svg, report, frame, x);
  return std::move(svg).finish();
}

std::string traffic_chart(const Report& report) {
  const auto& periods = report.traffic.periods;
  if (periods.empty()) return "";
  const Frame frame{.top = 8, .bottom = 112};
  double most = 1;
  for (const ReportTraffic::Period& period : periods) {
    auto all = static_cast<double>(period.errors);
    for (const auto& [version, rows] : period.rows) all += static_cast<double>(rows);
    most = std::max(most, all);
  }
  Svg svg(kWidth, 130, "Predictions over time",
          fmt::format("Rows that were predicted in {} periods of {}, by version, and errors; at most {}.",
                      periods.size(), to_text(report.period), short_number(most)));
  const Scale y{0, most * 1.05, frame.bottom, frame.top};
  draw_y_axis(svg, y, frame, false);
  const double step = (frame.right - frame.left) / static_cast<double>(periods.size());
  const double bar = std::min(step * 0.8, 40.0);
  const Scale x{0, static_cast<double>(periods.size() - 1), frame.left + step / 2, frame.right - step / 2};
  for (size_t p = 0; p < periods.size(); ++p) {
    const double left = x(static_cast<double>(p)) - bar / 2;
    std::string tip = short_time(periods[p].begin, report.period) + ":";
    for (const auto& [version, rows] : periods[p].rows)
      tip += fmt::format(" version {}: {} rows;", version, short_number(static_cast<double>(rows)));
    tip += fmt::format(" {} errors", periods[p].errors);
    svg.group(tip);
    svg.rect(left, frame.top, bar, frame.bottom - frame.top, "hit");
    double below = 0;
    const auto stack = [&](double rows, const std::string& style) {
      svg.rect(left, y(below + rows), bar, y(below) - y(below + rows), style);
      below += rows;
    };
    for (const auto& [version, rows] : periods[p].rows)
      stack(static_cast<double>(rows), version_style(report, version));
    if (periods[p].errors > 0) stack(static_cast<double>(periods[p].errors), "bad");
    svg.ungroup();
  }
  draw_time_axis(svg, report, frame, x);
  return std::move(svg).finish();
}

std::string performance_chart(const Report& report) {
  const ReportPerformance& performance = report.performance;
  Range range;
  bool has_any = false;
  for (const ReportPerformance::Period& period : performance.periods) {
    range.add(period.reading);
    has_any = has_any || period.reading.value.has_value();
  }
  if (!has_any) return "";
  Reading test;
  for (const monitoring::NamedReading& metric : performance.metrics)
    if (metric.name == report.main_metric) test = metric.test;
  range.add(test);
  range.widen(0.08);
  const Frame frame{.top = 8, .bottom = 284};
  const Scale y{range.low, range.high, frame.bottom, frame.top};
  const Scale x{0, static_cast<double>(performance.periods.size() - 1), frame.left + 8, frame.right - 8};
  Svg svg(kWidth, 302, fmt::format("{} over time", report.main_metric),
          fmt::format("{} of {} periods of {} with its 95 % interval; in the test split it was {}.",
                      report.main_metric, performance.periods.size(), to_text(report.period),
                      reading_text(test)));
  draw_y_axis(svg, y, frame, false, 5);
  if (test.value) {
    svg.group(fmt::format("test split: {}", reading_text(test)));
    if (test.low && test.high)
      svg.rect(frame.left, y(*test.high), frame.right - frame.left, y(*test.low) - y(*test.high), "refband");
    svg.line(frame.left, y(*test.value), frame.right, y(*test.value), "refline");
    svg.ungroup();
  }
  std::vector<Svg::Point> stretch;
  for (size_t p = 0; p < performance.periods.size(); ++p) {
    const Reading& reading = performance.periods[p].reading;
    if (reading.value) {
      stretch.push_back({x(static_cast<double>(p)), y(*reading.value)});
      continue;
    }
    svg.polyline(stretch, "curline");
    stretch.clear();
  }
  svg.polyline(stretch, "curline");
  const double step = performance.periods.size() > 1 ? x(1) - x(0) : frame.right - frame.left;
  for (size_t p = 0; p < performance.periods.size(); ++p) {
    const ReportPerformance::Period& period = performance.periods[p];
    const double at = x(static_cast<double>(p));
    const std::string time = short_time(period.begin, report.period);
    svg.group(period.reading.value ? fmt::format("{}: {}, {} labels", time, reading_text(period.reading),
                                                 short_number(period.rows))
                                   : fmt::format("{}: {} labels, too few", time, short_number(period.rows)));
    svg.rect(at - step / 2, frame.top, step, frame.bottom - frame.top, "hit");
    if (period.reading.low && period.reading.high)
      svg.line(at, y(*period.reading.low), at, y(*period.reading.high), "whisker");
    if (period.reading.value) svg.circle(at, y(*period.reading.value), 3, "cur");
    svg.ungroup();
  }
  draw_time_axis(svg, report, frame, x);
  return std::move(svg).finish();
}

std::string roc_chart(const ReportPerformance& performance) {
  if (performance.test.roc.empty() && performance.live.roc.empty()) return "";
  const Frame frame{.top = 10, .bottom = 300, .left = 44, .right = 340};
  const Scale x{0, 1, frame.left, frame.right}, y{0, 1, frame.bottom, frame.top};
  Reading test, live;
  for (const monitoring::NamedReading& metric : performance.metrics)
    if (metric.name == "roc_auc") {
      test = metric.test;
      live = metric.live;
    }
  Svg svg(kWidth, 334, "ROC curve",
          fmt::format("True positive rate against false positive rate. Area: test {}, live {}.",
                      reading_text(test), reading_text(live)));
  draw_y_axis(svg, y, frame, true, 5);
  for (const double tick : ticks(0, 1, 5))
    svg.text(x(tick), frame.bottom + 14, Anchor::Middle, fmt::format("{:.4g}%", 100 * tick));
  svg.line(x(0), y(0), x(1), y(1), "chance");
  const auto draw = [&](const std::vector<statistics::RocPoint>& curve, std::string_view style,
                        const std::string& name, const Reading& reading) {
    std::vector<Svg::Point> points;
    for (const statistics::RocPoint& point : curve)
      points.push_back({x(point.false_positive_rate), y(point.true_positive_rate)});
    svg.group(fmt::format("{}: area {}", name, reading_text(reading)));
    svg.polyline(points, style);
    svg.ungroup();
  };
  draw(performance.test.roc, "refcurve", "test split", test);
  draw(performance.live.roc, "curcurve", "labelled traffic", live);
  svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
  svg.text((frame.left + frame.right) / 2, frame.bottom + 30, Anchor::Middle,
           "false positives among what is negative", "t soft");
  return std::move(svg).finish();
}

std::string calibration_chart(const Report& report) {
  const monitoring::ReportCurves &test = report.performance.test, &live = report.performance.live;
  if (test.calibration.empty() && live.calibration.empty()) return "";
  Range range;
  for (const auto* curve : {&test.calibration, &live.calibration})
    for (const statistics::CalibrationBin& bin : *curve) {
      range.add(Maybe(bin.score));
      range.add(Maybe(bin.label));
    }
  const bool shares = report.task == "binary";
  if (shares)
    range.low = 0;
  else
    range.widen(0.05);
  const double high = shares ? std::min(1.0, range.high * 1.08) : range.high;
  const Frame frame{.top = 10, .bottom = 300, .left = 44, .right = 340};
  const Scale x{range.low, high, frame.left, frame.right}, y{range.low, high, frame.bottom, frame.top};
  Svg svg(kWidth, 334, "Calibration",
          fmt::format("Mean of what came against mean of what was predicted, in {} bins of equally many test "
                      "rows and {} of labelled traffic. On the diagonal, predictions come true.",
                      test.calibration.size(), live.calibration.size()));
  draw_y_axis(svg, y, frame, shares, 5);
  for (const double tick : ticks(range.low, high, 5))
    svg.text(x(tick), frame.bottom + 14, Anchor::Middle,
             shares ? fmt::format("{:.4g}%", 100 * tick) : short_number(tick));
  svg.line(x(range.low), y(range.low), x(high), y(high), "chance");
  const auto draw = [&](const std::vector<statistics::CalibrationBin>& curve, std::string_view line,
                        std::string_view dot, const std::string& name) {
    double most = 0;
    for (const statistics::CalibrationBin& bin : curve) most = std::max(most, bin.rows);
    std::vector<Svg::Point> points, of_many;
    for (const statistics::CalibrationBin& bin : curve) {
      points.push_back({x(bin.score), y(bin.label)});
      if (bin.rows >= kFewOfABin * most) of_many.push_back(points.back());
    }
    svg.polyline(of_many, line);
    for (size_t i = 0; i < curve.size(); ++i) {
      const auto text = [&](double value) { return shares ? percent_text(value) : short_number(value); };
      svg.group(fmt::format("{}: predicted {}, came {}, {} rows", name, text(curve[i].score),
                            text(curve[i].label), short_number(curve[i].rows)));
      svg.circle(points[i].x, points[i].y, 1.2 + 3.2 * std::sqrt(curve[i].rows / most), dot);
      svg.ungroup();
    }
  };
  draw(test.calibration, "refcurve", "ref", "test split");
  draw(live.calibration, "curcurve", "cur", "labelled traffic");
  svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
  svg.text((frame.left + frame.right) / 2, frame.bottom + 30, Anchor::Middle, "predicted", "t soft");
  return std::move(svg).finish();
}

std::string interval_chart(const Reading& test, const Reading& live, double low, double high) {
  const Scale x{low, high, 6, 194};
  Svg svg(200, 26, "Interval", fmt::format("test {}, live {}", reading_text(test), reading_text(live)));
  const auto draw = [&](const Reading& reading, double y, std::string_view whisker, std::string_view dot,
                        const std::string& name) {
    if (!reading.value) return;
    svg.group(fmt::format("{} {}", name, reading_text(reading)));
    if (reading.low && reading.high) svg.line(x(*reading.low), y, x(*reading.high), y, whisker);
    svg.circle(x(*reading.value), y, 3.6, dot);
    svg.ungroup();
  };
  draw(test, live.value ? 8 : 13, "refwhisker", "ref", "test");
  draw(live, 18, "whisker", "cur", "live");
  return std::move(svg).finish();
}

}  // namespace tidemill::app
