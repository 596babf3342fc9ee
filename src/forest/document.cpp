#include "forest/document.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace tidemill::forest {

namespace {

std::unexpected<Error> invalid(std::string message) {
  return data_error("forest.invalid", "not a model file: " + std::move(message));
}

// JSON
// ----------------------------------------------------------------------------------------------------------------
// JSON as XGBoost writes it: with the literals NaN, Infinity and -Infinity, and numbers that are the shortest
// texts of floats, which are read as floats because a double on the way would round twice.
class JsonReader {
 public:
  explicit JsonReader(std::string_view bytes) : bytes_(bytes) {}

  Result<Document> read() {
    TM_TRY(Document document, value(0));
    skip_space();
    if (at_ != bytes_.size()) return wrong("something after its end");
    return document;
  }

 private:
  std::unexpected<Error> wrong(std::string_view what) const {
    return invalid(fmt::format("{} at byte {}", what, at_));
  }
  void skip_space() { at_ = std::min(bytes_.find_first_not_of(" \t\r\n", at_), bytes_.size()); }
  bool take(std::string_view word) {
    skip_space();
    if (!bytes_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Result<Document> value(int depth) {
    if (depth > kMaxDocumentDepth) return invalid("it nests too deep");
    if (++values_ > kMaxDocumentValues) return invalid("it has too many values");
    if (take("{")) return object(depth);
    if (take("[")) return array(depth);
    if (at_ < bytes_.size() && bytes_[at_] == '"') {
      TM_TRY(std::string result, text());
      return Document{std::move(result)};
    }
    if (take("null")) return Document{};
    if (take("true")) return Document{true};
    if (take("false")) return Document{false};
    TM_TRY(const double result, number());
    return Document{result};
  }

  Result<double> number() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (take("NaN")) return std::numeric_limits<double>::quiet_NaN();
    if (take("Infinity")) return kInfinity;
    if (take("-Infinity")) return -kInfinity;
    const char* begin = bytes_.data() + at_;
    const char* end =
        bytes_.data() + std::min(bytes_.find_first_not_of("+-.0123456789eE", at_), bytes_.size());
    const std::string_view word(begin, end);
    double exact = 0;
    const auto [stop, error] = std::from_chars(begin, end, exact);
    if (error == std::errc::invalid_argument || stop != end || word.empty()) return wrong("no value");
    float single = 0;
    const bool fraction = word.find_first_of(".eE") != std::string_view::npos;
    at_ += word.size();
    if (fraction && std::from_chars(begin, end, single).ec == std::errc{}) return double{single};
    return error == std::errc{} ? exact
                                : kInfinity;  // what no number holds is refused by whoever wanted it finite
  }

  Result<std::string> text() {
    if (!take("\"")) return wrong("no text");
    std::string result;
    while (at_ < bytes_.size() && bytes_[at_] != '"') {
      char c = bytes_[at_++];
      if (c == '\\') {
        if (at_ == bytes_.size()) break;
        c = bytes_[at_++];
        constexpr std::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
        if (c == 'u') {
          TM_CHECK(append_code_point(result));
          continue;
        }
        if (const size_t i = kFrom.find(c); i != std::string_view::npos) c = kTo[i];
      }
      result += c;
    }
    if (at_ == bytes_.size()) return wrong("a text without end");
    ++at_;
    return result;
  }
  Result<void> append_code_point(std::string& to) {
    unsigned code = 0;
    const char* begin = bytes_.data() + at_;
    if (bytes_.size() - at_ < 4 || std::from_chars(begin, begin + 4, code, 16).ptr != begin + 4)
      return wrong("no code point");
    at_ += 4;
    if (code >= 0xd800 && code < 0xe000) return wrong("a surrogate");  // XGBoost writes UTF-8 as it is
    if (code < 0x80) {
      to += static_cast<char>(code);
    } else {
      if (code < 0x800)
        to += static_cast<char>(0xc0 | code >> 6);
      else
        (to += static_cast<char>(0xe0 | code >> 12)) += static_cast<char>(0x80 | (code >> 6 & 0x3f));
      to += static_cast<char>(0x80 | (code & 0x3f));
    }
    return {};
  }

  bool at_number() {
    skip_space();
    return at_ < bytes_.size() &&
           std::string_view("-0123456789NI").find(bytes_[at_]) != std::string_view::npos;
  }
  Result<Document> array(int depth) {
    Document::Numbers numbers;
    Document::Array items;
    if (take("]")) return Document{std::move(numbers)};
    do {
      if (items.empty() && at_number()) {
        TM_TRY(const double one, number());
        numbers.push_back(one);
        continue;
      }
      for (const double one : numbers) items.emplace_back().value = one;
      values_ += numbers.size();
      numbers.clear();
      TM_TRY(Document item, value(depth + 1));
      items.push_back(std::move(item));
    } while (take(","));
    if (!take("]")) return wrong("a list without end");
    if (items.empty()) return Document{std::move(numbers)};
    return Document{std::move(items)};
  }
  Result<Document> object(int depth) {
    Document::Object result;
    if (take("}")) return Document{std::move(result)};
    do {
      skip_space();
      TM_TRY(std::string name, text());
      if (!take(":")) return wrong("no colon");
      TM_TRY(Document item, value(depth + 1));
      result.push_back({std::move(name), std::move(item)});
    } while (take(","));
    if (!take("}")) return wrong("an object without end");
    return Document{std::move(result)};
  }

  std::string_view bytes_;
  size_t at_ = 0;
  size_t values_ = 0;
};

// UBJ
// -----------------------------------------------------------------------------------------------------------------
class UbjReader {
 public:
  explicit UbjReader(std::string_view bytes) : bytes_(bytes) {}

