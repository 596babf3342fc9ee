#include "pipeline/check_context.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/sample.hpp"

namespace tidemill::pipeline {

namespace {

constexpr size_t kMaxHistory = 400;
constexpr std::string_view kPreviousView = "previous";  // no table can be called so

Result<std::vector<quality::SeriesPoint>> past_of(const registry::Registry& registry,
                                                  const CheckSubject& subject, const std::string& metric) {
  TM_TRY(auto points, registry.metric_history("table:" + subject.table, metric, kMaxHistory));
  const auto own = std::find_if(points.begin(), points.end(), [&](const registry::MetricPoint& point) {
    return !subject.run.empty() && point.run == subject.run;
  });
  points.erase(own, points.end());
  std::vector<quality::SeriesPoint> past;
  for (const registry::MetricPoint& point : points) past.push_back({point.at, point.value});
  std::sort(past.begin(), past.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  return past;
}

}  // namespace

Result<quality::CheckContext> check_context(const project::Project& project,
                                            const registry::Registry& registry,
                                            engine::Connection& connection, CheckSubject subject) {
  quality::CheckContext context;
  context.connection = &connection;
  context.table = subject.table;
  context.relation = engine::quote_name(subject.table);
  context.columns = subject.columns;
  context.now = subject.now;
  const auto source = project.sources.find(subject.table);
  const bool is_source = source != project.sources.end();
  context.described = (is_source ? "source " : "transform ") + subject.table;
  context.sample = is_source ? sample_of(project, source->second) : project.sample;
  std::error_code ignored;
  if (subject.previous &&
      std::filesystem::exists(registry.object_path(subject.previous->object), ignored)) {  // gc may have it
    TM_CHECK(connection.view_parquet(std::string(kPreviousView),
                                     {registry.object_path(subject.previous->object)}));
    context.previous_relation = engine::quote_name(kPreviousView);
  }
  context.relation_of = [table = subject.table,
                         is_there = subject.is_there](const std::string& other) -> Result<std::string> {
    if (other != table && !is_there(other))
      return data_error("check.no_table", fmt::format("there is no snapshot of {}", other));
    return engine::quote_name(other);
  };
  context.history = [&registry, subject = std::move(subject)](const std::string& metric) {
    return past_of(registry, subject, metric);
  };
  return context;
}

}  // namespace tidemill::pipeline
