#include "pipeline/source_columns.hpp"

#include <chrono>

#include <fmt/format.h>

#include "pipeline/fingerprint.hpp"
#include "pipeline/outline.hpp"
#include "pipeline/project_for_tests.hpp"

namespace tidemill::pipeline {
namespace {

class SourceColumnsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    project_.yaml("name: p\nsources: {sales: {path: sales.csv}}\n").file("sales.csv", "id,amount\n1,2\n");
  }
  void touched(std::chrono::seconds ago) {
    std::filesystem::last_write_time(project_.folder() / "sales.csv",
                                     std::filesystem::file_time_type::clock::now() - ago);
  }
  std::string state() {
    const project::Project loaded = project_.load();
    const auto scan = scan_of(loaded, loaded.sources.at("sales"));
    EXPECT_TRUE(scan);
    return scan ? files_state(*scan) : "";
  }
  Outline outlined() {
    const project::Project loaded = project_.load();
    const auto fingerprints = fingerprint(loaded, project_.registry(), project_.clock->now());
    EXPECT_TRUE(fingerprints);
    auto made =
        outline({&loaded, &project_.registry(), *fingerprints, {}, project_.force, project_.clock->now()});
    EXPECT_TRUE(made);
    return *std::move(made);
  }

  ProjectForTests project_;
};

TEST_F(SourceColumnsTest, the_state_of_files_differs_when_they_do_and_is_not_told_while_they_may_change) {
  EXPECT_EQ(state(), "");
  touched(std::chrono::seconds(60));
  const std::string before = state();
  EXPECT_NE(before, "");
  EXPECT_EQ(state(), before);
  touched(std::chrono::seconds(30));
  EXPECT_NE(state(), before);
  project_.file("sales.csv", "id,amount\n1,2\n3,4\n");
  touched(std::chrono::seconds(60));
  EXPECT_NE(state(), before);
  project_.remove("sales.csv");
  project_.file("sales.csv", "");
  EXPECT_EQ(state(), "");
}

TEST_F(SourceColumnsTest, a_plan_keeps_what_it_saw_of_settled_files_for_the_step) {
  EXPECT_TRUE(outlined().looked.empty());
  project_.file("sales.csv", "id,amount\n1,2.5\n");
  touched(std::chrono::seconds(60));
  const Outline outline = outlined();
  ASSERT_TRUE(outline.looked.contains("sales"));
  EXPECT_EQ(outline.looked.at("sales").files, state());
  EXPECT_NE(outline.looked.at("sales").select.find("sales.csv"), std::string::npos);
  EXPECT_TRUE(outlined().looked.empty());  // remembered: nothing was looked at
}

TEST_F(SourceColumnsTest, a_file_that_changes_between_plan_and_step_is_looked_at_again) {
  project_.file("sales.csv", "id,amount\n1,2\n");
  touched(std::chrono::seconds(60));
  project_.on_event = [&](const RunEvent& event) {
    if (event.kind != RunEvent::Kind::StepStarted) return;
    project_.file("sales.csv", "amount;id\n7;1\n8;2\n");
    touched(std::chrono::seconds(30));
  };
  const RunResult result = project_.run();
  ASSERT_EQ(statuses(result), "source:sales done");
  const auto history = project_.registry().table_history("sales", 1);
  ASSERT_TRUE(history && !history->empty());
  EXPECT_EQ(history->front().rows, 2);
  EXPECT_EQ(history->front().columns.at(0).name, "amount");
}

TEST_F(SourceColumnsTest, a_log_is_read_again_when_it_was_replaced_under_a_read_that_failed) {
  const auto reads = [&](const std::string& file) {
    const Path path = project_.folder() / file;
    project_.yaml("name: p\nsources: {sales: {path: " + file + "}}\n").file(file, "before");
    const project::Project loaded = project_.load();
    int done = 0;
    const auto read = read_source(loaded, loaded.sources.at("sales"), [&]() -> Result<int> {
      if (++done > 1) return done;
      project_.file("next", "after");
      std::filesystem::rename(project_.folder() / "next", path);
      return environment_error("engine.failed", "bytes are not where they were");
    });
    return fmt::format("{} {}", done, read ? "read" : "failed");
  };
  EXPECT_EQ(reads("sales.parquet"), "2 read");
  EXPECT_EQ(reads("sales.csv"), "1 failed");  // a mistake of its rows is told at once
}

}  // namespace
}  // namespace tidemill::pipeline
