#include "pipeline/run.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "engine/database.hpp"
#include "pipeline/project_for_tests.hpp"

namespace tidemill::pipeline {
namespace {

constexpr const char* kShop =
    "name: shop\nsources:\n  orders: {path: data/orders.csv}\n  customers: {path: data/customers.csv}\n";
constexpr const char* kOrders = "id,customer,amount\n1,a,10\n2,a,5\n3,b,7\n";

void shop(ProjectForTests& project, const std::string& more = "") {
  project.yaml(kShop + more)
      .file("data/orders.csv", kOrders)
      .file("data/customers.csv", "customer,city\na,Rome\nb,Oslo\n")
      .sql("joined", "SELECT o.*, c.city FROM orders o JOIN customers c USING (customer)")
      .sql("totals", "SELECT city, sum(amount) AS amount FROM joined GROUP BY ALL");
}

engine::Rows rows_of(const Path& file, const std::string& select = "*") {
  auto database = engine::Database::open({.threads = 1, .access = engine::DatabaseOptions::Access::Open});
  auto connection = (*database)->connect();
  auto rows = connection->query("SELECT " + select + " FROM '" + file.native() + "' ORDER BY ALL");
  if (!rows) throw std::runtime_error(tidemill::to_text(rows.error()));
  return *std::move(rows);
}

engine::Rows live_rows(ProjectForTests& project, const std::string& table, const std::string& select = "*") {
  return rows_of(
      [&] {
        const auto live = project.registry().live_tables();
        const Path link = project.folder() / (table + ".parquet");
        std::filesystem::copy_file(project.registry().object_path(live->at(table).object), link,
                                   std::filesystem::copy_options::overwrite_existing);
        return link;
      }(),
      select);
}

std::string text_of(const engine::Rows& rows) {
  std::string out;
  for (const auto& row : rows.rows) {
    for (const auto& value : row) out += engine::to_text(value) + ",";
    out += ";";
  }
  return out;
}

TEST(Run, makes_every_table_and_releases_them_together) {
  ProjectForTests project;
  shop(project);
  const RunResult result = project.run();
  EXPECT_EQ(statuses(result),
            "source:customers done, source:orders done, transform:joined done, transform:totals done");
  EXPECT_EQ(result.exit_code, 0);
  ASSERT_TRUE(result.release.has_value());
  EXPECT_EQ(project.registry().releases(1)->front().tables.size(), 4U);
  EXPECT_EQ(text_of(live_rows(project, "totals")), "Oslo,7,;Rome,15,;");
  EXPECT_EQ(outcome(result, "transform:totals").report["rows"], 2);
  EXPECT_EQ(project.registry().run(result.run)->value().status, "done");
}

TEST(Run, a_second_run_does_nothing_and_opens_no_engine) {
  ProjectForTests project;
  shop(project);
  project.run();
  project.restart();
  const RunResult again = project.run();
  EXPECT_EQ(statuses(again),
            "source:customers up_to_date, source:orders up_to_date, transform:joined up_to_date, "
            "transform:totals up_to_date");
  EXPECT_FALSE(again.release.has_value());
  EXPECT_FALSE(std::filesystem::exists(project.registry().run_folder(again.run) / "steps"));
}

TEST(Run, a_changed_input_makes_again_what_it_must_and_no_more) {
  ProjectForTests project;
  shop(project);
  project.sql("cities", "SELECT DISTINCT city FROM customers");
  project.run();
  project.file("data/orders.csv", "id,customer,amount\n1,a,11\n2,a,5\n3,b,7\n");
  const RunResult result = project.run();
  EXPECT_EQ(statuses(result),
            "source:customers up_to_date, source:orders done, transform:cities up_to_date, transform:joined "
            "done, transform:totals done");
  EXPECT_EQ(outcome(result, "source:orders").report["reason"], "its files changed");
  EXPECT_EQ(text_of(live_rows(project, "totals")), "Oslo,7,;Rome,16,;");
}

TEST(Run, a_rebuilt_table_with_the_same_content_leaves_what_is_downstream_up_to_date) {
  ProjectForTests project;
  shop(project);
  project.run();
  project.file("data/orders.csv",
               "id,customer,amount\n3,b,7\n2,a,5\n1,a,10\n");  // other bytes, other order, the same rows
  const RunResult result = project.run();
  EXPECT_EQ(statuses(result),
            "source:customers up_to_date, source:orders done, transform:joined up_to_date, transform:totals "
            "up_to_date");
  EXPECT_EQ(outcome(result, "source:orders").report["same_content"], true);
}

TEST(Run, going_back_to_sql_that_was_run_before_makes_its_table_live_without_running_it) {
  ProjectForTests project;
  shop(project);
  project.run();
  project.sql("totals", "SELECT city, max(amount) AS amount FROM joined GROUP BY ALL");
  project.run();
  EXPECT_EQ(text_of(live_rows(project, "totals")), "Oslo,7,;Rome,10,;");
  project.sql("totals", "SELECT city, sum(amount) AS amount FROM joined GROUP BY ALL");
  const RunResult result = project.run();
  EXPECT_EQ(outcome(result, "transform:totals").status, registry::StepStatus::UpToDate);
  EXPECT_TRUE(result.release.has_value());
  EXPECT_EQ(text_of(live_rows(project, "totals")), "Oslo,7,;Rome,15,;");
}

TEST(Run, a_failed_check_keeps_the_old_snapshot_live_and_blocks_what_is_downstream) {
  ProjectForTests project;
  shop(project, "transforms:\n  joined: {columns: {amount: {checks: [{range: [0, 100]}]}}}\n");
  project.sql("cities", "SELECT DISTINCT city FROM customers");
  ASSERT_EQ(project.run().exit_code, 0);
  project.file("data/orders.csv", "id,customer,amount\n1,a,1000\n")
      .file("data/customers.csv", "customer,city\na,Rome\nb,Bergen\n");
  const RunResult result = project.run();
  EXPECT_EQ(statuses(result),
            "source:customers done, source:orders done, transform:cities done, transform:joined failed, "
            "transform:totals blocked");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(outcome(result, "transform:joined").error->code, "check.range");
  EXPECT_EQ(outcome(result, "transform:totals").report["blocked_by"], "transform:joined");
  EXPECT_EQ(text_of(live_rows(project, "joined", "id, city")), "1,Rome,;2,Rome,;3,Oslo,;")
      << "the old snapshot is live";
  EXPECT_EQ(text_of(live_rows(project, "cities")), "Bergen,;Rome,;") << "the other branch went live";
  EXPECT_EQ(
      text_of(rows_of(project.registry().run_folder(result.run) / "failed" / "joined.parquet", "amount")),
      "1000,;");
  EXPECT_EQ(project.registry().run(result.run)->value().status, "failed");
}

TEST(Run, a_check_that_failed_is_judged_again_in_the_next_run) {
  ProjectForTests project;
  shop(project, "transforms:\n  joined: {checks: [{row_count: {min: 4}}]}\n");
  EXPECT_EQ(project.run().exit_code, 3);
  EXPECT_EQ(project.run().exit_code, 3);
  project.file("data/orders.csv", "id,customer,amount\n1,a,10\n2,a,5\n3,b,7\n4,b,8\n");
  EXPECT_EQ(project.run().exit_code, 0);
}

TEST(Run, quarantine_sets_rows_aside_and_loses_none) {
  ProjectForTests project;
  shop(project);
  project.yaml(R"(
name: shop
sources:
  orders: {path: data/orders.csv, columns: {amount: {checks: [{range: [0, 8], on_fail: quarantine}]}}}
  customers: {path: data/customers.csv}
)");
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 0) << tidemill::to_text(to_json(result), 1);
  EXPECT_EQ(outcome(result, "source:orders").report["quarantined"], 1);
  EXPECT_EQ(outcome(result, "source:orders").report["rows"], 2);
  EXPECT_EQ(text_of(live_rows(project, "orders", "id")), "2,;3,;");
  EXPECT_EQ(
      text_of(rows_of(project.registry().run_folder(result.run) / "quarantine" / "orders.parquet", "id")),
      "1,;");
}

TEST(Run, on_fail_continue_publishes_and_reports) {
  ProjectForTests project;
  shop(project,
       "transforms:\n  joined: {columns: {amount: {checks: [{range: [0, 8], on_fail: continue}]}}}\n");
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(outcome(result, "transform:joined").report["checks"][0]["status"], "failed");
  EXPECT_EQ(outcome(result, "transform:totals").status, registry::StepStatus::Done);
}

TEST(Run, sql_that_fails_on_the_data_says_where) {
  ProjectForTests project;
  shop(project);
  project.sql("totals", "SELECT\n  CAST(city AS INTEGER) AS n\nFROM joined");
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 1);
  const Error& error = *outcome(result, "transform:totals").error;
  EXPECT_EQ(error.where.file, "transforms/totals.sql");
  EXPECT_NE(error.message.find("Rome"), std::string::npos) << error.message;
}

