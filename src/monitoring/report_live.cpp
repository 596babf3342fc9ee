#include "monitoring/report_live.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "monitoring/chances.hpp"
#include "monitoring/evaluate.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/report_judged.hpp"

namespace tidemill::monitoring {

namespace {

constexpr int64_t kMinute = 60'000'000, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::array<int64_t, 17> kRound{kMinute,      2 * kMinute, 5 * kMinute, 10 * kMinute, 15 * kMinute,
                                         30 * kMinute, kHour,       2 * kHour,   3 * kHour,    6 * kHour,
                                         12 * kHour,   kDay,        2 * kDay,    7 * kDay,     14 * kDay,
                                         28 * kDay,    56 * kDay};
/// A name that no column of a log has.
constexpr const char* kPeriod = "tidemill report period";

class Live {
 public:
  Live(const ReportInput& input, const VersionReference& reference, Report& report,
       engine::Connection connection)
      : input_(input), reference_(reference), report_(report), connection_(std::move(connection)) {}

  Result<void> add() {
    relation_ = log_relation(input_.project->home, input_.deployment->name);
    TM_TRY(has_, connection_.describe(fmt::format("SELECT * FROM {}", relation_)));
    TM_CHECK(add_totals());
    ReportTraffic& traffic = report_.traffic;
    if (!traffic.first) {
      const std::string note =
          fmt::format("No prediction of {} is in the log from {} on.", report_.deployment,
                      to_text(Instant{report_.window_begin.micros / 1'000'000 * 1'000'000}));
      note_no_traffic(note, report_);
      return {};
    }
    report_.period = report_period({traffic.last->micros - traffic.first->micros}, version_rows_);
    first_period_ = traffic.first->micros / report_.period.micros;
    const int64_t periods = traffic.last->micros / report_.period.micros - first_period_ + 1;
    for (int64_t p = 0; p < periods; ++p)
      traffic.periods.push_back({{(first_period_ + p) * report_.period.micros}, {}, 0});
    TM_CHECK(add_periods());
    TM_CHECK(add_drift());
    return add_judged(input_, reference_, connection_, report_);
  }

 private:
  std::string where(const std::string& more) const {
    return fmt::format("{} WHERE time >= {} AND time < {} AND model = {}{}", relation_,
                       sql_of(report_.window_begin), sql_of(report_.window_end),
                       engine::quote_text(report_.model), more);
  }

  Result<void> add_totals() {
    TM_TRY(const auto rows,
           connection_.query(fmt::format(
               "SELECT count(*) FILTER (WHERE error IS NULL AND role <> 'shadow'), count(*) FILTER (WHERE "
               "error IS NOT "
               "NULL AND role <> 'shadow'), count(*) FILTER (WHERE role = 'shadow'), "
               "quantile_cont(latency_us, 0.5) FILTER (WHERE \"row\" = 0 AND role <> 'shadow') / 1000.0, "
               "quantile_cont(latency_us, 0.99) FILTER (WHERE \"row\" = 0 AND role <> 'shadow') / 1000.0, "
               "epoch_us(min(time)), epoch_us(max(time)), count(*) FILTER (WHERE error IS NULL AND version = "
               "{}) "
               "FROM {}",
               report_.version, where(""))));
    const auto& row = rows.rows[0];
    const auto whole = [&](size_t i) {
      const auto* value = std::get_if<int64_t>(&row[i]);
      return value == nullptr ? int64_t{0} : *value;
    };
    const auto real = [&](size_t i) {
      const auto* value = std::get_if<double>(&row[i]);
      return value == nullptr ? Maybe() : Maybe(*value);
    };
    ReportTraffic& traffic = report_.traffic;
    traffic.rows = whole(0);
    traffic.errors = whole(1);
    traffic.shadow_rows = whole(2);
    traffic.p50_ms = real(3);
    traffic.p99_ms = real(4);
    version_rows_ = whole(7);
    if (!std::holds_alternative<int64_t>(row[5])) return {};
    traffic.first = {whole(5)};
    traffic.last = {whole(6)};
    return {};
  }

  Result<void> add_periods() {
    TM_TRY(const auto rows,
           connection_.query(fmt::format(
               "SELECT epoch_us(time) // {} AS period, coalesce(version, 0)::BIGINT AS version, count(*) "
               "FILTER (WHERE error IS NULL) AS answered, count(*) FILTER (WHERE error IS NOT NULL) AS "
               "failed FROM {} "
               "GROUP BY 1, 2 ORDER BY 1, 2",
               report_.period.micros, where(" AND role <> 'shadow'"))));
    for (const auto& row : rows.rows) {
      const int64_t p = std::get<int64_t>(row[0]) - first_period_;
      if (p < 0 || p >= static_cast<int64_t>(report_.traffic.periods.size())) continue;
      ReportTraffic::Period& period = report_.traffic.periods[static_cast<size_t>(p)];
      if (const int64_t answered = std::get<int64_t>(row[2]); answered > 0)
        period.rows[static_cast<int>(std::get<int64_t>(row[1]))] += answered;
      period.errors += std::get<int64_t>(row[3]);
    }
    return {};
  }

