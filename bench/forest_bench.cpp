// Times our engines and XGBoost's in-place C API on one forest that XGBoost trains here, taking turns in one
// process. Prints one JSON object a line: contender, rows, threads, ns per row of each round.
//   forest_bench NAME TREES DEPTH FEATURES MISSING [leaves] [--rounds N]
#include <dlfcn.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "forest/engine.hpp"

namespace {

using tidemill::forest::Engine;
using tidemill::forest::EngineKind;
using Clock = std::chrono::steady_clock;

void must(int status) {
  if (status == 0) return;
  std::fprintf(stderr, "xgboost: %s\n", XGBGetLastError());
  std::exit(1);
}

struct Data {
  size_t rows, features;
  std::vector<float> values;
};

Data made(size_t rows, size_t features, double missing, uint64_t seed) {
  Data data{rows, features, std::vector<float>(rows * features)};
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> unit;
  for (float& x : data.values) x = unit(random) < missing ? NAN : normal(random);
  return data;
}

std::string interface_of(const float* values, size_t rows, size_t features) {
  return fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                     reinterpret_cast<uintptr_t>(values), rows, features);
}

BoosterHandle trained(const Data& data, int trees, int depth, int leaves) {
  DMatrixHandle matrix = nullptr;
  must(XGDMatrixCreateFromDense(interface_of(data.values.data(), data.rows, data.features).c_str(),
                                R"({"missing":NaN,"nthread":2})", &matrix));
  std::vector<float> labels(data.rows);
  std::mt19937_64 random(11);
  std::normal_distribution<double> noise;
  for (size_t r = 0; r < data.rows; ++r) {
    double signal = noise(random);
    for (size_t f = 0; f < data.features; ++f) {
      const float x = data.values[r * data.features + f];
      if (!std::isnan(x))
        signal += std::sin(2.0 * double{x} + static_cast<double>(f)) * (f % 3 == 0 ? 1.0 : 0.3);
    }
    labels[r] = signal > 0 ? 1.0F : 0.0F;
  }
  must(XGDMatrixSetFloatInfo(matrix, "label", labels.data(), labels.size()));
  BoosterHandle booster = nullptr;
  must(XGBoosterCreate(&matrix, 1, &booster));
  const auto set = [&](const char* name, const std::string& value) {
    must(XGBoosterSetParam(booster, name, value.c_str()));
  };
  set("objective", "binary:logistic");
  set("tree_method", "hist");
  set("max_depth", std::to_string(depth));
  set("eta", "0.1");
  set("nthread", "2");
  set("verbosity", "0");
  if (leaves > 0) {
    set("grow_policy", "lossguide");
    set("max_leaves", std::to_string(leaves));
  }
  for (int i = 0; i < trees; ++i) must(XGBoosterUpdateOneIter(booster, i, matrix));
  must(XGDMatrixFree(matrix));
  return booster;
}

struct Contender {
  std::string name;
  std::function<void(const float* rows, size_t count, float* out)> predict;  // probabilities or margins
  std::vector<double> ns;
};