TEST(Run, a_source_that_lost_a_column_fails_alone) {
  ProjectForTests project;
  shop(project);
  project.yaml(
      "name: shop\nsources:\n  orders: {path: data/orders.csv, columns: {amount: {type: bigint}}}\n  "
      "customers: {path: data/customers.csv}\n");
  project.sql("cities", "SELECT DISTINCT city FROM customers");
  ASSERT_EQ(project.run().exit_code, 0);
  project.file("data/orders.csv", "id,customer\n1,a\n")
      .file("data/customers.csv", "customer,city\na,Rome\nb,Bergen\n");
  const RunResult result = project.run();
  EXPECT_EQ(statuses(result),
            "source:customers done, source:orders failed, transform:cities done, transform:joined blocked, "
            "transform:totals blocked");
  EXPECT_EQ(outcome(result, "source:orders").error->code, "source.missing_column");
}

TEST(Run, stops_at_its_time_limit_with_exit_code_6) {
  ProjectForTests project;
  shop(project, "transforms:\n  slow: {timeout: 100ms}\n");
  project.sql("slow", "SELECT sum(a.range * b.range % 7) AS s FROM range(1000000) a, range(1000000) b");
  const RunResult result = project.run();
  EXPECT_EQ(outcome(result, "transform:slow").error->code, "timeout.step");
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_EQ(outcome(result, "transform:totals").status, registry::StepStatus::Done);
}

