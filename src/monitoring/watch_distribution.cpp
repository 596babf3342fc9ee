// Drift and data quality: counts of the window against the package's counts of training, or against the log's
// own of another span.
#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "monitoring/watch_look.hpp"
#include "statistics/multiple_testing.hpp"

namespace tidemill::monitoring {

namespace {

using Against = project::Monitor::Against;

constexpr Duration kYear{int64_t{364} * 86'400'000'000};  // 52 weeks: the same days of the week

double sum(Numbers counts) { return std::accumulate(counts.begin(), counts.end(), 0.0); }

std::vector<CountedColumn> counted(const std::vector<const WatchedColumn*>& columns) {
  std::vector<CountedColumn> all;
  for (const WatchedColumn* column : columns) all.push_back(column->counted());
  return all;
}

/// Whether the measure is meant for such a column: ks and wasserstein are of numbers, and wasserstein of
/// those that vary; chi2 of categories, since it weighs a place by how rare it was, and a day that is warmer
/// than all of training is enough. Only categories are unseen, and only numbers out of range.
bool is_defined(const std::string& measure, const WatchedColumn& column) {
  if (measure == "chi2" || measure == "unseen") return column.texts.has_value();
  if (measure == "out_of_range") return column.numbers.has_value();
  if (measure != "ks" && measure != "wasserstein") return true;
  if (!column.numbers) return false;
  return measure == "ks" || column.reference.baseline.standard_deviation.value_or(0) > 0;
}

}  // namespace

void Look::note_left_out(const VersionReference& reference) {
  constexpr size_t kMostSaid = 3;
  if (std::ranges::find(monitor_.columns, "*") == monitor_.columns.end()) return;
  Finding finding;
  size_t count = 0;
  for (const WatchedColumn& column : reference.columns) {
    if (sees(column) || !is_defined(monitor_.measure, column) || ++count > kMostSaid) continue;
    finding.text += fmt::format("{}{}: {}", count == 1 ? "left out: " : "; ", column.name, column.hidden);
  }
  if (count == 0) return;
  if (count > kMostSaid) finding.text += fmt::format("; and {} more", count - kMostSaid);
  finding.cause = cause("*", reference.number);
  finding.topic = topic_of(monitor_);
  finding.state = Finding::State::NotEnoughData;
  add(std::move(finding));
}

/// At 20 columns, one p-value in twenty is 0.05 by chance.
void Look::add_drifts(std::vector<MeasuredDrift> measured) {
  std::vector<double> p_values;
  for (const MeasuredDrift& one : measured)
    if (one.drift.p_value) p_values.push_back(*one.drift.p_value);
  const std::vector<double> adjusted = statistics::benjamini_hochberg(p_values);
  size_t next = 0;
  for (MeasuredDrift& one : measured) {
    if (one.drift.p_value) one.drift.p_value = adjusted[next++];
    Finding finding = evaluate_drift(std::move(one.cause), limits_of(monitor_), one.drift);
    finding.p_value = one.drift.p_value;
    add(std::move(finding));
  }
}

Result<void> Look::drift() {
  for (Watch::Kept* kept : kept_) TM_CHECK(drift(*kept));
  return {};
}

Result<void> Look::drift(Watch::Kept& kept) {
  const VersionReference& reference = kept.reference;
  std::vector<const WatchedColumn*> columns = chosen(reference, true);
  note_left_out(reference);
  const bool has_any = std::ranges::any_of(reference.columns, &WatchedColumn::has_reference);
  const auto lacks = [&](const WatchedColumn* column) { return !column->has_reference; };
  if (!has_any) {
    add_missing(cause("", reference.number), Topic::Drift,
                fmt::format("version {} has no baseline: it was trained elsewhere. Drift is measured in the "
                            "bins of training; train it here, or watch quality, traffic and metrics",
                            reference.number));
    return {};
  }
  for (const WatchedColumn* column : columns)
    if (lacks(column))
      add_missing(cause(column->name, reference.number), Topic::Drift,
                  fmt::format("the package of version {} has no baseline of it", reference.number));
  std::erase_if(columns, lacks);
  if (std::ranges::find(monitor_.columns, "*") != monitor_.columns.end())
    std::erase_if(columns,
                  [&](const WatchedColumn* column) { return !is_defined(monitor_.measure, *column); });
  if (monitor_.against != Against::Training) return drift_against_log(kept, columns);

  const std::vector<CountedColumn> to_count = counted(columns);
  TM_TRY(const auto slices, count_rows(connections_, rows_in(span_, reference.number), to_count, {}));
  if (!monitor_.slices.empty())
    add_missing(cause("", reference.number), Topic::Drift,
                "packages keep no reference of slices: reference: previous compares slices with the log");
  const Statistic statistic = statistic_of(monitor_.measure).value_or(Statistic::Psi);
  const double level = no_drift_level(columns.size());
  std::vector<MeasuredDrift> measured;
  for (size_t c = 0; c < columns.size(); ++c) {
    const std::vector<double>& counts = slices[0].columns[c].places;
    TM_TRY(const Chance chance, kept.chances.of(*columns[c], statistic, level, {span_.days(), counts}));
    measured.push_back({cause(columns[c]->name, reference.number),
                        measure_drift(statistic, columns[c]->reference, counts, {}, chance)});
  }
  add_drifts(std::move(measured));
  return {};
}

/// What is compared with is the log itself, of the span before or of a year before: rows of every version,
/// but of the scores only the version's own.
Result<void> Look::drift_against_log(Watch::Kept& kept, const std::vector<const WatchedColumn*>& columns) {
  const VersionReference& reference = kept.reference;
  const std::vector<std::string> slice_columns = chosen_slices(reference);
  Span before = monitor_.against == Against::Previous
                    ? Span{{span_.begin.micros - (span_.end.micros - span_.begin.micros)}, span_.begin}
                    : Span{{span_.begin.micros - kYear.micros}, {span_.end.micros - kYear.micros}};
  std::vector<const WatchedColumn*> inputs, scores;
  for (const WatchedColumn* column : columns) (column->is_score ? scores : inputs).push_back(column);
  const Statistic statistic = statistic_of(monitor_.measure).value_or(Statistic::Psi);
  for (const auto* part : {&inputs, &scores}) {
    if (part->empty()) continue;
    const std::vector<CountedColumn> to_count = counted(*part);
    TM_TRY(const auto now,
           count_rows(connections_, rows_in(span_, reference.number), to_count, slice_columns));
    TM_TRY(const auto then, count_rows(connections_, rows_in(before, part == &inputs ? 0 : reference.number),
                                       to_count, slice_columns));
    const double level = no_drift_level(columns.size() * now.size());
    for (const SliceCounts& slice : now) {
      const auto other = std::ranges::find(then, slice.slice, &SliceCounts::slice);
      std::vector<MeasuredDrift> measured;
      for (size_t c = 0; c < part->size(); ++c) {
        const WatchedColumn& column = *(*part)[c];
        const double rows = other == then.end() ? 0 : sum(other->columns[c].places);
        Cause of = cause(column.name, reference.number, to_text(slice.slice));
        if (rows < static_cast<double>(monitor_.min_rows)) {
          add_too_few(std::move(of), Topic::Drift, rows, "to compare with");
          continue;
        }
        Chance chance{.level = level};
        if (slice.slice.column.empty()) {
          TM_TRY(chance, kept.chances.of(column, statistic, level, {span_.days(), {}}));
        }
        measured.push_back({std::move(of), measure_drift(statistic, column.reference, slice.columns[c].places,
                                                         other->columns[c].places, chance)});
      }
      add_drifts(std::move(measured));
    }
  }
  return {};
}

Result<void> Look::quality() {
  for (Watch::Kept* kept : kept_) TM_CHECK(quality(*kept));
  return {};
}

Result<void> Look::quality(Watch::Kept& kept) {
  const VersionReference& reference = kept.reference;
  std::vector<const WatchedColumn*> columns = chosen(reference, false);
  note_left_out(reference);
  const bool named = std::ranges::find(monitor_.columns, "*") == monitor_.columns.end();
  const std::string& measure = monitor_.measure;
  std::erase_if(columns, [&](const WatchedColumn* column) {
    std::string lacks;
    if (measure == "unseen" && !column->texts)
      lacks = "is a number: only categories can be unseen; see out_of_range";
    if (measure == "out_of_range" && !column->numbers)
      lacks = "is a category, which has no range; see unseen";
    if (measure == "out_of_range" && column->numbers && !column->has_reference)
      lacks = fmt::format("has no range: the package of version {} has no baseline", reference.number);
    if (!lacks.empty() && named)
      add_missing(cause(column->name, reference.number), Topic::Quality, "it " + lacks);
    return !lacks.empty();
  });
  const std::vector<CountedColumn> to_count = counted(columns);
  TM_TRY(const auto slices,
         count_rows(connections_, rows_in(span_, reference.number), to_count, chosen_slices(reference)));
  const double level = no_drift_level(columns.size() * slices.size());
  for (const SliceCounts& slice : slices)
    for (size_t c = 0; c < columns.size(); ++c) {
      const ColumnCounts& counts = slice.columns[c];
      const statistics::Baseline& training = columns[c]->reference.baseline;
      Share share{.rows = sum(counts.places)};
      if (measure == "missing") {
        share.failing = counts.places[0];
        share.usual = training.rows > 0 ? training.counts[0] / training.rows : 0;
        Chance chance{.level = level};
        if (slice.slice.column.empty()) {
          TM_TRY(chance,
                 kept.chances.of(*columns[c], Statistic::MissingShare, level, {span_.days(), counts.places}));
        }
        const Drift drift =
            measure_drift(Statistic::MissingShare, columns[c]->reference, counts.places, {}, chance);
        share.chance = drift.no_drift.value_or(0);
      } else if (measure == "unseen") {
        share.failing = counts.unseen;
      } else {
        share.failing = counts.places[1] + counts.places.back();
        if (training.rows > 0) share.usual = (training.counts[1] + training.counts.back()) / training.rows;
      }
      add(evaluate_quality(cause(columns[c]->name, reference.number, to_text(slice.slice)),
                           limits_of(monitor_), share));
    }
  return {};
}

/// Requests that were refused for a value of another type than the column's, of all that came.
Result<void> Look::type_errors() {
  TM_TRY(const auto counts,
         connection_.query(fmt::format("SELECT count(*) FILTER (error IN ('infer.datatype', 'infer.range', "
                                       "'predict.type')), count(*) FROM {} "
                                       "WHERE time >= {} AND time < {} AND model = {} AND role <> 'shadow'",
                                       relation_, sql_of(span_.begin), sql_of(span_.end),
                                       engine::quote_text(input_.deployment->model))));
  const auto count = [&](size_t i) { return static_cast<double>(std::get<int64_t>(counts.rows[0][i])); };
  add(evaluate_quality(cause(), limits_of(monitor_), {.failing = count(0), .rows = count(1)}));
  return {};
}

}  // namespace tidemill::monitoring
