#include "base/crc32c.hpp"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidemill {

// The examples of RFC 3720, appendix B.4, and the check value of the catalogue of CRC algorithms.
TEST(Crc32c, is_the_one_of_the_standard) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

RC_GTEST_PROP(Crc32c, goes_on_where_it_was_and_needs_no_instruction,
              (const std::string& a, const std::string& b)) {
  RC_ASSERT(crc32c(b, crc32c(a)) == crc32c(a + b));
  RC_ASSERT(crc32c_by_table(a + b) == crc32c(a + b));
  RC_ASSERT(crc32c_by_table(b, crc32c_by_table(a)) == crc32c(a + b));
}

// Three blocks of 1 024 bytes are taken at a time.
RC_GTEST_PROP(Crc32c, of_many_bytes_is_the_same, (uint16_t drawn, uint32_t before)) {
  std::string bytes(3 * 1024 - 4 + drawn % 8'000, '\0');
  uint32_t state = drawn;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  RC_ASSERT(crc32c(bytes, before) == crc32c_by_table(bytes, before));
}

}  // namespace tidemill