TEST(Run, a_run_over_its_time_is_cut_short_and_nothing_goes_live_but_work_is_kept) {
  ProjectForTests project;
  shop(project, "run: {timeout: 1500ms}\n");
  project.sql("slow",
              "SELECT sum(a.range * b.range % 7) AS s FROM range(1000000) a, range(1000000) b, joined");
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_EQ(result.status, "interrupted");
  EXPECT_TRUE(project.registry().live_tables()->empty());
  project.yaml(kShop).sql("slow", "SELECT 1 AS s");
  const RunResult again = project.run();
  for (const StepOutcome& step : result.steps)
    if (step.status == registry::StepStatus::Done) {
      EXPECT_EQ(outcome(again, step.step).status, registry::StepStatus::UpToDate) << step.step;
    }
  EXPECT_EQ(project.registry().live_tables()->size(), 5U);
}

TEST(Run, ends_when_asked_to_with_130) {
  ProjectForTests project;
  shop(project);
  project.sql("slow", "SELECT sum(a.range * b.range % 7) AS s FROM range(1000000) a, range(1000000) b");
  std::atomic<bool> stop{false};
  project.stop = &stop;
  project.on_event = [&](const RunEvent& event) {
    if (event.kind == RunEvent::Kind::StepStarted && event.step == "transform:slow") stop = true;
  };
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 130);
  EXPECT_EQ(outcome(result, "transform:slow").status, registry::StepStatus::Interrupted);
}

TEST(Run, is_stopped_while_it_reads_its_sources_files) {
  ProjectForTests project;
  shop(project);
  const std::atomic<bool> stop{true};
  const project::Project loaded = project.load();
  const auto hashes = fingerprint(loaded, project.registry(), project.clock->now(), &stop);
  ASSERT_FALSE(hashes);
  EXPECT_EQ(exit_code(hashes.error()), 130);
}

TEST(Run, a_kill_loses_the_step_in_progress_and_nothing_else) {
  ProjectForTests project;
  shop(project);
  project.sql("slow",
              "SELECT sum(a.range * b.range % 7) AS s FROM range(1000000) a, range(1000000) b, joined");
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Another process of this test's program; it is killed and never returns.
    project.on_event = [&](const RunEvent& event) {
      if (event.kind == RunEvent::Kind::StepStarted && event.step == "transform:slow")
        if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    };
    project.run();
    ::_exit(0);
  }
  ::close(ready[1]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ready[0]);
  ASSERT_TRUE(WIFSIGNALED(status));

  EXPECT_TRUE(project.registry().live_tables()->empty());
  project.sql("slow", "SELECT count(*) AS s FROM joined");
  const RunResult result = project.run();
  EXPECT_EQ(outcome(result, "source:orders").status, registry::StepStatus::UpToDate);
  EXPECT_EQ(outcome(result, "transform:joined").status, registry::StepStatus::UpToDate);
  EXPECT_EQ(outcome(result, "transform:slow").status, registry::StepStatus::Done);
  EXPECT_EQ(project.registry().live_tables()->size(), 5U);
  EXPECT_EQ(project.registry().runs(5)->at(1).status, "interrupted");
  EXPECT_TRUE(project.registry().verify_objects()->empty());
}

