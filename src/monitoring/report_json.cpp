// A report as `tidemill report --json` prints it.
#include <cmath>

#include "monitoring/report_data.hpp"

namespace tidemill::monitoring {

namespace {

Json json_of(const Maybe& value) { return value && std::isfinite(*value) ? Json(*value) : Json(); }
Json json_of(const std::optional<Instant>& instant) { return instant ? Json(to_text(*instant)) : Json(); }
Json json_of(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }
Json json_of(const Reading& reading) {
  return {{"value", json_of(reading.value)}, {"low", json_of(reading.low)}, {"high", json_of(reading.high)}};
}

template <class List, class ToJson>
Json list_of(const List& list, const ToJson& to) {
  Json json = Json::array();
  for (const auto& one : list) json.push_back(to(one));
  return json;
}

Json json_of(const Alert& alert) {
  return {{"monitor", alert.cause.monitor}, {"column", alert.cause.column},
          {"slice", alert.cause.slice},     {"version", alert.cause.version},
          {"state", to_text(alert.state)},  {"since", to_text(alert.since)},
          {"silent", alert.silent},         {"text", alert.text}};
}

Json json_of(const ReportTraffic& traffic) {
  return {{"rows", traffic.rows},
          {"errors", traffic.errors},
          {"shadow_rows", traffic.shadow_rows},
          {"p50_ms", json_of(traffic.p50_ms)},
          {"p99_ms", json_of(traffic.p99_ms)},
          {"first", json_of(traffic.first)},
          {"last", json_of(traffic.last)},
          {"periods", list_of(traffic.periods, [](const ReportTraffic::Period& period) {
             Json rows = Json::object();
             for (const auto& [version, count] : period.rows) rows[std::to_string(version)] = count;
             return Json{{"begin", to_text(period.begin)}, {"rows", rows}, {"errors", period.errors}};
           })}};
}

Json json_of(const ReportColumn& column) {
  Json by_period = list_of(column.psi_by_period, [](const Maybe& psi) { return json_of(psi); });
  return {{"name", column.name},
          {"is_score", column.is_score},
          {"state", to_text(column.state)},
          {"problem", column.problem.empty() ? Json() : Json(column.problem)},
          {"importance", json_of(column.importance)},
          {"psi", json_of(column.psi)},
          {"no_drift", json_of(column.no_drift)},
          {"jensen_shannon", json_of(column.jensen_shannon)},
          {"ks", json_of(column.ks)},
          {"wasserstein", json_of(column.wasserstein)},
          {"reference_rows", column.reference_rows},
          {"current_rows", column.current_rows},
          {"unseen", column.unseen},
          {"places", column.places},
          {"reference", column.reference},
          {"current", column.current},
          {"psi_by_period", std::move(by_period)},
          {"rows_by_period", column.rows_by_period}};
}

Json json_of(const ReportCurves& curves) {
  Json calibration = list_of(curves.calibration, [](const statistics::CalibrationBin& bin) {
    return Json{{"score", bin.score}, {"label", bin.label}, {"rows", bin.rows}};
  });
  return {{"roc", list_of(curves.roc,
                          [](const statistics::RocPoint& point) {
                            return Json::array({point.false_positive_rate, point.true_positive_rate});
                          })},
          {"calibration", std::move(calibration)}};
}

Json json_of(const ReportPerformance& performance) {
  Json metrics = Json::object();
  for (const NamedReading& metric : performance.metrics)
    metrics[metric.name] = {{"test", json_of(metric.test)},
                            {"validation", json_of(metric.validation)},
                            {"live", json_of(metric.live)}};
  return {{"metrics", std::move(metrics)},
          {"test", json_of(performance.test)},
          {"live", json_of(performance.live)},
          {"predictions", performance.predictions},
          {"labelled", performance.labelled},
          {"read", performance.sampled},
          {"periods", list_of(performance.periods, [](const ReportPerformance::Period& period) {
             Json json = json_of(period.reading);
             json["begin"] = to_text(period.begin);
             json["rows"] = period.rows;
             return json;
           })}};
}

Json json_of(const ReportGroups& groups) {
  return {{"column", groups.column},
          {"of", groups.live ? "live" : "test"},
          {"groups", list_of(groups.groups,
                             [](const ReportGroups::Group& group) {
                               return Json{{"value", group.value},
                                           {"rows", group.rows},
                                           {"judged", group.judged},
                                           {"selection_rate", json_of(group.selection_rate)},
                                           {"true_positive_rate", json_of(group.true_positive_rate)},
                                           {"false_positive_rate", json_of(group.false_positive_rate)}};
                             })},
          {"demographic_parity",
           {{"difference", json_of(groups.parity_difference)}, {"ratio", json_of(groups.parity_ratio)}}},
          {"equal_opportunity",
           {{"difference", json_of(groups.opportunity_difference)},
            {"ratio", json_of(groups.opportunity_ratio)}}}};
}

Json json_of(const ReportVersion& version) {
  return {{"version", version.number},
          {"state", version.state},
          {"made_at", to_text(version.made_at)},
          {"aliases", version.aliases},
          {"retired", json_of(version.retired)},
          {"dropped", version.dropped},
          {"run", version.run},
          {"commit", version.commit},
          {"metric", json_of(version.main)}};
}

Json json_of(const ReportMove& move) {
  return {{"at", to_text(move.at)},
          {"version", move.version == 0 ? Json() : Json(move.version)},
          {"before", move.before == 0 ? Json() : Json(move.before)},
          {"by", move.who},
          {"reason", move.reason}};
}

}  // namespace

Json to_json(const Report& report) {
  const auto to = [](const auto& one) { return json_of(one); };
  Json json = {{"project", report.project},
               {"deployment", report.deployment},
               {"model", report.model},
               {"alias", report.alias},
               {"task", report.task},
               {"target", report.target},
               {"version", report.version},
               {"live_version", report.live_version == 0 ? Json() : Json(report.live_version)},
               {"live_since", json_of(report.live_since)},
               {"challenger", report.challenger ? registry::to_json(*report.challenger) : Json()},
               {"hold", json_of(report.hold)},
               {"threshold", json_of(report.threshold)},
               {"made_at", to_text(report.made_at)},
               {"window",
                {{"begin", to_text(report.window_begin)},
                 {"end", to_text(report.window_end)},
                 {"period", report.period.micros == 0 ? Json() : Json(to_text(report.period))}}},
               {"metric", report.main_metric},
               {"limits", {{"warn", report.warn}, {"fail", report.fail}}}};
  json["is_watched"] = report.is_watched;
  json["alerts"] = list_of(report.alerts, to);
  json["traffic"] = json_of(report.traffic);
  json["columns"] = list_of(report.columns, to);
  json["performance"] = json_of(report.performance);
  json["slices"] = list_of(report.slices, [](const ReportSlice& slice) {
    return Json{{"column", slice.column},       {"value", slice.value},
                {"test_rows", slice.test_rows}, {"live_rows", json_of(slice.live_rows)},
                {"test", json_of(slice.test)},  {"live", json_of(slice.live)}};
  });
  json["fairness"] = list_of(report.fairness, to);
  json["importance"] = list_of(report.importance, [](const ReportImportance& one) {
    return Json{{"feature", one.feature}, {"gain", one.gain}, {"cover", one.cover}, {"splits", one.splits}};
  });
  json["versions"] = list_of(report.versions, to);
  json["moves"] = list_of(report.moves, to);
  json["more"] = {{"columns", report.more.columns},       {"versions", report.more.versions},
                  {"moves", report.more.moves},           {"slices", report.more.slices},
                  {"importance", report.more.importance}, {"alerts", report.more.alerts}};
  json["notes"] = report.notes;
  return json;
}

}  // namespace tidemill::monitoring
