#include "app/draft.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "app/draft_names.hpp"
#include "app/yaml_text.hpp"
#include "engine/names.hpp"
#include "engine/scratch_for_tests.hpp"
#include "project/load.hpp"
#include "project/scalar.hpp"
#include "project/yaml.hpp"

namespace tidemill::app {

namespace {

std::string text_of(const Errors& errors) {
  std::string text;
  for (const Error& error : errors) text += to_text(error) + "\n";
  return text;
}

ColumnFacts column(std::string name, std::string type, int64_t nulls, int64_t distinct) {
  return {.column = {std::move(name), std::move(type)}, .nulls = nulls, .distinct = distinct};
}

DataFacts customers(const std::string& target, int64_t nulls) {
  return {.table = "customers",
          .path = "customers.csv",
          .rows = 1000,
          .contents = 1000,
          .columns = {column("id", "BIGINT", 0, 1000), column("spend", "DOUBLE", 0, 900),
                      column(target, "BOOLEAN", nulls, 2)}};
}

/// Words that a project file, SQL or YAML might take for something else, and any characters at all.
rc::Gen<std::string> odd_text() {
  using namespace rc;
  const auto words = gen::element<std::string>(
      "Churned", "Left?", "has left", "zurück", "Übersicht", "2nd", "1", "null", "~", "true", "select",
      "pg_x", "main", "a: b", "- a", "#x", "'", "\"", "\\", "{a}", "[a]", "&a", "*a", "%a", "!a", "|", ">",
      "@a", "`", "${env:HOME}", "$${x}", "a\nb", "a\tb", "年", "💶", " ", "x ", ".5", "1e3", "0x1F",
      "features", "2024-01-01", "<<", "row_id", "row_content");
  const auto characters = gen::map(gen::nonEmpty(gen::container<std::string>(gen::inRange<char>(1, 127))),
                                   [](std::string text) { return text.substr(0, 60); });
  return gen::oneOf(words, characters,
                    gen::map(gen::pair(words, words), [](auto two) { return two.first + two.second; }));
}

bool is_blank(const std::string& name) {
  return std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

}  // namespace

RC_GTEST_PROP(Draft, is_read_back_as_it_was_meant, ()) {
  const std::string target = *odd_text(), other = *odd_text(), path = *odd_text();
  RC_PRE(!engine::same_name(target, other) && !is_blank(target) && !is_blank(other));
  DataFacts data = customers(target, *rc::gen::inRange(0, 2));
  data.path = path + ".csv";
  data.columns.push_back(
      column(other, *rc::gen::element<std::string>("DATE", "VARCHAR", "STRUCT(\"a: b\" INTEGER)"), 0, 1000));
  data.columns.back().checks = Json::parse(R"([{"accepted_values": ["yes", "no", "${x}"]}])");
  if (*rc::gen::inRange(0, 2) == 1) data.columns[0].distinct = 7;  // no key
  const auto draft = draft_project("p", data, target);
  RC_ASSERT(draft.has_value());

  const engine::ScratchFolder folder;
  RC_ASSERT(make_folder(folder / "transforms").has_value());
  RC_ASSERT(write_file(folder / "transforms" / "features.sql", draft->transform_sql).has_value());
  const auto project = project::load_text(draft->project_file, folder.path(), {});
  if (!project) RC_FAIL(text_of(project.error()) + draft->project_file);
  RC_ASSERT(project->sources.at("customers").paths == std::vector{data.path});
  RC_ASSERT(project->models.size() == 1U);
  const project::Model& model = project->models.begin()->second;
  RC_ASSERT(model.target == target);
  RC_ASSERT(model.where == (data.columns[2].nulls > 0 ? engine::quote_name(target) + " IS NOT NULL" : ""));
  for (const project::Column& read : project->sources.at("customers").columns)
    if (engine::same_name(read.name, other))
      RC_ASSERT(read.checks.at(0).arguments.at("values") == data.columns[3].checks[0]["accepted_values"]);
}

RC_GTEST_PROP(DraftNames, are_legal_whatever_they_are_made_of, ()) {
  const std::string name = legal_name(*odd_text(), "data");
  RC_ASSERT(project::is_identifier(name));
}

TEST(DraftNames, keep_letters_and_lose_marks) {
  EXPECT_EQ(legal_name("Übersicht 2024", "data"), "ubersicht_2024");
  EXPECT_EQ(legal_name("U\xCC\x88"
                       "bersicht",
                       "data"),
            "ubersicht");  // the mark as a character of its own
  EXPECT_EQ(legal_name("Straße", "data"), "strasse");
  EXPECT_EQ(legal_name("Left?", "data"), "left");
  EXPECT_EQ(legal_name("has left", "data"), "has_left");
  EXPECT_EQ(legal_name("2nd", "data"), "data_2nd");
  EXPECT_EQ(legal_name("顧客", "data"), "data");
  EXPECT_EQ(legal_name("žluťoučký", "data"), "zlutoucky");
}

TEST(Draft, warns_of_a_column_that_is_filled_for_one_outcome_only) {
  DataFacts data = customers("churned", 0);
  data.columns.push_back(column("closed_on", "DATE", 800, 90));
  data.columns.back().when_filled = {.auc = 0.99, .filled = true, .of = "true"};
  const auto draft = draft_project("p", data, "churned");
  ASSERT_TRUE(draft.has_value());
  ASSERT_EQ(draft->warnings.size(), 1U);
  EXPECT_TRUE(
      draft->warnings[0].starts_with("closed_on is filled almost only where churned is true (AUC 0.990)"));
  for (const std::string& note : draft->notes) EXPECT_EQ(note.find("make features of it"), std::string::npos);
}

TEST(Draft, takes_for_a_key_what_names_every_row) {
  DataFacts data = customers("churned", 0);
  data.columns[0] = column("Order No.", "BIGINT", 0, 1000);
  data.columns[1] = column("spend", "DOUBLE", 0, 1000);
  auto draft = draft_project("p", data, "churned");
  ASSERT_TRUE(draft.has_value());
  EXPECT_EQ(draft->notes[0],
            "key: Order No. (unique in all 1000 rows, so it is taken to name the row, not as a feature)");
  EXPECT_NE(draft->project_file.find("    from: features\n    key: \"Order No.\"\n"), std::string::npos)
      << draft->project_file;
  EXPECT_EQ(draft->transform_sql.find("row_id"), std::string::npos);

  data.columns.push_back(column("remark", "VARCHAR", 0, 1000));
  EXPECT_EQ(draft_project("p", data, "churned")->notes[0],
            "key: Order No. (unique in all 1000 rows, the first of 2 such columns)");
  data.columns.push_back(column("order_key", "VARCHAR", 0, 1000));
  EXPECT_EQ(draft_project("p", data, "churned")->notes[0], "key: order_key (unique in all 1000 rows)");

  data = customers("churned", 0);
  data.columns[0] = column("at", "TIMESTAMP", 0, 1000);
  data.columns[1] = column("spend", "DOUBLE", 0, 1000);
  EXPECT_EQ(draft_project("p", data, "churned")->notes[0],
            "key: row_id, made from the row's content, as no column looks like one (whole numbers or texts, "
            "different in every row)");
}

TEST(Draft, keeps_rows_that_are_equal_but_for_the_target_on_one_side_of_the_split) {
  DataFacts data = customers("churned", 0);
  data.columns[0] = column("Row_Content", "DOUBLE", 0, 500);
  data.contents = 500;
  auto draft = draft_project("p", data, "churned");
  ASSERT_TRUE(draft.has_value());
  EXPECT_NE(draft->project_file.find("    split: {group: row_content_, validation: 20%, test: 20%}"),
            std::string::npos)
      << draft->project_file;
  EXPECT_NE(draft->transform_sql.find("* EXCLUDE (\"churned\")))) AS row_content_,\n"), std::string::npos)
      << draft->transform_sql;

  data.contents = 12;  // a few categories: equal rows are no copies, and twelve groups cannot be divided
  draft = draft_project("p", data, "churned");
  EXPECT_NE(draft->project_file.find("    split: {validation: 20%, test: 20%}"), std::string::npos)
      << draft->project_file;
  EXPECT_EQ(draft->transform_sql.find("row_content"), std::string::npos);
}

TEST(Draft, leaves_out_what_is_called_a_key_and_is_unique_but_for_a_few_rows) {
  const auto is_feature = [](const std::string& name, const std::string& type, int64_t distinct) {
    DataFacts data = customers("churned", 0);
    data.columns[0] = column(name, type, 0, distinct);
    const auto draft = draft_project("p", data, "churned");
    return draft && draft->project_file.find("exclude") == std::string::npos;
  };
  for (const char* name : {"id", "customer_id", "customerId", "Order No.", "UUID", "api-key"}) {
    EXPECT_FALSE(is_feature(name, "BIGINT", 950)) << name;
    EXPECT_FALSE(is_feature(name, "VARCHAR", 999)) << name;
    EXPECT_TRUE(is_feature(name, "BIGINT", 949)) << name;
    EXPECT_TRUE(is_feature(name, "DOUBLE", 999)) << name;
  }
  for (const char* name : {"paid", "humid", "monkey", "amount", "42"})
    EXPECT_TRUE(is_feature(name, "BIGINT", 999)) << name;

  DataFacts data = customers("churned", 0);
  data.columns[0].distinct = 990;
  const auto draft = draft_project("p", data, "churned");
  ASSERT_TRUE(draft.has_value());
  EXPECT_EQ(
      draft->notes.back(),
      "not a feature: id looks like a key, though only 990 of 1000 are different (rows that came twice?): "
      "strike it from `exclude` to learn from it");
  EXPECT_NE(draft->project_file.find("        - id  # looks like a key, though only 990 of 1000"),
            std::string::npos)
      << draft->project_file;
}

TEST(Draft, says_the_objective_where_training_would_take_another) {
  const auto drafted = [](const std::string& type, int64_t distinct, double low, double high) {
    DataFacts data = customers("y", 0);
    data.columns[2] = column("y", type, 0, distinct);
    data.columns[2].low = low;
    data.columns[2].high = high;
    const auto draft = draft_project("p", data, "y");
    return draft ? draft->project_file : to_text(draft.error());
  };
  const std::string classes = "train: {objective: multiclass, algorithm: xgboost,",
                    plain = "train: {algorithm:";
  const auto holds = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  holds(drafted("BIGINT", 2, 1, 2), classes);
  holds(drafted("BIGINT", 2, 1, 2), "{metric: accuracy, min: 0.3}");
  holds(drafted("BIGINT", 2, 0, 1), plain);
  holds(drafted("BIGINT", 2, 0, 1), "{metric: roc_auc, min: 0.55}");
  holds(drafted("BOOLEAN", 2, 0, 0), plain);
  holds(drafted("BIGINT", 3, 1, 3), classes);
  holds(drafted("BIGINT", 8, 0, 7), "train: {objective: regression,");
  holds(drafted("DOUBLE", 900, 0, 7), plain);
}

TEST(Draft, says_what_to_do_with_dates_and_numbers_that_came_as_text) {
  DataFacts data = customers("churned", 0);
  data.columns.push_back(column("signup", "VARCHAR", 0, 669));
  data.columns.back().written_as = {"a date written 24.12.2024", "strptime(\"signup\", '%d.%m.%Y')"};
  const auto draft = draft_project("p", data, "churned");
  ASSERT_TRUE(draft.has_value());
  EXPECT_NE(draft->project_file.find("- signup  # is a date written 24.12.2024"), std::string::npos);
}

}  // namespace tidemill::app