TEST(Run, what_a_rollback_took_back_stays_away_until_its_inputs_change) {
  ProjectForTests project;
  shop(project);
  const RunResult first = project.run();
  project.file("data/orders.csv", "id,customer,amount\n1,a,99\n");
  project.run();
  ASSERT_TRUE(project.registry().rollback_release(*first.release, "bad delivery").has_value());
  const RunResult again = project.run();
  EXPECT_EQ(outcome(again, "source:orders").status, registry::StepStatus::Withdrawn) << statuses(again);
  EXPECT_EQ(text_of(live_rows(project, "totals")), "Oslo,7,;Rome,15,;");
  project.force = true;
  EXPECT_EQ(outcome(project.run({"+totals"}), "source:orders").status, registry::StepStatus::Done);
  EXPECT_EQ(text_of(live_rows(project, "totals")), "Rome,99,;");
  project.force = false;
  EXPECT_EQ(outcome(project.run(), "source:orders").status, registry::StepStatus::UpToDate);
}

TEST(Run, only_what_is_selected_runs_over_live_tables) {
  ProjectForTests project;
  shop(project);
  project.run();
  project.file("data/orders.csv", "id,customer,amount\n1,a,99\n")
      .sql("totals", "SELECT count(*) AS n FROM joined");
  const RunResult result = project.run({"totals"});
  EXPECT_EQ(statuses(result), "transform:totals done");
  EXPECT_EQ(text_of(live_rows(project, "totals")), "3,;");
}

TEST(Run, freshness_is_judged_though_the_files_did_not_change) {
  ProjectForTests project;
  project
      .yaml(
          "name: shop\nsources:\n  orders: {path: orders.csv, time_column: at, freshness: {warn_after: 1d, "
          "error_after: 2d}}\n")
      .file("orders.csv", "id,at\n1,2024-01-01 00:00:00\n")
      .sql("n", "SELECT count(*) AS n FROM orders");
  project.clock = fixed_clock(*parse_instant("2024-01-01T10:00:00Z"));
  EXPECT_EQ(project.run().exit_code, 0);
  project.restart();
  project.clock = fixed_clock(*parse_instant("2024-01-02T10:00:00Z"));
  const RunResult old = project.run();
  EXPECT_EQ(old.exit_code, 0);
  EXPECT_EQ(outcome(old, "source:orders").report["checks"][0]["status"], "warned");
  project.restart();
  project.clock = fixed_clock(*parse_instant("2024-01-04T10:00:00Z"));
  const RunResult stale = project.run();
  EXPECT_EQ(stale.exit_code, 3);
  EXPECT_EQ(outcome(stale, "source:orders").error->code, "check.freshness");
  EXPECT_EQ(outcome(stale, "transform:n").status, registry::StepStatus::Blocked);
}

TEST(Run, a_command_makes_a_table_from_files_named_in_its_environment) {
  ProjectForTests project;
  shop(project, R"(transforms:
  upper:
    command: [sh, upper.sh]
    inputs: [customers]
    scripts: [upper.sh]
    columns: {bytes: {type: bigint}, word: {type: varchar}}
)");
  project.file("upper.sh",
               "echo to the log\nprintf 'bytes,word\\n%s,hello\\n' $(stat -c %s "
               "\"$TIDEMILL_INPUT_CUSTOMERS\") > \"$TIDEMILL_OUTPUT\"\n");
  project.sql("reads_it", "SELECT word FROM upper WHERE bytes > 0");
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 0) << tidemill::to_text(to_json(result), 1);
  EXPECT_EQ(text_of(live_rows(project, "reads_it")), "hello,;");
  EXPECT_NE(read_file(project.registry().run_folder(result.run) / "steps" / "transform.upper.log")
                ->find("to the log"),
            std::string::npos);
  EXPECT_EQ(outcome(project.run(), "transform:upper").status, registry::StepStatus::UpToDate);
  project.file("upper.sh", "exit 3\n");
  const RunResult failed = project.run();
  EXPECT_EQ(outcome(failed, "transform:upper").error->code, "command.failed");
  EXPECT_EQ(outcome(failed, "transform:upper").report["reason"], "script upper.sh changed");
  EXPECT_EQ(outcome(failed, "transform:reads_it").status, registry::StepStatus::Blocked);
}

