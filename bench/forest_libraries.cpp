// The competitors, through their C functions. These are declared here as far as they are used: the packages
// have the libraries and no headers. Sources: LightGBM's and treelite's c_api.h, ONNX Runtime's
// onnxruntime_c_api.h, the C that tl2cgen writes, lleaves' documentation of its entry function.
#include "forest_libraries.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

namespace bench {

namespace {

/// LightGBM's C API.
struct Lightgbm {
  static constexpr int kFloat32 = 0, kFloat64 = 1, kRowMajor = 1, kProbability = 0, kAllTrees = -1;
  using Handle = void*;

  explicit Lightgbm(const std::string& path) : library(path) {}
  void must(int status) const {
    if (status != 0) throw std::runtime_error(library.find<const char*()>("LGBM_GetLastError")());
  }
  template <class... Arguments>
  void call(const char* name, Arguments... arguments) const {
    must(library.find<int(Arguments...)>(name)(arguments...));
  }
  Library library;
};

std::vector<Contender> lightgbm(const std::string& path, const Model& model, const Data& data) {
  if (!model.lightgbm) throw std::runtime_error("takes LightGBM's models only");
  const Lightgbm l(path);
  using Handle = Lightgbm::Handle;
  const auto scores = std::make_shared<std::vector<double>>(kRows);
  const auto score = [scores](size_t i) { return (*scores)[i]; };
  const auto columns = static_cast<int32_t>(data.features);
  const auto loaded = [&] {
    Handle booster = nullptr;
    int rounds = 0;
    l.call<const char*, int*, Handle*>("LGBM_BoosterLoadModelFromString", model.bytes.c_str(), &rounds,
                                       &booster);
    return booster;
  };
  std::vector<Contender> out;
  using ForRows =
      int(Handle, const void*, int, int32_t, int32_t, int, int, int, int, const char*, int64_t*, double*);
  auto* const for_rows = l.library.find<ForRows>("LGBM_BoosterPredictForMat");
  for (const int threads : {1, 2}) {
    const std::string parameters = fmt::format("num_threads={}", threads);
    Contender& many = out.emplace_back();
    many = {.name = "lightgbm", .threads = threads, .predict = {}, .score = score, .timed = {}};
    many.least_rows = 2;
    many.predict = [=, booster = loaded(), &data](size_t at, size_t rows) {
      int64_t written = 0;
      l.must(for_rows(booster, data.double_row(at), Lightgbm::kFloat64, static_cast<int32_t>(rows), columns,
                      Lightgbm::kRowMajor, Lightgbm::kProbability, 0, Lightgbm::kAllTrees, parameters.c_str(),
                      &written, scores->data()));
    };
  }
  Handle fast = nullptr;
  l.call<Handle, int, int, int, int, int32_t, const char*, Handle*>(
      "LGBM_BoosterPredictForMatSingleRowFastInit", loaded(), Lightgbm::kProbability, 0, Lightgbm::kAllTrees,
      Lightgbm::kFloat64, columns, "num_threads=1", &fast);
  auto* const single =
      l.library.find<int(Handle, const void*, int64_t*, double*)>("LGBM_BoosterPredictForMatSingleRowFast");
  Contender& one = out.emplace_back();
  one = {.name = "lightgbm", .threads = 1, .predict = {}, .score = score, .timed = {}};
  one.most_rows = 1;
  one.predict = [=, &data](size_t at, size_t) {
    int64_t written = 0;
    l.must(single(fast, data.double_row(at), &written, scores->data()));
  };
  return out;
}

/// The functions of ONNX Runtime's version 1 table, by place: it only ever grows at its end.
struct OnnxRuntime {
  enum Place : size_t {
    ErrorMessage = 2,
    CreateEnv = 3,
    CreateSession = 7,
    Run = 9,
    CreateSessionOptions = 10,
    SetIntraOpNumThreads = 24,
    CreateTensorWithData = 49,
    CreateCpuMemoryInfo = 69,
    ReleaseValue = 96
  };
  static constexpr int kWarnings = 2, kFloat = 1, kArenaAllocator = 1, kDefaultMemory = 0;

