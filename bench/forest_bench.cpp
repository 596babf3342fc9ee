// Times our engines and XGBoost's in-place C API on one forest that XGBoost trains here, contenders taking
// turns in one process on one thread. Every answer is first held against XGBoost's, bit for bit. Prints one
// JSON object.
//   forest_bench --trees N --depth N --features N [--missing SHARE] [--leaves N] [--rounds N] [--rows N,N…]
//                [--only NAME,NAME…] [--xgboost LIBRARY]   (a second libxgboost.so, say of a newer version)
#include <dlfcn.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "forest/engine.hpp"

namespace {

using tidemill::forest::Engine;
using tidemill::forest::EngineKind;
using tidemill::forest::EngineOptions;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr size_t kTrainingRows = 20'000, kRows = 100'000;
constexpr double kLeastSeconds = 0.02;  // of one turn
constexpr const char* kInPlace =
    R"({"type":0,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0})";

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "forest_bench: %s\n", why.c_str());
  std::exit(1);
}

/// The functions of one libxgboost.
struct Xgboost {
  decltype(&XGBoosterCreate) create = XGBoosterCreate;
  decltype(&XGBoosterSetParam) set = XGBoosterSetParam;
  decltype(&XGBoosterLoadModelFromBuffer) load = XGBoosterLoadModelFromBuffer;
  decltype(&XGBoosterPredictFromDense) predict = XGBoosterPredictFromDense;
  decltype(&XGBGetLastError) error = XGBGetLastError;

  void must(int status) const {
    if (status != 0) fail(error());
  }
  static Xgboost from(const std::string& path) {
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) fail(::dlerror());
    Xgboost out;
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
      if (function == nullptr) fail(fmt::format("{} has no {}", path, name));
    };
    find(out.create, "XGBoosterCreate");
    find(out.set, "XGBoosterSetParam");
    find(out.load, "XGBoosterLoadModelFromBuffer");
    find(out.predict, "XGBoosterPredictFromDense");
    find(out.error, "XGBGetLastError");
    return out;
  }
};

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

std::string array_interface(const float* values, size_t rows, size_t features) {
  return fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                     reinterpret_cast<uintptr_t>(values), rows, features);
}

struct Shape {
  int trees = 100, depth = 6, leaves = 0;
  size_t features = 28;
  double missing = 0;
};

std::string trained(const Shape& shape) {
  const Data data = made(kTrainingRows, shape.features, shape.missing, 1);
  const Xgboost x;
  DMatrixHandle matrix = nullptr;
  x.must(XGDMatrixCreateFromDense(array_interface(data.values.data(), data.rows, data.features).c_str(),
                                  R"({"missing":NaN,"nthread":2})", &matrix));
  std::vector<float> labels(data.rows);
  std::mt19937_64 random(11);
  std::normal_distribution<double> noise;
  for (size_t r = 0; r < data.rows; ++r) {
    double signal = noise(random);
    for (size_t f = 0; f < data.features; ++f) {
      const double value = double{data.values[r * data.features + f]};
      if (!std::isnan(value))
        signal += std::sin(2 * value + static_cast<double>(f)) * (f % 3 == 0 ? 1.0 : 0.3);
    }
    labels[r] = signal > 0 ? 1.0F : 0.0F;
  }
  x.must(XGDMatrixSetFloatInfo(matrix, "label", labels.data(), labels.size()));
  BoosterHandle booster = nullptr;
  x.must(XGBoosterCreate(&matrix, 1, &booster));
  std::map<std::string, std::string> parameters{{"objective", "binary:logistic"},
                                                {"tree_method", "hist"},
                                                {"max_depth", std::to_string(shape.depth)},
                                                {"eta", "0.1"},
                                                {"nthread", "2"},
                                                {"verbosity", "0"}};
  if (shape.leaves > 0) {
    parameters["grow_policy"] = "lossguide";
    parameters["max_leaves"] = std::to_string(shape.leaves);
  }
  for (const auto& [name, value] : parameters)
    x.must(XGBoosterSetParam(booster, name.c_str(), value.c_str()));
  for (int i = 0; i < shape.trees; ++i) x.must(XGBoosterUpdateOneIter(booster, i, matrix));
  bst_ulong size = 0;
  const char* bytes = nullptr;
  x.must(XGBoosterSaveModelToBuffer(booster, R"({"format":"ubj"})", &size, &bytes));
  std::string model(bytes, size);
  XGBoosterFree(booster);
  XGDMatrixFree(matrix);
  return model;
}

struct Contender {
  std::string name;
  std::function<void(const float* rows, size_t count, float* out)> predict;  // probabilities
};

Contender xgboost_contender(std::string name, const Xgboost& x, const std::string& model, size_t features) {
  BoosterHandle booster = nullptr;
  x.must(x.create(nullptr, 0, &booster));
  x.must(x.load(booster, model.data(), model.size()));
  x.must(x.set(booster, "nthread", "1"));
  return {std::move(name), [x, booster, features](const float* rows, size_t count, float* out) {
            const bst_ulong* shape = nullptr;
            bst_ulong dimensions = 0;
            const float* result = nullptr;
            x.must(x.predict(booster, array_interface(rows, count, features).c_str(), kInPlace, nullptr,
                             &shape, &dimensions, &result));
            std::copy(result, result + count, out);
          }};
}

