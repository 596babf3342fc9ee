#include "api/json_reading.hpp"

namespace tidemill::api {

std::optional<std::string> nan_as_null(std::string_view text) {
  constexpr std::string_view kNan = "NaN", kBefore = "[,: \t\r\n", kAfter = "],} \t\r\n";
  std::string out;
  bool found = false, in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      out += text[i++];
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && text.substr(i).starts_with(kNan) && i > 0 && i + kNan.size() < text.size() &&
               kBefore.find(text[i - 1]) != std::string_view::npos &&
               kAfter.find(text[i + kNan.size()]) != std::string_view::npos) {
      out += "null";
      i += kNan.size() - 1;
      found = true;
      continue;
    }
    out += text[i];
  }
  return found ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace tidemill::api
