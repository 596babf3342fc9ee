// What predictions were worth: metrics where labels are known, estimated ones where they are not yet, and
// fairness.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "monitoring/judging.hpp"
#include "monitoring/watch_look.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kMostValues = 4'000'000;  // rows × outputs that are read
constexpr statistics::BootstrapOptions kResampling{.resamples = 500};

std::vector<std::string> score_columns(const VersionReference& reference) {
  std::vector<std::string> names;
  for (const WatchedColumn& column : reference.columns)
    if (column.is_score) names.push_back(column.stored);
  return names;
}

}  // namespace

std::string Look::labelled() const {
  if (input_.labels == nullptr) return labelled_relation(input_.home, input_.deployment->name);
  return matured_relation(input_.home, input_.deployment->name, *input_.labels, input_.window_end);
}

Result<Span> Look::matured_span() {
  const int64_t matures = input_.labels == nullptr ? 0 : input_.labels->matures_after.micros;
  return Span{{span_.begin.micros - matures}, {span_.end.micros - matures}};
}

Result<JudgedRows> Look::read_rows(const VersionReference& reference, const std::string& rows, bool labelled,
                                   const std::string& group) {
  JudgedRows read;
  const std::vector<std::string> scores = score_columns(reference);
  read.outputs = scores.size();
  for (const std::string& name : scores)
    if (!has_column(name)) return read;  // no version with such answers was asked yet
  TM_TRY(const engine::Value all, connection_.scalar(fmt::format("SELECT count(*) FROM {}", rows)));
  const auto count = static_cast<size_t>(std::get<int64_t>(all));
  const size_t most = std::min(kMaxJudgedRows, kMostValues / std::max<size_t>(read.outputs, 1));
  const size_t one_in = (count + most - 1) / std::max<size_t>(most, 1);
  std::string select = "epoch_us(time)";
  for (const std::string& name : scores)
    select += fmt::format(", coalesce(TRY_CAST({} AS DOUBLE), 'nan'::DOUBLE)", engine::quote_name(name));
  select += labelled ? ", CAST(label AS VARCHAR)" : ", NULL::VARCHAR";
  select +=
      group.empty() ? ", NULL::VARCHAR" : fmt::format(", CAST({} AS VARCHAR)", engine::quote_name(group));
  const std::string sample =
      one_in > 1 ? fmt::format(" AND hash(prediction_id, \"row\") % {} = 0", one_in) : "";
  const forest::Package& package = *reference.package;
  const LabelNumbers labels(package);
  const double threshold = package.threshold.value_or(0.5);
  std::vector<int64_t> times;
  std::map<std::string, uint32_t> groups;
  const size_t k = read.outputs;
  TM_CHECK(connection_.for_each_chunk(
      fmt::format("SELECT {} FROM {}{} ORDER BY time, prediction_id, \"row\"", select, rows, sample),
      [&](const engine::Chunk& chunk) -> Result<void> {
        for (size_t r = 0; r < chunk.rows(); ++r) {
          bool whole = true;
          for (size_t o = 0; o < k; ++o) whole = whole && std::isfinite(chunk.doubles(1 + o)[r]);
          if (!whole || (labelled && chunk.is_null(1 + k, r)) || (!group.empty() && chunk.is_null(2 + k, r)))
            continue;
          if (labelled) {
            const auto label = labels.of(chunk.varchar(1 + k, r));
            if (!label) {
              ++read.foreign;
              continue;
            }
            read.labels.push_back(*label);
          }
          for (size_t o = 0; o < k; ++o) read.scores.push_back(chunk.doubles(1 + o)[r]);
          if (k == 1) read.decisions.push_back(chunk.doubles(1)[r] >= threshold ? 1 : 0);
          times.push_back(chunk.bigints(0)[r]);
          if (!group.empty()) {
            const auto next = static_cast<uint32_t>(groups.size());
            const auto [found, is_new] = groups.emplace(std::string(chunk.varchar(2 + k, r)), next);
            if (is_new) read.names.push_back(found->first);
            read.groups.push_back(found->second);
          }
        }
        return {};
      }));
  read.rows = times.size();
  read.blocks = blocks_of(times);
  return read;
}

Result<void> Look::metric() {
  const bool labelled_rows = !monitor_.estimated;
  TM_TRY(const Span matured, matured_span());
  for (const Watch::Kept* kept : kept_) {
    const VersionReference& reference = kept->reference;
    const std::string rows = labelled_rows ? named_rows_in(labelled(), matured, reference.number)
                                           : rows_in(span_, reference.number);
    const auto look = [&](const std::string& of, const std::string& slice) {
      return labelled_rows ? metric(reference, of, slice) : estimate(reference, of, slice);
    };
    TM_CHECK(look(rows, ""));
    const std::vector<std::string> by = chosen_slices(reference);
    if (by.empty()) continue;
    TM_TRY(const auto slices, count_rows(connections_, rows, {}, by));
    for (const SliceCounts& slice : slices)
      if (!slice.slice.column.empty())
        TM_CHECK(
            look(fmt::format("{} AND CAST({} AS VARCHAR) = {}", rows, engine::quote_name(slice.slice.column),
                             engine::quote_text(slice.slice.value)),
                 to_text(slice.slice)));
  }
  return {};
}

