#include "registry/registry_test_support.hpp"

#include "base/secret.hpp"

namespace tidemill::registry {
namespace {

StepRecord step_of(const std::string& run, const std::string& step, const std::string& key,
                   StepStatus status = StepStatus::Done) {
  StepRecord record;
  record.run = run;
  record.step = step;
  record.key = key;
  record.status = status;
  return record;
}

TEST(Runs, a_step_comes_back_as_it_was_recorded) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  StepRecord step = step_of("run1", "transform:features", "key", StepStatus::Failed);
  step.key_parts = {{"sql", "SELECT 1"}, {"inputs", {{"flights", "h1"}}}};
  step.report = {{"rows", 12}, {"seconds", 0.25}};
  step.error = Json{{"code", "check.not_null"}};
  step.started_at = {5};
  step.ended_at = {9};
  must(registry->record_step(step));
  const StepRecord back = must(registry->last_step("transform:features")).value();
  EXPECT_EQ(back.run, "run1");
  EXPECT_EQ(back.status, StepStatus::Failed);
  EXPECT_EQ(back.key_parts, step.key_parts);
  EXPECT_EQ(back.report, step.report);
  EXPECT_EQ(back.error, step.error);
  EXPECT_EQ(back.started_at, step.started_at);
  EXPECT_EQ(back.ended_at, step.ended_at);
  EXPECT_FALSE(back.table || back.version);
  EXPECT_FALSE(must(registry->find_output("transform:features", "key")));
}

TEST(Runs, the_newest_record_of_a_step_is_its_last) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  TestHome::begin(*registry, "run2");
  must(registry->record_step(step_of("run1", "export:out", "a")));
  must(registry->record_step(step_of("run2", "export:out", "b", StepStatus::Blocked)));
  EXPECT_EQ(must(registry->last_step("export:out"))->status, StepStatus::Blocked);
  EXPECT_EQ(must(registry->last_step("export:out"))->run, "run2");
  EXPECT_FALSE(must(registry->last_step("export:other")));
}

TEST(Runs, a_step_without_a_key_is_never_found_again) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  TestHome::add_table(*registry, "run1", {"now", "", "x"});
  EXPECT_TRUE(must(registry->all_outputs()).empty());
}

TEST(Runs, an_export_is_up_to_date_only_for_what_it_wrote_last) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  must(registry->record_step(step_of("run1", "export:out", "a")));
  must(registry->record_step(step_of("run1", "export:out", "b")));
  EXPECT_FALSE(must(registry->find_output("export:out", "a")));
  EXPECT_TRUE(must(registry->find_output("export:out", "b")));
}

TEST(Runs, an_up_to_date_step_refers_to_the_table_it_found) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  const Table made = TestHome::add_table(*registry, "run1", {"flights", "k", "x"});
  TestHome::begin(*registry, "run2");
  StepRecord step = step_of("run2", "source:flights", "k", StepStatus::UpToDate);
  step.table = made;
  EXPECT_EQ(must(registry->record_step(step)).table->id, made.id);
  EXPECT_EQ(must(registry->steps("run2")).at(0).table->run, "run1");
  EXPECT_EQ(must(registry->table_history("flights")).size(), 1u);
}

TEST(Runs, a_table_needs_an_object_that_is_there) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  StepRecord step = step_of("run1", "source:flights", "k");
  step.table = Table{0, "flights", std::string(64, 'a')};
  EXPECT_EQ(code_of(registry->record_step(step)), "registry.object_missing");
  EXPECT_TRUE(must(registry->steps("run1")).empty());
}

TEST(Runs, nothing_is_recorded_for_a_run_that_is_unknown_or_over) {
  TestHome home;
  const auto registry = home.open();
  EXPECT_EQ(code_of(registry->record_step(step_of("run1", "export:out", "a"))), "registry.unknown_run");
  TestHome::begin(*registry, "run1");
  must(registry->end_run({"run1", "done"}));
  EXPECT_EQ(code_of(registry->record_step(step_of("run1", "export:out", "a"))), "registry.run_ended");
  EXPECT_EQ(code_of(registry->end_run({"run1", "done"})), "registry.run_ended");
}

