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

}  // namespace
}  // namespace tidemill::engine