Result<void> Look::metric(const VersionReference& reference, const std::string& rows,
                          const std::string& slice) {
  TM_TRY(const JudgedRows read, read_rows(reference, rows, true, ""));
  Cause of = cause("", reference.number, slice);
  if (read.rows == 0) {
    add_too_few(std::move(of), Topic::Performance, 0, "with a label");
    return {};
  }
  const forest::Package& package = *reference.package;
  const statistics::Evaluation judged{.task = task_of(package.task),
                                      .labels = read.labels,
                                      .scores = read.scores,
                                      .outputs = read.outputs,
                                      .threshold = package.threshold.value_or(0.5)};
  TM_TRY(Finding finding, evaluate_metric(std::move(of), limits_of(monitor_), monitor_.measure, judged,
                                          read.blocks, kResampling));
  if (read.foreign > 0) finding.text += fmt::format("; {} labels are none of this model", read.foreign);
  add(std::move(finding));
  return {};
}

Result<void> Look::estimate(const VersionReference& reference, const std::string& rows,
                            const std::string& slice) {
  const forest::Package& package = *reference.package;
  Cause of = cause("", reference.number, slice);
  if (package.task == forest::Task::Binary && package.calibration.kind.empty()) {
    add_missing(
        std::move(of), Topic::Performance,
        fmt::format("an estimate believes the scores to be probabilities, and those of version {} are "
                    "not calibrated: calibrate: isotonic",
                    reference.number));
    return {};
  }
  TM_TRY(const JudgedRows read, read_rows(reference, rows, false, ""));
  if (read.rows == 0) {
    add_too_few(std::move(of), Topic::Performance, 0, "predicted");
    return {};
  }
  const statistics::Unlabelled unlabelled{.task = task_of(package.task),
                                          .probabilities = read.scores,
                                          .scores = read.scores,
                                          .outputs = read.outputs,
                                          .threshold = package.threshold.value_or(0.5)};
  TM_TRY(Finding finding, evaluate_estimate(std::move(of), limits_of(monitor_), monitor_.measure, unlabelled,
                                            read.blocks, kResampling));
  add(std::move(finding));
  return {};
}

Result<void> Look::fairness() {
  for (const Watch::Kept* kept : kept_) {
    if (input_.fairness_groups.empty())
      add_missing(cause("", kept->reference.number), Topic::Performance,
                  "the model names no groups: models: {NAME: {fairness: {groups: [COLUMN]}}}");
    for (const std::string& group : input_.fairness_groups) TM_CHECK(fairness(kept->reference, group));
  }
  return {};
}

Result<void> Look::fairness(const VersionReference& reference, const std::string& group) {
  const WatchedColumn* column = reference.find(group);
  const std::string stored = column == nullptr ? group : column->stored;
  Cause of = cause(group, reference.number);
  if (reference.package->task != forest::Task::Binary) {
    add_missing(std::move(of), Topic::Performance, "only decisions of yes and no can be held against groups");
    return {};
  }
  if (!has_column(stored)) {
    if (column != nullptr && column->hidden.empty())
      add_too_few(std::move(of), Topic::Performance, 0, "in the log");
    else
      add_missing(
          std::move(of), Topic::Performance,
          fmt::format("the log has no column {}: it keeps features, unless columns drops them", group));
    return {};
  }
  const bool needs_labels = monitor_.measure == "equal_opportunity" || monitor_.measure == "equalised_odds";
  TM_TRY(const Span matured, matured_span());
  const std::string rows =
      needs_labels ? named_rows_in(labelled(), matured, reference.number) : rows_in(span_, reference.number);
  TM_TRY(const JudgedRows read, read_rows(reference, rows, needs_labels, stored));
  if (read.rows < static_cast<size_t>(monitor_.min_rows)) {
    add_too_few(std::move(of), Topic::Performance, static_cast<double>(read.rows),
                needs_labels ? "with a label" : "predicted");
    return {};
  }
  const statistics::Decided decided{.decisions = read.decisions,
                                    .labels = read.labels,
                                    .weights = {},
                                    .groups = read.groups,
                                    .names = read.names};
  TM_TRY(const statistics::Fairness measured, statistics::fairness(decided, read.blocks, kResampling));
  TM_TRY(Finding finding, evaluate_fairness(std::move(of), limits_of(monitor_), monitor_.measure, measured));
  add(std::move(finding));
  return {};
}

}  // namespace tidemill::monitoring
