// A home with versions whose answers tell them apart, for tests of serving and of what stands before it.
#pragma once

#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "registry/registry_test_support.hpp"
#include "serving/deployments.hpp"

namespace tidemill::serving {

class TestServing {
 public:
  /// Deployment `late` of model `late`'s champion, with so many versions and no champion yet.
  explicit TestServing(int versions) {
    registry::TestHome::begin(*store, "run1");
    for (int number = 1; number <= versions; ++number) add_version({"a"});
    project::Deployment deployment;
    deployment.name = "late";
    deployment.model = "late";
    deployment.version = "champion";
    project.deployments.emplace("late", deployment);
  }

  /// One stump on the first of the features.
  int add_version(const std::vector<std::string>& features, forest::Task task = forest::Task::Binary,
                  std::optional<double> conformal_half_width = {}) {
    const auto number = static_cast<int>(packages.size()) + 1;
    forest::Package package;
    package.model = "late";
    package.key = {"id"};
    package.target = "y";
    package.task = task;
    package.conformal_half_width = conformal_half_width;
    for (const std::string& name : features) package.features.push_back({.name = name, .sql_type = "DOUBLE"});
    package.files["model.ubj"] = registry::must(store->put_bytes(model_of(number, features, task)));
    registry::StepRecord step;
    step.run = "run1";
    step.step = "model:late";
    step.key = "key" + std::to_string(number);
    step.version.emplace();
    step.version->model = "late";
    step.version->package = registry::must(store->put_bytes(to_text(forest::to_json(package))));
    step.version->state = "accepted";
    packages.push_back(registry::must(store->record_step(step)).version->package);
    return number;
  }

  /// What a version says to a = 1.
  static double score_of(int version) { return 1 / (1 + std::exp(-static_cast<double>(version) / 4)); }

  void promote(int version) { registry::must(store->promote("late", version, "champion", "")); }
  void canary(int version, double percent) {
    registry::must(
        store->set_rollout({"late", "late", "champion", version, registry::Rollout::Stage::Canary, percent}));
  }
  void shadow(int version) { registry::must(store->set_rollout({"late", "late", "champion", version})); }
  std::unique_ptr<Deployments> open() { return Deployments::open(project, *store, home.clock); }

  std::filesystem::path object(int version) const {
    return store->object_path(packages[static_cast<size_t>(version - 1)]);
  }
  void hide(int version) { std::filesystem::rename(object(version), home.folder() / "hidden"); }
  void bring_back(int version) { std::filesystem::rename(home.folder() / "hidden", object(version)); }

  registry::TestHome home;
  std::unique_ptr<registry::Registry> store = home.open();
  std::vector<registry::ObjectId> packages;
  project::Project project;

 private:
  static std::string model_of(int number, const std::vector<std::string>& features, forest::Task task) {
    const double leaf = static_cast<double>(number) / 4;
    std::string names, types;
    for (const std::string& name : features) {
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ",", name);
      types += fmt::format("{}\"float\"", types.empty() ? "" : ",");
    }
    const bool binary = task == forest::Task::Binary;
    return fmt::format(
        R"({{"learner":{{"feature_names":[{}],"feature_types":[{}],"objective":{{"name":"{}"}},
"learner_model_param":{{"base_score":"{}","num_class":"0","num_feature":"{}"}},
"gradient_booster":{{"name":"gbtree","model":{{"tree_info":[0],"trees":[{{"tree_param":{{"num_nodes":"3"}},
"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[0,0,0],"split_conditions":[0.5,{},{}],
"default_left":[1,0,0],"split_type":[0,0,0],"categories":[],"categories_nodes":[],"categories_segments":[],
"categories_sizes":[]}}]}}}}}}}})",
        names, types, binary ? "binary:logistic" : "reg:squarederror", binary ? "5E-1" : "0", features.size(),
        -leaf, leaf);
  }
};

}  // namespace tidemill::serving
