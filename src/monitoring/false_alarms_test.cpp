// How often a look at windows in which nothing drifted finds drift, or missing values, in any of its columns,
// and how small a shift is found: on made-up columns, and on the real flights of a year with their days
// shuffled. All random numbers come from fixed seeds.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/database.hpp"
#include "monitoring/evaluate.hpp"
#include "statistics/random.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kWindows = 1'000, kMostFalse = 10;
constexpr size_t kReferenceRows = 20'000, kPoolRows = 100'000;

/// A statistic and the limit that docs/monitoring.md calls usual.
struct Usual {
  Statistic statistic;
  std::string_view name;
  double fail;
};
constexpr std::array kUsual{
    Usual{Statistic::Psi, "psi", 0.2},        Usual{Statistic::JensenShannon, "js", 0.1},
    Usual{Statistic::Ks, "ks", 0.05},         Usual{Statistic::Wasserstein, "wasserstein", 0.1},
    Usual{Statistic::ChiSquare, "chi2", 0.1}, Usual{Statistic::LInfinity, "linf", 0.05}};

/// A column of a reference, and rows that are distributed as it is.
struct Column {
  std::string name;
  Reference reference;
  std::vector<double> pool;  // of numbers: values; of texts: places
  size_t place_of(size_t row) const {
    return reference.baseline.kind == statistics::Baseline::Kind::Number
               ? reference.baseline.numbers.place_of(pool[row])
               : static_cast<size_t>(pool[row]);
  }
  std::vector<uint32_t> places;  // of the pool
};

Column number_column(std::string name, const std::function<double(std::mt19937_64&)>& draw) {
  std::mt19937_64 random(name.size());
  std::vector<double> reference(kReferenceRows);
  for (double& value : reference) value = draw(random);
  Column column{std::move(name), read_reference(statistics::number_baseline(reference)).value(), {}, {}};
  column.pool.resize(kPoolRows);
  for (size_t i = 0; i < kPoolRows; ++i) {
    column.pool[i] = draw(random);
    column.places.push_back(static_cast<uint32_t>(column.place_of(i)));
  }
  return column;
}

/// Level i is 1 / (i + 1) as frequent as the first; one row in twenty has none.
Column level_column(std::string name, size_t count) {
  std::mt19937_64 random(count);
  std::vector<double> weights(count);
  for (size_t i = 0; i < count; ++i) weights[i] = 1.0 / static_cast<double>(i + 1);
  std::discrete_distribution<size_t> draw(weights.begin(), weights.end());
  const auto is_missing = [&]() { return random() % 20 == 0; };
  std::vector<statistics::LevelCount> counts(count);
  for (size_t i = 0; i < count; ++i) counts[i] = {fmt::format("level {}", i), 0};
  double missing = 0;
  for (size_t i = 0; i < kReferenceRows; ++i) (is_missing() ? missing : counts[draw(random)].count) += 1;
  std::erase_if(counts, [](const statistics::LevelCount& level) { return level.count == 0; });
  Column column{std::move(name), read_reference(statistics::level_baseline(counts, missing)).value(), {}, {}};
  std::vector<uint32_t> place_of(count);
  for (size_t i = 0; i < count; ++i)
    place_of[i] =
        static_cast<uint32_t>(column.reference.baseline.levels.place_of(fmt::format("level {}", i)));
  for (size_t i = 0; i < kPoolRows; ++i) column.places.push_back(is_missing() ? 0 : place_of[draw(random)]);
  return column;
}

std::vector<Column> made_up() {
  std::vector<Column> columns;
  const auto normal = [](auto& random) { return std::normal_distribution<double>()(random); };
  columns.push_back(number_column("normal", normal));
  columns.push_back(number_column("lognormal", [=](auto& random) { return std::exp(normal(random)); }));
  columns.push_back(number_column(
      "ties", [=](auto& random) { return std::max(0.0, std::floor(3 * std::abs(normal(random)) - 3)); }));
  columns.push_back(
      number_column("a hundred values", [](auto& random) { return static_cast<double>(random() % 100); }));
  columns.push_back(
      number_column("with missing", [=](auto& random) { return random() % 5 == 0 ? NAN : normal(random); }));
  columns.push_back(number_column("nearly all missing",
                                  [=](auto& random) { return random() % 50 != 0 ? NAN : normal(random); }));
  for (const size_t levels : {3, 30, 300})
    columns.push_back(level_column(fmt::format("{} levels", levels), levels));
  return columns;
}

