// Drift of a window in the prediction log against a package's stored baseline, all columns and the score, as
// `tidemill serve` measures it: Parquet to findings.
//   drift_bench make FOLDER ROWS COLUMNS      a log with so many rows, a reference of as many rows beside it,
//                                             and its baseline
//   drift_bench look FOLDER THREADS STATISTIC prints one JSON object; the first look, which reads the
//   baseline
//                                             and works out what no drift gives, apart
#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "engine/database.hpp"
#include "monitoring/watch.hpp"

namespace {

using namespace tidemill;
using Clock = std::chrono::steady_clock;

constexpr int kLooks = 7;
const Instant kNow{1'770'000'000'000'000};

double ms_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

/// A third each of normal, lognormal and whole numbers; the window's are shifted by a tenth of a deviation.
std::string columns_sql(int columns, double shift) {
  std::string sql;
  for (int c = 0; c < columns; ++c) {
    const std::string normal =
        fmt::format("(sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) + {})", shift);
    sql += fmt::format(", {} AS x{}",
                       c % 3 == 0   ? normal
                       : c % 3 == 1 ? "exp(" + normal + ")"
                                    : "floor(100 * random() + " + normal + ")",
                       c);
  }
  return sql;
}

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", to_text(result.error()));
  std::exit(1);
}

int make(const Path& folder, int64_t rows, int columns) {
  const Path log = folder / "predictions" / "late";
  std::filesystem::create_directories(log);
  const auto database = must(engine::Database::open({.access = engine::DatabaseOptions::Access::Open}));
  auto connection = must(database->connect());
  must(connection.scalar("SELECT setseed(0.42)"));
  must(connection.write_parquet(
      fmt::format("SELECT random() AS score{} FROM range({})", columns_sql(columns, 0), rows),
      folder / "reference.parquet"));
  must(connection.write_parquet(
      fmt::format(
          "SELECT 'p' || i AS prediction_id, NULL::VARCHAR AS request_id, 0::BIGINT AS \"row\", "
          "TIMESTAMPTZ '{}' - to_milliseconds(1 + i // 10) AS time, 'late' AS model, 1::BIGINT AS version, "
          "'champion' AS role, 200::BIGINT AS status, NULL::VARCHAR AS error, 900::BIGINT AS latency_us, "
          "random() AS score{} FROM range({}) t(i)",
          to_text(kNow), columns_sql(columns, 0.1), rows),
      log / "2026-02-02T02-0000000000000001.parquet"));
  Json baseline = {{"inputs", Json::object()}};
  for (int c = -1; c < columns; ++c) {
    std::vector<double> values;
    const std::string name = c < 0 ? "score" : fmt::format("x{}", c);
    must(connection.for_each_chunk(
        fmt::format("SELECT {}::DOUBLE FROM '{}/reference.parquet'", name, folder.native()),
        [&](const engine::Chunk& chunk) {
          values.insert(values.end(), chunk.doubles(0), chunk.doubles(0) + chunk.rows());
          return Result<void>();
        }));
    (c < 0 ? baseline["score"] : baseline["inputs"][name]) = statistics::number_baseline(values);
  }
  const auto written = write_file(folder / "baseline.json", to_text(baseline));
  return written ? 0 : 1;
}

int look(const Path& folder, int threads, const std::string& statistic) {
  const auto package = std::make_shared<forest::Package>();
  package->model = "late";
  package->baseline = must(parse_json(must(read_file(folder / "baseline.json")), "baseline.json"));
  for (const auto& [name, _] : package->baseline["inputs"].items())
    package->features.push_back({.name = name, .sql_type = "DOUBLE"});
  project::Deployment deployment;
  deployment.name = deployment.model = "late";
  deployment.log.emplace();
  project::Monitor monitor;
  monitor.kind = project::Monitor::Kind::Drift;
  monitor.measure = monitor.name = statistic;
  monitor.columns = {"*"};
  monitor.fail = 0.2;
  monitoring::Watch watch(
      {.package = [&](const monitoring::ServedVersion&) -> Result<std::shared_ptr<const forest::Package>> {
         return package;
       },
       .predictor = [](const monitoring::ServedVersion&) -> Result<std::shared_ptr<const forest::Predictor>> {
         return internal_error("bench.none", "no predictor");
       }});
  monitoring::WatchInput input;
  input.home = folder;
  input.deployment = &deployment;
  input.monitor = &monitor;
  input.versions = {{1, "package"}};
  input.window_end = kNow;
  input.threads = threads;
  input.memory_bytes = 1'000'000'000;
  double first_ms = 0, least_ms = 1e300;
  size_t findings = 0;
  for (int i = 0; i < kLooks; ++i) {
    const auto begun = Clock::now();
    const auto evaluation = must(watch.look(input));
    const double ms = ms_since(begun);
    findings = evaluation.findings.size();
    for (const monitoring::Finding& finding : evaluation.findings)
      if (finding.state != monitoring::Finding::State::Measured) {
        fmt::print(stderr, "{}: {}\n", finding.cause.column, finding.text);
        return 1;
      }
    (i == 0 ? first_ms : least_ms) = i == 0 ? ms : std::min(least_ms, ms);
  }
  fmt::print("{{\"findings\": {}, \"first_ms\": {}, \"ms\": {}}}\n", findings, first_ms, least_ms);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "make" && argc == 5) return make(argv[2], std::stoll(argv[3]), std::stoi(argv[4]));
  if (verb == "look" && argc == 5) return look(argv[2], std::stoi(argv[3]), argv[4]);
  fmt::print(stderr, "drift_bench make FOLDER ROWS COLUMNS | look FOLDER THREADS STATISTIC\n");
  return 2;
}
