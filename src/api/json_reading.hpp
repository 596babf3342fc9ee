// The protocol's words for JSON of another form than it should have.
#pragma once

#include "base/json_reading.hpp"

namespace tidemill::api {

inline std::unexpected<Error> malformed(std::string message) {
  return user_error("v2.malformed", std::move(message));
}

// The value as T; when it is of another type, `otherwise` says what was expected.
template <class T>
Result<T> read(od::value value, std::string_view otherwise) {
  T out;
  const simdjson::error_code error = value.get(out);
  if (error == simdjson::INCORRECT_TYPE) return malformed(std::string(otherwise));
  if (error != SUCCESS) return broken(error);
  return out;
}

inline Result<void> once(bool& seen, std::string_view key) {
  if (seen) return malformed(fmt::format("'{}' is given twice", key));
  seen = true;
  return {};
}

}  // namespace tidemill::api