  explicit OnnxRuntime(const std::string& path) {
    struct Base {
      const void* (*api)(uint32_t version);
      const char* (*version)();
    };
    functions = static_cast<void* const*>(Library(path).find<const Base*()>("OrtGetApiBase")()->api(1));
    if (functions == nullptr) throw std::runtime_error("no version 1 of the API");
  }
  template <class... Arguments>
  void call(Place place, Arguments... arguments) const {
    const void* status = reinterpret_cast<const void* (*)(Arguments...)>(functions[place])(arguments...);
    if (status != nullptr)
      throw std::runtime_error(
          reinterpret_cast<const char* (*)(const void*)>(functions[ErrorMessage])(status));
  }
  void release(void* value) const { reinterpret_cast<void (*)(void*)>(functions[ReleaseValue])(value); }
  void* const* functions = nullptr;
};

/// The model has one input, "rows", and one output, "scores": margins.
std::vector<Contender> onnxruntime(const std::string& path, const std::string& model, const Data& data) {
  const OnnxRuntime ort(path);
  void *environment = nullptr, *memory = nullptr;
  ort.call<int, const char*, void**>(OnnxRuntime::CreateEnv, OnnxRuntime::kWarnings, "bench", &environment);
  ort.call<int, int, void**>(OnnxRuntime::CreateCpuMemoryInfo, OnnxRuntime::kArenaAllocator,
                             OnnxRuntime::kDefaultMemory, &memory);
  std::vector<Contender> out;
  const auto scores = std::make_shared<std::vector<float>>(kRows);
  for (const int threads : {1, 2}) {
    void *options = nullptr, *session = nullptr;
    ort.call<void**>(OnnxRuntime::CreateSessionOptions, &options);
    ort.call<void*, int>(OnnxRuntime::SetIntraOpNumThreads, options, threads);
    ort.call<void*, const char*, const void*, void**>(OnnxRuntime::CreateSession, environment, model.c_str(),
                                                      options, &session);
    const auto tensor = [ort, memory](const float* values, std::vector<int64_t> shape) {
      void* value = nullptr;
      size_t size = sizeof(float);
      for (const int64_t length : shape) size *= static_cast<size_t>(length);
      ort.call<const void*, void*, size_t, const int64_t*, size_t, int, void**>(
          OnnxRuntime::CreateTensorWithData, memory, const_cast<float*>(values), size, shape.data(),
          shape.size(), OnnxRuntime::kFloat, &value);
      return value;
    };
    out.push_back({.name = "onnxruntime",
                   .threads = threads,
                   .predict =
                       [=, &data](size_t at, size_t rows) {
                         const char *input = "rows", *output = "scores";
                         void* in = tensor(data.row(at),
                                           {static_cast<int64_t>(rows), static_cast<int64_t>(data.features)});
                         void* result = tensor(scores->data(), {static_cast<int64_t>(rows), 1});
                         ort.call<void*, const void*, const char* const*, void* const*, size_t,
                                  const char* const*, size_t, void**>(OnnxRuntime::Run, session, nullptr,
                                                                      &input, &in, 1, &output, 1, &result);
                         ort.release(in);
                         ort.release(result);
                         for (size_t r = 0; r < rows; ++r) (*scores)[r] = 1 / (1 + std::exp(-(*scores)[r]));
                       },
                   .score = [scores](size_t i) { return double{(*scores)[i]}; },
                   .timed = {}});
  }
  return out;
}

/// T: what the model's thresholds are, and so its rows: float for XGBoost's, double for LightGBM's.
template <class T>
std::vector<Contender> treelite_of(const Library& library, void* model, const T* values, size_t features) {
  const auto must = [&library](int status) {
    if (status != 0) throw std::runtime_error(library.find<const char*()>("TreeliteGetLastError")());
  };
  auto* const predict =
      library.find<int(void*, const void*, const char*, uint64_t, void*, void*)>("TreeliteGTILPredict");
  const auto scores = std::make_shared<std::vector<T>>(kRows);
  std::vector<Contender> out;
  for (const int threads : {1, 2}) {
    void* config = nullptr;
    must(library.find<int(const char*, void**)>("TreeliteGTILParseConfig")(
        fmt::format(R"({{"predict_type":"default","nthread":{}}})", threads).c_str(), &config));
    out.push_back({.name = "treelite_gtil",
                   .threads = threads,
                   .predict =
                       [=](size_t at, size_t rows) {
                         must(predict(model, values + at * features, sizeof(T) == 4 ? "float32" : "float64",
                                      rows, scores->data(), config));
                       },
                   .score = [scores](size_t i) { return static_cast<double>((*scores)[i]); },
                   .timed = {}});
  }
  return out;
}

std::vector<Contender> treelite(const std::string& path, const std::string& file, const Model& model,
                                const Data& data) {
  static std::vector<std::unique_ptr<Library>> kept;
  const Library& library = *kept.emplace_back(std::make_unique<Library>(path));
  void* loaded = nullptr;
  if (library.find<int(const char*, void**)>("TreeliteDeserializeModelFromFile")(file.c_str(), &loaded) != 0)
    throw std::runtime_error(library.find<const char*()>("TreeliteGetLastError")());
  return model.lightgbm ? treelite_of(library, loaded, data.doubles.data(), data.features)
                        : treelite_of(library, loaded, data.floats.data(), data.features);
}

/// A function over rows [at, at + count) that writes their scores from `to` on, on one thread and on two.
template <class T, class Function>
std::vector<Contender> on_one_and_two_threads(const std::string& name, const Function& function) {
  const auto scores = std::make_shared<std::vector<T>>(kRows);
  const auto score = [scores](size_t i) { return static_cast<double>((*scores)[i]); };
  std::vector<Contender> out;
  out.push_back({.name = name,
                 .threads = 1,
                 .predict = [=](size_t at, size_t rows) { function(at, rows, scores->data()); },
                 .score = score,
                 .timed = {}});
  const auto pair = std::make_shared<Pair>();
  out.push_back({.name = name,
                 .threads = 2,
                 .predict =
                     [=](size_t at, size_t rows) {
                       pair->halves(rows, [&](size_t from, size_t count) {
                         function(at + from, count, scores->data() + from);
                       });
                     },
                 .score = score,
                 .timed = {}});
  out.back().least_rows = 1'000;
  return out;
}

/// tl2cgen's C asks for a row as numbers of which a missing one is the integer −1; its own batch predictor
/// makes such a row of each, too.
template <class T>
std::vector<Contender> tl2cgen_of(const std::string& path, const T* values, size_t features) {
  auto* const predict = Library(path).find<void(T*, int, T*)>("predict");
  return on_one_and_two_threads<T>("tl2cgen", [=](size_t at, size_t rows, T* scores) {
    thread_local std::vector<T> row;
    row.resize(features);
    T missing{};
    const int32_t sign = -1;  // of a double it fills the lower half, which alone is looked at
    std::memcpy(&missing, &sign, sizeof sign);
    for (size_t r = 0; r < rows; ++r) {
      const T* from = values + (at + r) * features;
      for (size_t f = 0; f < features; ++f) row[f] = std::isnan(from[f]) ? missing : from[f];
      scores[r] = 0;  // it adds to what is there
      predict(row.data(), 0, scores + r);
    }
  });
}

/// lleaves compiles one form for batches, in blocks of trees, and another for single rows.
std::vector<Contender> lleaves(const std::string& for_batches, const std::string& for_one, const Data& data) {
  using Function = void(const double*, double*, int, int);
  const auto made = [&](const std::string& path) {
    auto* const predict = Library(path).find<Function>("forest_root");
    return on_one_and_two_threads<double>("lleaves",
                                          [predict, &data](size_t at, size_t rows, double* scores) {
                                            predict(data.double_row(at), scores, 0, static_cast<int>(rows));
                                          });
  };
  std::vector<Contender> out = made(for_batches);
  out[0].least_rows = 2;
  out.push_back(made(for_one)[0]);
  out.back().most_rows = 1;
  return out;
}

}  // namespace

void lightgbm_train(const std::string& library, const Data& data, const std::vector<float>& labels,
                    const std::string& parameters, int trees, const std::string& path) {
  using Handle = Lightgbm::Handle;
  const Lightgbm l(library);
  Handle dataset = nullptr, booster = nullptr;
  l.call<const void*, int, int32_t, int32_t, int, const char*, Handle, Handle*>(
      "LGBM_DatasetCreateFromMat", data.doubles.data(), Lightgbm::kFloat64, static_cast<int32_t>(data.rows),
      static_cast<int32_t>(data.features), Lightgbm::kRowMajor, parameters.c_str(), nullptr, &dataset);
  l.call<Handle, const char*, const void*, int, int>("LGBM_DatasetSetField", dataset, "label", labels.data(),
                                                     static_cast<int>(labels.size()), Lightgbm::kFloat32);
  l.call<Handle, const char*, Handle*>("LGBM_BoosterCreate", dataset, parameters.c_str(), &booster);
  int finished = 0;
  for (int i = 0; i < trees; ++i) l.call<Handle, int*>("LGBM_BoosterUpdateOneIter", booster, &finished);
  constexpr int kFromFirst = 0, kImportanceBySplits = 0;
  l.call<Handle, int, int, int, const char*>("LGBM_BoosterSaveModel", booster, kFromFirst,
                                             Lightgbm::kAllTrees, kImportanceBySplits, path.c_str());
}

std::vector<Contender> competitor(const std::string& name, const std::string& from, const Model& model,
                                  const Data& data) {
  const std::vector<std::string> parts = words(from);
  if (name == "xgboost_newest") {
    if (model.lightgbm) throw std::runtime_error("takes XGBoost's models only");
    return newer_xgboost(parts.at(0), model, data);
  }
  if (name == "lightgbm") return lightgbm(parts.at(0), model, data);
  if (name == "onnxruntime") return onnxruntime(parts.at(0), parts.at(1), data);
  if (name == "treelite_gtil") return treelite(parts.at(0), parts.at(1), model, data);
  if (name == "tl2cgen")
    return model.lightgbm ? tl2cgen_of<double>(parts.at(0), data.doubles.data(), data.features)
                          : tl2cgen_of<float>(parts.at(0), data.floats.data(), data.features);
  if (name == "lleaves") return lleaves(parts.at(0), parts.at(1), data);
  return measured_elsewhere(name, from);
}

}  // namespace bench
