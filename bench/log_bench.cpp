// What a prediction pays for its log: the time in which the one who predicts tells the sink, as `tidemill
// serve` does, against telling nobody; and what its Parquet files cost. Prints one JSON object.
//   log_bench FOLDER ROWS TEXTS DURABILITY      a request of so many rows, 20 columns, so many of them texts
// Predictions come in bursts that the rings hold; between two bursts the writer catches up. Should they not
// hold one, predictions wait: a row that was dropped would cost less.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "app/prediction_logs.hpp"

namespace {

using namespace tidemill;
using Clock = std::chrono::steady_clock;

constexpr size_t kColumns = 20;
constexpr int kBursts = 100;
constexpr size_t kRolledRows = 800'000;  // besides those of the bursts

struct Made {
  forest::Package package;
  serving::InferRequest request;
  serving::InferResponse response;
};

Made make(size_t rows, size_t texts) {
  Made made;
  made.package.model = "late";
  made.package.task = forest::Task::Binary;
  made.response.rows = rows;
  for (size_t f = 0; f < kColumns; ++f) {
    forest::Feature feature{.name = fmt::format("a_feature_with_a_name_{}", f), .category = f < texts};
    serving::Tensor tensor{feature.name, f < texts ? "BYTES" : "FP64", {static_cast<int64_t>(rows)}};
    for (size_t r = 0; r < rows; ++r) {
      const std::string level = fmt::format("level {}", (f + r) % 50);
      if (feature.category) {
        tensor.texts.add(level);
        if (std::ranges::find(feature.levels, level) == feature.levels.end()) feature.levels.push_back(level);
      } else {
        tensor.numbers.push_back(static_cast<double>(f * r) / 7);
      }
    }
    made.package.features.push_back(std::move(feature));
    made.request.inputs.push_back(std::move(tensor));
  }
  serving::Tensor score{"score", "FP64", {static_cast<int64_t>(rows)}},
      decision{"decision", "BOOL", score.shape};
  score.numbers.assign(rows, 0.25);
  decision.numbers.assign(rows, 0);
  made.response.outputs = {std::move(score), std::move(decision)};
  return made;
}

void predict(const Made& made, serving::PredictionSink* sink, int requests) {
  for (int i = 0; i < requests; ++i) {
    const serving::PredictionRecord record{.prediction_id = "0123456789abcdef0123456789abcdef",
                                           .request_id = "",
                                           .deployment = "late",
                                           .model = "late",
                                           .version = 1,
                                           .package = made.package,
                                           .role = "champion",
                                           .at = {1'764'412'800'000'000 + i},
                                           .latency = {50},
                                           .request = made.request,
                                           .response = &made.response};
    asm volatile("" : : "r"(&record) : "memory");
    if (sink != nullptr) sink->predicted(record);
  }
}

/// Nanoseconds a prediction, in the median burst.
double measure(const Made& made, serving::PredictionSink* sink, int burst, const auto& catch_up) {
  std::vector<double> bursts;
  for (int b = 0; b < kBursts; ++b) {
    const auto begun = Clock::now();
    predict(made, sink, burst);
    bursts.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begun).count() / burst);
    catch_up();
  }
  std::ranges::nth_element(bursts, bursts.begin() + kBursts / 2);
  return bursts[kBursts / 2];
}

double processor_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "log_bench FOLDER ROWS TEXTS DURABILITY\n");
    return 2;
  }
  const size_t rows = std::stoul(argv[2]);
  const Made made = make(rows, std::stoul(argv[3]));
  project::Project project;
  project.home = argv[1];
  project::Deployment deployment;
  deployment.name = "late";
  deployment.log.emplace();
  deployment.log->when_full = project::PredictionLog::WhenFull::Block;
  if (std::string(argv[4]) == "none") deployment.log->durability = project::PredictionLog::Durability::None;
  project.deployments["late"] = deployment;
  auto logs = app::PredictionLogs::open(project, Duration{3'600'000'000});
  if (!logs) {
    std::fprintf(stderr, "%s\n", to_text(logs.error()).c_str());
    return 1;
  }
  const int burst = static_cast<int>(std::max<size_t>(1, 2'000 / rows));
  const auto catch_up = [&] {
    while ((*logs)->metrics().find("tidemill_log_waiting_bytes{model=\"late\"} 0\n") == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  const double off = measure(made, nullptr, burst, [] {});
  const double on = measure(made, logs->get(), burst, catch_up);
  // What is written becomes Parquet when the log ends. Some more of it, so that it takes long.
  const auto more = static_cast<int>(kRolledRows / rows);
  predict(made, logs->get(), more);
  catch_up();
  const double rolled_rows = static_cast<double>(rows) * (burst * kBursts + more);
  const double begun = processor_seconds();
  logs->reset();
  const double rolled = (processor_seconds() - begun) * 1e6 / rolled_rows;
  for (const auto& file : std::filesystem::directory_iterator(project.home / "predictions/late"))
    if (file.path().extension() == ".segment") {
      std::fprintf(stderr, "a segment was left\n");
      return 1;
    }
  fmt::print("{{\"off_us\": {}, \"on_us\": {}, \"roll_us\": {}}}\n", off / 1000, on / 1000, rolled);
  return 0;
}
