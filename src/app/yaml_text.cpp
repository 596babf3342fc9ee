#include "app/yaml_text.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tidemill::app {

namespace {

// What YAML 1.1 or 1.2 reads as something else than text.
constexpr std::array<std::string_view, 10> kOtherWords{"true", "false", "yes", "no", "on",
                                                       "off",  "null",  "y",   "n",  "nan"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_plain(std::string_view text) {
  if (text.empty() || text[0] == '-' || (text[0] >= '0' && text[0] <= '9')) return false;
  const bool safe = std::ranges::all_of(text, [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '.' || c == '-';
  });
  if (!safe || (text[0] == '.' && !text.starts_with("./") && !text.starts_with("../"))) return false;
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::ranges::find(kOtherWords, lower) == kOtherWords.end();
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out + '"';
}

}  // namespace

std::string yaml_key(std::string_view text) { return is_plain(text) ? std::string(text) : quoted(text); }

std::string yaml_value(std::string_view text) {
  std::string kept;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text.substr(at).starts_with("${")) kept += '$';
    kept += text[at];
  }
  return yaml_key(kept);
}

std::string yaml_flow(const Json& json) {
  std::vector<std::string> parts;
  if (json.is_array()) {
    for (const Json& item : json) parts.push_back(yaml_flow(item));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  if (json.is_object()) {
    for (const auto& [key, value] : json.items())
      parts.push_back(fmt::format("{}: {}", yaml_key(key), yaml_flow(value)));
    return fmt::format("{{{}}}", fmt::join(parts, ", "));
  }
  return json.is_string() ? yaml_value(json.get<std::string>()) : to_text(json);
}

}  // namespace tidemill::app
