#include "training/booster.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "training/xgboost_library.hpp"

namespace tidemill::training {

namespace {

// What XGBoost would print. Its callback is one a thread and takes no context.
thread_local std::string* log_sink = nullptr;
constexpr size_t kMaxLogBytes = 1 << 16;
void take_log(const char* message) {
  if (log_sink && log_sink->size() < kMaxLogBytes) (*log_sink += message) += '\n';
}

const std::set<std::string, std::less<>> kNotTheUsers = {
    "nthread", "n_jobs",      "seed",   "random_state", "objective",           "num_class", "verbosity",
    "silent",  "num_feature", "gpu_id", "process_type", "validate_parameters", "num_target"};
// Of these, more is better; all of XGBoost's others are losses.
constexpr std::string_view kMoreIsBetter[] = {"auc", "aucpr", "map", "ndcg", "pre"};

std::unexpected<Error> failed(std::string_view doing) {
  std::string message = XGBGetLastError();
  if (const size_t trace = message.find("\nStack trace"); trace != std::string::npos) message.resize(trace);
  if (const size_t place = message.find("] "); message.starts_with('[') && place != std::string::npos)
    message.erase(0, place + 2);
  return data_error("training.failed", fmt::format("XGBoost could not {}: {}", doing, message));
}

class Matrix {
 public:
  Matrix() = default;
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() {
    if (handle_) XGDMatrixFree(handle_);
  }
  DMatrixHandle handle() const { return handle_; }

  Result<void> fill(const Rows& rows, const std::vector<forest::Feature>& features, int threads) {
    const std::string data =
        fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                    reinterpret_cast<uintptr_t>(rows.matrix.data()), rows.labels.size(), features.size());
    if (XGDMatrixCreateFromDense(
            data.c_str(), fmt::format(R"({{"missing":NaN,"nthread":{}}})", threads).c_str(), &handle_) != 0)
      return failed("take the rows");
    std::vector<const char*> names, types;
    for (const forest::Feature& feature : features) {
      names.push_back(feature.name.c_str());
      types.push_back(feature.category ? "c" : "float");
    }
    if (XGDMatrixSetStrFeatureInfo(handle_, "feature_name", names.data(), names.size()) != 0)
      return failed("name the features");
    if (XGDMatrixSetStrFeatureInfo(handle_, "feature_type", types.data(), types.size()) != 0)
      return failed("type the features");
    TM_CHECK(set("label", rows.labels));
    if (!rows.weights.empty()) {
      TM_CHECK(set("weight", rows.weights));
    }
    return {};
  }

 private:
  Result<void> set(const char* field, std::span<const double> values) {
    const std::vector<float> floats(values.begin(), values.end());
    if (XGDMatrixSetFloatInfo(handle_, field, floats.data(), floats.size()) != 0)
      return failed(fmt::format("take each row's {}", field));
    return {};
  }
  DMatrixHandle handle_ = nullptr;
};

class Booster {
 public:
  Booster() = default;
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;
  ~Booster() {
    if (handle_) XGBoosterFree(handle_);
  }
  BoosterHandle handle() const { return handle_; }
  BoosterHandle* out() { return &handle_; }

  Result<std::string> bytes() const {
    bst_ulong size = 0;
    const char* data = nullptr;
    if (XGBoosterSaveModelToBuffer(handle_, R"({"format":"ubj"})", &size, &data) != 0)
      return failed("save the model");
    return std::string(data, size);
  }

