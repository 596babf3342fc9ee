#include "monitoring/watch.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "monitoring/steady_read.hpp"
#include "monitoring/watch_look.hpp"

namespace tidemill::monitoring {

namespace {

constexpr int kMostConnections = 8;
constexpr size_t kMaxKept = 64;  // versions

/// What of the rules decides how columns are compared.
std::string text_of(const project::PredictionLog& log) {
  const auto text = [](const project::PredictionLog::Column& column) {
    return fmt::format("{}/{}", static_cast<int>(column.rule), column.width);
  };
  std::string all = text(log.others);
  for (const auto& [name, column] : log.columns) all += fmt::format("\n{} {}", name, text(column));
  return all;
}

}  // namespace

Result<Evaluation> Watch::look(const WatchInput& input) {
  Evaluation evaluation{
      input.deployment->name, input.monitor->name, input.window_end, input.monitor->fire_after, {}};
  if (input.versions.empty()) return evaluation;
  if (!input.deployment->log) {
    Finding finding;
    finding.cause = {input.deployment->name, input.monitor->name, {}, {}, 0};
    finding.topic = topic_of(*input.monitor);
    finding.state = Finding::State::Missing;
    finding.text = fmt::format(
        "deployment {0} keeps no log, so there is nothing to look at: deployments: {{{0}: {{log: {{}}}}}}",
        input.deployment->name);
    evaluation.findings.push_back(std::move(finding));
    return evaluation;
  }
  if (kept_.size() >= kMaxKept) kept_.clear();
  auto found = read_steadily(input.home, input.deployment->name, [&]() -> Result<std::vector<Finding>> {
    TM_TRY(const auto database, open_log(input.home, input.threads, input.memory_bytes));
    std::vector<engine::Connection> connections;
    for (int i = 0; i < std::clamp(input.threads, 1, kMostConnections); ++i) {
      TM_TRY(engine::Connection connection, database->connect());
      connections.push_back(std::move(connection));
    }
    Look look(*this, input, std::move(connections));
    return look.findings();
  });
  if (!found) return std::unexpected(std::move(found).error());
  evaluation.findings = *std::move(found);
  return evaluation;
}

Result<Watch::Kept*> Watch::keep(const WatchInput& input, const ServedVersion& version) {
  const std::string name =
      fmt::format("{}\n{}\n{}", input.deployment->name, version.object, text_of(*input.deployment->log));
  if (const auto found = kept_.find(name); found != kept_.end()) return &found->second;
  TM_TRY(auto package, packages_.package(version));
  TM_TRY(VersionReference reference,
         reference_of(version.number, std::move(package), *input.deployment->log, input.home));
  return &kept_.emplace(name, Kept{std::move(reference), {}}).first->second;
}

Result<std::vector<Finding>> Look::findings() {
  relation_ = log_relation(input_.home, input_.deployment->name);
  TM_TRY(has_, connection_.describe(fmt::format("SELECT * FROM {}", relation_)));
  TM_CHECK(find_window());
  for (const ServedVersion& version : input_.versions) {
    TM_TRY(Watch::Kept * kept, watch_.keep(input_, version));
    kept_.push_back(kept);
  }
  using Kind = project::Monitor::Kind;
  const auto looked = [&]() -> Result<void> {
    switch (monitor_.kind) {
      case Kind::Drift:
        return drift();
      case Kind::Quality:
        return monitor_.measure == "type_errors" ? type_errors() : quality();
      case Kind::Metric:
        return metric();
      case Kind::Fairness:
        return fairness();
      case Kind::Attribution:
        return attribution();
      case Kind::Traffic:
        return traffic();
      case Kind::Latency:
        break;
    }
    return latency();
  }();
  if (!looked) return std::unexpected(looked.error());
  return std::move(found_);
}

/// The last so many predictions begin where the last but so many was; all of one instant are in or out.
Result<void> Look::find_window() {
  span_.end = input_.window_end;
  if (const auto* span = std::get_if<Duration>(&monitor_.window)) {
    span_.begin = {span_.end.micros - span->micros};
    return {};
  }
  const int64_t rows = std::get<int64_t>(monitor_.window);
  TM_TRY(const auto first,
         connection_.query(fmt::format("SELECT epoch_us(time) FROM {} ORDER BY time DESC LIMIT 1 OFFSET {}",
                                       rows_in({{0}, span_.end}, 0), rows - 1)));
  if (!first.rows.empty()) {
    span_.begin = {std::get<int64_t>(first.rows[0][0])};
    return {};
  }
  TM_TRY(const auto oldest,
         connection_.scalar(fmt::format("SELECT min(epoch_us(time)) FROM {}", rows_in({{0}, span_.end}, 0))));
  const auto* micros = std::get_if<int64_t>(&oldest);
  span_.begin = micros == nullptr ? span_.end : Instant{*micros};
  return {};
}

Cause Look::cause(const std::string& column, int version, const std::string& slice) const {
  return {input_.deployment->name, monitor_.name, column, slice, version};
}

void Look::add(Finding finding) {
  if (found_.size() < kMaxWatchedFindings) found_.push_back(std::move(finding));
}

void Look::add_missing(Cause cause, Topic topic, std::string text) {
  Finding finding;
  finding.cause = std::move(cause);
  finding.topic = topic;
  finding.state = Finding::State::Missing;
  finding.text = std::move(text);
  add(std::move(finding));
}

void Look::add_too_few(Cause cause, Topic topic, double rows, const std::string& of) {
  Finding finding;
  finding.cause = std::move(cause);
  finding.topic = topic;
  finding.state = Finding::State::NotEnoughData;
  finding.text = fmt::format("not enough data: {} rows {}, {} needed", rows, of, monitor_.min_rows);
  add(std::move(finding));
}

std::string Look::rows_in(const Span& span, int version) const {
  return named_rows_in(relation_, span, version);
}

std::string Look::named_rows_in(const std::string& relation, const Span& span, int version) const {
  return fmt::format("{} WHERE time >= {} AND time < {} AND error IS NULL AND model = {} AND {}", relation,
                     sql_of(span.begin), sql_of(span.end), engine::quote_text(input_.deployment->model),
                     version == 0 ? "role <> 'shadow'" : fmt::format("version = {}", version));
}

bool Look::has_column(const std::string& name) const { return engine::find_column(has_, name) != nullptr; }

bool Look::sees(const WatchedColumn& column) const {
  const bool of_missing = monitor_.kind == project::Monitor::Kind::Quality && monitor_.measure == "missing";
  return column.hidden.empty() || (of_missing && column.tells_missing);
}

std::vector<const WatchedColumn*> Look::chosen(const VersionReference& reference, bool with_scores) {
  std::vector<const WatchedColumn*> columns;
  const auto choose = [&](const WatchedColumn& column) {
    if (std::ranges::find(columns, &column) == columns.end()) columns.push_back(&column);
  };
  for (const std::string& name : monitor_.columns) {
    if (name == "*") {
      for (const WatchedColumn& column : reference.columns)
        if (sees(column) && (with_scores || !column.is_score)) choose(column);
      continue;
    }
    if (name == "score") {
      for (const WatchedColumn& column : reference.columns)
        if (column.is_score) choose(column);
      continue;
    }
    const WatchedColumn* column = reference.find(name);
    if (column == nullptr) {
      std::vector<std::string> names;
      for (const WatchedColumn& each : reference.columns) names.push_back(each.name);
      const std::string meant = did_you_mean(name, names);
      add_missing(cause(name, reference.number), topic_of(monitor_),
                  fmt::format("version {} has no feature '{}'{}{}", reference.number, name,
                              meant.empty() ? "" : "; ", meant));
    } else if (!sees(*column)) {
      add_missing(cause(column->name, reference.number), topic_of(monitor_),
                  fmt::format("{0}: log: {{columns: {{{1}: keep}}}}", column->hidden, column->name));
    } else {
      choose(*column);
    }
  }
  // A version that was never asked yet has no columns in the log.
  std::erase_if(columns, [&](const WatchedColumn* column) {
    if (has_column(column->stored)) return false;
    add_too_few(cause(column->name, reference.number), topic_of(monitor_), 0, "in the log");
    return true;
  });
  return columns;
}

std::vector<std::string> Look::chosen_slices(const VersionReference& reference) {
  std::vector<std::string> slices;
  for (const std::string& name : monitor_.slices) {
    const WatchedColumn* column = reference.find(name);
    const std::string stored = column == nullptr ? name : column->stored;
    if (const engine::Column* there = engine::find_column(has_, stored))
      slices.push_back(there->name);
    else if (column == nullptr)
      add_missing(cause("", reference.number, name), topic_of(monitor_),
                  fmt::format("the log has no column {} to slice by", name));
  }
  return slices;
}

}  // namespace tidemill::monitoring
