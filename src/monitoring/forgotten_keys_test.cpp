#include "monitoring/forgotten_keys.hpp"

#include <gtest/gtest.h>

namespace tidemill::monitoring {

TEST(ForgottenKeys, count_the_rows_of_one_subject) {
  const Path home = Path(testing::TempDir()) / "forgotten_keys";
  std::filesystem::remove_all(home);
  const Path log = home / "predictions" / "late";
  ASSERT_TRUE(make_folder(log));
  ForgottenKeys keys = ForgottenKeys::read(log).value();
  ASSERT_TRUE(keys.add("7001", {2'000'000}, Duration{1'000'000'000}));
  ASSERT_TRUE(keys.add("7002", {2'000'000}, Duration{1'000'000'000}));
  LogTable table{{{"key", engine::GivenKind::Text}, {"time", engine::GivenKind::TimestampTz}}, {{}, {}}, 5};
  table.values[0] = {.missing = {0, 0, 0, 0, 1}, .texts = {"7001", "7001", "7002", "7003", ""}};
  table.values[1] = {.missing = {0, 0, 0, 0, 0}, .wholes = {1'000'000, 3'000'000, 1'000'000, 1, 1}};
  EXPECT_EQ(keys.rows_of("7001", table), 1U) << "what came later is kept";
  EXPECT_EQ(keys.rows_of("7002", table), 1U);
  EXPECT_EQ(keys.rows_of("7003", table), 0U) << "nobody forgot it";
  EXPECT_EQ(keys.remove_from(table), 2U);
}

}  // namespace tidemill::monitoring
