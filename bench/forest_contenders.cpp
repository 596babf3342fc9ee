// The rows, the forests trained on them, our own engines and XGBoost, the one linked or another.
#include "forest_contenders.hpp"

#include <dlfcn.h>
#include <xgboost/c_api.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "forest/shap.hpp"
#include "forest_libraries.hpp"

namespace bench {

namespace forest = tidemill::forest;

Data made(size_t rows, size_t features, double missing, uint64_t seed) {
  Data data{rows, features, std::vector<float>(rows * features), {}};
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> unit;
  for (float& x : data.floats) x = unit(random) < missing ? NAN : normal(random);
  data.doubles.assign(data.floats.begin(), data.floats.end());
  return data;
}

namespace {

std::vector<float> labels_of(const Data& data) {
  std::vector<float> labels(data.rows);
  std::mt19937_64 random(11);
  std::normal_distribution<double> noise;
  for (size_t r = 0; r < data.rows; ++r) {
    double signal = noise(random);
    for (size_t f = 0; f < data.features; ++f) {
      const double value = data.doubles[r * data.features + f];
      if (!std::isnan(value))
        signal += std::sin(2 * value + static_cast<double>(f)) * (f % 3 == 0 ? 1.0 : 0.3);
    }
    labels[r] = signal > 0 ? 1.0F : 0.0F;
  }
  return labels;
}

void write(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

void write_plain_trees(const std::string& path) {
  const Model model = read_model(path);
  nlohmann::json trees = nlohmann::json::array();
  for (const forest::Tree& tree : model.forest.trees) {
    nlohmann::json nodes = nlohmann::json::array();
    for (const forest::Node& node : tree.nodes)
      nodes.push_back({node.left, node.right, node.feature, node.value, node.default_left});
    trees.push_back(std::move(nodes));
  }
  write(path + ".trees.json", nlohmann::json{{"features", model.forest.features},
                                             {"base_margin", model.forest.base_margins.at(0)},
                                             {"goes_left_if_equal", model.lightgbm},
                                             {"trees", std::move(trees)}}
                                  .dump());
}

std::string array_interface(const float* values, size_t rows, size_t features) {
  return fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                     reinterpret_cast<uintptr_t>(values), rows, features);
}

/// The functions of one libxgboost.
struct Xgboost {
  decltype(&XGBoosterCreate) create = XGBoosterCreate;
  decltype(&XGBoosterSetParam) set = XGBoosterSetParam;
  decltype(&XGBoosterLoadModelFromBuffer) load = XGBoosterLoadModelFromBuffer;
  decltype(&XGBoosterPredictFromDense) predict = XGBoosterPredictFromDense;
  decltype(&XGBGetLastError) error = XGBGetLastError;

