#include <cmath>

#include <fmt/format.h>

#include "engine/database.hpp"
#include "pipeline/batch.hpp"
#include "pipeline/diff.hpp"
#include "pipeline/explain.hpp"
#include "pipeline/predictors.hpp"
#include "pipeline/project_for_tests.hpp"

namespace tidemill::pipeline {
namespace {

using registry::StepStatus;

/// Visits of a shop: whether a visitor buys depends on minutes and on the city, with noise; `paid` is known
/// only after the visit.
std::string visits(int rows, int first = 0) {
  std::string out = "id,began_at,minutes,city,paid,buys\n";
  uint64_t state = 12345 + static_cast<uint64_t>(first);
  const auto uniform = [&] {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state >> 11) * 0x1.0p-53;
  };
  for (int i = first; i < first + rows; ++i) {
    const double minutes = uniform() * 10;
    const int city = static_cast<int>(uniform() * 3);
    const double chance = 1 / (1 + std::exp(-(minutes - 5) - (city == 0 ? 1 : -0.5)));
    const bool buys = uniform() < chance;
    const int day = i / 40;
    out += fmt::format("{},2024-{:02}-{:02} {:02}:{:02}:00,{:.4f},{},{:.2f},{}\n", i, 1 + day / 28 % 12,
                       1 + day % 28, 8 + i % 12, i % 60, minutes,
                       city == 0   ? "Rome"
                       : city == 1 ? "Oslo"
                                   : "Lima",
                       buys ? 10 + uniform() : 0.0, buys ? 1 : 0);
  }
  return out;
}

std::string model_yaml(const std::string& gate, const std::string& more = "") {
  return std::string(R"(
name: shop
sources:
  visits: {path: visits.csv, key: id}
models:
  buys:
    from: features
    key: id
    target: buys
    split: {test: 25%, validation: 25%}
    train: {rounds: 30, seed: 7, params: {max_depth: 3}}
    gate: [)") +
         gate + "]\n" + more;
}

void visits_project(ProjectForTests& project, const std::string& gate = "{metric: roc_auc, min: 0.6}",
                    const std::string& more = "") {
  project.yaml(model_yaml(gate, more))
      .file("visits.csv", visits(2000))
      .sql("features", "SELECT id, minutes, city, buys = 1 AS buys FROM visits");
}

std::optional<int> champion(ProjectForTests& project) {
  const auto aliases = project.registry().aliases("buys");
  const auto found = aliases->find("champion");
  return found == aliases->end() ? std::nullopt : std::optional(found->second);
}

TEST(ModelStep, trains_passes_the_gate_and_becomes_champion_with_the_release) {
  ProjectForTests project;
  visits_project(project);
  const RunResult result = project.run();
  ASSERT_EQ(result.exit_code, 0) << tidemill::to_text(to_json(result), 1);
  EXPECT_EQ(statuses(result), "source:visits done, transform:features done, model:buys done");
  EXPECT_EQ(champion(project), 1);
  ASSERT_TRUE(result.release.has_value());
  EXPECT_EQ(project.registry().releases(1)->front().aliases.at("buys").at("champion"), 1);
  EXPECT_EQ(*project.registry().anchor("buys"), std::optional(1));
  const registry::Version version = *project.registry().version("buys", "champion");
  EXPECT_EQ(version.state, "accepted");
  EXPECT_EQ(version.gate["passed"], true);
  const forest::Package package = *load_package(project.registry(), version);
  EXPECT_EQ(package.pipeline["transforms"][0]["name"], "features");
  EXPECT_EQ(package.pipeline["sources"]["visits"]["columns"].size(), 6U);
  EXPECT_EQ(package.provenance["data"]["table"], "features");
  EXPECT_TRUE(package.files.contains("model.ubj"));
}

TEST(ModelStep, is_up_to_date_the_second_time_though_a_champion_is_there_now) {
  ProjectForTests project;
  visits_project(project, "{metric: roc_auc, min: 0.6}, {metric: roc_auc, vs: champion, no_worse_by: 0.01}");
  project.run();
  project.restart();
  EXPECT_EQ(statuses(project.run()),
            "source:visits up_to_date, transform:features up_to_date, model:buys up_to_date");
  EXPECT_EQ(project.registry().versions("buys")->size(), 1U);
}

TEST(ModelStep, a_rejected_version_is_kept_never_live_and_exit_is_4) {
  ProjectForTests project;
  visits_project(project, "{metric: roc_auc, min: 0.999}");
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_EQ(outcome(result, "model:buys").status, StepStatus::Done);
  EXPECT_EQ(outcome(result, "model:buys").error->code, "gate.rejected");
  EXPECT_EQ(champion(project), std::nullopt);
  EXPECT_EQ(project.registry().version("buys", "1")->state, "rejected");
  EXPECT_EQ(outcome(project.run(), "model:buys").status, StepStatus::UpToDate);
}

TEST(ModelStep, a_changed_gate_judges_again_without_training) {
  ProjectForTests project;
  visits_project(project, "{metric: roc_auc, min: 0.999}");
  project.run();
  project.yaml(model_yaml("{metric: roc_auc, min: 0.6}"));
  EXPECT_EQ(project.plan().find("model:buys")->reason, "the gate changed");
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 0) << tidemill::to_text(to_json(result), 1);
  EXPECT_EQ(champion(project), 2) << "a version never changes: the same package, accepted, is the next one";
  EXPECT_EQ(project.registry().version("buys", "2")->package,
            project.registry().version("buys", "1")->package);
  EXPECT_EQ(project.registry().version("buys", "1")->state, "rejected");
  EXPECT_EQ(outcome(project.run(), "model:buys").status, StepStatus::UpToDate);
}

TEST(ModelStep, new_data_make_a_new_version_that_is_judged_against_the_champion) {
  ProjectForTests project;
  visits_project(project, "{metric: roc_auc, vs: champion, no_worse_by: 0.05}");
  ASSERT_EQ(project.run().exit_code, 0);
  project.file("visits.csv", visits(2600));
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 0) << tidemill::to_text(to_json(result), 1);
  EXPECT_EQ(champion(project), 2);
  EXPECT_EQ(project.registry().version("buys", "2")->gate["champion"], 1);
}

