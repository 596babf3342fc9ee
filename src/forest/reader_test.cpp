// What a model file may look like across versions, and what hostile ones get.
#include <cmath>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "forest/document.hpp"
#include "forest/forest.hpp"

namespace tidemill::forest {
namespace {

Json stump() {
  return {{"tree_param", {{"num_nodes", "3"}, {"num_feature", "2"}, {"size_leaf_vector", "1"}}},
          {"left_children", {1, -1, -1}},
          {"right_children", {2, -1, -1}},
          {"split_indices", {1, 0, 0}},
          {"split_conditions", {0.5, -1.25, 2.5}},
          {"default_left", {1, 0, 0}},
          {"sum_hessian", {3, 1, 2}},
          {"loss_changes", {0.5, 0, 0}},
          {"split_type", {0, 0, 0}},
          {"categories", Json::array()},
          {"categories_nodes", Json::array()},
          {"categories_segments", Json::array()},
          {"categories_sizes", Json::array()}};
}

Json model(Json tree = stump()) {
  return {{"version", {3, 1, 0}},
          {"learner",
           {{"attributes", Json::object()},
            {"feature_names", {"a", "b"}},
            {"feature_types", {"float", "c"}},
            {"objective", {{"name", "binary:logistic"}}},
            {"learner_model_param",
             {{"base_score", "5E-1"}, {"num_class", "0"}, {"num_feature", "2"}, {"num_target", "1"}}},
            {"gradient_booster",
             {{"name", "gbtree"},
              {"model",
               {{"trees", {std::move(tree)}},
                {"tree_info", {0}},
                {"gbtree_model_param", {{"num_trees", "1"}}}}}}}}}};
}
Result<Forest> read(const Json& json) { return read_xgboost(json.dump()); }
float margin(const Forest& forest, float a, float b) {
  const float row[] = {a, b};
  float out = 0;
  predict_margin(forest, row, {&out, 1});
  return out;
}
void expect_refused(const Json& json, const std::string& word) {
  const auto forest = read(json);
  ASSERT_FALSE(forest) << "accepted: " << word;
  EXPECT_TRUE(forest.error().code.starts_with("forest.")) << forest.error().code;
  EXPECT_NE(forest.error().message.find(word), std::string::npos) << forest.error().message;
}

TEST(read_xgboost, reads_a_hand_written_stump) {
  const auto forest = read(model());
  ASSERT_TRUE(forest) << forest.error().message;
  EXPECT_EQ(forest->feature_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(forest->categorical, (std::vector<bool>{false, true}));
  EXPECT_EQ(margin(*forest, 0, 0.4F), -1.25F);
  EXPECT_EQ(margin(*forest, 0, 0.5F), 2.5F);
  EXPECT_EQ(margin(*forest, 0, NAN), -1.25F);
  EXPECT_EQ(forest->trees[0].nodes[0].cover, 3.0F);
}

TEST(read_xgboost, reads_base_score_as_scalar_vector_and_number) {
  for (const Json& score : {Json("[2.5E-1]"), Json("2.5E-1"), Json(0.25), Json::array({0.25})}) {
    Json json = model();
    json["learner"]["learner_model_param"]["base_score"] = score;
    const auto forest = read(json);
    ASSERT_TRUE(forest) << score.dump() << forest.error().message;
    EXPECT_EQ(forest->base_margins, (std::vector<float>{-logf(3.0F)})) << score.dump();
  }
  Json json = model();
  json["learner"]["objective"]["name"] = "multi:softprob";
  json["learner"]["learner_model_param"]["num_class"] = "3";
  json["learner"]["learner_model_param"]["base_score"] = "[1E-1, 2E-1,3E-1]";
  const auto forest = read(json);
  ASSERT_TRUE(forest) << forest.error().message;
  EXPECT_EQ(forest->base_margins, (std::vector<float>{0.1F, 0.2F, 0.3F}));
  json["learner"]["learner_model_param"]["base_score"] = "[1E-1,2E-1]";
  expect_refused(json, "base_score");
}

TEST(read_xgboost, gives_survival_times_the_exponential_of_a_double) {
  Json json = model();
  json["learner"]["objective"]["name"] = "survival:aft";
  const auto forest = read(json);
  ASSERT_TRUE(forest) << forest.error().message;
  std::vector<float> times;
  for (float x = -8; x <= 8; x += 0.001F) times.push_back(x);
  const std::vector<float> margins = times;
  apply_link(*forest, std::span<float>(times));
  size_t otherwise = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    ASSERT_EQ(times[i], static_cast<float>(std::exp(double{margins[i]}))) << margins[i];
    otherwise += times[i] == expf(margins[i]) ? 0 : 1;
  }
  EXPECT_GT(otherwise, 0U) << "a float's exponential would do";
}

TEST(read_xgboost, keeps_the_float_nearest_to_a_json_number) {
  Json json = model();
  std::string text = json.dump();
  const std::string from = "0.5,-1.25,2.5";
  // 1.00000017881393432617187499 lies just below the middle of two floats; by way of a double it would round
  // to the wrong one.
  text.replace(text.find(from), from.size(), "1.00000017881393432617187499,-1.25,2.5");
  const auto forest = read_xgboost(text);
  ASSERT_TRUE(forest) << forest.error().message;
  EXPECT_EQ(forest->trees[0].nodes[0].value, 1.00000012F);
}

TEST(read_xgboost, takes_categories_to_the_right) {
  Json tree = stump();
  tree["split_type"] = {1, 0, 0};
  tree["categories"] = {0, 3, 40};
  tree["categories_nodes"] = {0};
  tree["categories_segments"] = {0};
  tree["categories_sizes"] = {3};
  const auto forest = read(model(tree));
  ASSERT_TRUE(forest) << forest.error().message;
  for (const float in : {0.0F, -0.0F, 3.0F, 40.0F}) EXPECT_EQ(margin(*forest, 0, in), 2.5F) << in;
  for (const float out : {1.0F, 39.0F, 41.0F, 1e9F, -1.0F}) EXPECT_EQ(margin(*forest, 0, out), -1.25F) << out;
  EXPECT_EQ(margin(*forest, 0, NAN), -1.25F);
}

TEST(read_xgboost, refuses_what_does_not_hold_together) {
  const auto broken = [](const std::string& member, const Json& value) {
    Json tree = stump();
    tree[member] = value;
    return model(tree);
  };
  expect_refused(broken("left_children", {0, -1, -1}), "reached twice");  // a cycle
  expect_refused(broken("left_children", {2, -1, -1}), "reached twice");  // a shared child
  expect_refused(broken("left_children", {7, -1, -1}), "child");
  expect_refused(broken("right_children", {-1, -1, -1}), "child");
  expect_refused(broken("right_children", {2, 2, -1}), "one child");
  expect_refused(broken("right_children", {2, -1}), "has 2 values");
  expect_refused(broken("split_indices", {2, 0, 0}), "feature 2 of 2");
  expect_refused(broken("split_indices", {-1, 0, 0}), "feature");
  expect_refused(broken("split_conditions", {1e300, 0, 0}), "threshold");
  expect_refused(broken("split_conditions", {0.5, "x", 0}), "split_conditions");
  expect_refused(broken("split_type", {1, 0, 0}), "no set of categories");
  expect_refused(broken("left_children", Json::array()), "no nodes");
  expect_refused(broken("tree_param", {{"num_nodes", "9"}}), "declares 9");
  expect_refused(broken("tree_param", {{"num_nodes", "3"}, {"size_leaf_vector", "4"}}), "vector leaves");
  Json json = model();
  json["learner"]["gradient_booster"]["model"]["tree_info"] = {1};
  expect_refused(json, "output 1 of 1");
  json = model();
  json["learner"]["gradient_booster"]["name"] = "gblinear";
  expect_refused(json, "gblinear");
  json = model();
  json["learner"]["objective"]["name"] = "mine";
  expect_refused(json, "'mine'");
  json = model();
  json["learner"]["learner_model_param"]["base_score"] = "1E0";
  expect_refused(json, "base_score");
  json = model();
  json["learner"]["learner_model_param"]["num_feature"] = "99999999999";
  expect_refused(json, "num_feature");
  json = model();
  json["learner"].erase("objective");
  expect_refused(json, "'objective' is missing");
}

TEST(read_xgboost, refuses_sets_of_categories_out_of_range) {
  for (const auto& [member, value] :
       std::vector<std::pair<std::string, Json>>{{"categories", {0, 3, -4}},
                                                 {"categories", {0, 3, 1e8}},
                                                 {"categories_nodes", {9}},
                                                 {"categories_segments", {2}},
                                                 {"categories_sizes", {1e15}}}) {
    Json tree = stump();
    tree["split_type"] = {1, 0, 0};
    tree["categories"] = {0, 3, 40};
    tree["categories_nodes"] = {0};
    tree["categories_segments"] = {0};
    tree["categories_sizes"] = {3};
    tree[member] = value;
    expect_refused(model(tree), "categor");
  }
}

TEST(read_xgboost, refuses_hostile_bytes_without_allocating_what_they_claim) {
  const auto ubj = [](std::initializer_list<std::string_view> parts) {
    std::string bytes;
    for (const std::string_view part : parts) bytes += part;
    return bytes;
  };
  using namespace std::literals;
  std::string deep = "{L\0\0\0\0\0\0\0\1a"s;
  deep += std::string(1'000'000, '[');
  std::string deep_json = R"({"a":)" + std::string(1'000'000, '[');
  const std::string huge = ubj({"{L\0\0\0\0\0\0\0\1a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff"sv});
  const std::string nulls = ubj({"{L\0\0\0\0\0\0\0\1a[$Z#L\0\0\0\x7f\xff\xff\xff\xff"sv});
  const std::string negative = ubj({"{L\xff\xff\xff\xff\xff\xff\xff\xff"sv});
  for (const std::string& bytes : {std::string(), std::string("binf"), std::string("{"), std::string("[]"),
                                   std::string("{}"), deep, deep_json, huge, nulls, negative}) {
    const auto forest = read_xgboost(bytes);
    ASSERT_FALSE(forest);
    EXPECT_EQ(forest.error().code, "forest.invalid") << forest.error().message;
  }
}

TEST(read_xgboost, survives_every_cut_and_every_flipped_byte) {
  const std::string text = model().dump();
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(read_xgboost(std::string_view(text).substr(0, size)));
  const auto bytes = Json::to_ubjson(model(), true, true);
  const std::string ubj(bytes.begin(), bytes.end());
  ASSERT_TRUE(read_xgboost(ubj)) << read_xgboost(ubj).error().message;
  for (size_t size = 0; size < ubj.size(); ++size)
    EXPECT_FALSE(read_xgboost(std::string_view(ubj).substr(0, size)));
  std::mt19937_64 random(5);
  size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string changed = i % 2 ? ubj : text;
    for (int flips = 0; flips < 1 + i % 3; ++flips)
      changed[random() % changed.size()] = static_cast<char>(random());
    const auto forest = read_xgboost(changed);
    if (!forest) {
      ++refused;
      continue;
    }
    std::vector<float> row(forest->features, 1.0F), out(forest->outputs);
    predict_margin(*forest, row, out);
  }
  EXPECT_GT(refused, 5'000U);
}

TEST(read_xgboost, replaces_nodes_that_pruning_left_behind) {
  Json tree = stump();
  tree["tree_param"]["num_nodes"] = "4";
  for (const char* name : {"left_children", "right_children", "split_conditions", "default_left",
                           "sum_hessian", "loss_changes", "split_type"})
    tree[name].push_back(-1);
  tree["split_indices"].push_back(4294967295U);
  tree["default_left"][3] = 0;
  tree["split_type"][3] = 0;
  const auto forest = read(model(tree));
  ASSERT_TRUE(forest) << forest.error().message;
  EXPECT_EQ(forest->trees[0].nodes[3].feature, 0U);
}

}  // namespace
}  // namespace tidemill::forest
