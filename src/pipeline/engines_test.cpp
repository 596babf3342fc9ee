// Sessions that are used again: the next step finds nothing of the one before.
#include "pipeline/engines.hpp"

#include <unistd.h>

#include <gtest/gtest.h>

namespace tidemill::pipeline {
namespace {

class EnginesTest : public testing::Test {
 protected:
  EnginesTest() {
    static int number = 0;
    project.home =
        std::filesystem::temp_directory_path() / fmt::format("tidemill-engines-{}-{}", ::getpid(), number++);
    project.timezone = "UTC";
    project.parameters["since"] = "2013-11-03";
    std::filesystem::create_directories(project.home / "staging");
    registry::Options options;
    options.home = project.home;
    auto opened = registry::Registry::open(options);
    EXPECT_TRUE(opened) << to_text(opened.error());
    registry = *std::move(opened);
  }
  ~EnginesTest() override {
    registry.reset();
    std::filesystem::remove_all(project.home);
  }
  std::unique_ptr<Watched> borrow(Engines& engines) {
    auto session = engines.borrow(Engines::Kind::Transforming, cancellation);
    EXPECT_TRUE(session) << to_text(session.error());
    return *std::move(session);
  }
  int64_t id_of(Watched& session) {
    return std::get<int64_t>(*session->scalar("SELECT current_connection_id()::BIGINT"));
  }

  project::Project project;
  std::unique_ptr<registry::Registry> registry;
  Cancellation cancellation;
};

TEST_F(EnginesTest, a_borrowed_session_is_lent_again_without_the_views_it_was_given) {
  Predictors predictors(*registry);
  Engines engines(project, project.home / "staging", {.threads = 1, .memory_bytes = int64_t{1} << 28},
                  predictors);
  int64_t first = 0;
  {
    const auto session = borrow(engines);
    first = id_of(*session);
    const Path file = project.home / "staging" / "one.parquet";
    ASSERT_TRUE((*session)->write_parquet("SELECT 1 AS x", file));
    ASSERT_TRUE((*session)->view_parquet("odd \"name\"", {file}));
    ASSERT_TRUE((*session)->scalar("SELECT x FROM \"odd \"\"name\"\"\""));
  }
  const auto session = borrow(engines);
  EXPECT_EQ(id_of(*session), first);
  const auto gone = (*session)->scalar("SELECT x FROM \"odd \"\"name\"\"\"");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, "sql.unknown_table") << to_text(gone.error());
  const auto parameter = (*session)->scalar("SELECT getvariable('since')");
  ASSERT_TRUE(parameter) << to_text(parameter.error());
  EXPECT_EQ(std::get<std::string>(*parameter), "2013-11-03");
}

TEST_F(EnginesTest, two_borrowers_at_a_time_have_a_session_each) {
  Predictors predictors(*registry);
  Engines engines(project, project.home / "staging", {.threads = 1, .memory_bytes = int64_t{1} << 28},
                  predictors);
  const auto one = borrow(engines), other = borrow(engines);
  EXPECT_NE(id_of(*one), id_of(*other));
}

TEST_F(EnginesTest, a_session_that_was_interrupted_is_not_lent_again) {
  Predictors predictors(*registry);
  Engines engines(project, project.home / "staging", {.threads = 1, .memory_bytes = int64_t{1} << 28},
                  predictors);
  int64_t first = 0;
  {
    Cancellation cut;
    auto session = engines.borrow(Engines::Kind::Transforming, cut);
    ASSERT_TRUE(session);
    first = id_of(**session);
    cut.cancel(Cancellation::Reason::StepTimeout);
  }
  EXPECT_NE(id_of(*borrow(engines)), first);
}

}  // namespace
}  // namespace tidemill::pipeline
