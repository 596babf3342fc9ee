#include "serving/deployments.hpp"

#include <filesystem>

#include "registry/registry_test_support.hpp"

namespace tidemill::serving {
namespace {

using registry::must;
using registry::TestHome;

// One stump on one feature.
constexpr std::string_view kModel =
    R"({"learner":{"feature_names":["a"],"feature_types":["float"],"objective":{"name":"binary:logistic"},
    "learner_model_param":{"base_score":"5E-1","num_class":"0","num_feature":"1"},
    "gradient_booster":{"name":"gbtree","model":{"tree_info":[0],"trees":[{"tree_param":{"num_nodes":"3"},
    "left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[0,0,0],"split_conditions":[0.5,-1,1],
    "default_left":[1,0,0],"split_type":[0,0,0],"categories":[],"categories_nodes":[],"categories_segments":[],
    "categories_sizes":[]}]}}}})";

class Serving : public ::testing::Test {
 protected:
  void SetUp() override {
    store = home.open();
    TestHome::begin(*store, "run1");
    for (int i = 1; i <= 2; ++i) add_version(i);
    project::Deployment deployment;
    deployment.name = "late";
    deployment.model = "late";
    deployment.version = "champion";
    project.deployments.emplace("late", deployment);
  }
  void add_version(int number) {
    forest::Package package;
    package.model = "late";
    package.key = {"id"};
    package.target = "y";
    package.features = {{.name = "a", .sql_type = "DOUBLE"}};
    package.metrics["number"] = number;  // so that each version's package is an object of its own
    package.files["model.ubj"] = must(store->put_bytes(kModel));
    registry::StepRecord step;
    step.run = "run1";
    step.step = "model:late";
    step.key = "key" + std::to_string(number);
    step.version.emplace();
    step.version->model = "late";
    step.version->package = must(store->put_bytes(to_text(forest::to_json(package))));
    step.version->state = "accepted";
    packages.push_back(must(store->record_step(step)).version->package);
  }
  std::filesystem::path object(int version) const {
    return store->object_path(packages[static_cast<size_t>(version - 1)]);
  }
  void hide(int version) { std::filesystem::rename(object(version), home.folder() / "hidden"); }
  void bring_back(int version) { std::filesystem::rename(home.folder() / "hidden", object(version)); }

  TestHome home;
  std::unique_ptr<registry::Registry> store;
  std::vector<registry::ObjectId> packages;
  project::Project project;
};

TEST_F(Serving, tries_again_after_a_pause_what_could_not_be_loaded) {
  must(store->promote("late", 1, "champion", ""));
  const auto deployments = Deployments::open(project, *store, home.clock);
  ASSERT_NE(deployments->find("late"), nullptr) << deployments->problem("late");
  must(store->promote("late", 2, "champion", ""));
  hide(2);
  EXPECT_EQ(deployments->refresh(*store), 0);
  EXPECT_EQ(deployments->find("late")->version, 1);
  EXPECT_NE(deployments->problem("late"), "");
  EXPECT_EQ(deployments->load_failures("late"), 1U);
  bring_back(2);
  EXPECT_EQ(deployments->refresh(*store), 0);  // too early
  home.clock->at.micros += 1'000'000;
  EXPECT_EQ(deployments->refresh(*store), 1);
  EXPECT_EQ(deployments->find("late")->version, 2);
  EXPECT_EQ(deployments->problem("late"), "");
}

TEST_F(Serving, pauses_twice_as_long_after_each_failure) {
  const auto deployments = Deployments::open(project, *store, home.clock);  // nothing is champion yet
  std::vector<int64_t> seconds;
  int64_t waited = 0;
  for (uint64_t failures = 1; seconds.size() < 8;) {
    home.clock->at.micros += 1'000'000;
    ++waited;
    deployments->refresh(*store);
    if (deployments->load_failures("late") == failures) continue;
    ++failures;
    seconds.push_back(waited);
    waited = 0;
  }
  EXPECT_EQ(seconds, (std::vector<int64_t>{1, 2, 4, 8, 16, 32, 60, 60}));
}

TEST_F(Serving, has_no_problem_once_the_alias_is_back_at_what_is_live) {
  must(store->promote("late", 1, "champion", ""));
  const auto deployments = Deployments::open(project, *store, home.clock);
  must(store->promote("late", 2, "champion", ""));
  hide(2);
  deployments->refresh(*store);
  ASSERT_NE(deployments->problem("late"), "");
  must(store->promote("late", 1, "champion", ""));
  EXPECT_EQ(deployments->refresh(*store), 0);
  EXPECT_EQ(deployments->problem("late"), "");
}

TEST_F(Serving, knows_the_alias_it_serves_under) {
  must(store->promote("late", 1, "challenger", ""));
  project.deployments["late"].version = "challenger";
  EXPECT_EQ(Deployments::open(project, *store)->find("late")->role, "challenger");
  project.deployments["late"].version = "2";
  EXPECT_EQ(Deployments::open(project, *store)->find("late")->role, "pinned");
}

}  // namespace
}  // namespace tidemill::serving