  void must(int status) const {
    if (status != 0) throw std::runtime_error(error());
  }
  static Xgboost from(const std::string& path) {
    const Library library(path);
    return {library.find<decltype(XGBoosterCreate)>("XGBoosterCreate"),
            library.find<decltype(XGBoosterSetParam)>("XGBoosterSetParam"),
            library.find<decltype(XGBoosterLoadModelFromBuffer)>("XGBoosterLoadModelFromBuffer"),
            library.find<decltype(XGBoosterPredictFromDense)>("XGBoosterPredictFromDense"),
            library.find<decltype(XGBGetLastError)>("XGBGetLastError")};
  }
};

Contender xgboost_contender(std::string name, const Xgboost& x, const Model& model, const Data& data,
                            int threads) {
  constexpr const char* kInPlace =
      R"({"type":0,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0})";
  BoosterHandle booster = nullptr;
  x.must(x.create(nullptr, 0, &booster));
  x.must(x.load(booster, model.bytes.data(), model.bytes.size()));
  x.must(x.set(booster, "nthread", std::to_string(threads).c_str()));
  const auto scores = std::make_shared<const float*>(nullptr);
  return {.name = std::move(name),
          .threads = threads,
          .predict =
              [x, booster, &data, scores](size_t at, size_t rows) {
                const bst_ulong* shape = nullptr;
                bst_ulong dimensions = 0;
                x.must(x.predict(booster, array_interface(data.row(at), rows, data.features).c_str(),
                                 kInPlace, nullptr, &shape, &dimensions, &*scores));
              },
          .score = [scores](size_t i) { return double{(*scores)[i]}; },
          .timed = {}};
}

template <class T>
void predict_with(const forest::Engine& engine, std::span<const T> rows, std::span<T> scores) {
  engine.predict_margin(rows, scores);
  forest::apply_link(engine.forest(), scores);
}

template <class T>
Contender one_of_ours(std::string name, const std::shared_ptr<const forest::Engine>& engine, const T* values,
                      int threads) {
  const auto scores = std::make_shared<std::vector<T>>(kRows);
  const size_t features = engine->forest().features;
  const auto part = [=](size_t from, size_t count, size_t to) {
    predict_with<T>(*engine, std::span(values + from * features, count * features),
                    std::span(scores->data() + to, count));
  };
  Contender out{.name = std::move(name),
                .threads = threads,
                .predict = {},
                .score = [scores](size_t i) { return static_cast<double>((*scores)[i]); },
                .timed = {}};
  if (threads == 1) {
    out.predict = [part](size_t at, size_t rows) { part(at, rows, 0); };
  } else {
    const auto pair = std::make_shared<Pair>();
    out.least_rows = 1'000;
    out.predict = [part, pair](size_t at, size_t rows) {
      pair->halves(rows, [&](size_t from, size_t count) { part(at + from, count, from); });
    };
  }
  return out;
}

}  // namespace

Model read_model(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  Model model{
      .path = path, .bytes = std::move(bytes).str(), .lightgbm = path.ends_with(".txt"), .forest = {}};
  auto read = forest::read_model(model.bytes);
  if (!read) throw std::runtime_error(path + ": " + read.error().message);
  model.forest = std::move(*read);
  return model;
}

void train_with_xgboost(const Shape& shape, const std::string& path) {
  const Data data = made(kTrainingRows, shape.features, shape.missing, 1);
  const std::vector<float> labels = labels_of(data);
  const Xgboost x;
  DMatrixHandle matrix = nullptr;
  x.must(XGDMatrixCreateFromDense(array_interface(data.floats.data(), data.rows, data.features).c_str(),
                                  R"({"missing":NaN,"nthread":2})", &matrix));
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
  x.must(XGBoosterSaveModelToBuffer(booster, R"({"format":"json"})", &size, &bytes));
  write(path, {bytes, size});
  XGBoosterFree(booster);
  XGDMatrixFree(matrix);
  write_plain_trees(path);
}

void train_with_lightgbm(const Shape& shape, const std::string& library, const std::string& path) {
  const Data data = made(kTrainingRows, shape.features, shape.missing, 1);
  lightgbm_train(library, data, labels_of(data),
                 fmt::format("objective=binary num_leaves={} learning_rate=0.1 num_threads=2 "
                             "deterministic=true force_row_wise=true verbosity=-1",
                             shape.leaves),
                 shape.trees, path);
  write_plain_trees(path);
}

std::vector<Contender> linked_xgboost(const Model& model, const Data& data) {
  std::vector<Contender> out;
  for (const int threads : {1, 2})
    out.push_back(xgboost_contender("xgboost", Xgboost(), model, data, threads));
  return out;
}

std::vector<Contender> newer_xgboost(const std::string& library, const Model& model, const Data& data) {
  const Xgboost x = Xgboost::from(library);
  std::vector<Contender> out;
  for (const int threads : {1, 2})
    out.push_back(xgboost_contender("xgboost_newest", x, model, data, threads));
  return out;
}

std::vector<Contender> ours(const Model& model, const Data& data) {
  std::vector<Contender> out;
  const auto add = [&](std::string name, forest::EngineOptions options, int threads = 1) {
    const std::shared_ptr<const forest::Engine> engine = forest::Engine::make(model.forest, options);
    if (options.kind && !engine->has(*options.kind)) return;
    out.push_back(model.lightgbm ? one_of_ours(std::move(name), engine, data.doubles.data(), threads)
                                 : one_of_ours(std::move(name), engine, data.floats.data(), threads));
  };
  add("plain", {.instruction_set = {}, .kind = forest::EngineKind::Plain});
  add("tidemill", {});
  add("tidemill", {}, 2);
  for (const auto set : forest::instruction_sets())
    for (const forest::EngineKind kind :
         {forest::EngineKind::Walk, forest::EngineKind::Sliced64, forest::EngineKind::SlicedWide})
      add(fmt::format("{}_{}", to_text(set), to_text(kind)), {.instruction_set = set, .kind = kind});
  return out;
}

std::vector<Contender> explainers(const Model& model, const Data& data) {
  auto made = forest::Explainer::make(model.forest);
  if (!made) throw std::runtime_error(made.error().message);
  const auto explainer = std::make_shared<const forest::Explainer>(std::move(*made));
  const auto contributions = std::make_shared<std::vector<double>>();
  std::vector<Contender> out;
  out.push_back({.name = "tidemill",
                 .predict =
                     [&data, explainer, contributions](size_t at, size_t rows) {
                       contributions->resize(rows * explainer->contributions_of_row());
                       explainer->explain(std::span(data.row(at), rows * data.features), *contributions);
                     },
                 .score = [contributions](size_t i) { return (*contributions)[i]; },
                 .timed = {}});
  const Xgboost x;
  BoosterHandle booster = nullptr;
  x.must(x.create(nullptr, 0, &booster));
  x.must(x.load(booster, model.bytes.data(), model.bytes.size()));
  x.must(x.set(booster, "nthread", "1"));
  const auto theirs = std::make_shared<const float*>(nullptr);
  out.push_back(
      {.name = "xgboost",
       .predict =
           [x, booster, &data, theirs](size_t at, size_t rows) {
             DMatrixHandle matrix = nullptr;  // it explains no rows in place
             x.must(XGDMatrixCreateFromDense(array_interface(data.row(at), rows, data.features).c_str(),
                                             R"({"missing":NaN,"nthread":1})", &matrix));
             const bst_ulong* shape = nullptr;
             bst_ulong dimensions = 0;
             x.must(XGBoosterPredictFromDMatrix(
                 booster, matrix,
                 R"({"type":2,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false})",
                 &shape, &dimensions, &*theirs));
             XGDMatrixFree(matrix);
           },
       .score = [theirs](size_t i) { return double{(*theirs)[i]}; },
       .timed = {}});
  return out;
}

struct Pair::State {
  std::atomic<int> asked = 0, done = 0;
  std::atomic<bool> over = false;
  std::function<void()> work;
  std::thread other;
};

Pair::Pair() : state_(std::make_unique<State>()) {
  state_->other = std::thread([state = state_.get()] {
    for (int seen = 0;; ++seen) {
      state->asked.wait(seen);
      if (state->over) return;
      state->work();
      state->done = seen + 1;
      state->done.notify_one();
    }
  });
}

Pair::~Pair() {
  state_->over = true;
  ++state_->asked;
  state_->asked.notify_one();
  state_->other.join();
}

void Pair::halves(size_t rows, const std::function<void(size_t at, size_t rows)>& work) {
  constexpr size_t kBlock = 512;  // rows that the bit-sliced engine takes at once
  const size_t half = std::max(rows / 2 / kBlock, size_t{1}) * kBlock;
  const int before = state_->done;
  state_->work = [&] { work(half, rows - half); };
  ++state_->asked;
  state_->asked.notify_one();
  work(0, half);
  state_->done.wait(before);
}

Library::Library(const std::string& path)
    : path_(path), handle_(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) throw std::runtime_error(::dlerror());
}

void* Library::symbol(const char* name) const {
  void* found = ::dlsym(handle_, name);
  if (found == nullptr) throw std::runtime_error(fmt::format("{} has no {}", path_, name));
  return found;
}

std::vector<std::string> words(const std::string& list, char separator) {
  std::vector<std::string> out;
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(separator, at), list.size());
    out.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace bench