 private:
  BoosterHandle handle_ = nullptr;
};

Result<void> name_features(const Booster& booster, const std::vector<forest::Feature>& features) {
  std::vector<const char*> names, types;
  for (const forest::Feature& feature : features) {
    names.push_back(feature.name.c_str());
    types.push_back(feature.category ? "c" : "float");
  }
  if (XGBoosterSetStrFeatureInfo(booster.handle(), "feature_name", names.data(), names.size()) != 0)
    return failed("name the features");
  if (XGBoosterSetStrFeatureInfo(booster.handle(), "feature_type", types.data(), types.size()) != 0)
    return failed("type the features");
  return {};
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  return value.dump();
}

/// The margin that all rows start from: the mean of the training targets, as XGBoost 2 does; 1.7's constant
/// 0.5 wastes rounds.
std::optional<double> base_score(const FitInput& input) {
  double sum = 0, total = 0;
  for (size_t r = 0; r < input.train.labels.size(); ++r) {
    const double weight = input.train.weights.empty() ? 1 : input.train.weights[r];
    sum += weight * input.train.labels[r];
    total += weight;
  }
  const double mean = sum / total;
  const std::string& objective = input.objective;
  if (objective == "binary:logistic" || objective == "reg:logistic")
    return mean > 0 && mean < 1 ? std::optional(std::clamp(mean, 1e-6, 1 - 1e-6)) : std::nullopt;
  if (objective == "count:poisson" || objective == "reg:gamma" || objective == "reg:tweedie")
    return mean > 0 ? std::optional(mean) : std::nullopt;
  return objective.starts_with("reg:") ? std::optional(mean) : std::nullopt;
}

Result<Json> parameters_of(const FitInput& input) {
  Json parameters = {
      {"objective", input.objective}, {"tree_method", "hist"}, {"seed", std::to_string(input.options->seed)}};
  if (input.objective.starts_with("multi:")) parameters["num_class"] = std::to_string(input.classes);
  if (const auto base = base_score(input)) parameters["base_score"] = fmt::format("{:.9g}", *base);
  for (const auto& [name, value] : input.options->params.items()) {
    if (kNotTheUsers.contains(name))
      return user_error("training.parameter", fmt::format("the parameter '{}' is set by Tidemill", name),
                        input.options->place,
                        name == "seed"        ? "give `seed` beside `params`"
                        : name == "objective" ? "give `objective` beside `params`"
                                              : "leave it out");
    parameters[name] = text_of(value);
  }
  if (parameters.value("booster", "gbtree") == "gblinear")
    return user_error("training.parameter", "the booster gblinear makes no trees, and only trees are served",
                      input.options->place, "use gbtree or dart");
  return parameters;
}

/// XGBoost's warning about parameters that nothing reads, as an error.
Result<void> check_log(const std::string& log, const project::Train& options) {
  const size_t at = log.find("Parameters: {");
  if (at == std::string::npos) return {};
  const size_t end = std::min(log.find('}', at), log.size());
  std::string names = log.substr(at + 13, end - at - 13);
  names.erase(std::remove_if(names.begin(), names.end(), [](char c) { return c == '"' || c == ' '; }),
              names.end());
  return user_error(
      "training.parameter",
      fmt::format("XGBoost {} does not know the parameter {}, or does not use it with the others",
                  xgboost_version(), names),
      options.place, "see XGBoost's list of parameters for this version");
}

struct Evaluated {
  std::string metric;
  double value = 0;
};
/// "[3]\tvalidation-logloss:0.6123": the last metric, as XGBoost's own early stopping takes it.
Evaluated parse_evaluation(std::string_view text) {
  const size_t colon = text.rfind(':');
  const size_t dash = text.rfind("validation-", colon);
  Evaluated result{"", NAN};
  if (colon == std::string_view::npos || dash == std::string_view::npos) return result;
  result.metric = text.substr(dash + 11, colon - dash - 11);
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data() + colon + 1, end, result.value).ec != std::errc{}) result.value = NAN;
  return result;
}
bool more_is_better(std::string_view metric) {
  const std::string_view name = metric.substr(0, metric.find('@'));
  return std::find(std::begin(kMoreIsBetter), std::end(kMoreIsBetter), name) != std::end(kMoreIsBetter);
}