void predict_with(const Engine& engine, const float* rows, size_t count, float* out) {
  const std::span<float> scores(out, count);
  engine.predict_margin(std::span<const float>(rows, count * engine.forest().features), scores);
  tidemill::forest::apply_link(engine.forest(), scores);
}

std::vector<Contender> contenders_of(const std::string& model, const std::string& second_library) {
  auto forest = tidemill::forest::read_xgboost(model);
  if (!forest) fail(forest.error().message);
  const size_t features = forest->features;
  std::vector<Contender> out;
  out.push_back(xgboost_contender("xgboost", Xgboost(), model, features));
  if (!second_library.empty())
    out.push_back(xgboost_contender("xgboost_newer", Xgboost::from(second_library), model, features));
  const auto add = [&](std::string name, EngineOptions options) {
    const std::shared_ptr<const Engine> engine = Engine::make(*forest, options);
    if (options.kind && !engine->has(*options.kind)) return;
    out.push_back({std::move(name), [engine](const float* rows, size_t count, float* scores) {
                     predict_with(*engine, rows, count, scores);
                   }});
  };
  add("tidemill", {});
  const std::shared_ptr<const Engine> engine = Engine::make(*forest);
  out.push_back({"tidemill_two_threads", [engine](const float* rows, size_t count, float* scores) {
                   const size_t half = count / 2 / 512 * 512;
                   std::thread other([&] { predict_with(*engine, rows, half, scores); });
                   predict_with(*engine, rows + half * engine->forest().features, count - half,
                                scores + half);
                   other.join();
                 }});
  for (const auto set : tidemill::forest::instruction_sets())
    for (const EngineKind kind : {EngineKind::Walk, EngineKind::Sliced64, EngineKind::SlicedWide})
      add(fmt::format("{}_{}", to_text(set), to_text(kind)), {.instruction_set = set, .kind = kind});
  add("plain", {.instruction_set = {}, .kind = EngineKind::Plain});
  return out;
}

/// Nanoseconds a row. Rows of different places, so that one row is not always the same.
double turn(const Contender& contender, const Data& data, size_t rows, float* out) {
  size_t done = 0, at = 0;
  double seconds = 0;
  const auto begun = Clock::now();
  do {
    for (int i = 0; i < (rows < 100 ? 50 : 1); ++i) {
      if (at + rows > data.rows) at = 0;
      contender.predict(data.values.data() + at * data.features, rows, out);
      at += rows;
      done += rows;
    }
    seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  } while (seconds < kLeastSeconds);
  return seconds / static_cast<double>(done) * 1e9;
}

void demand_same_bits(const std::vector<Contender>& contenders, const Data& data) {
  std::vector<float> expected(data.rows), seen(data.rows);
  for (const Contender& contender : contenders) {
    std::vector<float>& out = &contender == &contenders[0] ? expected : seen;
    contender.predict(data.values.data(), data.rows, out.data());
    if (contender.name == "xgboost_newer") continue;  // its own sigmoid may differ in the last bit
    for (size_t r = 0; r < data.rows; ++r)
      if (out[r] != expected[r])
        fail(fmt::format("{} says {} for row {}, xgboost {}", contender.name, out[r], r, expected[r]));
  }
}

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> out;
  for (size_t at = 0; at < list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    out.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> given{
      {"--trees", "100"}, {"--depth", "6"},  {"--features", "28"},           {"--missing", "0"},
      {"--leaves", "0"},  {"--rounds", "5"}, {"--rows", "1,64,1000,100000"}, {"--only", ""},
      {"--xgboost", ""}};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!given.contains(argv[i])) fail(fmt::format("unknown option {}", argv[i]));
    given[argv[i]] = argv[i + 1];
  }
  const Shape shape{.trees = std::stoi(given["--trees"]),
                    .depth = std::stoi(given["--depth"]),
                    .leaves = std::stoi(given["--leaves"]),
                    .features = std::stoul(given["--features"]),
                    .missing = std::stod(given["--missing"])};
  const std::string model = trained(shape);
  std::vector<Contender> contenders = contenders_of(model, given["--xgboost"]);
  const Data data = made(kRows, shape.features, shape.missing, 2);
  demand_same_bits(contenders, data);
  if (const std::vector<std::string> only = words(given["--only"]); !only.empty())
    std::erase_if(contenders, [&](const Contender& contender) {
      return std::find(only.begin(), only.end(), contender.name) == only.end();
    });

  Json results = Json::array();
  std::vector<float> out(data.rows);
  for (const std::string& word : words(given["--rows"])) {
    const size_t rows = std::stoul(word);
    std::map<std::string, std::vector<double>> ns;
    for (int round = 0; round < std::stoi(given["--rounds"]); ++round)
      for (const Contender& contender : contenders)
        if (contender.name != "tidemill_two_threads" || rows >= 1024)
          ns[contender.name].push_back(turn(contender, data, rows, out.data()));
    for (const auto& [name, values] : ns)
      results.push_back({{"rows", rows}, {"contender", name}, {"ns", values}});
  }
  size_t nodes = 0;
  const auto forest = tidemill::forest::read_xgboost(model);
  for (const auto& tree : forest->trees) nodes += tree.nodes.size();
  std::printf("%s\n", Json{{"nodes", nodes}, {"results", results}}.dump().c_str());
}
