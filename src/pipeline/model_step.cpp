// A model's step: proves that its features know nothing from later, trains, packages, and stands the new
// version before the gate.
#include <chrono>

#include <fmt/format.h>

#include "pipeline/columns.hpp"
#include "pipeline/gate.hpp"
#include "pipeline/lineage.hpp"
#include "pipeline/publication.hpp"
#include "training/too_good.hpp"
#include "training/training.hpp"

namespace tidemill::pipeline {

namespace {

constexpr std::string_view kBuiltView = "features as built";
constexpr int kDefaultSample = 20;

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

Result<std::optional<std::vector<forest::Feature>>> champion_features(const StepContext& step,
                                                                      const project::Model& model) {
  TM_TRY(const auto aliases, step.registry().aliases(model.name));
  const auto champion = aliases.find("champion");
  if (champion == aliases.end()) return std::optional<std::vector<forest::Feature>>();
  TM_TRY(const registry::Version version,
         step.registry().version(model.name, std::to_string(champion->second)));
  auto read = load_package(step.registry(), version);
  if (!read) {
    // Else one broken version would keep every later one from being trained. Its gate says that it fails.
    step.log.line(
        fmt::format("warning: the champion, version {}, cannot be read ({}): columns that are new "
                    "since then are taken as features, and as what they are now",
                    version.number, read.error().message));
    return std::optional<std::vector<forest::Feature>>();
  }
  return std::optional(std::move(read->features));
}

/// Tables above the model that a program makes: what it read there is not known.
std::vector<std::string> made_by_commands(const project::Project& project, const Upstream& upstream) {
  std::vector<std::string> names;
  for (const std::string& name : upstream.sources)
    if (project.transforms.contains(name)) names.push_back(name);
  return names;
}

/// The model's point_in_time check: declared, or by default where as_of and a source's times say what would
/// be a leak, or a command's table may hold one.
std::optional<project::Check> point_in_time_of(const project::Project& project, const project::Model& model,
                                               const Upstream& upstream) {
  for (const project::Check& check : model.checks)
    if (check.kind == "point_in_time") return check;
  if (model.as_of.empty()) return std::nullopt;
  const bool timed = std::ranges::any_of(upstream.sources, [&](const std::string& name) {
    const auto source = project.sources.find(name);
    return source != project.sources.end() &&
           !(source->second.known_at.empty() && source->second.time_column.empty());
  });
  if (!timed && made_by_commands(project, upstream).empty()) return std::nullopt;
  project::Check check;
  check.kind = "point_in_time";
  check.name = "point_in_time";
  check.place = model.place;
  return check;
}

/// A proof reaches no further than the SQL that it can run again.
void say_what_is_not_proved(const std::vector<std::string>& commands, quality::CheckResult& result) {
  const bool holds =
      result.status == quality::CheckStatus::Passed || result.status == quality::CheckStatus::Warned;
  if (commands.empty() || !holds) return;
  result.status = quality::CheckStatus::Warned;
  result.message += fmt::format("; not proved: what the command of {} knows", fmt::join(commands, ", "));
  if (result.hint.empty())
    result.hint = "a program's table is taken as it is: let SQL join what is known by as_of to it";
}

std::string request_source_of(const project::Project& project, const project::Model& model) {
  for (const auto& [name, deployment] : project.deployments)
    if (deployment.model == model.name && !deployment.request.empty()) return deployment.request;
  return {};
}

Result<std::optional<quality::CheckResult>> check_point_in_time(const StepContext& step,
                                                                const project::Model& model,
                                                                const std::vector<std::string>& features) {
  const project::Project& project = step.project();
  const Upstream upstream = upstream_of(project, step.run.outline.bound, model.from);
  const auto check = point_in_time_of(project, model, upstream);
  if (!check || model.as_of.empty()) return std::optional<quality::CheckResult>();
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Transforming));
  quality::PointInTimeInput input;
  input.connection = &**connection;
  for (const std::string& name : upstream.sources) {
    const auto snapshot = step.run.snapshots.find(name);
    if (!snapshot)
      return internal_error("run.no_snapshot",
                            fmt::format("{} has no snapshot of {}", step.outline.id, name));
    TM_CHECK(step.view_table(**connection, name));
    quality::TimedSource timed;
    timed.name = name;
    timed.relation = engine::quote_name(name);
    timed.columns = engine_columns(snapshot->columns);
    if (const auto source = project.sources.find(name); source != project.sources.end()) {
      timed.key = source->second.key;
      timed.time_column = source->second.time_column;
      timed.known_at = source->second.known_at;
    }
    input.sources.push_back(std::move(timed));
  }
  for (const std::string& name : upstream.transforms)
    input.transforms.emplace_back(name, project.transforms.at(name).sql);
  input.from = model.from;
  if (input.transforms.empty()) {
    // The model reads a source as it is: still a source, whose values may come from later.
    input.from = model.from + "_as_it_is";
    input.transforms.emplace_back(input.from, "SELECT * FROM " + engine::quote_name(model.from));
  }
  const auto built = step.run.snapshots.find(model.from);
  if (!built)
    return internal_error("run.no_snapshot",
                          fmt::format("{} has no snapshot of {}", step.outline.id, model.from));
  TM_CHECK(
      (*connection)->view_parquet(std::string(kBuiltView), {step.registry().object_path(built->object)}));
  input.relation = engine::quote_name(kBuiltView);
  input.key = model.key;
  input.as_of = model.as_of;
  input.features = features;
  input.request_source = request_source_of(project, model);
  input.sample = check->arguments.value("sample", kDefaultSample);
  input.seed = model.train.seed;
  input.place = check->place.file.empty() ? model.place : check->place;
  TM_TRY(quality::CheckResult result, quality::check_point_in_time(input));
  say_what_is_not_proved(made_by_commands(project, upstream), result);
  if (result.status == quality::CheckStatus::Failed && check->severity == project::Severity::Warn)
    result.status = quality::CheckStatus::Warned;
  return std::optional(std::move(result));
}

