// A model file as a tree of values, before anybody believes it: JSON and UBJ (Universal Binary JSON,
// ubjson.org) give the same Document. Arrays of numbers lie flat. Depth, size and number of values are
// limited; nothing is allocated that the file did not pay for in bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"

namespace tidemill::forest {

inline constexpr size_t kMaxModelBytes = size_t{1} << 30;
inline constexpr int kMaxDocumentDepth = 64;
inline constexpr size_t kMaxDocumentValues = size_t{32} << 20;  // values that are not numbers in a flat array

class Document {
 public:
  using Numbers = std::vector<double>;  // float32 and integers up to 2^53 are exact
  using Array = std::vector<Document>;
  struct Member;  // a pair would want to know all of Document while it is being defined
  using Object = std::vector<Member>;
  std::variant<std::monostate, bool, double, std::string, Numbers, Array, Object> value;

  /// The member of an object, or nothing.
  const Document* find(std::string_view name) const;
  /// A number, or a string that is one whole number text ("5E-1": XGBoost writes parameters so).
  Result<double> number(std::string_view what) const;
  Result<std::string_view> text(std::string_view what) const;
  const Numbers* numbers() const;  // also an empty array
  const Array* array() const;
  bool is_empty_array() const;
};

struct Document::Member {
  std::string name;
  Document value;
};

/// Told apart by content. Numbers of JSON are read as the float nearest to their text, as XGBoost reads them,
/// when they have a fraction or an exponent, and as integers otherwise. Errors: forest.invalid,
/// forest.too_large.
Result<Document> parse_document(std::string_view bytes);

}  // namespace tidemill::forest
