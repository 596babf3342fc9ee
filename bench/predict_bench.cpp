// What bench/predict.py holds `tidemill predict` against: the engine alone on rows in memory, and DuckDB
// alone, from the same Parquet file to one with the same columns. Prints one JSON object.
//   predict_bench make FILE ROWS FEATURES          a table of floats f0, f1, …, roughly normal
//   predict_bench copy FILE OUT THREADS            as Tidemill writes it, and synced to disk as it does
//                                                  (any DOUBLE and BOOLEAN stand for the answers)
//   predict_bench bare FILE MODEL THREADS          the rows are loaded before the clock starts
//   predict_bench verify SCORED MODEL              whether each score is the engine's, bit for bit
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "duckdb_by_hand.hpp"
#include "forest/engine.hpp"
#include "forest_contenders.hpp"

namespace {

namespace forest = tidemill::forest;
using by_hand::Session;
using Json = nlohmann::json;

constexpr int kMostThreads = 64;

std::string columns(size_t features, const std::string& each) {
  std::string out;
  for (size_t f = 0; f < features; ++f)
    out += fmt::format(fmt::runtime((f == 0 ? "" : ", ") + each), fmt::arg("f", f));
  return out;
}

void make(const std::string& file, const std::string& rows, size_t features) {
  // The sum of four uniform numbers, of variance 1.
  const auto part = [&](int k) {
    return fmt::format("hash(i * 1024 + {{f}} * 4 + {}) / 18446744073709551616.0", k);
  };
  const std::string each = fmt::format("CAST(({} + {} + {} + {} - 2) * 1.7320508 AS FLOAT) AS f{{f}}",
                                       part(0), part(1), part(2), part(3));
  Session(2, "UTC").run(
      fmt::format("COPY (SELECT {} FROM range({}) t(i)) TO '{}' (FORMAT parquet, COMPRESSION zstd)",
                  columns(features, each), rows, file));
}

struct Rows {
  size_t count = 0;
  std::vector<float> values;
  std::vector<double> scores;
};

Rows loaded(const std::string& file, size_t features, bool with_scores) {
  Rows out;
  Session session(2, "UTC");
  session.fetch(
      fmt::format("SELECT {}{} FROM '{}'", columns(features, "f{f}"), with_scores ? ", score" : "", file),
      [&](duckdb_data_chunk chunk, idx_t rows) {
        out.values.resize((out.count + rows) * features);
        for (size_t f = 0; f < features; ++f) {
          const auto* from =
              static_cast<const float*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, f)));
          for (idx_t r = 0; r < rows; ++r) out.values[(out.count + r) * features + f] = from[r];
        }
        if (with_scores) {
          const auto* from = static_cast<const double*>(
              duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, features)));
          out.scores.insert(out.scores.end(), from, from + rows);
        }
        out.count += rows;
      });
  return out;
}

/// Parts of the rows, handed out one after the other to so many threads.
std::vector<float> predicted(const forest::Engine& engine, const Rows& rows, int threads) {
  constexpr size_t kPart = 8'192;
  const size_t features = engine.forest().features;
  std::vector<float> scores(rows.count);
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i)
    workers.emplace_back([&] {
      for (size_t at = 0; (at = next.fetch_add(kPart)) < rows.count;) {
        const size_t count = std::min(kPart, rows.count - at);
        const std::span<float> part(scores.data() + at, count);
        engine.predict_margin(std::span<const float>(rows.values.data() + at * features, count * features),
                              part);
        forest::apply_link(engine.forest(), part);
      }
    });
  workers.clear();
  return scores;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3) by_hand::die("make, copy, bare or verify?");
  by_hand::Clock clock;
  if (words[0] == "make") {
    make(words[1], words[2], std::stoul(words.at(3)));
    return 0;
  }
  if (words[0] == "copy") {
    Session session(std::stoi(words.at(3)), "UTC");
    clock.lap_ms();
    session.run(
        fmt::format("COPY (SELECT *, CAST(f0 AS DOUBLE) AS score, f0 >= 0.5 AS decision FROM '{}') TO '{}' "
                    "(FORMAT parquet, COMPRESSION zstd)",
                    words[1], words[2]));
    const int file = ::open(words[2].c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 || ::fsync(file) != 0) by_hand::die("cannot sync " + words[2]);
    ::close(file);
    std::printf("%s\n", Json{{"ms", clock.lap_ms()}}.dump().c_str());
    return 0;
  }
  const bench::Model model = bench::read_model(words[2]);
  const auto engine = forest::Engine::make(model.forest);
  const Rows rows = loaded(words[1], model.forest.features, words[0] == "verify");
  const int threads = words[0] == "bare" ? std::stoi(words.at(3)) : 2;
  if (threads < 1 || threads > kMostThreads) by_hand::die("how many threads?");
  clock.lap_ms();
  const std::vector<float> scores = predicted(*engine, rows, threads);
  const double ms = clock.lap_ms();
  if (words[0] == "verify")
    for (size_t r = 0; r < rows.count; ++r)
      if (double{scores[r]} != rows.scores[r])
        by_hand::die(fmt::format("row {} has score {}, the engine says {}", r, rows.scores[r], scores[r]));
  std::printf("%s\n", Json{{"ms", ms}, {"rows", rows.count}}.dump().c_str());
}
