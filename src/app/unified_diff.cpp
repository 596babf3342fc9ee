#include "app/unified_diff.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace tidemill::app {

namespace {

constexpr size_t kAround = 3;
constexpr size_t kMostPairs = 4'000'000;  // of lines compared: memory is quadratic

struct Line {
  char mark = ' ';  // ' ' in both, '-' before only, '+' after only
  std::string_view text;
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// A longest common subsequence by dynamic programming; of equal ones, that which removes first.
std::vector<Line> aligned(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  std::vector<Line> out;
  size_t i = 0, j = 0;
  if ((a.size() + 1) * (b.size() + 1) <= kMostPairs) {
    const size_t width = b.size() + 1;
    std::vector<uint32_t> common((a.size() + 1) * width, 0);  // of a[i…] and b[j…]
    for (size_t x = a.size(); x-- > 0;)
      for (size_t y = b.size(); y-- > 0;)
        common[x * width + y] = a[x] == b[y]
                                    ? common[(x + 1) * width + y + 1] + 1
                                    : std::max(common[(x + 1) * width + y], common[x * width + y + 1]);
    while (i < a.size() && j < b.size()) {
      if (a[i] == b[j]) {
        out.push_back({' ', a[i]});
        ++i, ++j;
      } else if (common[(i + 1) * width + j] >= common[i * width + j + 1]) {
        out.push_back({'-', a[i++]});
      } else {
        out.push_back({'+', b[j++]});
      }
    }
  }
  while (i < a.size()) out.push_back({'-', a[i++]});
  while (j < b.size()) out.push_back({'+', b[j++]});
  return out;
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after) {
  const std::vector<Line> lines = aligned(lines_of(before), lines_of(after));
  std::vector<bool> shown(lines.size(), false);
  for (size_t i = 0; i < lines.size(); ++i)
    if (lines[i].mark != ' ')
      for (size_t k = i - std::min(i, kAround); k < std::min(lines.size(), i + kAround + 1); ++k)
        shown[k] = true;
  std::string out;
  size_t old_line = 1, new_line = 1;
  for (size_t i = 0; i < lines.size();) {
    if (!shown[i]) {
      ++old_line, ++new_line, ++i;
      continue;
    }
    std::string hunk;
    size_t old_lines = 0, new_lines = 0;
    for (; i < lines.size() && shown[i]; ++i) {
      hunk += fmt::format("{}{}\n", lines[i].mark, lines[i].text);
      old_lines += lines[i].mark != '+';
      new_lines += lines[i].mark != '-';
    }
    // As diff has it: a hunk without lines stands behind the line of its number.
    out += fmt::format("@@ -{},{} +{},{} @@\n{}", old_lines == 0 ? old_line - 1 : old_line, old_lines,
                       new_lines == 0 ? new_line - 1 : new_line, new_lines, hunk);
    old_line += old_lines;
    new_line += new_lines;
  }
  return out;
}

}  // namespace tidemill::app
