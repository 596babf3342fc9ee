#include "monitoring/report_judged.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "monitoring/evaluate.hpp"
#include "monitoring/judging.hpp"
#include "monitoring/log_relation.hpp"
#include "statistics/fairness.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kMostValues = 4'000'000;  // rows × scores
constexpr double kLeastLabels = 50;        // of a period, a slice or the whole, before a metric is shown
constexpr statistics::BootstrapOptions kResampling{.resamples = 200};

/// A column whose values slice or group rows, and its value in each row: an index into names.
struct Sliced {
  std::string column;
  std::vector<std::string> names;
  std::vector<uint32_t> of_row;  // kNone: it has none
  std::map<std::string, uint32_t> places = {};
  static constexpr uint32_t kNone = UINT32_MAX;
};

/// Rows with labels.
struct Rows {
  std::vector<double> labels, scores;  // scores: rows × outputs
  std::vector<int64_t> times;
  size_t outputs = 1;
  size_t size() const { return labels.size(); }
  void add(const Rows& from, size_t row) {
    labels.push_back(from.labels[row]);
    times.push_back(from.times[row]);
    const auto begin = from.scores.begin() + static_cast<std::ptrdiff_t>(row * outputs);
    scores.insert(scores.end(), begin, begin + static_cast<std::ptrdiff_t>(outputs));
  }
};

class Judged {
 public:
  Judged(const ReportInput& input, const VersionReference& reference, engine::Connection& connection,
         Report& report)
      : input_(input),
        reference_(reference),
        package_(*reference.package),
        labels_(package_),
        connection_(connection),
        report_(report) {}

  Result<void> add() {
    TM_CHECK(find_rows());
    ReportPerformance& shown = report_.performance;
    if (shown.labelled == 0) {
      note(fmt::format(
          "No label of the window's predictions is known, so how good they were is not known either. Labels "
          "come by POST /labels/{0}, or from a table: labels: {{{0}: {{from: TABLE, key: KEY, value: "
          "COLUMN}}}}.",
          report_.deployment));
      return {};
    }
    TM_CHECK(read());
    shown.sampled = static_cast<int64_t>(rows_.size());
    if (static_cast<double>(rows_.size()) < kLeastLabels) {
      std::string text = fmt::format("Labels of {} predictions are known, too few to judge: {} are needed.",
                                     rows_.size(), kLeastLabels);
      if (foreign_ > 0)
        text += fmt::format(" {} labels, “{}” among them, are none that this model knows.", foreign_,
                            foreign_label_);
      note(text);
      return {};
    }
    TM_CHECK(add_metrics());
    TM_CHECK(add_periods());
    add_curves();
    TM_CHECK(add_slices());
    return add_fairness();
  }

 private:
  void note(const std::string& text) { report_.notes["live_performance"] = text; }

  Result<void> find_rows() {
    const Path& home = input_.project->home;
    const auto labels = input_.project->labels.find(report_.deployment);
    const bool declared = labels != input_.project->labels.end();
    relation_ = declared ? matured_relation(home, report_.deployment, labels->second, report_.window_end)
                         : labelled_relation(home, report_.deployment);
    TM_TRY(has_, connection_.describe(fmt::format("SELECT * FROM {}", relation_)));
    where_ =
        fmt::format("{} WHERE time >= {} AND time < {} AND error IS NULL AND model = {} AND version = {}",
                    relation_, sql_of(report_.window_begin), sql_of(report_.window_end),
                    engine::quote_text(report_.model), report_.version);
    TM_TRY(const auto counts,
           connection_.query(fmt::format("SELECT count(*), count(label) FROM {}", where_)));
    report_.performance.predictions = std::get<int64_t>(counts.rows[0][0]);
    report_.performance.labelled = std::get<int64_t>(counts.rows[0][1]);
    return {};
  }

  /// Columns to slice and group by that the log has.
  void choose_columns() {
    std::vector<std::string> names;
    for (const ReportSlice& slice : report_.slices) names.push_back(slice.column);
    for (const ReportGroups& groups : report_.fairness) names.push_back(groups.column);
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    std::string missing;
    for (const std::string& name : names) {
      const WatchedColumn* column = reference_.find(name);
      if (column == nullptr || !column->hidden.empty() ||
          engine::find_column(has_, column->stored) == nullptr) {
        missing += (missing.empty() ? "" : ", ") + name;
        continue;
      }
      stored_.push_back(column->stored);
      sliced_.push_back({name, {}, {}});
    }
    if (!missing.empty())
      report_.notes["live_groups"] = fmt::format(
          "The log keeps features only, and does not have {}: on live traffic nothing is known of "
          "these slices and groups.",
          missing);
  }

