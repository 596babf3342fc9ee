// What is a character of UTF-8 (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace tidemill {

/// The bytes of the character that text, which is not empty, begins with, 1 to 4; 0: it begins with none.
size_t utf8_character_bytes(std::string_view text);

/// Whether each byte is a character of its own.
bool is_ascii(std::string_view text);

}  // namespace tidemill
