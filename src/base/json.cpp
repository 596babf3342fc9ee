#include "base/json.hpp"

#include <fmt/format.h>

namespace tidemill {

namespace {
constexpr int kMaxNesting = 100;

// Nesting is counted before parsing: the parser itself recurses only in its destructor, but a deep value is
// nobody's wish.
bool nests_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxNesting) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

Place place_of(std::string_view text, size_t byte, std::string_view file) {
  Place place{std::string(file), 1, 1};
  for (size_t i = 0; i + 1 < byte && i < text.size(); ++i) {
    ++place.column;
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    }
  }
  return place;
}
}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view file, size_t max_bytes) {
  if (text.size() > max_bytes)
    return user_error("json.too_large", fmt::format("{} bytes of JSON (limit {})", text.size(), max_bytes),
                      {std::string(file)});
  if (nests_too_deep(text))
    return user_error("json.too_deep", fmt::format("JSON nests more than {} deep", kMaxNesting),
                      {std::string(file)});
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    std::string message = e.what();
    if (const size_t colon = message.find("column "); colon != std::string::npos)
      if (const size_t rest = message.find(": ", colon); rest != std::string::npos)
        message = message.substr(rest + 2);
    return user_error("json.invalid", "not valid JSON: " + message, place_of(text, e.byte, file));
  } catch (const Json::exception& e) {
    std::string_view message = e.what();  // "[json.exception.out_of_range.406] number overflow …"
    if (const size_t name = message.find("] ");
        message.starts_with("[json.") && name != std::string_view::npos)
      message.remove_prefix(name + 2);
    return user_error("json.invalid", fmt::format("not valid JSON: {}", message), {std::string(file)});
  }
}

std::string canonical(const Json& json) {
  // nlohmann::json (not ordered) keeps object keys sorted.
  return nlohmann::json(json).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string to_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tidemill
