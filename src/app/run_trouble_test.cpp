#include "app/run_trouble.hpp"

#include <gtest/gtest.h>

namespace tidemill::app {

TEST(RunTrouble, is_the_runs_own_or_the_first_of_a_step_or_nothing) {
  registry::Run run;
  run.report = {{"steps",
                 {{{"step", "source:a"}, {"error", nullptr}},
                  {{"step", "model:b"}, {"error", {{"code", "x"}, {"message", "too few rows"}}}},
                  {{"step", "model:c"}, {"error", {{"message", "later"}}}}}}};
  EXPECT_EQ(trouble_of(run), "model:b: too few rows");
  run.report["error"] = {{"message", "the disk is full"}};
  EXPECT_EQ(trouble_of(run), "the disk is full");
  run.report = Json::object();
  EXPECT_EQ(trouble_of(run), "");
}

}  // namespace tidemill::app
