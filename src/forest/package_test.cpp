#include "forest/package.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace tidemill::forest {
namespace {

// a: number, b: category with levels (dog, other …). One stump on each.
std::string model_text(bool categorical = true) {
  const auto tree = [](int feature, const char* split_type, const char* categories, const char* nodes,
                       const char* sizes) {
    return std::string(
               R"({"tree_param":{"num_nodes":"3"},"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[)") +
           std::to_string(feature) +
           R"(,0,0],"split_conditions":[0.5,-1,1],"default_left":[1,0,0],"split_type":)" + split_type +
           R"(,"categories":)" + categories + R"(,"categories_nodes":)" + nodes +
           R"(,"categories_segments":)" + nodes + R"(,"categories_sizes":)" + sizes + "}";
  };
  return std::string(R"({"learner":{"feature_names":["a","b"],"feature_types":["float",")") +
         (categorical ? "c" : "float") +
         R"("],"objective":{"name":"binary:logistic"},"learner_model_param":{"base_score":"5E-1","num_class":"0","num_feature":"2"},
         "gradient_booster":{"name":"gbtree","model":{"tree_info":[0,0],"trees":[)" +
         tree(0, "[0,0,0]", "[]", "[]", "[]") + "," + tree(1, "[1,0,0]", "[1]", "[0]", "[1]") + "]}}}}";
}

Package package() {
  Package p;
  p.model = "late";
  p.task = Task::Binary;
  p.key = {"id"};
  p.target = "y";
  p.features = {{.name = "a", .sql_type = "DOUBLE"},
                {.name = "b",
                 .sql_type = "VARCHAR",
                 .category = true,
                 .levels = {"(other)", "dog"},
                 .other_level = "(other)",
                 .folded = {"emu"}}};
  return p;
}

rc::Gen<double> finite() {
  return rc::gen::suchThat(
      rc::gen::map(rc::gen::arbitrary<uint64_t>(), [](uint64_t bits) { return std::bit_cast<double>(bits); }),
      [](double x) { return std::isfinite(x); });
}

RC_GTEST_PROP(package, survives_a_round_trip_with_every_bit, ()) {
  Package p = package();
  p.task = *rc::gen::element(Task::Regression, Task::Binary, Task::Multiclass);
  p.target = *rc::gen::container<std::string>(rc::gen::inRange<char>(32, 127));
  p.threshold = *finite();
  if (*rc::gen::arbitrary<bool>()) p.conformal_half_width = *finite();
  p.calibration.kind = *rc::gen::element<std::string>("", "isotonic", "platt");
  if (p.calibration.kind == "isotonic") {
    std::set<double> x;
    for (const double number : *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(finite())))
      x.insert(number);
    p.calibration.x.assign(x.begin(), x.end());
    for (const double number : p.calibration.x) p.calibration.y.push_back(number);
  } else if (p.calibration.kind == "platt") {
    p.calibration.a = *finite();
    p.calibration.b = *finite();
  }
  p.metrics = {{"test", {{"roc_auc", *finite()}}}};
  p.files = {{"model.ubj", "abc"}};
  if (*rc::gen::arbitrary<bool>()) p.rounds = *rc::gen::inRange(1, 1000);
  p.features[1].refuses_unknown = *rc::gen::arbitrary<bool>();
  const auto text = tidemill::to_text(to_json(p));
  const auto json = parse_json(text);
  RC_ASSERT(json.has_value());
  const auto back = package_from_json(*json);
  RC_ASSERT(back.has_value());
  RC_ASSERT(tidemill::to_text(to_json(*back)) == text);
  RC_ASSERT(back->features == p.features);
  RC_ASSERT(back->calibration == p.calibration);
  RC_ASSERT(back->threshold == p.threshold);
  RC_ASSERT(back->conformal_half_width == p.conformal_half_width);
  RC_ASSERT(back->task == p.task);
  RC_ASSERT(back->target == p.target);
  RC_ASSERT(back->files == p.files);
  RC_ASSERT(back->rounds == p.rounds);
}

TEST(package, of_format_1_is_read) {
  Json json = to_json(package());
  json["format"] = 1;
  json.erase("rounds");
  const auto read = package_from_json(json);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->rounds, std::nullopt);
  EXPECT_FALSE(read->features[1].refuses_unknown);
}

TEST(package, uses_only_the_rounds_that_it_says) {
  Package p = package();
  p.rounds = 1;
  const auto one = Predictor::make(p, model_text());
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ((*one)->forest().trees.size(), 1U);
  p.rounds = 3;
  const auto three = Predictor::make(p, model_text());
  ASSERT_FALSE(three) << "the file has two";
  EXPECT_EQ(three.error().code, "package.mismatch");
}

TEST(package, refuses_what_does_not_hold_together) {
  const auto refused = [](const std::function<void(Json&)>& change,
                          const std::string& code = "package.invalid") {
    Json json = to_json(package());
    change(json);
    const auto result = package_from_json(json);
    ASSERT_FALSE(result) << json.dump();
    EXPECT_EQ(result.error().code, code) << result.error().message;
  };
  refused([](Json& j) { j["format"] = 3; }, "package.newer_format");
  refused([](Json& j) { j.erase("format"); });
  refused([](Json& j) { j["task"] = "ranking"; });
  refused([](Json& j) { j["features"] = 3; });
  refused([](Json& j) { j["features"][1]["name"] = "a"; });
  refused([](Json& j) { j["features"][1]["levels"] = {"(other)", "a", "a"}; });
  refused([](Json& j) { j["features"][1]["other_level"] = "cat"; });
  refused([](Json& j) { j["calibration"] = {{"kind", "isotonic"}, {"x", {1, 0}}, {"y", {0, 1}}}; });
  refused(
      [](Json& j) { j["calibration"] = {{"kind", "isotonic"}, {"x", Json::array()}, {"y", Json::array()}}; });
  refused([](Json& j) { j["calibration"] = {{"kind", "guess"}}; });
  refused([](Json& j) { j["threshold"] = "high"; });
  refused([](Json& j) { j["rounds"] = 0; });
  refused([](Json& j) { j["rounds"] = "all"; });
  refused([](Json& j) { j["features"][1]["refuses_unknown"] = 1; });
  refused([](Json& j) { j["key"] = {1}; });
}

TEST(predictor, encodes_a_cell_as_training_did) {
  const auto made = Predictor::make(package(), model_text());
  ASSERT_TRUE(made) << made.error().message;
  const Predictor& p = **made;
  InputCounts counts;
  const auto number = [&](double x) {
    return p.encode(0, {.kind = Cell::Kind::Number, .number = x}, counts);
  };
  const auto text = [&](size_t feature, std::string_view x) {
    return p.encode(feature, {.kind = Cell::Kind::Text, .text = x}, counts);
  };
  EXPECT_EQ(number(0.1), 0.1F);
  EXPECT_FALSE(std::signbit(number(-0.0)));
  EXPECT_TRUE(std::isinf(number(1e300)));
  EXPECT_EQ(text(0, "2.5"), 2.5F);
  EXPECT_EQ(text(0, "true"), 1.0F);
  EXPECT_EQ(text(1, "dog"), 1.0F);
  EXPECT_EQ(text(1, "emu"), 0.0F);  // folded
  EXPECT_EQ(counts.missing + counts.unreadable + counts.unseen_categories, 0);
  EXPECT_TRUE(std::isnan(text(1, "yak")));
  EXPECT_EQ(counts.unseen_categories, 1);
  EXPECT_TRUE(std::isnan(text(0, "12 apples")));
  EXPECT_EQ(counts.unreadable, 1);
  EXPECT_TRUE(std::isnan(text(0, "nan")));
  EXPECT_TRUE(std::isnan(text(0, "")));
  EXPECT_EQ(counts.unreadable, 1) << "no number was meant";
  EXPECT_TRUE(std::isnan(text(1, "")));
  EXPECT_EQ(counts.unseen_categories, 1) << "nor a category";
  EXPECT_TRUE(std::isnan(p.encode(1, {}, counts)));
  EXPECT_TRUE(std::isnan(number(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_EQ(counts.missing, 5);
}

TEST(predictor, counts_finite_numbers_that_its_floats_cannot_hold) {
  const auto made = Predictor::make(package(), model_text());
  ASSERT_TRUE(made) << made.error().message;
  constexpr double kMost = std::numeric_limits<float>::max();
  const std::vector<double> numbers{1, kMost, -kMost, 1e39, -1e300, INFINITY, -INFINITY, NAN};
  InputCounts of_column, of_cells;
  std::vector<float> rows(numbers.size() * 2);
  (*made)->encode_numbers(0, numbers, rows.data(), of_column);
  EXPECT_EQ(of_column.beyond_floats, 2);
  for (const double x : numbers) {
    (*made)->encode(0, {.kind = Cell::Kind::Number, .number = x}, of_cells);
    (*made)->encode(0, {.kind = Cell::Kind::Text, .text = fmt::format("{}", x)}, of_cells);
  }
  EXPECT_EQ(of_cells.beyond_floats, 4);
}

TEST(predictor, predicts_after_link_and_calibration) {
  Package p = package();
  const std::vector<float> rows = {0, 0, 1, 1};
  std::vector<double> scores(2);
  auto made = Predictor::make(p, model_text());
  ASSERT_TRUE(made) << made.error().message;
  (*made)->predict(rows, scores);
  EXPECT_EQ(scores[0], double{1.0F / (std::exp(2.0F) + 1.0F)});
  EXPECT_EQ(scores[1], double{1.0F / (std::exp(-2.0F) + 1.0F)});
  const double raw = scores[1];
  p.calibration = {.kind = "isotonic", .x = {0, 1}, .y = {0.25, 0.5}};
  made = Predictor::make(p, model_text());
  ASSERT_TRUE(made);
  (*made)->predict(rows, scores);
  EXPECT_DOUBLE_EQ(scores[1], 0.25 + 0.25 * raw);
  p.calibration = {.kind = "platt", .a = -1, .b = 0};  // the identity
  made = Predictor::make(p, model_text());
  ASSERT_TRUE(made);
  (*made)->predict(rows, scores);
  EXPECT_NEAR(scores[1], raw, 1e-12);
}

TEST(predictor, refuses_a_model_file_of_another_package) {
  const auto refused = [](Package p, const std::string& bytes) {
    const auto made = Predictor::make(std::move(p), bytes);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, "package.mismatch") << made.error().message;
  };
  Package p = package();
  p.features.pop_back();
  refused(p, model_text());
  p = package();
  p.features[0].name = "z";
  refused(p, model_text());
  refused(package(), model_text(false));
  p = package();
  p.task = Task::Multiclass;
  refused(p, model_text());
}

TEST(predictor, is_loaded_through_a_reader_of_objects) {
  Package p = package();
  p.files = {{"model.ubj", "m1"}};
  std::map<std::string, std::string> objects{{"p1", tidemill::to_text(to_json(p))}, {"m1", model_text()}};
  const auto read = [&](const std::string& object) -> Result<std::string> {
    const auto found = objects.find(object);
    if (found == objects.end()) return data_error("test.missing", object);
    return found->second;
  };
  const auto loaded = load_predictor("p1", read);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(to_json((*loaded)->package()), to_json(p));
  const auto code_of = [&](const std::string& manifest) {
    const auto refused = load_predictor(manifest, read);
    return refused ? std::string("none") : refused.error().code;
  };
  EXPECT_EQ(code_of("p2"), "test.missing");
  p.files = {{"model.ubj", "m2"}};
  objects["p2"] = tidemill::to_text(to_json(p));
  EXPECT_EQ(code_of("p2"), "test.missing");
  p.files.clear();
  objects["p2"] = tidemill::to_text(to_json(p));
  EXPECT_EQ(code_of("p2"), "package.no_model");
  objects["p2"] = "{}";
  EXPECT_EQ(code_of("p2"), "package.invalid");
}

TEST(category_text, writes_whole_numbers_without_a_point) {
  EXPECT_EQ(category_text(12), "12");
  EXPECT_EQ(category_text(-0.0), "0");
  EXPECT_EQ(category_text(0.1), "0.1");
  EXPECT_EQ(category_text(1e300), "1e+300");
}

}  // namespace
}  // namespace tidemill::forest