/// What a monitor of all columns finds in a window: whether any of them fails, at the usual limit and where
/// only chance is the limit.
struct Failing {
  size_t at_usual_limit = 0, at_no_limit = 0;
};
struct Judged {
  const Reference* reference = nullptr;
  std::vector<double> window;
  Maybe by_days;
};
/// Of all columns, chi2 is of the categories.
bool takes(const Usual& usual, const Reference& reference) {
  return usual.statistic != Statistic::ChiSquare ||
         reference.baseline.kind == statistics::Baseline::Kind::Level;
}
/// As Watch keeps them: what is drawn is drawn once for about so many rows.
using Kept = std::map<std::tuple<const Reference*, Statistic, double>, Maybe>;

void judge(const Usual& usual, const std::vector<Judged>& columns, Kept& kept, Failing& failing) {
  const double level = no_drift_level(static_cast<size_t>(
      std::ranges::count_if(columns, [&](const Judged& column) { return takes(usual, *column.reference); })));
  bool usual_fails = false, any_fails = false;
  for (const Judged& column : columns) {
    if (!takes(usual, *column.reference)) continue;
    Chance chance{.by_days = column.by_days, .level = level};
    if (is_drawn(usual.statistic)) {
      const double rows = std::accumulate(column.window.begin(), column.window.end(), 0.0);
      const std::tuple key{column.reference, usual.statistic, rows_of_null(rows)};
      const statistics::Baseline& baseline = column.reference->baseline;
      if (!kept.contains(key))
        kept[key] = no_drift_of_rows(usual.statistic, baseline, baseline.counts, column.window, level);
      chance.of_rows = kept[key];
    }
    const Drift drift = measure_drift(usual.statistic, *column.reference, column.window, {}, chance);
    if (!drift.value) continue;  // a level has no order
    usual_fails = usual_fails || evaluate_drift({}, {.fail = usual.fail}, drift).fails();
    any_fails = any_fails || evaluate_drift({}, {.fail = 0.0}, drift).fails();
  }
  failing.at_usual_limit += usual_fails ? 1 : 0;
  failing.at_no_limit += any_fails ? 1 : 0;
}

/// A column of which so many of training's rows are missing.
Reference with_missing(double rows, double missing) {
  const std::vector<statistics::LevelCount> levels{{"a", rows - missing}};
  return read_reference(statistics::level_baseline(levels, missing)).value();
}
bool missing_fails(const Reference& reference, double missing, double rows, const Limits& limits,
                   double level) {
  std::vector<double> window(reference.baseline.counts.size(), 0.0);
  window[0] = missing;
  window[1] = rows - missing;
  const Drift drift = measure_drift(Statistic::MissingShare, reference, window, {}, {.level = level});
  const double usual = reference.baseline.counts[0] / reference.baseline.rows;
  return evaluate_quality(
             {}, limits,
             {.failing = missing, .rows = rows, .usual = usual, .chance = drift.no_drift.value_or(0)})
      .fails();
}

/// Counts of real values: by day, of every value the rows that have it.
struct RealColumn {
  std::string name;
  bool is_text = false;
  std::map<std::string, double> codes;  // of texts
  std::vector<std::string> texts;
  std::vector<std::vector<std::pair<double, double>>> days;  // value or code (NaN: missing), rows
};

std::vector<RealColumn> flights_by_day() {
  const Path data = Path(TIDEMILL_ROOT) / "examples/flights/data";
  const auto database =
      engine::Database::open({.threads = 1, .access = engine::DatabaseOptions::Access::Open});
  auto connection = (*database)->connect().value();
  const auto rows = connection.query(
      fmt::format("CREATE TEMP TABLE flights AS SELECT dayofyear(make_date(f.year, f.month, f.day)) - 1 AS "
                  "day_of_year, f.*, w.temp, "
                  "w.humid, w.wind_speed, w.visib FROM '{0}/flights/*.parquet' f LEFT JOIN (SELECT origin, "
                  "time_hour, temp, "
                  "humid, wind_speed, visib FROM read_csv('{0}/weather.csv.gz', nullstr = ['NA', ''])) w "
                  "ON w.origin = f.origin AND epoch(w.time_hour::TIMESTAMP) = epoch(f.time_hour)",
                  data.native()));
  EXPECT_TRUE(rows) << to_text(rows.error());
  std::vector<RealColumn> columns;
  for (const char* name : {"dep_delay", "arr_delay", "air_time", "distance", "sched_dep_time", "temp",
                           "humid", "wind_speed", "visib", "carrier", "origin", "dest"}) {
    RealColumn column{name, false, {}, {}, std::vector<std::vector<std::pair<double, double>>>(365)};
    column.is_text = column.name == "carrier" || column.name == "origin" || column.name == "dest";
    const auto read = connection.for_each_chunk(
        fmt::format("SELECT day_of_year::BIGINT, count(*)::DOUBLE, {} FROM flights GROUP BY ALL ORDER BY ALL",
                    column.is_text ? fmt::format("{}::VARCHAR AS v", name)
                                   : fmt::format("coalesce({}::DOUBLE, 'nan'::DOUBLE) AS v", name)),
        [&](const engine::Chunk& chunk) -> Result<void> {
          for (size_t r = 0; r < chunk.rows(); ++r) {
            double value = NAN;
            if (!column.is_text) {
              value = chunk.doubles(2)[r];
            } else if (!chunk.is_null(2, r)) {
              const std::string text(chunk.varchar(2, r));
              const auto [at, is_new] = column.codes.emplace(text, static_cast<double>(column.codes.size()));
              if (is_new) column.texts.push_back(text);
              value = at->second;
            }
            column.days.at(static_cast<size_t>(chunk.bigints(0)[r])).emplace_back(value, chunk.doubles(1)[r]);
          }
          return {};
        });
    EXPECT_TRUE(read) << to_text(read.error());
    columns.push_back(std::move(column));
  }
  return columns;
}

