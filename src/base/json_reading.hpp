// JSON read in one pass by simdjson's on-demand parser, without a tree of values in between: for bodies of
// requests, which may be long and come from anybody. Included by what reads requests only.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/error.hpp"
#include "base/json.hpp"

namespace tidemill {

namespace od = simdjson::ondemand;
using simdjson::SUCCESS;

inline std::unexpected<Error> broken(simdjson::error_code error) {
  return user_error("json.invalid", fmt::format("not valid JSON: {}", simdjson::error_message(error)));
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

/// The double nearest to the number. Where a value of simdjson 3.0.1 begins with "0." and has more than
/// nineteen digits, its own get_double() counts the leading ones wrongly and drops what overflows: 0.3 with
/// twenty places is 0.116 to it. So what is that long is read again.
inline simdjson::error_code get_real(od::value& value, double& out) {
  constexpr size_t kReadRight = 20;  // characters
  const std::string_view token = value.raw_json_token();
  const simdjson::error_code error = value.get_double().get(out);
  if (error != SUCCESS || token.size() <= kReadRight) return error;
  double again = 0;
  if (std::from_chars(token.data(), token.data() + token.size(), again).ec == std::errc{}) out = again;
  return SUCCESS;
}

// What parsing a body takes; a thread keeps one for bodies that are not long.
struct JsonBuffers {
  od::parser parser;
  std::string padded;
};
inline JsonBuffers& kept_json_buffers() {
  thread_local JsonBuffers kept;
  return kept;
}

/// take(od::document&) → Result<T> reads all of the body, behind which nothing may follow; it may not call
/// this again. Errors: take's; json.invalid, with the place unless the body is long.
template <class Take>
auto read_json(std::string_view body, Take take) {
  constexpr size_t kKeptBytes = size_t{1} << 20, kExplainedBytes = size_t{64} << 10;
  JsonBuffers own;
  JsonBuffers& buffers = body.size() <= kKeptBytes ? kept_json_buffers() : own;
  buffers.padded.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  buffers.padded.assign(body).append(simdjson::SIMDJSON_PADDING, '\0');
  using Taken = decltype(take(std::declval<od::document&>()));
  const auto read = [&]() -> Taken {
    od::document document;
    const std::string& padded = buffers.padded;
    if (const auto error = buffers.parser.iterate(padded.data(), body.size(), padded.size()).get(document);
        error != SUCCESS)
      return broken(error);
    Taken taken = take(document);
    if (taken && document.current_location().error() != simdjson::OUT_OF_BOUNDS)
      return broken(simdjson::TRAILING_CONTENT);
    return taken;
  };
  Taken taken = read();
  if (taken || taken.error().code != "json.invalid" || body.size() > kExplainedBytes) return taken;
  // Where and how it is broken, in the words that all our JSON has.
  if (auto json = parse_json(body); !json) return Taken(std::unexpected(std::move(json.error())));
  return taken;
}

}  // namespace tidemill