TEST(ModelStep, counts_how_often_rows_of_the_test_part_have_judged_though_the_table_grows) {
  ProjectForTests project;
  visits_project(project);
  for (int night = 0; night < 3; ++night) {
    project.file("visits.csv", visits(2000 + night));
    ASSERT_EQ(project.run().exit_code, 0);
    EXPECT_EQ(
        project.registry().version("buys", std::to_string(night + 1))->gate["details"]["earlier_verdicts"],
        night);
  }
}

TEST(ModelStep, the_champion_is_scored_with_the_sql_it_was_packaged_with) {
  ProjectForTests project;
  visits_project(project, "{metric: roc_auc, vs: champion, no_worse_by: 0.2}");
  ASSERT_EQ(project.run().exit_code, 0);
  project.yaml(model_yaml("{metric: roc_auc, vs: champion, no_worse_by: 0.2}", "") +
               "    types: {seconds: numeric}\n");
  project.sql("features", "SELECT id, minutes * 60 AS seconds, city, buys = 1 AS buys FROM visits");
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 0) << tidemill::to_text(to_json(result), 1);
  ASSERT_EQ(champion(project), 2);
  const auto log = read_file(project.registry().run_folder(result.run) / "steps" / "model.buys.log");
  ASSERT_TRUE(log.has_value());
  EXPECT_NE(log->find("champion 1 is scored over the features of its own SQL"), std::string::npos) << *log;
  const Json changed = *diff(project.registry(), "buys@1", "buys@2");
  EXPECT_TRUE(changed["sql"].contains("features"));
  EXPECT_TRUE(changed["features"].contains("seconds"));
  EXPECT_TRUE(changed["features"].contains("minutes"));
}

TEST(ModelStep, a_champion_that_cannot_be_read_fails_comparisons_until_the_gate_lets_it_go) {
  ProjectForTests project;
  visits_project(project, "{metric: roc_auc, vs: champion, no_worse_by: 0.05}");
  ASSERT_EQ(project.run().exit_code, 0);
  const registry::Version first = *project.registry().version("buys", "1");
  std::filesystem::remove(project.registry().object_path(first.package));
  project.restart();
  project.file("visits.csv", visits(2600));
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 4) << tidemill::to_text(to_json(result), 1);
  EXPECT_NE(outcome(result, "model:buys").error->message.find("champion 1 cannot be read"), std::string::npos)
      << outcome(result, "model:buys").error->message;
  EXPECT_EQ(champion(project), 1);
  EXPECT_EQ(project.registry().version("buys", "2")->state, "rejected");
  project.yaml(model_yaml("{metric: roc_auc, min: 0.6}"));
  EXPECT_EQ(project.run().exit_code, 0);
  EXPECT_EQ(champion(project), 3) << "the same package, accepted";
  project.yaml(model_yaml("{metric: roc_auc, vs: champion, no_worse_by: 0.05}"));
  project.file("visits.csv", visits(3000));
  const RunResult healed = project.run();
  EXPECT_EQ(healed.exit_code, 0) << tidemill::to_text(to_json(healed), 1);
  EXPECT_EQ(champion(project), 4);
}