statistics::Baseline baseline_of(const RealColumn& column, std::span<const size_t> days) {
  std::vector<double> values;
  std::map<double, double> counts;
  double missing = 0;
  for (const size_t day : days)
    for (const auto& [value, rows] : column.days[day]) {
      if (!column.is_text)
        values.insert(values.end(), static_cast<size_t>(rows), value);
      else
        (std::isnan(value) ? missing : counts[value]) += rows;
    }
  if (!column.is_text) return statistics::read_baseline(statistics::number_baseline(values)).value();
  std::vector<statistics::LevelCount> levels;
  for (const auto& [code, rows] : counts) levels.push_back({column.texts[static_cast<size_t>(code)], rows});
  return statistics::read_baseline(statistics::level_baseline(levels, missing)).value();
}

std::vector<double> day_counts(const RealColumn& column, const statistics::Baseline& baseline, size_t day) {
  std::vector<double> counts(baseline.counts.size(), 0.0);
  for (const auto& [value, rows] : column.days[day]) {
    const size_t place = !column.is_text ? baseline.numbers.place_of(value)
                         : std::isnan(value)
                             ? 0
                             : baseline.levels.place_of(column.texts[static_cast<size_t>(value)]);
    counts[place] += rows;
  }
  return counts;
}

}  // namespace

