// The protocol's words for JSON of another form than it should have.
#pragma once

#include <optional>

#include "base/json_reading.hpp"

namespace tidemill::api {

inline std::unexpected<Error> malformed(std::string message) {
  return user_error("v2.malformed", std::move(message));
}

// The value as T; when it is of another type, `otherwise` says what was expected: a text, or what makes one.
template <class T, class Otherwise>
Result<T> read(od::value value, const Otherwise& otherwise) {
  T out;
  const simdjson::error_code error = value.get(out);
  if (error == SUCCESS) return out;
  if (error != simdjson::INCORRECT_TYPE) return broken(error);
  if constexpr (std::is_invocable_v<Otherwise>)
    return malformed(otherwise());
  else
    return malformed(otherwise);
}

/// The text with null for every bare NaN outside of strings: no JSON, but what Python's json module writes,
/// and what Triton's server reads. Nothing where there is none.
std::optional<std::string> nan_as_null(std::string_view text);

/// read_json(), to which a bare NaN is null: `take` may be called a second time, from the beginning.
template <class Take>
auto read_values_json(std::string_view text, const Take& take) {
  auto read = read_json(text, take);
  if (read) return read;
  if (const auto other = nan_as_null(text)) return read_json(*other, take);
  return read;
}

inline Result<void> once(bool& seen, std::string_view key) {
  if (seen) return malformed(fmt::format("'{}' is given twice", key));
  seen = true;
  return {};
}

}  // namespace tidemill::api