  Result<void> read() {
    choose_columns();
    std::string select = "epoch_us(time), CAST(label AS VARCHAR)";
    rows_.outputs = 0;
    for (const WatchedColumn& column : reference_.columns) {
      if (!column.is_score) continue;
      if (engine::find_column(has_, column.stored) == nullptr) return {};
      ++rows_.outputs;
      select +=
          fmt::format(", coalesce(TRY_CAST({} AS DOUBLE), 'nan'::DOUBLE)", engine::quote_name(column.stored));
    }
    for (const std::string& stored : stored_)
      select += fmt::format(", CAST({} AS VARCHAR)", engine::quote_name(stored));
    const size_t most = std::max<size_t>(std::min(kMaxReportRows, kMostValues / rows_.outputs), 1);
    const size_t one_in = (static_cast<size_t>(report_.performance.labelled) + most - 1) / most;
    const std::string sample =
        one_in > 1 ? fmt::format(" AND hash(prediction_id, \"row\") % {} = 0", one_in) : "";
    TM_CHECK(connection_.for_each_chunk(
        fmt::format("SELECT {} FROM {} AND label IS NOT NULL{} ORDER BY time, prediction_id, \"row\"", select,
                    where_, sample),
        [&](const engine::Chunk& chunk) -> Result<void> {
          take(chunk);
          return {};
        }));
    return {};
  }

  void take(const engine::Chunk& chunk) {
    const size_t k = rows_.outputs;
    for (size_t r = 0; r < chunk.rows(); ++r) {
      const std::string text(chunk.varchar(1, r));
      const Maybe label = labels_.of(text);
      if (!label && foreign_++ == 0) foreign_label_ = text;
      bool whole = label.has_value();
      for (size_t o = 0; o < k; ++o) whole = whole && std::isfinite(chunk.doubles(2 + o)[r]);
      if (!whole) continue;
      rows_.labels.push_back(*label);
      rows_.times.push_back(chunk.bigints(0)[r]);
      for (size_t o = 0; o < k; ++o) rows_.scores.push_back(chunk.doubles(2 + o)[r]);
      for (size_t s = 0; s < sliced_.size(); ++s) {
        Sliced& sliced = sliced_[s];
        if (chunk.is_null(2 + k + s, r)) {
          sliced.of_row.push_back(Sliced::kNone);
          continue;
        }
        const auto next = static_cast<uint32_t>(sliced.names.size());
        const auto [found, is_new] = sliced.places.emplace(chunk.varchar(2 + k + s, r), next);
        if (is_new) sliced.names.push_back(found->first);
        sliced.of_row.push_back(found->second);
      }
    }
  }

  Result<Reading> judge(const std::string& metric, const Rows& rows, const statistics::Blocks& blocks) const {
    const statistics::Evaluation evaluation{.task = task_of(package_.task),
                                            .labels = rows.labels,
                                            .scores = rows.scores,
                                            .outputs = rows.outputs,
                                            .threshold = package_.threshold.value_or(0.5)};
    Reading reading;
    TM_TRY(reading.value, statistics::compute(metric, evaluation));
    TM_TRY(const auto interval, statistics::bootstrap(metric, evaluation, blocks, kResampling));
    if (interval) {
      reading.low = interval->low;
      reading.high = interval->high;
    }
    return reading;
  }

  Result<void> add_metrics() {
    const statistics::Blocks blocks = blocks_of(rows_.times);
    for (const std::string& name : statistics::metric_names(task_of(package_.task))) {
      if (name == "mase") continue;  // its naive error is of the training series
      TM_TRY(Reading reading, judge(name, rows_, blocks));
      const auto known = std::ranges::find(report_.performance.metrics, name, &NamedReading::name);
      if (known != report_.performance.metrics.end())
        known->live = reading;
      else
        report_.performance.metrics.push_back({name, {}, {}, reading});
    }
    return {};
  }

