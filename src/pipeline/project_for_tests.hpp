// A project in a temporary folder, its home and its runs, for tests of this room.
#pragma once

#include <gtest/gtest.h>

#include <fstream>

#include "base/id.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/report.hpp"
#include "pipeline/run.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

class ProjectForTests {
 public:
  ProjectForTests() : folder_(std::filesystem::temp_directory_path() / ("tidemill_pipeline_" + random_id())) {
    std::filesystem::create_directories(folder_ / "transforms");
  }
  ~ProjectForTests() {
    registry_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  const Path& folder() const { return folder_; }
  ProjectForTests& file(const std::string& name, const std::string& text) {
    const Path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return *this;
  }
  ProjectForTests& yaml(const std::string& text) { return file("tidemill.yaml", text); }
  ProjectForTests& sql(const std::string& name, const std::string& text) {
    return file("transforms/" + name + ".sql", text);
  }
  void remove(const std::string& name) { std::filesystem::remove(folder_ / name); }

  registry::Registry& registry() {
    if (!registry_) {
      auto opened = registry::Registry::open({.home = load().home, .clock = clock});
      if (!opened) throw std::runtime_error(tidemill::to_text(opened.error()));
      registry_ = *std::move(opened);
    }
    return *registry_;
  }
  /// Forgets everything in memory, as a new process would.
  void restart() { registry_.reset(); }

  project::Project load() {
    project::LoadOptions options{.file = folder_};
    options.environment = environment;
    options.parameters = parameters;
    auto loaded = project::load(options);
    if (!loaded) {
      std::string all;
      for (const Error& error : loaded.error()) all += tidemill::to_text(error) + "\n";
      throw std::runtime_error(all);
    }
    return *std::move(loaded);
  }

  std::expected<Plan, Errors> try_plan(const std::vector<std::string>& selection = {}) {
    const project::Project project = load();
    auto fingerprints = fingerprint(project, registry(), clock->now());
    if (!fingerprints) return std::unexpected(Errors{fingerprints.error()});
    return pipeline::plan({&project, &registry(), *fingerprints, selection, force, clock->now()});
  }
  Plan plan(const std::vector<std::string>& selection = {}) {
    auto made = try_plan(selection);
    if (!made) throw std::runtime_error(texts(made.error()));
    return *std::move(made);
  }
  Errors plan_errors(const std::vector<std::string>& selection = {}) {
    auto made = try_plan(selection);
    return made ? Errors{} : made.error();
  }

  RunResult run(const std::vector<std::string>& selection = {}) {
    const project::Project project = load();
    RunOptions options;
    options.selection = selection;
    options.force = force;
    options.clock = clock;
    options.stop = stop;
    options.on_event = [this](const RunEvent& event) {
      events.push_back(event);
      if (on_event) on_event(event);
    };
    events.clear();
    auto result = pipeline::run(project, registry(), options);
    if (!result) throw std::runtime_error(texts(result.error()));
    return *std::move(result);
  }

  static std::string texts(const Errors& errors) {
    std::string all;
    for (const Error& error : errors) all += tidemill::to_text(error) + "\n";
    return all;
  }

  std::shared_ptr<const Clock> clock = system_clock();
  std::string environment;
  std::map<std::string, std::string> parameters;
  bool force = false;
  const std::atomic<bool>* stop = nullptr;
  std::vector<RunEvent> events;
  std::function<void(const RunEvent&)> on_event;

 private:
  Path folder_;
  std::unique_ptr<registry::Registry> registry_;
};

/// "source:flights done, transform:features up to date", in the plan's order.
inline std::string statuses(const RunResult& result) {
  std::string out;
  for (const StepOutcome& step : result.steps)
    out += (out.empty() ? "" : ", ") + step.step + " " + std::string(registry::to_text(step.status));
  return out;
}
inline std::string states(const Plan& plan) {
  std::string out;
  for (const PlannedStep& step : plan.steps)
    out += (out.empty() ? "" : ", ") + step.id + " " + std::string(to_text(step.state));
  return out;
}
inline const StepOutcome& outcome(const RunResult& result, const std::string& id) {
  for (const StepOutcome& step : result.steps)
    if (step.step == id) return step;
  throw std::runtime_error("no step " + id + " in " + statuses(result));
}

}  // namespace tidemill::pipeline