  Result<Document> read() {
    TM_TRY(Document document, value(marker(), 0));
    skip_noops();
    if (at_ != bytes_.size()) return invalid(fmt::format("{} bytes after its end", bytes_.size() - at_));
    return document;
  }

 private:
  char marker() {
    skip_noops();
    return at_ < bytes_.size() ? bytes_[at_++] : '\0';
  }
  void skip_noops() {
    while (at_ < bytes_.size() && bytes_[at_] == 'N') ++at_;
  }
  std::unexpected<Error> truncated() const { return invalid(fmt::format("it ends early, at byte {}", at_)); }

  static size_t width(char type) {
    switch (type) {
      case 'i':
      case 'U':
        return 1;
      case 'I':
        return 2;
      case 'l':
      case 'd':
        return 4;
      case 'L':
      case 'D':
        return 8;
      default:
        return 0;
    }
  }
  template <class T>
  static T big_endian(const char* from) {
    uint64_t bits = 0;
    for (size_t i = 0; i < sizeof(T); ++i) bits = bits << 8 | static_cast<unsigned char>(from[i]);
    if constexpr (sizeof(T) == 8)
      return std::bit_cast<T>(bits);
    else if constexpr (sizeof(T) == 4)
      return std::bit_cast<T>(static_cast<uint32_t>(bits));
    else if constexpr (sizeof(T) == 2)
      return std::bit_cast<T>(static_cast<uint16_t>(bits));
    else
      return std::bit_cast<T>(static_cast<uint8_t>(bits));
  }
  static double number_at(char type, const char* from) {
    switch (type) {
      case 'i':
        return big_endian<int8_t>(from);
      case 'U':
        return big_endian<uint8_t>(from);
      case 'I':
        return big_endian<int16_t>(from);
      case 'l':
        return big_endian<int32_t>(from);
      case 'L':
        return static_cast<double>(big_endian<int64_t>(from));
      case 'd':
        return big_endian<float>(from);
      default:
        return big_endian<double>(from);
    }
  }

  Result<size_t> length() {
    const char type = marker();
    const size_t size = width(type);
    if (size == 0 || type == 'd' || type == 'D')
      return invalid(fmt::format("a length is missing at byte {}", at_));
    if (bytes_.size() - at_ < size) return truncated();
    const double number = number_at(type, bytes_.data() + at_);
    at_ += size;
    // Every element costs at least one byte, so no length exceeds what is left.
    if (number < 0 || number > static_cast<double>(bytes_.size() - at_))
      return invalid(fmt::format("the length before byte {} exceeds the file", at_));
    return static_cast<size_t>(number);
  }
  Result<std::string> text() {
    TM_TRY(const size_t size, length());
    std::string result(bytes_.substr(at_, size));
    at_ += size;
    return result;
  }

  Result<Document> value(char type, int depth) {
    if (depth > kMaxDocumentDepth) return invalid("it nests too deep");
    if (++values_ > kMaxDocumentValues) return invalid("it has too many values");
    if (const size_t size = width(type)) {
      if (bytes_.size() - at_ < size) return truncated();
      const double number = number_at(type, bytes_.data() + at_);
      at_ += size;
      return Document{number};
    }
    switch (type) {
      case 'Z':
        return Document{};
      case 'T':
        return Document{true};
      case 'F':
        return Document{false};
      case 'C':
        if (at_ == bytes_.size()) return truncated();
        return Document{std::string(1, bytes_[at_++])};
      case 'S':
      case 'H': {
        TM_TRY(std::string result, text());
        return Document{std::move(result)};
      }
      case '[':
        return array(depth);
      case '{':
        return object(depth);
      case '\0':
        return truncated();
      default:
        return invalid(
            fmt::format("unknown marker 0x{:02x} at byte {}", static_cast<unsigned char>(type), at_ - 1));
    }
  }