  Result<void> add_periods() {
    std::map<int64_t, Rows> by_period;
    for (size_t r = 0; r < rows_.size(); ++r) {
      Rows& rows = by_period[rows_.times[r] / report_.period.micros];
      rows.outputs = rows_.outputs;
      rows.add(rows_, r);
    }
    for (const ReportTraffic::Period& period : report_.traffic.periods) {
      ReportPerformance::Period& shown = report_.performance.periods.emplace_back();
      shown.begin = period.begin;
      const auto found = by_period.find(period.begin.micros / report_.period.micros);
      if (found == by_period.end()) continue;
      shown.rows = static_cast<double>(found->second.size());
      if (shown.rows < kLeastLabels) continue;
      TM_TRY(shown.reading, judge(report_.main_metric, found->second,
                                  statistics::blocks_of_single_rows(found->second.size())));
    }
    return {};
  }

  void add_curves() {
    if (rows_.outputs != 1) return;
    ReportCurves& live = report_.performance.live;
    live.calibration = statistics::calibration_curve(rows_.labels, rows_.scores);
    if (package_.task == forest::Task::Binary) live.roc = statistics::roc_curve(rows_.labels, rows_.scores);
  }

  Result<void> add_slices() {
    for (ReportSlice& slice : report_.slices) {
      const auto sliced = std::ranges::find(sliced_, slice.column, &Sliced::column);
      if (sliced == sliced_.end()) continue;
      slice.live_rows = 0;
      const auto place = sliced->places.find(slice.value);
      if (place == sliced->places.end()) continue;
      Rows rows;
      rows.outputs = rows_.outputs;
      for (size_t r = 0; r < rows_.size(); ++r)
        if (sliced->of_row[r] == place->second) rows.add(rows_, r);
      slice.live_rows = static_cast<double>(rows.size());
      if (*slice.live_rows < kLeastLabels) continue;
      TM_TRY(slice.live, judge(report_.main_metric, rows, blocks_of(rows.times)));
    }
    return {};
  }

  Result<void> add_fairness() {
    if (package_.task != forest::Task::Binary) return {};
    const size_t declared = report_.fairness.size();
    for (size_t g = 0; g < declared; ++g) {
      const std::string column = report_.fairness[g].column;
      const auto sliced = std::ranges::find(sliced_, column, &Sliced::column);
      if (sliced == sliced_.end()) continue;
      std::vector<double> decisions, labels;
      std::vector<uint32_t> groups;
      std::vector<int64_t> times;
      for (size_t r = 0; r < rows_.size(); ++r) {
        if (sliced->of_row[r] == Sliced::kNone) continue;
        decisions.push_back(rows_.scores[r] >= package_.threshold.value_or(0.5) ? 1 : 0);
        labels.push_back(rows_.labels[r]);
        groups.push_back(sliced->of_row[r]);
        times.push_back(rows_.times[r]);
      }
      if (decisions.empty()) continue;
      TM_TRY(const statistics::Fairness measured, statistics::fairness({.decisions = decisions,
                                                                        .labels = labels,
                                                                        .weights = {},
                                                                        .groups = groups,
                                                                        .names = sliced->names},
                                                                       blocks_of(times), kResampling));
      add(column, measured);
    }
    return {};
  }

  void add(const std::string& column, const statistics::Fairness& measured) {
    ReportGroups shown;
    shown.column = column;
    shown.live = true;
    for (const statistics::GroupRates& group : measured.groups)
      shown.groups.push_back({group.name, static_cast<double>(group.rows), group.judged,
                              group.selection_rate.value, group.true_positive_rate.value,
                              group.false_positive_rate.value});
    std::ranges::stable_sort(shown.groups, std::ranges::greater{}, &ReportGroups::Group::rows);
    shown.parity_difference = measured.demographic_parity.difference.value;
    shown.parity_ratio = measured.demographic_parity.ratio.value;
    shown.opportunity_difference = measured.equal_opportunity.difference.value;
    shown.opportunity_ratio = measured.equal_opportunity.ratio.value;
    report_.fairness.push_back(std::move(shown));
  }

  const ReportInput& input_;
  const VersionReference& reference_;
  const forest::Package& package_;
  const LabelNumbers labels_;
  engine::Connection& connection_;
  Report& report_;
  std::string relation_, where_;
  std::vector<engine::Column> has_;
  std::vector<std::string> stored_;
  std::vector<Sliced> sliced_;
  Rows rows_;
  size_t foreign_ = 0;  // labels that are none of this model's, and the first of them
  std::string foreign_label_;
};

}  // namespace

Result<void> add_judged(const ReportInput& input, const VersionReference& reference,
                        engine::Connection& connection, Report& report) {
  return Judged(input, reference, connection, report).add();
}

}  // namespace tidemill::monitoring
