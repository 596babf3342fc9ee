// What stands in a JSON string as it is, of ASCII: neither escaped when written nor looked at twice when
// read.
#pragma once

#include <array>

namespace tidemill::api {

inline constexpr auto kPlainInJson = [] {
  std::array<bool, 256> is{};
  for (size_t c = ' '; c < 0x7f; ++c) is[c] = c != '"' && c != '\\';
  return is;
}();
inline bool is_plain_in_json(char c) { return kPlainInJson[static_cast<unsigned char>(c)]; }

}  // namespace tidemill::api
