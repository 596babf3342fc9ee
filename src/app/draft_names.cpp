#include "app/draft_names.hpp"

#include <array>
#include <cctype>

#include <fmt/format.h>

namespace tidemill::app {

namespace {

constexpr size_t kMaxLegalName = 40;  // leaves room for what is set behind it

// Unicode's Latin-1 Supplement and Latin Extended-A from À (U+00C0) on, each without its marks.
constexpr std::array<std::string_view, 192> kLatin{
    "a", "a", "a",  "a",  "a", "a", "ae", "c",  "e",  "e", "e", "e", "i",  "i",  "i", "i", "d", "n",
    "o", "o", "o",  "o",  "o", "",  "o",  "u",  "u",  "u", "u", "y", "th", "ss", "a", "a", "a", "a",
    "a", "a", "ae", "c",  "e", "e", "e",  "e",  "i",  "i", "i", "i", "d",  "n",  "o", "o", "o", "o",
    "o", "",  "o",  "u",  "u", "u", "u",  "y",  "th", "y", "a", "a", "a",  "a",  "a", "a", "c", "c",
    "c", "c", "c",  "c",  "c", "c", "d",  "d",  "d",  "d", "e", "e", "e",  "e",  "e", "e", "e", "e",
    "e", "e", "g",  "g",  "g", "g", "g",  "g",  "g",  "g", "h", "h", "h",  "h",  "i", "i", "i", "i",
    "i", "i", "i",  "i",  "i", "i", "ij", "ij", "j",  "j", "k", "k", "k",  "l",  "l", "l", "l", "l",
    "l", "l", "l",  "l",  "l", "n", "n",  "n",  "n",  "n", "n", "n", "n",  "n",  "o", "o", "o", "o",
    "o", "o", "oe", "oe", "r", "r", "r",  "r",  "r",  "r", "s", "s", "s",  "s",  "s", "s", "s", "s",
    "t", "t", "t",  "t",  "t", "t", "u",  "u",  "u",  "u", "u", "u", "u",  "u",  "u", "u", "u", "u",
    "w", "w", "y",  "y",  "y", "z", "z",  "z",  "z",  "z", "z", "s"};

// Of two bytes of UTF-8.
unsigned point_of(unsigned char first, unsigned char second) {
  return (first & 0x1FU) << 6 | (second & 0x3FU);
}
bool is_mark(unsigned point) { return point >= 0x300 && point < 0x370; }  // set behind the letter it is on
std::string_view latin(unsigned point) {
  return point >= 0xC0 && point < 0xC0 + kLatin.size() ? kLatin.at(point - 0xC0) : "";
}

}  // namespace

std::string legal_name(std::string_view text, std::string_view otherwise) {
  std::string out;
  bool between = false;  // words: what is no letter stands for one _
  for (size_t i = 0; i < text.size() && out.size() < kMaxLegalName; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    std::string letters;
    if (byte < 0x80 && std::isalnum(byte) != 0) {
      letters = static_cast<char>(std::tolower(byte));
    } else if ((byte & 0xE0) == 0xC0 && i + 1 < text.size()) {
      const unsigned point = point_of(byte, static_cast<unsigned char>(text[++i]));
      if (is_mark(point)) continue;
      letters = latin(point);
    }
    if (letters.empty()) {
      between = !out.empty();
      continue;
    }
    if (between) out += '_';
    between = false;
    out += letters;
  }
  if (out.empty()) return std::string(otherwise);
  return out[0] >= '0' && out[0] <= '9' ? fmt::format("{}_{}", otherwise, out) : out;
}

std::string project_name(const std::string& folder) {
  std::string out;
  for (const char c : folder) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '_') ? c : '-';
  }
  return out.empty() ? "project" : out;
}

}  // namespace tidemill::app