  // `$ type` and `# count` after an opening bracket; count is SIZE_MAX when the container ends with its
  // closing bracket.
  struct Header {
    char type = '\0';
    size_t count = SIZE_MAX;
  };
  Result<Header> header() {
    Header result;
    if (at_ < bytes_.size() && bytes_[at_] == '$') {
      ++at_;
      result.type = marker();
      if (width(result.type) == 0 && !std::strchr("SH[{", result.type ? result.type : '?'))
        return invalid(fmt::format("a container of a type without size before byte {}", at_));
      if (at_ == bytes_.size() || bytes_[at_] != '#') return invalid("a typed container has no count");
    }
    if (at_ < bytes_.size() && bytes_[at_] == '#') {
      ++at_;
      TM_TRY(result.count, length());
    }
    return result;
  }
  bool ends(char bracket) {
    skip_noops();
    if (at_ >= bytes_.size() || bytes_[at_] != bracket) return false;
    ++at_;
    return true;
  }

  Result<Document> array(int depth) {
    TM_TRY(const Header form, header());
    if (const size_t size = width(form.type); size != 0) {
      if ((bytes_.size() - at_) / size < form.count) return truncated();
      Document::Numbers numbers(form.count);
      for (double& number : numbers) {
        number = number_at(form.type, bytes_.data() + at_);
        at_ += size;
      }
      return Document{std::move(numbers)};
    }
    Document::Array result;
    bool all_numbers = true;
    for (size_t i = 0; form.count == SIZE_MAX ? !ends(']') : i < form.count; ++i) {
      TM_TRY(Document item, value(form.type ? form.type : marker(), depth + 1));
      all_numbers = all_numbers && std::holds_alternative<double>(item.value);
      result.push_back(std::move(item));
    }
    if (!all_numbers) return Document{std::move(result)};
    Document::Numbers numbers;
    for (const Document& item : result) numbers.push_back(std::get<double>(item.value));
    return Document{std::move(numbers)};
  }

  Result<Document> object(int depth) {
    TM_TRY(const Header form, header());
    Document::Object result;
    for (size_t i = 0; form.count == SIZE_MAX ? !ends('}') : i < form.count; ++i) {
      TM_TRY(std::string name, text());
      TM_TRY(Document item, value(form.type ? form.type : marker(), depth + 1));
      result.push_back({std::move(name), std::move(item)});
    }
    return Document{std::move(result)};
  }

  std::string_view bytes_;
  size_t at_ = 0;
  size_t values_ = 0;
};

bool looks_like_json(std::string_view bytes) {
  // Both begin with '{'; in UBJ a length marker, '$' or '#' follows, in JSON white space, '"' or '}'.
  for (const char c : bytes.substr(0, 4096)) {
    if (c == '{') continue;
    return std::strchr(" \t\r\n\"}", c) != nullptr && c != '\0';
  }
  return false;
}

}  // namespace

const Document* Document::find(std::string_view name) const {
  const auto* object = std::get_if<Object>(&value);
  if (!object) return nullptr;
  for (const auto& [key, item] : *object)
    if (key == name) return &item;
  return nullptr;
}

Result<double> Document::number(std::string_view what) const {
  if (const double* number = std::get_if<double>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) {
    float single = 0;
    const char* end = text->data() + text->size();
    // Floats as the nearest float; integers beyond 2^24 are counts and stay exact.
    if (const bool fraction = text->find_first_of(".eE") != std::string::npos; fraction) {
      if (const auto [stop, error] = std::from_chars(text->data(), end, single);
          error == std::errc{} && stop == end)
        return double{single};
    } else {
      double exact = 0;
      if (const auto [stop, error] = std::from_chars(text->data(), end, exact);
          error == std::errc{} && stop == end && !text->empty())
        return exact;
    }
  }
  return invalid(fmt::format("{} is not a number", what));
}

Result<std::string_view> Document::text(std::string_view what) const {
  if (const auto* result = std::get_if<std::string>(&value)) return std::string_view(*result);
  return invalid(fmt::format("{} is not a text", what));
}

const Document::Numbers* Document::numbers() const { return std::get_if<Numbers>(&value); }
const Document::Array* Document::array() const { return std::get_if<Array>(&value); }

bool Document::is_empty_array() const {
  return (numbers() && numbers()->empty()) || (array() && array()->empty());
}

Result<Document> parse_document(std::string_view bytes) {
  if (bytes.size() > kMaxModelBytes)
    return data_error("forest.too_large",
                      fmt::format("the model has {} bytes (limit {})", bytes.size(), kMaxModelBytes));
  if (bytes.empty()) return invalid("it is empty");
  const size_t start = bytes.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || bytes[start] != '{')
    return invalid(
        "it is neither JSON nor UBJ (XGBoost's old binary format is not read: save the model as .ubj or "
        ".json)");
  if (!looks_like_json(bytes.substr(start))) return UbjReader(bytes).read();
  return JsonReader(bytes).read();
}

}  // namespace tidemill::forest
