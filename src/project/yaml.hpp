// YAML text as a tree of values that keep their places. Owns what YAML itself can get wrong: syntax,
// encoding, size, depth, aliases that grow, merge keys. Duplicate keys are kept, in file order, for the check
// of forms to report. The only file that knows yaml-cpp is yaml.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace tidemill::project {

inline constexpr size_t kMaxYamlBytes = size_t{8} << 20;
inline constexpr size_t kMaxYamlNodes = 500'000;  // aliases counted each time they are used
inline constexpr int kMaxYamlDepth = 50;

struct YamlEntry;

struct YamlNode {
  enum class Kind { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  std::string text;           // of a scalar, with ${…} replaced
  std::string shown;          // the same, with secrets by name
  bool plain = false;         // written without quotes: may be a number or a bool
  bool interpolated = false;  // a ${…} was replaced: it may be text, a number or a bool
  bool deferred = false;      // holds a ${…} that is not replaced: what it is cannot be said
  int line = 0;
  int column = 0;
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;

  /// The value of a map's key, or null. The first one, where the key stands twice.
  const YamlNode* find(std::string_view key) const;
  YamlNode* find(std::string_view key);
  bool is_map() const { return kind == Kind::Map; }
  bool is_list() const { return kind == Kind::List; }
  bool is_scalar() const { return kind == Kind::Scalar; }
  bool is_null() const { return kind == Kind::Null; }
};

struct YamlEntry {
  YamlNode key;
  YamlNode value;
};

inline const YamlNode* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries)
    if (entry.key.text == key) return &entry.value;
  return nullptr;
}
inline YamlNode* YamlNode::find(std::string_view key) {
  return const_cast<YamlNode*>(static_cast<const YamlNode*>(this)->find(key));
}

/// One document. `file` is only for places.
Result<YamlNode> parse_yaml(std::string_view text, const std::string& file);

/// What a scalar is by YAML 1.2's core schema: null, bool, whole number, number or text.
enum class ScalarType { Null, Bool, Integer, Number, Text };
ScalarType scalar_type(const YamlNode& scalar);

/// The tree as JSON: numbers and bools as such. Names: secrets stay as ${env:NAME}; Values: as they are.
enum class Secrets { Names, Values };
Json to_json(const YamlNode& node, Secrets secrets);

/// Line and column of the first byte that is not UTF-8, or nothing.
struct TextPosition {
  int line = 1;
  int column = 1;
};
std::optional<TextPosition> first_invalid_utf8(std::string_view text);

}  // namespace tidemill::project
