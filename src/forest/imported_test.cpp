// A model that was trained elsewhere: what its package says, and that the package predicts what its trainer
// does.
#include "forest/imported.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/file.hpp"

namespace tidemill::forest {
namespace {

std::string testdata(const std::string& name) {
  const auto bytes = read_file(Path(TIDEMILL_ROOT) / "src/forest/testdata" / name);
  return bytes ? *bytes : std::string();
}
Result<Package> imported(const std::string& bytes, std::map<std::string, std::string> types = {}) {
  return imported_package({"late", {"id"}, "is_late", std::move(types)}, bytes);
}
std::string with_pandas(const std::string& levels) {
  std::string text = testdata("lightgbm_sigmoid.txt");
  const std::string null = "pandas_categorical:null";
  return text.replace(text.find(null), null.size(), "pandas_categorical:" + levels);
}

TEST(imported_package, takes_task_and_signature_from_the_file) {
  const auto package = imported(testdata("lightgbm_sigmoid.txt"), {{"zeros", "BIGINT"}});
  ASSERT_TRUE(package) << package.error().message;
  EXPECT_EQ(package->task, Task::Binary);
  EXPECT_EQ(package->key, (std::vector<std::string>{"id"}));
  ASSERT_EQ(package->features.size(), 4U);
  EXPECT_EQ(package->features[3].name, "few_codes");
  EXPECT_EQ(package->features[2].sql_type, "BIGINT");
  EXPECT_EQ(package->features[3].sql_type, "DOUBLE");
  EXPECT_FALSE(package->features[3].category) << "its codes are numbers: nobody knows their names";
  EXPECT_EQ(package->provenance["library"], "lightgbm");
  EXPECT_EQ(imported(testdata("lightgbm_tweedie.txt"))->task, Task::Regression);
  for (const std::string name : {"lightgbm_softmax.txt", "lightgbm_one_against_all.txt", "classes.ubj"}) {
    const auto classes = imported(testdata(name));
    ASSERT_TRUE(classes) << name << ": " << classes.error().message;
    EXPECT_EQ(classes->task, Task::Multiclass) << name;
    EXPECT_EQ(classes->classes, (std::vector<std::string>{"0", "1", "2"})) << name;
    EXPECT_TRUE(Predictor::make(*classes, testdata(name))) << name;
  }
  EXPECT_EQ(imported(testdata("binary.ubj"))->features[1].name, "f1") << "XGBoost's own name for it";
  EXPECT_EQ(file_name_of(testdata("lightgbm_sigmoid.txt")), "model.txt");
  EXPECT_EQ(file_name_of(testdata("binary.ubj")), "model.ubj");
  EXPECT_EQ(file_name_of(testdata("binary.json")), "model.json");
}

TEST(imported_package, names_the_codes_of_pandas_categories_in_their_order) {
  const std::string bytes = with_pandas(R"([[3, 1.5, true], ["red", "blue", "green"]])");
  const auto package = imported(bytes);
  ASSERT_TRUE(package) << package.error().message;
  EXPECT_EQ(package->features[1].levels, (std::vector<std::string>{"3", "1.5", "true"}));
  EXPECT_EQ(package->features[3].levels, (std::vector<std::string>{"red", "blue", "green"}));
  const auto predictor = Predictor::make(*package, bytes);
  ASSERT_TRUE(predictor) << predictor.error().message;
  InputCounts counts;
  EXPECT_EQ((*predictor)->encode(3, {.kind = Cell::Kind::Text, .text = "blue"}, counts), 1);
  EXPECT_EQ((*predictor)->encode(1, {.kind = Cell::Kind::Number, .number = 1.5}, counts), 1);
  EXPECT_TRUE(std::isnan((*predictor)->encode(3, {.kind = Cell::Kind::Text, .text = "mauve"}, counts)));
  EXPECT_EQ(counts.unseen_categories, 1);
}

TEST(imported_package, refuses_what_it_cannot_name) {
  const auto refused = [](const std::string& bytes, const std::string& code) {
    const auto package = imported(bytes);
    ASSERT_FALSE(package) << code;
    EXPECT_EQ(package.error().code, code) << package.error().message;
  };
  refused(testdata("two_targets.ubj"), "forest.outputs");
  refused(with_pandas(R"([["red"]])"), "forest.categories");
  refused(with_pandas(R"([["red", "red"], ["a"]])"), "package.invalid");
  refused(with_pandas("{}"), "forest.invalid");
  refused("nothing", "forest.format");
  std::string twice = testdata("lightgbm_sigmoid.txt");
  twice.replace(twice.find("many_codes"), 10, "zeros");
  refused(twice, "package.invalid");
}

TEST(predictor, predicts_lightgbms_doubles_as_it_does) {
  for (const std::string name : {"sigmoid", "forest", "tweedie", "softmax"}) {
    const std::string bytes = testdata("lightgbm_" + name + ".txt");
    const auto package = imported(bytes);
    ASSERT_TRUE(package) << package.error().message;
    const auto predictor = Predictor::make(*package, bytes);
    ASSERT_TRUE(predictor) << predictor.error().message;
    const auto expected = parse_json(testdata("lightgbm_" + name + ".expected.json"));
    ASSERT_TRUE(expected);
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    std::vector<double> rows;
    InputCounts counts;
    for (const Json& value : (*expected)["rows"]) {
      Cell cell{.kind = value.is_null() ? Cell::Kind::Missing : Cell::Kind::Number};
      if (value.is_number()) cell.number = value.get<double>();
      if (value.is_string()) cell.number = value == "inf" ? kInfinity : -kInfinity;
      rows.push_back((*predictor)->encode(rows.size() % 4, cell, counts));
    }
    std::vector<double> scores((*expected)["predictions"].size());
    (*predictor)->predict(rows, scores);
    for (size_t i = 0; i < scores.size(); ++i)
      ASSERT_EQ(std::bit_cast<uint64_t>(scores[i]),
                std::bit_cast<uint64_t>((*expected)["predictions"][i].get<double>()))
          << name << " " << i;
  }
}

}  // namespace
}  // namespace tidemill::forest
