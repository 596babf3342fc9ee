#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace tidemill {
namespace {

TEST(Utf8, a_character_has_one_to_four_bytes) {
  EXPECT_EQ(utf8_character_bytes("ab"), 1u);
  EXPECT_EQ(utf8_character_bytes(std::string_view("\0", 1)), 1u);
  EXPECT_EQ(utf8_character_bytes("\u00e9x"), 2u);
  EXPECT_EQ(utf8_character_bytes("\u20ac"), 3u);
  EXPECT_EQ(utf8_character_bytes("\U0001f600"), 4u);
  EXPECT_EQ(utf8_character_bytes("\U0010ffff"), 4u);
}

TEST(Utf8, ascii_is_bytes_that_stand_alone) {
  EXPECT_TRUE(is_ascii(""));
  EXPECT_TRUE(is_ascii(std::string(23, '\x7f')));
  for (size_t at = 0; at < 23; ++at) {
    std::string text(23, 'a');
    text[at] = '\x80';
    EXPECT_FALSE(is_ascii(text)) << at;
  }
}

TEST(Utf8, what_begins_none) {
  EXPECT_EQ(utf8_character_bytes("\x80"), 0u) << "the rest of a character";
  EXPECT_EQ(utf8_character_bytes("\xe2\x82"), 0u) << "cut off";
  EXPECT_EQ(utf8_character_bytes("\xe2\x28\xa1"), 0u) << "not followed by its rest";
  EXPECT_EQ(utf8_character_bytes("\xc0\xaf"), 0u) << "longer than needed";
  EXPECT_EQ(utf8_character_bytes("\xe0\x9f\xbf"), 0u);
  EXPECT_EQ(utf8_character_bytes("\xf0\x8f\xbf\xbf"), 0u);
  EXPECT_EQ(utf8_character_bytes("\xed\xa0\x80"), 0u) << "half of a surrogate pair";
  EXPECT_EQ(utf8_character_bytes("\xf4\x90\x80\x80"), 0u) << "beyond U+10FFFF";
  EXPECT_EQ(utf8_character_bytes("\xff"), 0u);
}

}  // namespace
}  // namespace tidemill
