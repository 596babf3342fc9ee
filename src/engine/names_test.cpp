#include <gtest/gtest.h>

#include "engine/names.hpp"

namespace tidemill::engine {
namespace {

TEST(names, are_the_same_whatever_their_ascii_case) {
  EXPECT_TRUE(same_name("ARR_Delay", "arr_delay"));
  EXPECT_FALSE(same_name("arr_delay", "arr_delays"));
  EXPECT_FALSE(same_name("arr delay", "arr_delay"));
  // DuckDB folds ASCII alone: "Ä" and "ä" are two columns.
  EXPECT_FALSE(same_name("\xC3\x84", "\xC3\xA4"));
  EXPECT_EQ(folded_name("Dest \xC3\x84"), "dest \xC3\x84");
}

TEST(names, find_the_column_by_its_own_case_first) {
  const std::vector<Column> columns{{"dest", "VARCHAR"}, {"DEST", "BIGINT"}, {"Origin", "VARCHAR"}};
  ASSERT_NE(find_column(columns, "DEST"), nullptr);
  EXPECT_EQ(find_column(columns, "DEST")->type, "BIGINT");
  EXPECT_EQ(find_column(columns, "Dest")->type, "VARCHAR");
  ASSERT_NE(find_column(columns, "ORIGIN"), nullptr);
  EXPECT_EQ(find_column(columns, "ORIGIN")->name, "Origin");
  EXPECT_EQ(find_column(columns, "carrier"), nullptr);
}

}  // namespace
}  // namespace tidemill::engine
