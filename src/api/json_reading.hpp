// How this room reads JSON by simdjson's on-demand parser: values of one type or an error that says what was
// expected. Included by what reads requests only.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/error.hpp"

namespace tidemill::api {

namespace od = simdjson::ondemand;
using simdjson::SUCCESS;

inline std::unexpected<Error> malformed(std::string message) {
  return user_error("v2.malformed", std::move(message));
}
inline std::unexpected<Error> broken(simdjson::error_code error) {
  return user_error("json.invalid", fmt::format("not valid JSON: {}", simdjson::error_message(error)));
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

// Calls take(key, value) for every member of the object, in order; keys for which it is asked twice are its
// business.
template <class Take>
Result<void> each_member(od::object& object, Take take) {
  for (auto item : object) {
    od::field field;
    if (const auto error = std::move(item).get(field); error != SUCCESS) return broken(error);
    std::string_view key;
    if (const auto error = field.unescaped_key().get(key); error != SUCCESS) return broken(error);
    TM_CHECK(take(key, field.value()));
  }
  return {};
}

// Calls take(value) for every element of the array.
template <class Take>
Result<void> each_element(od::array array, Take take) {
  for (auto item : array) {
    od::value value;
    if (const auto error = item.get(value); error != SUCCESS) return broken(error);
    TM_CHECK(take(value));
  }
  return {};
}

inline Result<void> once(bool& seen, std::string_view key) {
  if (seen) return malformed(fmt::format("'{}' is given twice", key));
  seen = true;
  return {};
}

}  // namespace tidemill::api
