// From a table to a package: roles → rows → fit → calibration and decision on validation → evaluation on test
// → baseline and card.
#include <chrono>

#include <fmt/format.h>

#include "training/baseline.hpp"
#include "training/booster.hpp"
#include "training/card.hpp"
#include "training/dataset.hpp"
#include "training/decide.hpp"
#include "training/evaluate.hpp"
#include "training/labels.hpp"

namespace tidemill::training {

namespace {

/// Seconds of each stage, so that fitting can be told from judging.
class Stages {
 public:
  void end(const char* stage) {
    const auto now = std::chrono::steady_clock::now();
    json_[stage] = std::chrono::duration<double>(now - began_).count();
    began_ = now;
  }
  Json json() const { return json_; }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  Json json_ = Json::object();
};

// What a bar shows: reading and judging are a tenth each.
constexpr double kReadShare = 0.1, kFitShare = 0.8;

void tell(const TrainInput& input, double share, const std::string& what) {
  if (input.on_progress) input.on_progress(share, what);
}
bool stopped(const TrainInput& input) { return input.stop && *input.stop; }

/// What the declarations ask of parts and tasks, before an hour is spent on fitting.
Result<void> check_plan(const project::Model& model, const Dataset& data) {
  const bool validates = data.rows_of(Part::Validation) > 0;
  const auto needs_validation = [&](const std::string& what) {
    return user_error("training.no_validation",
                      fmt::format("{} needs rows for validation, and the split has none", what), model.place,
                      "give `split` a validation span or share");
  };
  if (model.train.early_stopping > 0 && !validates) return needs_validation("early_stopping");
  if (!model.calibrate.empty()) {
    if (data.task != forest::Task::Binary)
      return user_error("training.calibration",
                        fmt::format("calibrate is for binary models, and this is {}", to_text(data.task)),
                        model.place);
    if (!validates) return needs_validation("calibrate");
  }
  if (!model.decision.choose.empty()) {
    if (data.task != forest::Task::Binary)
      return user_error(
          "training.decision",
          fmt::format("decision.choose is for binary models, and this is {}", to_text(data.task)),
          model.place);
    if (!validates) return needs_validation("decision.choose");
  }
  if (model.conformal_coverage) {
    if (data.task != forest::Task::Regression)
      return user_error(
          "training.conformal",
          fmt::format("conformal intervals are for regression, and this is {}", to_text(data.task)),
          model.place);
    if (!validates) return needs_validation("conformal");
  }
  return {};
}

Result<Fit> fit_model(const TrainInput& input, const Dataset& data) {
  TM_TRY(const auto declared, declared_objective(*input.model));
  const auto rows = [&](Part part) {
    return Rows{data.matrix_of(part), data.labels_of(part), data.weights_of(part)};
  };
  return fit({.train = rows(Part::Train),
              .validation = rows(Part::Validation),
              .features = &data.features,
              .objective = declared ? declared->name : default_objective(data.task),
              .classes = data.classes.size(),
              .options = &input.model->train,
              .threads = std::max(input.threads, 1),
              .stop = input.stop,
              .on_progress = [&](double share, const std::string& what) {
                tell(input, kReadShare + kFitShare * share, what);
              }});
}

forest::Package begin_package(const TrainInput& input, const Dataset& data, const Fit& fitted) {
  const project::Model& model = *input.model;
  forest::Package package;
  package.model = model.name;
  package.task = data.task;
  package.key = model.key;
  package.target = model.target;
  package.classes = data.classes;
  package.features = data.features;
  package.split = to_json(data.split);
  package.pipeline = input.pipeline;
  package.provenance = input.provenance;
  Json& about = package.provenance;
  about["xgboost"] = xgboost_version();
  about["parameters"] = fitted.parameters;
  about["seed"] = model.train.seed;
  about["rounds"] = fitted.rounds;
  about["best_round"] = fitted.best_round;
  if (!fitted.metric.empty())
    about["early_stopping"] = {
        {"rounds", model.train.early_stopping}, {"metric", fitted.metric}, {"history", fitted.history}};
  return package;
}

/// Calibration, threshold and half-width: all from validation, so that test stays for the verdict.
Result<void> decide(const project::Model& model, const Dataset& data, const std::string& bytes, int threads,
                    forest::Package& package) {
  if (data.task == forest::Task::Binary) package.threshold = model.decision.threshold.value_or(0.5);
  const bool calibrates = !model.calibrate.empty(), chooses = !model.decision.choose.empty();
  if (!calibrates && !chooses && !model.conformal_coverage) return {};
  TM_TRY(const auto raw, forest::Predictor::make(package, bytes));
  const auto labels = data.labels_of(Part::Validation);
  const auto weights = data.weights_of(Part::Validation);
  std::vector<double> scores = scores_of(*raw, data.matrix_of(Part::Validation), labels.size(), threads);
  if (calibrates) {
    TM_TRY(package.calibration, calibrate(model.calibrate, labels, scores, weights));
    for (double& score : scores) score = package.calibration.apply(score);
  }
  if (chooses) {
    TM_TRY(package.threshold, choose_threshold(model.decision.choose, labels, scores, weights, model.place));
  }
  if (model.conformal_coverage) {
    package.conformal_coverage = model.conformal_coverage;
    TM_TRY(package.conformal_half_width,
           conformal_half_width(*model.conformal_coverage, labels, scores, model.place));
  }
  return {};
}

/// What cannot be read back would be champion and never be loaded: as the registry will keep it, so it is
/// read here.
Result<void> check_readable(const forest::Package& package, const std::string& model) {
  const auto failed = [&](const Error& error) {
    return internal_error("training.bad_package", fmt::format("the package of {} cannot be read back: {}",
                                                              package.model, error.message));
  };
  const auto json = parse_json(tidemill::to_text(forest::to_json(package), 1));
  if (!json) return failed(json.error());
  auto read = forest::package_from_json(*json);
  if (!read) return failed(read.error());
  const auto predictor = forest::Predictor::make(std::move(*read), model);
  if (!predictor) return failed(predictor.error());
  return {};
}

}  // namespace

Result<TrainOutput> train(const TrainInput& input) {
  const project::Model& model = *input.model;
  const int threads = std::max(input.threads, 1);
  Stages stages;
  tell(input, 0, "reading " + model.from);
  TM_TRY(const Roles roles, assign_roles(input));
  TM_TRY(Dataset data, read_dataset(input, roles));
  TM_CHECK(check_plan(model, data));
  stages.end("read");
  TM_TRY(Fit fitted, fit_model(input, data));
  stages.end("fit");

  tell(input, kReadShare + kFitShare, "judging");
  forest::Package package = begin_package(input, data, fitted);
  TM_CHECK(decide(model, data, fitted.model, threads, package));
  TM_TRY(const auto predictor, forest::Predictor::make(package, fitted.model));
  EvaluateInput judged{.data = &data, .predictor = predictor.get(), .model = &model, .threads = threads};
  judged.test_scores = scores_of(*predictor, data.matrix_of(Part::Test), data.rows_of(Part::Test), threads);
  judged.validation_scores =
      scores_of(*predictor, data.matrix_of(Part::Validation), data.rows_of(Part::Validation), threads);
  stages.end("predict");
  TM_TRY(package.metrics, evaluate(judged));
  stages.end("evaluate");
  if (stopped(input)) return environment_error("interrupted", "training was interrupted");
  package.importance = importance_of(*predictor);
  package.baseline = baseline_of(data, *predictor, judged.test_scores, threads);
  stages.end("baseline");
  std::string card = model_card(package, model.from);
  TM_CHECK(check_readable(package, fitted.model));
  tell(input, 1, "done");
  TrainOutput output{.package = std::move(package), .files = {}, .test_scores = {}, .timings = stages.json()};
  output.test_scores = std::move(judged.test_scores);
  output.files["model.ubj"] = std::move(fitted.model);
  output.files["card.md"] = std::move(card);
  return output;
}

}  // namespace tidemill::training