TEST(ModelStep, a_hold_keeps_a_new_version_from_promotion_until_it_is_released) {
  ProjectForTests project;
  visits_project(project);
  ASSERT_EQ(project.run().exit_code, 0);
  project.file("visits.csv", visits(2600));
  ASSERT_EQ(project.run().exit_code, 0);
  ASSERT_EQ(champion(project), 2);
  ASSERT_TRUE(project.registry().rollback_alias("buys", "champion", "odd scores").has_value());
  ASSERT_EQ(champion(project), 1);
  project.file("visits.csv", visits(3000));
  const RunResult held = project.run();
  EXPECT_EQ(held.exit_code, 0) << tidemill::to_text(to_json(held), 1);
  EXPECT_EQ(champion(project), 1);
  EXPECT_EQ(outcome(project.run(), "model:buys").status, StepStatus::UpToDate);
  ASSERT_TRUE(project.registry().release_hold("buys").has_value());
  EXPECT_EQ(project.run().exit_code, 0);
  EXPECT_EQ(champion(project), 3);
}

TEST(ModelStep, a_person_who_moved_the_champion_is_not_overruled) {
  ProjectForTests project;
  visits_project(project);
  ASSERT_EQ(project.run().exit_code, 0);
  project.file("visits.csv", visits(2600));
  ASSERT_EQ(project.run().exit_code, 0);
  ASSERT_TRUE(project.registry().promote("buys", 1, "champion", "I know better").has_value());
  EXPECT_EQ(outcome(project.run(), "model:buys").status, StepStatus::UpToDate);
  EXPECT_EQ(champion(project), 1);
}

TEST(ModelStep, accepted_in_a_run_that_was_cut_short_it_goes_live_with_the_next) {
  ProjectForTests project;
  visits_project(project);
  std::atomic<bool> stop{false};
  project.stop = &stop;
  project.on_event = [&](const RunEvent& event) {
    if (event.kind == RunEvent::Kind::StepEnded && event.step == "model:buys") stop = true;
  };
  project.sql("after", "SELECT id, predict('buys@champion', f) AS p FROM features f");
  EXPECT_EQ(project.run().exit_code, 130);
  EXPECT_EQ(champion(project), std::nullopt);
  project.stop = nullptr;
  EXPECT_EQ(project.plan().find("model:buys")->reason,
            "the run that accepted it was cut short before it went live");
  const RunResult result = project.run();
  EXPECT_EQ(result.exit_code, 0) << tidemill::to_text(to_json(result), 1);
  EXPECT_EQ(project.registry().versions("buys")->size(), 1U) << "it is not trained again";
  EXPECT_EQ(champion(project), 1);
}

TEST(ModelStep, predict_in_sql_uses_the_champion_of_this_run_and_is_up_to_date_until_it_moves) {
  ProjectForTests project;
  visits_project(project);
  project.sql("scored", "SELECT id, predict('buys@champion', f) AS p FROM features f");
  const RunResult result = project.run();
  ASSERT_EQ(result.exit_code, 0) << tidemill::to_text(to_json(result), 1);
  EXPECT_EQ(statuses(result),
            "source:visits done, transform:features done, model:buys done, transform:scored done");
  EXPECT_EQ(outcome(project.run(), "transform:scored").status, StepStatus::UpToDate);
  project.file("visits.csv", visits(2600));
  EXPECT_EQ(outcome(project.run(), "transform:scored").status, StepStatus::Done);
}

TEST(ModelStep, predict_without_any_champion_is_blocked_by_its_model) {
  ProjectForTests project;
  visits_project(project, "{metric: roc_auc, min: 0.999}");
  project.sql("scored", "SELECT id, predict('buys@champion', f) AS p FROM features f");
  const RunResult result = project.run();
  EXPECT_EQ(outcome(result, "transform:scored").status, StepStatus::Blocked);
  EXPECT_EQ(outcome(result, "transform:scored").report["blocked_by"], "model:buys");
}