/// Said at every training, as `init` says it of a column: a leak that goes live first is beaten by nothing
/// honest.
std::optional<quality::CheckResult> doubt_of(const project::Model& model, const forest::Package& package) {
  const auto found = training::too_good(package);
  if (!found) return std::nullopt;
  quality::CheckResult result;
  result.name = result.kind = "too_good";
  result.columns = {found->feature};
  result.severity = project::Severity::Warn;
  result.status = quality::CheckStatus::Warned;
  result.message = fmt::format(
      "{} is {:.4g} on the test rows, and the feature {} makes {:.0f} % of the splits' gain: is it known "
      "before "
      "the outcome, or a consequence of it?",
      found->metric, found->value, found->feature, 100 * found->gain);
  result.hint = fmt::format(
      "if it gives the answer away, put it into features.exclude; once the version is champion: tidemill "
      "models "
      "retire {} VERSION --reason WHY, and run again",
      model.name);
  result.place = model.place;
  return result;
}

Result<forest::Package> store_files(const StepContext& step, training::TrainOutput& trained) {
  forest::Package package = std::move(trained.package);
  for (const auto& [name, bytes] : trained.files) {
    TM_TRY(package.files[name], step.registry().put_bytes(bytes));
  }
  return package;
}

void apply(const Verdict& verdict, const project::Model& model, int number, StepWork& work) {
  work.report["gate"] = verdict.json;
  work.error = verdict.rejection;
  if (verdict.waits) work.report["waits"] = true;
  if (!verdict.promote) return;
  const int judged_against =
      verdict.json["champion"].is_number_integer() ? verdict.json["champion"].get<int>() : 0;
  work.aliases.push_back({model.name, "champion", number, "passed the gate", judged_against});
  if (verdict.moves_anchor) work.anchor = number;
}