TEST(Runs, an_id_is_used_once_and_is_no_path) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  registry::Run run;
  run.id = "run1";
  EXPECT_EQ(code_of(registry->begin_run(run)), "registry.run_exists");
  for (const std::string id : {"", "../x", "a/b", "a b", ".."}) {
    run.id = id;
    EXPECT_FALSE(registry->begin_run(run)) << id;
  }
}

TEST(Runs, are_listed_newest_first) {
  TestHome home;
  const auto registry = home.open();
  for (const std::string id : {"b", "a", "c"}) {
    TestHome::begin(*registry, id);
    home.clock->at.micros += 1'000'000;
  }
  must(registry->end_run({"a", "failed", {{"steps", 3}}}));
  const auto runs = must(registry->runs(2));
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].id, "c");
  EXPECT_EQ(runs[1].id, "a");
  EXPECT_EQ(runs[1].status, "failed");
  EXPECT_EQ(runs[1].report, (Json{{"steps", 3}}));
  EXPECT_EQ(runs[1].ended_at, home.clock->at);
  EXPECT_FALSE(must(registry->run("nobody")));
}

TEST(Runs, a_secret_never_reaches_a_row) {
  register_secret("hunter2\"quoted");
  register_secret("31415926");
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  StepRecord step = step_of("run1", "source:ops", "k", StepStatus::Failed);
  step.error = Json{{"message", "login with hunter2\"quoted refused"}};
  step.report = {{"rows", 31415926}, {"dsn", "pw=31415926"}};
  must(registry->record_step(step));
  const StepRecord back = must(registry->last_step("source:ops")).value();
  EXPECT_EQ((*back.error)["message"], "login with [secret] refused");
  EXPECT_EQ(back.report["rows"], 31415926);  // a number that happens to look like it
  EXPECT_EQ(back.report["dsn"], "pw=[secret]");
}

TEST(Runs, columns_of_every_name_come_back) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  StepRecord step = step_of("run1", "source:t", "k");
  step.table = Table{0, "t", must(registry->put_bytes("x"))};
  step.table->columns = {{"", ""},
                         {"a,b", "DECIMAL(18,3)"},
                         {"]", "STRUCT(\"a\" INTEGER)[]"},
                         {"back\\slash", "ENUM('x', 'y')"},
                         {"größe\n", "VARCHAR"}};
  const Table made = *must(registry->record_step(step)).table;
  EXPECT_EQ(must(registry->table(made.id))->columns, step.table->columns);
  step.table->columns.clear();
  EXPECT_TRUE(must(registry->table(must(registry->record_step(step)).table->id))->columns.empty());
}

TEST(Series, memos_and_metrics_come_back) {
  TestHome home;
  const auto registry = home.open();
  must(registry->set_memos("binding", {{"a", "1"}, {"b", "2"}}));
  must(registry->set_memos("binding", {{"b", "3"}}));
  must(registry->set_memos("file", {{"a", "9"}}));
  EXPECT_EQ(must(registry->memos("binding")), (std::map<std::string, std::string>{{"a", "1"}, {"b", "3"}}));
  EXPECT_EQ(must(registry->memo("file", "a")), "9");
  EXPECT_EQ(must(registry->memo("file", "z")), std::nullopt);
  for (int day = 5; day > 0; --day) must(registry->add_metric("flights", "rows", {{day}, "run", day * 10.0}));
  const auto points = must(registry->metric_history("flights", "rows", 3));
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points[0].value, 30);  // the newest three, oldest first
  EXPECT_EQ(points[2].value, 50);
  EXPECT_EQ(code_of(registry->add_metric("flights", "rows", {{1}, "run", std::nan("")})),
            "registry.not_finite");
}

}  // namespace
}  // namespace tidemill::registry