TEST(FalseAlarms, are_in_one_look_of_a_hundred_at_most_on_made_up_columns) {
  const std::vector<Column> columns = made_up();
  for (const size_t rows : {200, 2'000}) {
    std::map<std::string_view, Failing> failing;
    Kept kept;
    for (size_t w = 0; w < kWindows; ++w) {
      const statistics::CounterRandom random(2026, w + rows);
      std::vector<Judged> judged;
      for (size_t c = 0; c < columns.size(); ++c) {
        const Column& column = columns[c];
        Judged& one = judged.emplace_back();
        one.reference = &column.reference;
        one.window.assign(column.reference.baseline.counts.size(), 0.0);
        for (size_t r = 0; r < rows; ++r)
          one.window[column.places[random.below(c * rows + r, kPoolRows)]] += 1;
      }
      for (const Usual& usual : kUsual) judge(usual, judged, kept, failing[usual.name]);
    }
    for (const auto& [name, of] : failing) {
      EXPECT_LE(of.at_usual_limit, kMostFalse) << name << " of " << rows << " rows";
      EXPECT_LE(of.at_no_limit, 2 * kMostFalse)
          << name << " of " << rows << " rows, held against chance alone";
    }
  }
}

TEST(FalseAlarms, are_in_one_look_of_a_hundred_at_most_on_real_flights_whose_days_are_shuffled) {
  constexpr size_t kShuffles = 5, kReferenceDays = 270, kDaysOfWindow = 7;
  const std::vector<RealColumn> flights = flights_by_day();
  std::map<std::string_view, Failing> failing;
  for (size_t s = 0; s < kShuffles; ++s) {
    std::vector<size_t> days(365);
    std::iota(days.begin(), days.end(), size_t{0});
    std::shuffle(days.begin(), days.end(), std::mt19937_64(s));
    const std::span<const size_t> known(days.data(), kReferenceDays);
    std::vector<Reference> references;
    std::vector<std::vector<std::vector<double>>>
        others;  // column → day that is not in the reference → counts
    for (const RealColumn& column : flights) {
      Reference& reference = references.emplace_back();
      reference.baseline = baseline_of(column, known);
      for (const size_t day : known) {
        const std::vector<double> counts = day_counts(column, reference.baseline, day);
        reference.by_day.insert(reference.by_day.end(), counts.begin(), counts.end());
      }
      auto& of_column = others.emplace_back();
      for (size_t d = kReferenceDays; d < days.size(); ++d)
        of_column.push_back(day_counts(column, reference.baseline, days[d]));
    }
    Kept kept;
    for (const Usual& usual : kUsual) {
      const double level = no_drift_level(static_cast<size_t>(std::ranges::count_if(
          references, [&](const Reference& reference) { return takes(usual, reference); })));
      std::vector<Maybe> by_days;
      for (const Reference& reference : references)
        by_days.push_back(no_drift_by_days(usual.statistic, reference, kDaysOfWindow, level).value());
      for (size_t w = 0; w < kWindows / kShuffles; ++w) {
        const statistics::CounterRandom random(s, w);
        std::vector<size_t> order(days.size() - kReferenceDays);
        std::iota(order.begin(), order.end(), size_t{0});
        for (size_t i = 0; i < kDaysOfWindow; ++i)
          std::swap(order[i], order[i + random.below(i, order.size() - i)]);
        std::vector<Judged> judged;
        for (size_t c = 0; c < flights.size(); ++c) {
          Judged& one = judged.emplace_back();
          one.reference = &references[c];
          one.by_days = by_days[c];
          one.window.assign(references[c].baseline.counts.size(), 0.0);
          for (size_t i = 0; i < kDaysOfWindow; ++i)
            for (size_t p = 0; p < one.window.size(); ++p) one.window[p] += others[c][order[i]][p];
        }
        judge(usual, judged, kept, failing[usual.name]);
      }
    }
  }
  for (const auto& [name, of] : failing) {
    EXPECT_LE(of.at_usual_limit, kMostFalse) << name;
    EXPECT_LE(of.at_no_limit, 2 * kMostFalse) << name << ", held against chance alone";
  }
}

TEST(FalseAlarms, of_missing_values_are_as_rare_and_twice_as_many_are_found) {
  constexpr double kRows = 2'000;
  constexpr std::array kShares{0.01, 0.05, 0.2};
  const double level = no_drift_level(kShares.size());
  std::mt19937_64 random(11);
  const auto missing = [&](double rows, double share) {
    return static_cast<double>(std::binomial_distribution<int>(static_cast<int>(rows), share)(random));
  };
  for (const double training : {1'000.0, 20'000.0}) {
    std::map<double, size_t> failing;  // by the limit
    for (size_t w = 0; w < kWindows; ++w) {
      std::map<double, bool> any;
      for (const double share : kShares) {
        const Reference reference = with_missing(training, missing(training, share));
        const double now = missing(kRows, share);
        for (const double fail : {0.0, 0.01})
          any[fail] = any[fail] || missing_fails(reference, now, kRows, {.fail = fail}, level);
      }
      for (const auto& [fail, fails] : any) failing[fail] += fails ? 1 : 0;
    }
    for (const auto& [fail, count] : failing)
      EXPECT_LE(count, kMostFalse) << "of " << training << " rows in training, at " << fail;
  }
  constexpr size_t kTries = 50;
  for (const double share : {0.05, 0.2}) {
    size_t found = 0;
    for (size_t w = 0; w < kTries; ++w)
      found += missing_fails(with_missing(kReferenceRows, missing(kReferenceRows, share)),
                             missing(kRows, 2 * share), kRows, {.fail = 0.01}, level)
                   ? 1
                   : 0;
    EXPECT_EQ(found, kTries) << share;
  }
}

TEST(FalseAlarms, are_not_bought_with_blindness_a_shift_of_a_quarter_deviation_is_found) {
  constexpr size_t kRows = 5'000, kTries = 50;
  const std::vector<Column> columns = made_up();
  const Column& column = columns.front();
  const double level = no_drift_level(columns.size()),
               shift = *column.reference.baseline.standard_deviation / 4;
  std::map<std::string_view, size_t> found;
  double psi = 0;
  for (size_t w = 0; w < kTries; ++w) {
    const statistics::CounterRandom random(7, w);
    std::vector<double> values(kRows);
    for (size_t r = 0; r < kRows; ++r) values[r] = column.pool[random.below(r, kPoolRows)] + shift;
    const std::vector<double> window = statistics::count(column.reference.baseline.numbers, values);
    for (const Usual& usual : kUsual) {
      const Drift drift = measure_drift(usual.statistic, column.reference, window, {}, {.level = level});
      found[usual.name] += evaluate_drift({}, {.fail = usual.fail}, drift).fails() ? 1 : 0;
      if (usual.statistic == Statistic::Psi) psi += *drift.value / kTries;
    }
  }
  EXPECT_EQ(found["wasserstein"], kTries);
  EXPECT_EQ(found["ks"], kTries);
  EXPECT_NEAR(psi, 0.06, 0.01);
  EXPECT_EQ(found["psi"], 0U) << "which reads 0.06 there, and warns from 0.1 on";
}

}  // namespace tidemill::monitoring