Result<StepWork> judge_again(const StepContext& step, const project::Model& model) {
  const registry::Version& version = *step.planned.version;
  const Stopwatch watch;
  TM_TRY(auto predictor, step.run.predictors.find(fmt::format("{}@{}", model.name, version.number)));
  TM_TRY(const Verdict verdict,
         judge_version(step, model, fmt::format("version {}", version.number), std::move(predictor)));
  StepWork work;
  work.version = version;
  work.report["version"] = version.number;
  work.report["gate_seconds"] = watch.seconds();
  int number = version.number;
  if (verdict.passed && version.state == "rejected") {
    // A version never changes: the same package, accepted, is the next one.
    work.version->number = number = 0;
    work.version->state = "accepted";
    work.version->gate = verdict.json;
    work.version->made_at = {};  // the registry says when
  } else {
    TM_CHECK(keep_verdict(step.registry(), model.name, version.number, verdict.json));
  }
  apply(verdict, model, number, work);
  return work;
}

}  // namespace

Result<StepWork> run_model(const StepContext& step) {
  const project::Model& model = step.project().models.at(step.outline.name);
  if (step.planned.judge_only && step.planned.version) return judge_again(step, model);
  const auto table = step.run.snapshots.find(model.from);
  if (!table)
    return internal_error("run.no_snapshot",
                          fmt::format("{} has no snapshot of {}", step.outline.id, model.from));
  const std::vector<engine::Column> columns = engine_columns(table->columns);
  StepWork work;

  TM_TRY(const auto before, champion_features(step, model));
  TM_TRY(const std::vector<std::string> features, training::feature_columns(model, columns, before));
  Stopwatch watch;
  TM_TRY(const auto point_in_time, check_point_in_time(step, model, features));
  if (point_in_time) {
    work.report["checks"] = Json::array({quality::to_json(*point_in_time)});
    work.report["point_in_time_seconds"] = watch.seconds();
    step.log.line(
        fmt::format("point_in_time: {} {}", quality::to_text(point_in_time->status), point_in_time->message));
    if (point_in_time->status == quality::CheckStatus::Failed ||
        point_in_time->status == quality::CheckStatus::Error)
      return std::unexpected(point_in_time->as_error());
  }
  TM_CHECK(step.check());

  watch = {};
  training::TrainInput input;
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Transforming));
  TM_CHECK(step.view_inputs(**connection));
  input.connection = &**connection;
  input.relation = engine::quote_name(model.from);
  input.columns = columns;
  input.model = &model;
  input.threads = step.run.budget.threads;
  input.memory_bytes = step.run.budget.memory_bytes;
  input.provenance = provenance_of(step, model);
  input.pipeline = pipeline_of(step, model);
  input.champion_features = before;
  input.stop = &step.cancellation.flag();
  input.on_progress = [&](double share, const std::string& what) {
    step.cancellation.note_share(share, what);
  };
  TM_TRY(training::TrainOutput trained, training::train(input));
  TM_CHECK(step.check());
  work.report["train_seconds"] = watch.seconds();
  work.report["train_stages_seconds"] = trained.timings;

  TM_TRY(const forest::Package package, store_files(step, trained));
  TM_TRY(const registry::ObjectId manifest,
         step.registry().put_bytes(tidemill::to_text(forest::to_json(package), 1) + "\n"));
  const auto model_file = trained.files.find("model.ubj");
  if (model_file == trained.files.end())
    return internal_error("training.no_model", "training returned no model.ubj");
  TM_TRY(auto predictor, forest::Predictor::make(package, model_file->second));

  watch = {};
  TM_TRY(const Verdict verdict,
         judge_version(step, model, "the new version", std::move(predictor), std::move(trained.test_scores)));
  work.report["gate_seconds"] = watch.seconds();

  registry::Version version;
  version.model = model.name;
  version.package = manifest;
  version.state = verdict.passed ? "accepted" : "rejected";
  version.metrics = package.metrics;
  version.gate = verdict.json;
  version.data_logical = table->logical;
  version.step_key = step.planned.key;
  version.run = step.run.run;
  version.git_commit = step.run.git.commit;
  version.git_dirty = step.run.git.dirty;
  work.version = std::move(version);
  work.report["metrics"] = package.metrics;
  if (const auto doubt = doubt_of(model, package)) {
    work.report["checks"].push_back(quality::to_json(*doubt));
    step.log.line("too_good: " + doubt->message);
  }
  apply(verdict, model, 0, work);  // the registry numbers it when it records the step
  return work;
}

}  // namespace tidemill::pipeline