// Threads sum gradients in an order of their own. The sums are exact, and so the same in any order, as long
// as the gradients' range of exponents and their number fit a double: measured, up to some 22 bits of
// log2(rows) + log2(largest weight / smallest). Beyond a safe bound the number of threads is a constant,
// whatever the machine has, since then it decides the last bits.
constexpr double kExactBits = 20;
constexpr int kThreadsBeyond = 2;
int threads_for(const FitInput& input) {
  double least = 1, most = 1;
  if (!input.train.weights.empty()) {
    least = std::numeric_limits<double>::infinity();
    most = 0;
    for (const double weight : input.train.weights)
      if (weight > 0) {
        least = std::min(least, weight);
        most = std::max(most, weight);
      }
  }
  const double bits = std::log2(static_cast<double>(std::max<size_t>(input.train.labels.size(), 1))) +
                      std::log2(most / least);
  return bits <= kExactBits ? std::max(input.threads, 1) : kThreadsBeyond;
}

Result<Fit> run(const FitInput& input, std::string& log) {
  const int threads = threads_for(input);
  Fit result;
  TM_TRY(result.parameters, parameters_of(input));
  const int stopping = input.options->early_stopping;
  Matrix train, validation;
  TM_CHECK(train.fill(input.train, *input.features, threads));
  if (stopping > 0) {
    TM_CHECK(validation.fill(input.validation, *input.features, threads));
  }
  DMatrixHandle handles[] = {train.handle(), validation.handle()};
  Booster booster;
  if (XGBoosterCreate(handles, stopping > 0 ? 2 : 1, booster.out()) != 0) return failed("begin");
  const auto set = [&](const std::string& name, const std::string& value) {
    return XGBoosterSetParam(booster.handle(), name.c_str(), value.c_str()) == 0;
  };
  for (const auto& [name, value] : result.parameters.items())
    if (!set(name, value.get<std::string>())) return failed(fmt::format("set {}", name));
  if (!set("nthread", std::to_string(threads)) || !set("verbosity", "1") || !set("validate_parameters", "1"))
    return failed("be set up");

  int best = 0;
  const int rounds = input.options->rounds;
  for (int round = 0; round < rounds; ++round) {
    if (input.stop && *input.stop) return environment_error("interrupted", "training was interrupted");
    if (XGBoosterUpdateOneIter(booster.handle(), round, train.handle()) != 0) return failed("train");
    if (round == 0) {
      TM_CHECK(check_log(log, *input.options));
    }
    result.rounds = round + 1;
    std::string what = fmt::format("round {} of {}", round + 1, rounds);
    if (stopping > 0) {
      DMatrixHandle judged[] = {validation.handle()};
      const char* names[] = {"validation"};
      const char* text = nullptr;
      if (XGBoosterEvalOneIter(booster.handle(), round, judged, names, 1, &text) != 0)
        return failed("evaluate");
      const Evaluated evaluated = parse_evaluation(text);
      if (evaluated.metric.empty() || std::isnan(evaluated.value))
        return data_error("training.failed",
                          fmt::format("XGBoost's evaluation on validation is no number: {}", text));
      result.metric = evaluated.metric;
      result.history.push_back(evaluated.value);
      const double before = result.history[static_cast<size_t>(best)];
      if (more_is_better(evaluated.metric) ? evaluated.value > before : evaluated.value < before)
        best = round;
      what += fmt::format(", validation {} {:.6g}", evaluated.metric, evaluated.value);
    }
    if (input.on_progress) input.on_progress(static_cast<double>(round + 1) / rounds, what);
    if (stopping > 0 && round - best >= stopping) break;
  }
  result.best_round = stopping > 0 ? best + 1 : result.rounds;
  if (result.best_round < result.rounds) {
    Booster cut;
    if (XGBoosterSlice(booster.handle(), 0, result.best_round, 1, cut.out()) != 0)
      return failed("cut the model to its best round");
    TM_CHECK(name_features(cut, *input.features));  // the cut drops them
    TM_TRY(result.model, cut.bytes());
  } else {
    TM_TRY(result.model, booster.bytes());
  }
  return result;
}

}  // namespace

std::string xgboost_version() {
  int major = 0, minor = 0, patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

Result<Fit> fit(const FitInput& input) {
  TM_CHECK(load_xgboost());
  std::string log;
  XGBRegisterLogCallback(take_log);
  log_sink = &log;
  auto result = run(input, log);
  log_sink = nullptr;
  if (!result && result.error().code == "training.failed") result.error().where = input.options->place;
  return result;
}

}  // namespace tidemill::training