  Result<void> add_drift() {
    std::vector<size_t> compared;
    std::vector<CountedColumn> counted;
    for (size_t c = 0; c < reference_.columns.size(); ++c) {
      const WatchedColumn& column = reference_.columns[c];
      ReportColumn& shown = report_.columns[c];
      if (!column.has_reference) continue;
      if (!column.hidden.empty()) {
        shown.problem = column.hidden;
      } else if (engine::find_column(has_, column.stored) == nullptr) {
        shown.problem = fmt::format("version {} was not asked yet", report_.version);
      } else {
        compared.push_back(c);
        counted.push_back(column.counted());
      }
    }
    if (compared.empty()) return {};
    const std::vector<std::string> by{kPeriod};
    const std::string rows =
        fmt::format("(SELECT *, epoch_us(time) // {} AS {} FROM {}) WHERE true", report_.period.micros,
                    engine::quote_name(kPeriod),
                    where(fmt::format(" AND error IS NULL AND version = {}", report_.version)));
    TM_TRY(const auto slices, count_rows({&connection_, 1}, rows, counted, by));
    for (size_t i = 0; i < compared.size(); ++i) TM_CHECK(measure(compared[i], i, slices));
    return {};
  }

  /// i: its place among the counted ones.
  Result<void> measure(size_t c, size_t i, const std::vector<SliceCounts>& slices) {
    const Reference& reference = reference_.columns[c].reference;
    ReportColumn& shown = report_.columns[c];
    shown.current = slices[0].columns[i].places;
    shown.current_rows = slices[0].rows;
    shown.unseen = slices[0].columns[i].unseen;
    const auto distance = [&](Statistic statistic) {
      return distance_of(statistic, reference.baseline)(reference.baseline.counts, shown.current);
    };
    const size_t periods = report_.traffic.periods.size();
    shown.psi_by_period.assign(periods, Maybe());
    shown.rows_by_period.assign(periods, 0);
    const statistics::Distance psi = distance_of(Statistic::Psi, reference.baseline);
    for (size_t s = 1; s < slices.size(); ++s) {
      int64_t number = 0;
      const std::string& value = slices[s].slice.value;
      std::from_chars(value.data(), value.data() + value.size(), number);
      const auto p = static_cast<size_t>(number - first_period_);
      if (number < first_period_ || p >= periods) continue;
      shown.rows_by_period[p] = slices[s].rows;
      if (slices[s].rows >= kMinRows)
        shown.psi_by_period[p] = psi(reference.baseline.counts, slices[s].columns[i].places);
    }
    shown.state = ReportColumn::State::TooFew;
    if (shown.current_rows < kMinRows) return {};
    // As a monitor of all columns holds the same window, so that an alert and the report say the same.
    const double days = Duration{report_.window_end.micros - report_.window_begin.micros}.seconds() / 86'400;
    const double level = no_drift_level(slices[0].columns.size());
    TM_TRY(const Chance chance,
           chances_.of(reference_.columns[c], Statistic::Psi, level, {days, shown.current}));
    const Drift drift = measure_drift(Statistic::Psi, reference, shown.current, {}, chance);
    shown.psi = drift.value;
    shown.no_drift = drift.no_drift;
    shown.jensen_shannon = distance(Statistic::JensenShannon);
    shown.ks = distance(Statistic::Ks);
    shown.wasserstein = distance(Statistic::Wasserstein);
    const double usual = shown.no_drift.value_or(0);
    shown.state = !shown.psi                                   ? ReportColumn::State::Unknown
                  : *shown.psi > std::max(report_.fail, usual) ? ReportColumn::State::Drifted
                  : *shown.psi > std::max(report_.warn, usual) ? ReportColumn::State::Moved
                                                               : ReportColumn::State::Steady;
    return {};
  }

  const ReportInput& input_;
  const VersionReference& reference_;
  Report& report_;
  engine::Connection connection_;
  std::string relation_;
  std::vector<engine::Column> has_;
  Chances chances_;
  int64_t version_rows_ = 0, first_period_ = 0;
};

}  // namespace

void note_no_traffic(const std::string& why, Report& report) {
  report.notes["traffic"] = why;
  report.notes["drift"] = "Without traffic there is nothing to compare: what follows is what training had.";
  report.notes["scores"] = "Without traffic there is nothing to compare: what follows is the test split.";
  report.notes["live_performance"] =
      "Without traffic there is nothing to judge: what follows is the test split.";
}

Duration report_period(Duration span, int64_t rows) {
  // Periods begin at round times, so that a span may touch two more than it is long.
  const double least = static_cast<double>(span.micros) / static_cast<double>(kMaxReportPeriods - 2);
  const double enough = static_cast<double>(span.micros) * kRowsOfReportPeriod /
                        static_cast<double>(std::max<int64_t>(rows, 1));
  const double wanted = std::max(least, std::min(enough, static_cast<double>(span.micros)));
  for (const int64_t round : kRound)
    if (static_cast<double>(round) >= wanted) return {round};
  int64_t longest = kRound.back();
  while (static_cast<double>(longest) < wanted) longest *= 2;
  return {longest};
}

Result<void> add_live(const ReportInput& input, const VersionReference& reference, Report& report) {
  TM_TRY(const auto database, open_log(input.project->home, input.threads, input.memory_bytes));
  TM_TRY(engine::Connection connection, database->connect());
  return Live(input, reference, report, std::move(connection)).add();
}

}  // namespace tidemill::monitoring
