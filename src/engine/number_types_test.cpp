#include "engine/number_types.hpp"

#include <gtest/gtest.h>

namespace tidemill::engine {
namespace {

TEST(number_types, are_told_from_lists_of_them_and_from_all_else) {
  for (const char* type : {"TINYINT", "UHUGEINT", "DOUBLE", "DECIMAL(18,3)"})
    EXPECT_TRUE(is_number_type(type)) << type;
  for (const char* type :
       {"VARCHAR", "BOOLEAN", "DATE", "INTEGER[]", "DOUBLE[3]", "DECIMAL(18,3)[]", "INTERVAL"})
    EXPECT_FALSE(is_number_type(type)) << type;
  EXPECT_TRUE(is_integer_type("BIGINT"));
  EXPECT_FALSE(is_integer_type("FLOAT"));
  EXPECT_FALSE(is_float_type("DECIMAL(18,3)"));
}

TEST(number_types, knows_what_is_written_as_a_number) {
  for (const char* text : {"1", "-1.5", " 2.5\t", "1e400", "inf", "nan", "007", ".5", "5."})
    EXPECT_TRUE(is_written_as_number(text)) << text;
  for (const char* text : {"", " ", "-", "1 2", "1,5", "1_000", "0x10", "abc", "1.5x", "2024-01-01"})
    EXPECT_FALSE(is_written_as_number(text)) << text;
}

}  // namespace
}  // namespace tidemill::engine
