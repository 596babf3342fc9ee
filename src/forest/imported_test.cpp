// A model that was trained elsewhere: what its package says, and that the package predicts what its trainer
// does.
#include "forest/imported.hpp"

#include <algorithm>
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

TEST(imported_package, says_on_which_line_the_names_of_categories_are_cut) {
  const std::string whole = with_pandas(R"([["red", "blue", "green"]])");
  const std::string_view before = std::string_view(whole).substr(0, whole.find("pandas_categorical:"));
  const auto line = static_cast<int>(1 + std::count(before.begin(), before.end(), '\n'));
  for (const std::string_view end : {"[[\"red\"", "lue\", \"gr", "]]\n"}) {
    const auto cut = imported(whole.substr(0, whole.find(end)));
    ASSERT_FALSE(cut) << end;
    EXPECT_NE(cut.error().message.find("cut within 'pandas_categorical'"), std::string::npos)
        << cut.error().message;
    EXPECT_EQ(cut.error().where.line, line);
  }
  const auto wrong = imported(with_pandas(R"([["red" "blue"]])"));
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("'pandas_categorical' is not valid JSON: "), std::string::npos)
      << wrong.error().message;
  EXPECT_EQ(wrong.error().where.line, line);
}

/// What our predictor makes of the rows that the expected file tells, as XGBoost's floats.
std::vector<double> predictions_of(const Predictor& predictor, const Json& expected) {
  std::vector<double> rows;
  std::vector<std::string> texts;
  InputCounts counts;
  for (const Json& row : expected["rows"])
    for (size_t f = 0; f < row.size(); ++f) {
      Cell cell;
      if (row[f].is_number()) cell = {.kind = Cell::Kind::Number, .number = row[f].get<double>()};
      if (row[f].is_string()) cell = {.kind = Cell::Kind::Text, .text = row[f].get_ref<const std::string&>()};
      rows.push_back(predictor.encode(f, cell, counts));
    }
  EXPECT_EQ(counts.unseen_categories, 0);
  std::vector<double> scores(expected["rows"].size());
  predictor.predict(rows, scores);
  return scores;
}

TEST(imported_package, takes_xgboosts_names_of_categories_and_its_best_rounds) {
  for (const std::string name : {"named", "named_forest"}) {
    const auto expected = *parse_json(testdata(name + ".expected.json"));
    for (const std::string form : {".json", ".ubj"})
      for (const Rounds rounds : {Rounds::Best, Rounds::All}) {
        const std::string bytes = testdata(name + form);
        const auto package = imported_package({"late", {}, {}, {}, rounds}, bytes);
        ASSERT_TRUE(package) << package.error().message;
        EXPECT_EQ(package->features[1].sql_type, "VARCHAR");
        EXPECT_EQ(package->features[1].levels,
                  (std::vector<std::string>{"red", "green", "blue", "dark \"grey\", matt"}));
        EXPECT_EQ(package->features[2].sql_type, "BIGINT");
        EXPECT_EQ(package->features[2].levels, (std::vector<std::string>{"4", "2", "-1", "18"}));
        EXPECT_FALSE(package->features[0].category);
        EXPECT_EQ(package->provenance["rounds_in_file"], expected["rounds"]);
        const bool all = rounds == Rounds::All;
        EXPECT_EQ(*package->rounds,
                  all ? expected["rounds"].get<uint32_t>() : expected["best_round"].get<uint32_t>() + 1);
        const auto predictor = Predictor::make(*package, bytes);
        ASSERT_TRUE(predictor) << predictor.error().message;
        EXPECT_EQ(predictions_of(**predictor, expected),
                  expected[all ? "predictions_of_all_rounds" : "predictions"].get<std::vector<double>>())
            << name << form;
      }
  }
}

TEST(imported_package, a_category_that_xgboost_would_refuse_is_counted_as_refused) {
  const std::string bytes = testdata("named.ubj");
  const auto predictor = Predictor::make(*imported(bytes), bytes);
  ASSERT_TRUE(predictor) << predictor.error().message;
  InputCounts counts;
  EXPECT_TRUE(std::isnan((*predictor)->encode(1, {}, counts)));
  EXPECT_EQ((*predictor)->encode(2, {.kind = Cell::Kind::Number, .number = 18}, counts), 3);
  EXPECT_EQ(counts.refused, 0);
  EXPECT_TRUE(std::isnan((*predictor)->encode(1, {.kind = Cell::Kind::Text, .text = "mauve"}, counts)));
  EXPECT_TRUE(std::isnan((*predictor)->encode(2, {.kind = Cell::Kind::Number, .number = 3}, counts)));
  EXPECT_EQ(counts.refused, 2);
}

TEST(imported_package, broken_names_of_categories_are_refused) {
  const std::string bytes = testdata("named.json");
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& code) {
    std::string text = bytes;  // red, green, blue, …
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    const auto package = imported(text);
    ASSERT_FALSE(package) << to;
    EXPECT_EQ(package.error().code, code) << package.error().message;
  };
  refused("[0,3,8,12,29]", "[0,8,3,12,29]", "forest.invalid");
  refused("[0,3,8,12,29]", "[0,3,8,12,290]", "forest.invalid");
  refused("[0,3,8,12,29]", "[1,3,8,12,29]", "forest.invalid");
  refused("[0,3,8,12,29]", "\"none\"", "forest.invalid");
  refused("[114,101,100", "[1000,101,100", "forest.invalid");
  refused("[114,101,100", "[114,-61,-68", "forest.categories");  // rü
  refused("[4,2,-1,18]", "[4,2,-1.5,18]", "forest.invalid");
  refused("[4,2,-1,18]", "[4,2,2,18]", "package.invalid");
  refused("{\"offsets\":[],\"values\":[]},", "", "forest.invalid");
}

TEST(imported_package, a_best_round_that_the_file_does_not_have_says_nothing) {
  std::string text = testdata("named.json");
  const std::string noted = R"("best_iteration":"5")";
  ASSERT_NE(text.find(noted), std::string::npos);
  text.replace(text.find(noted), noted.size(), R"("best_iteration":"50")");
  EXPECT_EQ(imported(text)->rounds, 10U);
  EXPECT_EQ(imported(testdata("lightgbm_softmax.txt"))->rounds,
            imported(testdata("lightgbm_softmax.txt"))->provenance["rounds_in_file"]);
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