double time_once(const Contender& contender, const Data& data, size_t rows, float* out) {
  // Rows of different places, so that one row is not always the same; at least 20 ms.
  size_t done = 0;
  const auto begun = Clock::now();
  double seconds = 0;
  size_t at = 0;
  do {
    for (int i = 0; i < (rows < 100 ? 50 : 1); ++i) {
      if (at + rows > data.rows) at = 0;
      contender.predict(data.values.data() + at * data.features, rows, out);
      at += rows;
      done += rows;
    }
    seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  } while (seconds < 0.02);
  return seconds / static_cast<double>(done) * 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "forest_bench NAME TREES DEPTH FEATURES MISSING [LEAVES] [ROUNDS]\n");
    return 2;
  }
  const int trees = std::atoi(argv[2]), depth = std::atoi(argv[3]);
  const size_t features = static_cast<size_t>(std::atoi(argv[4]));
  const double missing = std::atof(argv[5]);
  const int leaves = argc > 6 ? std::atoi(argv[6]) : 0;
  const int rounds = argc > 7 ? std::atoi(argv[7]) : 5;
  const std::string only = argc > 8 ? argv[8] : "";
  const size_t only_rows = argc > 9 ? static_cast<size_t>(std::atoi(argv[9])) : 0;

  const Data training = made(20'000, features, missing, 1);
  const BoosterHandle booster = trained(training, trees, depth, leaves);
  must(XGBoosterSetParam(booster, "nthread", "1"));
  bst_ulong size = 0;
  const char* bytes = nullptr;
  must(XGBoosterSaveModelToBuffer(booster, R"({"format":"ubj"})", &size, &bytes));
  auto forest = tidemill::forest::read_xgboost({bytes, size});
  if (!forest) {
    std::fprintf(stderr, "%s\n", forest.error().message.c_str());
    return 1;
  }
  const Data data = made(100'000, features, missing, 2);

  std::vector<Contender> contenders;
  contenders.push_back(
      {"xgboost",
       [&](const float* rows, size_t count, float* out) {
         const bst_ulong* shape = nullptr;
         bst_ulong dimensions = 0;
         const float* result = nullptr;
         must(XGBoosterPredictFromDense(
             booster, interface_of(rows, count, features).c_str(),
             R"({"type":0,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0})",
             nullptr, &shape, &dimensions, &result));
         std::copy(result, result + count, out);
       },
       {}});
  const auto add = [&](std::string name, tidemill::forest::EngineOptions options) {
    std::shared_ptr<const Engine> engine = Engine::make(*forest, options);
    if (options.kind && !engine->has(*options.kind)) return;
    contenders.push_back({std::move(name),
                          [engine](const float* rows, size_t count, float* out) {
                            engine->predict_margin(
                                std::span<const float>(rows, count * engine->forest().features),
                                std::span<float>(out, count));
                            tidemill::forest::apply_link(engine->forest(), std::span<float>(out, count));
                          },
                          {}});
  };
  add("tidemill", {});
  for (const auto set : tidemill::forest::instruction_sets())
    for (const EngineKind kind : {EngineKind::Walk, EngineKind::Sliced64, EngineKind::SlicedWide})
      add(fmt::format("{}_{}", to_text(set), to_text(kind)), {.instruction_set = set, .kind = kind});
  add("plain", {.instruction_set = {}, .kind = EngineKind::Plain});

  if (!only.empty())
    std::erase_if(contenders, [&](const Contender& c) {
      return c.name != "xgboost" && c.name.find(only) == std::string::npos;
    });
  std::vector<float> out(data.rows), first(data.rows);
  for (const Contender& contender : contenders) {
    contender.predict(data.values.data(), data.rows, out.data());
    if (&contender == &contenders[0]) first = out;
    for (size_t r = 0; r < data.rows; ++r)
      if (out[r] != first[r]) {
        std::fprintf(stderr, "%s differs from xgboost in row %zu: %.9g, %.9g\n", contender.name.c_str(), r,
                     double{out[r]}, double{first[r]});
        return 1;
      }
  }
  size_t nodes = 0;
  for (const auto& tree : forest->trees) nodes += tree.nodes.size();
  std::printf("%s: %d trees, depth %d, %zu features, %zu nodes\n", argv[1], trees, depth, features, nodes);
  for (const size_t rows : {size_t{1}, size_t{8}, size_t{64}, size_t{1000}, size_t{100'000}}) {
    if (only_rows != 0 && rows != only_rows) continue;
    for (Contender& contender : contenders) contender.ns.clear();
    for (int round = 0; round < rounds; ++round)
      for (Contender& contender : contenders)
        contender.ns.push_back(time_once(contender, data, rows, out.data()));
    double reference = 0;
    for (Contender& contender : contenders) {
      std::sort(contender.ns.begin(), contender.ns.end());
      const double median = contender.ns[contender.ns.size() / 2];
      if (reference == 0) reference = median;
      std::printf("%7zu rows  %-22s %10.1f ns  (%.1f to %.1f)  %6.1fx\n", rows, contender.name.c_str(),
                  median, contender.ns.front(), contender.ns.back(), reference / median);
    }
  }
}
