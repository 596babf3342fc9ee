#include "training/too_good.hpp"

#include <gtest/gtest.h>

namespace tidemill::training {
namespace {

forest::Package package(forest::Task task, const char* metric, double value, double gain) {
  forest::Package out;
  out.task = task;
  out.metrics = {{"test", {{metric, {{"value", value}, {"low", nullptr}, {"high", nullptr}}}}}};
  out.importance =
      Json::array({{{"feature", "refund"}, {"gain", gain}}, {{"feature", "x"}, {"gain", 1 - gain}}});
  return out;
}

TEST(too_good, names_the_one_feature_that_leaves_no_error) {
  const auto found = too_good(package(forest::Task::Binary, "roc_auc", 0.9990, 0.97));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->feature, "refund");
  EXPECT_EQ(found->metric, "roc_auc");
  EXPECT_TRUE(too_good(package(forest::Task::Regression, "r2", 0.9990, 0.97)));
}

TEST(too_good, does_not_doubt_what_many_features_do_or_what_still_errs) {
  EXPECT_FALSE(too_good(package(forest::Task::Binary, "roc_auc", 0.9990, 0.6)));
  EXPECT_FALSE(too_good(package(forest::Task::Binary, "roc_auc", 0.95, 1)));
  EXPECT_FALSE(too_good(package(forest::Task::Multiclass, "roc_auc", 1, 1)));
  EXPECT_FALSE(too_good({}));
  forest::Package undefined = package(forest::Task::Binary, "roc_auc", 1, 1);
  undefined.metrics["test"]["roc_auc"]["value"] = nullptr;
  EXPECT_FALSE(too_good(undefined));
}

}  // namespace
}  // namespace tidemill::training
