#include "pipeline/plan.hpp"

#include <random>

#include <fmt/format.h>

#include "pipeline/decide.hpp"
#include "pipeline/project_for_tests.hpp"

namespace tidemill::pipeline {
namespace {

constexpr const char* kShop = R"(
name: shop
sources:
  orders: {path: data/orders.csv}
  customers: {path: data/customers.csv}
exports:
  totals: {path: out/totals.parquet}
)";

void shop(ProjectForTests& project) {
  project.yaml(kShop)
      .file("data/orders.csv", "id,customer,amount\n1,a,10\n2,a,5\n3,b,7\n")
      .file("data/customers.csv", "customer,city\na,Rome\nb,Oslo\n")
      .sql("joined", "SELECT o.*, c.city FROM orders o JOIN customers c USING (customer)")
      .sql("totals", "SELECT city, sum(amount) AS amount FROM joined GROUP BY ALL");
}

std::string codes(const Errors& errors) {
  std::string out;
  for (const Error& error : errors) out += (out.empty() ? "" : ", ") + error.code;
  return out;
}

TEST(Plan, prints_a_project_never_run) {
  ProjectForTests project;
  shop(project);
  const Plan plan = project.plan();
  EXPECT_EQ(
      states(plan),
      "source:customers will_run, source:orders will_run, transform:joined depends_on, transform:totals "
      "depends_on, export:totals depends_on");
  Json json = to_json(plan);
  ASSERT_EQ(json["steps"].size(), 5U);
  json["steps"][1]["key"] = "…";
  EXPECT_EQ(
      json["steps"][1],
      Json::parse(
          R"({"step": "source:orders", "kind": "source", "name": "orders", "state": "will_run", "reason": "never made",
    "needs": [], "key": "…", "columns": [{"name": "id", "type": "BIGINT"}, {"name": "customer", "type": "VARCHAR"}, {"name": "amount", "type": "BIGINT"}]})"));
  EXPECT_EQ(
      json["steps"][2],
      Json::parse(
          R"({"step": "transform:joined", "kind": "transform", "name": "joined", "state": "depends_on", "reason": "depends on source:customers",
    "needs": ["source:customers", "source:orders"], "key": null, "columns": [{"name": "id", "type": "BIGINT"}, {"name": "customer", "type": "VARCHAR"},
    {"name": "amount", "type": "BIGINT"}, {"name": "city", "type": "VARCHAR"}]})"));
}

TEST(Plan, is_the_same_byte_for_byte_each_time_also_in_a_new_process) {
  ProjectForTests project;
  shop(project);
  const std::string first = tidemill::to_text(to_json(project.plan()));
  EXPECT_EQ(tidemill::to_text(to_json(project.plan())), first);
  project.restart();
  EXPECT_EQ(tidemill::to_text(to_json(project.plan())), first);
}

TEST(Plan, reports_all_mistakes_at_once_each_with_its_place) {
  ProjectForTests project;
  shop(project);
  project.sql("a", "SELECT * FROM ordres")
      .sql("b", "SELECT idd\nFROM orders")
      .sql("c", "SELECT 1 AS one FROM d")
      .sql("d", "SELECT 1 AS one FROM c");
  const Errors errors = project.plan_errors();
  const std::string all = ProjectForTests::texts(errors);
  EXPECT_EQ(errors.size(), 3U) << all;
  EXPECT_NE(all.find("there is no table 'ordres'"), std::string::npos) << all;
  EXPECT_NE(all.find("did you mean 'orders'?"), std::string::npos) << all;
  EXPECT_NE(all.find("transforms/b.sql:1:8"), std::string::npos) << all;
  EXPECT_NE(all.find("c → d → c"), std::string::npos) << all;
}

TEST(Plan, a_transform_that_reads_itself_is_a_cycle) {
  ProjectForTests project;
  shop(project);
  project.sql("loop", "SELECT * FROM loop");
  const Errors errors = project.plan_errors();
  ASSERT_EQ(codes(errors), "plan.cycle");
  EXPECT_NE(errors[0].message.find("loop → loop"), std::string::npos);
}

TEST(Plan, a_broken_transform_is_reported_once_not_for_each_reader) {
  ProjectForTests project;
  shop(project);
  project.sql("joined", "SELECT nothing FROM orders");
  EXPECT_EQ(project.plan_errors().size(), 1U) << ProjectForTests::texts(project.plan_errors());
}

TEST(Plan, names_of_columns_in_the_project_file_are_checked) {
  ProjectForTests project;
  shop(project);
  project.yaml(R"(
name: shop
sources:
  orders: {path: data/orders.csv, key: idd, columns: {customer: {checks: [{relationships: customers.name}]}}}
  customers: {path: data/customers.csv}
models:
  big: {from: joined, key: id, target: amout}
)");
  const Errors errors = project.plan_errors();
  const std::string all = ProjectForTests::texts(errors);
  EXPECT_EQ(codes(errors), "plan.unknown_column, plan.unknown_column, plan.unknown_column") << all;
  EXPECT_NE(all.find("did you mean 'amount'?"), std::string::npos) << all;
  EXPECT_NE(all.find("customers has no column 'name'"), std::string::npos) << all;
}

TEST(Plan, names_of_columns_in_logs_and_monitors_are_checked) {
  ProjectForTests project;
  shop(project);
  const auto with = [&](const std::string& rules, const std::string& watched) {
    project.yaml(std::string(kShop) + "models:\n  big: {from: joined, key: id, target: amount}\n" +
                 "deployments:\n  big: {model: big, log: {columns: {" + rules + "}}}\n" +
                 "monitors:\n  big:\n    - {drift: psi, columns: [" + watched + "], fail: 0.2}\n");
    return project.plan_errors();
  };
  EXPECT_EQ(codes(with("id: keep, city: drop, \"*\": hash", "\"*\", score, City")), "");
  const Errors errors = with("cty: drop, id: keep", "custmer, score");
  const std::string all = ProjectForTests::texts(errors);
  ASSERT_EQ(codes(errors), "plan.unknown_column, plan.unknown_column") << all;
  EXPECT_EQ(errors[0].message, "no log of model big has the column 'cty', so the rule protects nothing");
  EXPECT_EQ(errors[0].hint, "did you mean 'city'?");
  EXPECT_EQ(errors[0].where.what, "deployment big, log, columns");
  EXPECT_EQ(errors[1].message, "model big has no feature 'custmer' to watch");
  EXPECT_EQ(errors[1].hint, "did you mean 'customer'?");
  EXPECT_GT(errors[1].where.line, errors[0].where.line);
  EXPECT_EQ(codes(with("City: drop", "id")), "plan.unknown_column, plan.unknown_column")
      << "the log calls it city, and does not keep the key as a feature";
}

TEST(Plan, slices_of_monitors_are_columns_that_the_log_has) {
  ProjectForTests project;
  shop(project);
  const auto with = [&](const std::string& slices) {
    project.yaml(std::string(kShop) + "models:\n  big: {from: joined, key: id, target: amount}\n" +
                 "deployments:\n  big: {model: big, log: {}}\n" +
                 "monitors:\n  big:\n    - {quality: missing, slices: [" + slices + "], fail: 1%}\n");
    return project.plan_errors();
  };
  EXPECT_EQ(codes(with("City, prediction, version")), "");
  const Errors errors = with("city, custmer");
  ASSERT_EQ(codes(errors), "plan.unknown_column") << ProjectForTests::texts(errors);
  EXPECT_EQ(errors[0].message, "the log of model big has no column 'custmer' to slice by");
  EXPECT_EQ(errors[0].hint, "did you mean 'customer'?");
  EXPECT_TRUE(errors[0].where.what.ends_with(", slices")) << errors[0].where.what;
  EXPECT_EQ(codes(with("id")), "plan.unknown_column") << "the log has the key in one column, `key`";
}

TEST(Plan, a_where_that_names_no_column_is_found_before_anything_runs) {
  ProjectForTests project;
  shop(project);
  project.yaml(std::string(kShop) +
               "models:\n  big: {from: joined, key: id, target: amount, where: amont > 3}\n");
  const Errors errors = project.plan_errors();
  ASSERT_EQ(errors.size(), 1U) << ProjectForTests::texts(errors);
  EXPECT_EQ(errors[0].where.what, "model big, where");
}

TEST(Plan, an_as_of_that_is_a_word_of_sql_is_named_at_its_line_with_the_quotes_that_it_needs) {
  ProjectForTests project;
  shop(project);
  project.sql("joined", "SELECT *, DATE '2024-01-01' AS \"at\" FROM orders JOIN customers USING (customer)");
  const auto with = [&](const std::string& as_of) {
    project.yaml(std::string(kShop) + "models:\n  big:\n    from: joined\n    key: id\n    target: amount\n" +
                 "    as_of: " + as_of + "\n    where: amount > 3\n    features: {include: [city]}\n");
    return project.plan_errors();
  };
  const Errors errors = with("at");
  ASSERT_EQ(codes(errors), "sql.syntax") << ProjectForTests::texts(errors);
  EXPECT_EQ(errors[0].where.what, "model big, as_of");
  EXPECT_EQ(errors[0].where.line, 13);
  EXPECT_EQ(errors[0].hint, "at is a word of SQL: as a column it stands in quotes, as_of: '\"at\"'");
  EXPECT_EQ(codes(with("'\"at\"'")), "");
  const Errors others = with("amount +");
  ASSERT_EQ(codes(others), "sql.syntax") << ProjectForTests::texts(others);
  EXPECT_EQ(others[0].hint, "");
}

TEST(Plan, a_source_that_was_never_read_and_has_no_files_is_an_error) {
  ProjectForTests project;
  shop(project);
  project.remove("data/orders.csv");
  EXPECT_EQ(codes(project.plan_errors()), "source.no_files") << ProjectForTests::texts(project.plan_errors());
}

TEST(Plan, selects_and_says_what_a_selected_step_misses) {
  ProjectForTests project;
  shop(project);
  EXPECT_EQ(codes(project.plan_errors({"totals"})), "plan.missing_input");
  EXPECT_EQ(codes(project.plan_errors({"totls"})), "usage.selector");
  EXPECT_EQ(states(project.plan({"orders"})),
            "source:customers not_selected, source:orders will_run, transform:joined not_selected, "
            "transform:totals not_selected, export:totals not_selected");
}

class KeyOfTotals : public ::testing::Test {
 protected:
  void SetUp() override {
    shop(project_);
    project_.run();
    ASSERT_EQ(project_.plan().find("transform:totals")->state, StepState::UpToDate);
    key_ = project_.plan().find("transform:joined")->key;
  }
  std::string key() { return project_.plan().find("transform:joined")->key; }
  ProjectForTests project_;
  std::string key_;
};

TEST_F(KeyOfTotals, stays_when_comments_and_white_space_change) {
  project_.sql("joined",
               "-- who bought\nSELECT o.*,   c.city /* where */\n  FROM orders o\n  JOIN customers c USING "
               "(customer)\n");
  EXPECT_EQ(key(), key_);
}

TEST_F(KeyOfTotals, changes_with_the_sql) {
  project_.sql("joined", "SELECT o.*, c.city FROM orders o LEFT JOIN customers c USING (customer)");
  EXPECT_NE(key(), key_);
  EXPECT_EQ(project_.plan().find("transform:joined")->reason, "joined.sql changed");
  EXPECT_EQ(project_.plan().find("transform:totals")->reason, "depends on transform:joined");
}

TEST_F(KeyOfTotals, changes_with_the_time_zone) {
  project_.yaml(std::string("timezone: Asia/Tokyo") + kShop);
  const Plan plan = project_.plan();
  EXPECT_EQ(plan.find("source:orders")->reason, "the time zone is Asia/Tokyo, was UTC");
}

TEST_F(KeyOfTotals, changes_with_a_check_and_the_reason_says_so) {
  project_.yaml(std::string(kShop) + "transforms:\n  joined: {checks: [{row_count: {min: 1}}]}\n");
  EXPECT_NE(key(), key_);
  EXPECT_EQ(project_.plan().find("transform:joined")->reason, "its declaration changed: checks");
}

TEST_F(KeyOfTotals, a_table_called_like_no_sql_case_is_found_whatever_its_case) {
  project_.sql("joined", "SELECT o.*, c.city FROM Orders o JOIN CUSTOMERS c USING (customer)");
  EXPECT_EQ(project_.plan().find("transform:joined")->needs,
            (std::vector<std::string>{"source:customers", "source:orders"}));
}

TEST_F(KeyOfTotals, a_touched_file_with_the_same_bytes_is_no_change) {
  project_.file("data/orders.csv", "id,customer,amount\n1,a,10\n2,a,5\n3,b,7\n");
  EXPECT_EQ(states(project_.plan()).find("will_run"), std::string::npos);
}

TEST_F(KeyOfTotals, an_exported_file_that_is_gone_is_made_again) {
  project_.remove("out/totals.parquet");
  const Plan plan = project_.plan();
  EXPECT_EQ(plan.find("export:totals")->state, StepState::WillRun);
  EXPECT_EQ(plan.find("export:totals")->reason, "out/totals.parquet is not there");
}

TEST_F(KeyOfTotals, force_runs_what_is_up_to_date) {
  project_.force = true;
  EXPECT_EQ(states(project_.plan({"joined"})),
            "source:customers not_selected, source:orders not_selected, transform:joined will_run, "
            "transform:totals not_selected, export:totals not_selected");
}

TEST(Plan, what_is_never_the_same_is_never_cached_and_the_plan_says_why) {
  ProjectForTests project;
  shop(project);
  project.sql("joined", "SELECT *, now() AS made_at FROM orders");
  project.sql("totals", "SELECT count(*) AS n FROM joined");
  project.run();
  const Plan plan = project.plan();
  EXPECT_EQ(plan.find("transform:joined")->state, StepState::WillRun);
  EXPECT_NE(plan.find("transform:joined")->reason.find("now()"), std::string::npos)
      << plan.find("transform:joined")->reason;
  EXPECT_EQ(plan.find("transform:totals")->state, StepState::DependsOn);
}

TEST(Plan, reads_tables_that_checks_compare_with) {
  ProjectForTests project;
  shop(project);
  project.yaml(R"(
name: shop
sources:
  orders: {path: data/orders.csv, columns: {customer: {checks: [{relationships: customers.customer}]}}}
  customers: {path: data/customers.csv}
transforms:
  joined: {checks: [{sql: "SELECT * FROM orders WHERE amount < 0"}, {expression: amount > 0}]}
)");
  const Plan plan = project.plan();
  EXPECT_EQ(plan.find("source:orders")->needs, std::vector<std::string>{"source:customers"});
  EXPECT_EQ(plan.find("transform:joined")->needs,
            (std::vector<std::string>{"source:customers", "source:orders"}));
}

TEST(Plan, tables_that_compare_with_each_other_are_a_cycle) {
  ProjectForTests project;
  shop(project);
  project.yaml(R"(
name: shop
sources:
  orders: {path: data/orders.csv, checks: [{compare: {table: joined}}]}
  customers: {path: data/customers.csv}
)");
  const Errors errors = project.plan_errors();
  ASSERT_EQ(codes(errors), "plan.cycle") << ProjectForTests::texts(errors);
  EXPECT_NE(errors[0].message.find("source:orders → transform:joined → source:orders"), std::string::npos)
      << errors[0].message;
}

TEST(Plan, secrets_are_in_keys_by_name_only) {
  ::setenv("TIDEMILL_TEST_TOKEN", "confidential", 1);
  ProjectForTests project;
  project
      .yaml(
          "name: shop\nparameters: {token: \"${env:TIDEMILL_TEST_TOKEN}\"}\nsources: {orders: {path: "
          "orders.csv}}\n")
      .file("orders.csv", "id\n1\n")
      .sql("signed", "SELECT id, getvariable('token') AS token FROM orders");
  const Plan plan = project.plan();
  const Json& parts = plan.find("transform:signed")->key_parts;
  EXPECT_TRUE(parts.contains("parameters"));
  EXPECT_EQ(tidemill::to_text(parts).find("confidential"), std::string::npos) << parts;
}

TEST(Plan, is_idempotent_over_random_projects) {
  constexpr int kProjects = 10;  // each is run
  for (int round = 0; round < kProjects; ++round) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    ProjectForTests project;
    shop(project);
    std::vector<std::string> tables{"orders", "customers"};
    for (int i = 0, count = 1 + static_cast<int>(random() % 5); i < count; ++i) {
      const std::string a = tables[random() % tables.size()], b = tables[random() % tables.size()];
      project.sql(fmt::format("t{}", i),
                  fmt::format("SELECT a.customer, count(*) AS n FROM {} a, {} b GROUP BY ALL", a, b));
      tables.push_back(fmt::format("t{}", i));
    }
    const std::string before = tidemill::to_text(to_json(project.plan()));
    EXPECT_EQ(tidemill::to_text(to_json(project.plan())), before);
    ASSERT_EQ(project.run().exit_code, 0);
    for (const PlannedStep& step : project.plan().steps)
      EXPECT_EQ(step.state, StepState::UpToDate) << step.id << ": " << step.reason;
  }
}

}  // namespace
}  // namespace tidemill::pipeline