TEST(ModelStep, a_planted_leak_fails_point_in_time_before_anything_is_trained) {
  ProjectForTests project;
  project.file("visits.csv", visits(2000));
  project.yaml(R"(
name: shop
sources:
  visits: {path: visits.csv, key: id, time_column: began_at, known_at: {paid: paid_at, buys: paid_at},
           columns: {began_at: {type: timestamptz}, paid_at: {type: timestamptz}}}
models:
  buys: {from: features, key: id, target: buys, as_of: began_at, features: {exclude: [began_at]}, split: {test: 25%}, train: {rounds: 10}}
)");
  // paid_at: an hour after the visit began.
  std::string csv = visits(2000);
  std::string with_paid_at;
  size_t at = 0;
  for (int line = 0; at < csv.size(); ++line) {
    const size_t end = csv.find('\n', at);
    const std::string row = csv.substr(at, end - at);
    const size_t first = row.find(',') + 1;
    const std::string time = row.substr(first, row.find(',', first) - first);
    with_paid_at += row + (line == 0 ? ",paid_at" : "," + time.substr(0, 11) + "23:00:00") + "\n";
    at = end + 1;
  }
  project.file("visits.csv", with_paid_at);
  project.sql("features",
              "SELECT id, began_at, minutes, city, paid > 0 AS has_paid, buys = 1 AS buys FROM visits");
  const RunResult leaking = project.run();
  EXPECT_EQ(leaking.exit_code, 3) << tidemill::to_text(to_json(leaking), 1);
  EXPECT_EQ(outcome(leaking, "model:buys").error->code, "check.point_in_time");
  EXPECT_TRUE(project.registry().versions("buys")->empty());
  project.sql("features", "SELECT id, began_at, minutes, city, buys = 1 AS buys FROM visits");
  const RunResult honest = project.run();
  EXPECT_EQ(honest.exit_code, 0) << tidemill::to_text(to_json(honest), 1);
  EXPECT_EQ(outcome(honest, "model:buys").report["checks"][0]["status"], "passed");
}

TEST(Batch, scores_a_file_as_predict_in_sql_does) {
  ProjectForTests project;
  visits_project(project, "{metric: roc_auc, min: 0.6}",
                 "exports:\n  scored: {path: scored.parquet}\n  features: {path: features.csv}\n");
  project.sql("scored", "SELECT id, predict('buys@champion', f) AS p FROM features f");
  ASSERT_EQ(project.run().exit_code, 0);
  const Path out = project.folder() / "batch.parquet";
  const auto result = predict_file(
      project.registry(), {.model = "buys", .input = project.folder() / "features.csv", .output = out});
  ASSERT_TRUE(result.has_value()) << tidemill::to_text(result.error());
  EXPECT_EQ(result->rows, 2000);
  EXPECT_EQ(result->columns, (std::vector<std::string>{"score", "decision"}));
  auto database = engine::Database::open({.threads = 1, .access = engine::DatabaseOptions::Access::Open});
  auto connection = (*database)->connect();
  const auto differing = connection->scalar(fmt::format(
      "SELECT count(*) FROM '{}' a FULL JOIN '{}' b USING (id) WHERE a.score IS DISTINCT FROM b.p",
      out.native(), (project.folder() / "scored.parquet").native()));
  ASSERT_TRUE(differing.has_value()) << tidemill::to_text(differing.error());
  EXPECT_EQ(std::get<int64_t>(*differing), 0);
}

TEST(Batch, a_file_without_a_feature_is_refused_and_nothing_is_written) {
  ProjectForTests project;
  visits_project(project);
  ASSERT_EQ(project.run().exit_code, 0);
  project.file("in.csv", "id,minuts,city\n1,3.5,Rome\n");
  const Path out = project.folder() / "out.csv";
  const auto result = predict_file(project.registry(),
                                   {.model = "buys@1", .input = project.folder() / "in.csv", .output = out});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, "predict.missing_feature");
  EXPECT_EQ(result.error().hint, "did you mean 'minuts'?");
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(Explain, names_the_part_of_the_key_that_differs) {
  ProjectForTests project;
  visits_project(project);
  project.run();
  project.sql("features", "SELECT id, minutes, city, buys = 1 AS buys FROM visits WHERE minutes > 1");
  const Plan before = project.plan();
  const Json now = *explain(project.registry(), "features", &before);
  EXPECT_EQ(now["now"]["state"], "will_run");
  EXPECT_EQ(now["now"]["changes"][0]["part"], "sql");
  project.run();
  const Json then = *explain(project.registry(), "transform:features");
  EXPECT_EQ(then["last"]["changes"][0]["text"], "features.sql changed");
  EXPECT_EQ(then["last"]["why"], "features.sql changed");
  const Plan after = project.plan();
  EXPECT_EQ((*explain(project.registry(), "features", &after))["now"]["state"], "up_to_date");
  EXPECT_EQ(explain(project.registry(), "featuers", &after).error().hint, "did you mean 'features'?");
}

TEST(Diff, of_two_runs_names_what_differs_and_only_that) {
  ProjectForTests project;
  visits_project(project);
  const RunResult a = project.run();
  project.file("visits.csv", visits(2100));
  const RunResult b = project.run();
  const Json changed = *diff(project.registry(), a.run, b.run);
  EXPECT_EQ(changed["kind"], "run");
  EXPECT_EQ(changed["steps"]["source:visits"]["table"]["rows"], Json::parse("[2000, 2100]"));
  EXPECT_TRUE(changed["steps"]["source:visits"]["changes"].contains("files"));
  EXPECT_EQ(diff(project.registry(), a.run, "buys@1").error().code, "usage.diff");
}

}  // namespace
}  // namespace tidemill::pipeline