TEST(Run, a_command_over_its_time_is_ended_with_all_its_processes) {
  ProjectForTests project;
  shop(project,
       "transforms:\n  slow: {command: [sh, -c, \"sleep 600 & sleep 600\"], inputs: [orders], timeout: "
       "100ms}\n");
  const RunResult result = project.run();
  EXPECT_EQ(outcome(result, "transform:slow").error->code, "timeout.step");
  EXPECT_EQ(result.exit_code, 6);
}

TEST(Run, exports_files_by_their_ending) {
  ProjectForTests project;
  shop(project, R"(exports:
  totals: {path: out/totals.csv}
  joined: {path: out/joined.csv.gz}
  orders: {path: out/orders.parquet}
)");
  ASSERT_EQ(project.run().exit_code, 0);
  EXPECT_EQ(text_of(rows_of(project.folder() / "out/totals.csv")), "Oslo,7,;Rome,15,;");
  EXPECT_EQ(text_of(rows_of(project.folder() / "out/joined.csv.gz", "id, city")), "1,Rome,;2,Rome,;3,Oslo,;");
  EXPECT_EQ(text_of(rows_of(project.folder() / "out/orders.parquet", "id")), "1,;2,;3,;");
  EXPECT_EQ(outcome(project.run(), "export:totals").status, registry::StepStatus::UpToDate);
  for (const auto& entry : std::filesystem::directory_iterator(project.folder() / "out"))
    EXPECT_FALSE(entry.path().filename().native().ends_with(".part")) << entry.path();
}

TEST(Run, an_environments_sample_keeps_rows_by_key_and_breaks_no_reference) {
  ProjectForTests project;
  std::string orders = "id,customer\n", customers = "customer\n";
  for (int i = 0; i < 2000; ++i) orders += std::to_string(i) + "," + std::to_string(i % 50) + "\n";
  for (int i = 0; i < 50; ++i) customers += std::to_string(i) + "\n";
  project
      .yaml(R"(
name: shop
sources:
  orders: {path: orders.csv, key: id, columns: {customer: {checks: [{relationships: customers.customer}]}}}
  customers: {path: customers.csv, key: customer}
environments: {dev: {sample: 10%}}
)")
      .file("orders.csv", orders)
      .file("customers.csv", customers);
  project.environment = "dev";
  const RunResult result = project.run();
  ASSERT_EQ(result.exit_code, 0) << tidemill::to_text(to_json(result), 1);
  EXPECT_EQ(outcome(result, "source:customers").report["rows"], 50);
  const int64_t kept = outcome(result, "source:orders").report["rows"].get<int64_t>();
  EXPECT_GT(kept, 100);
  EXPECT_LT(kept, 320);
}

TEST(Run, steps_of_one_run_go_on_side_by_side_and_events_come_one_at_a_time) {
  ProjectForTests project;
  shop(project);
  for (int i = 0; i < 20; ++i)
    project.sql("t" + std::to_string(i), "SELECT city, " + std::to_string(i) + " AS i FROM joined");
  std::atomic<int> inside{0};
  int most = 0;
  project.on_event = [&](const RunEvent&) {
    most = std::max(most, ++inside);
    --inside;
  };
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(most, 1);
  EXPECT_EQ(std::count_if(project.events.begin(), project.events.end(),
                          [](const RunEvent& e) { return e.kind == RunEvent::Kind::StepEnded; }),
            24);
  EXPECT_EQ(project.events.front().kind, RunEvent::Kind::RunStarted);
  EXPECT_EQ(project.events.back().kind, RunEvent::Kind::RunEnded);
}

TEST(Run, a_second_run_in_one_home_is_refused) {
  ProjectForTests project;
  shop(project);
  auto lock = project.registry().lock_for_run("20240101-000000-abcdef");
  ASSERT_TRUE(lock.has_value());
  const project::Project loaded = project.load();
  const auto refused = pipeline::run(loaded, project.registry(), {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().front().code, "lock.held");
  EXPECT_EQ(exit_code(refused.error().front()), 5);
}

}  // namespace
}  // namespace tidemill::pipeline
