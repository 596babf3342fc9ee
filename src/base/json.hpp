// JSON values. Keys keep the order they were written in, so that printed values are stable.
#pragma once

#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace tidemill {

using Json = nlohmann::ordered_json;

/// Parses UTF-8 JSON; an error has line and column. Nesting is limited to 100, size to max_bytes.
Result<Json> parse_json(std::string_view text, std::string_view file = {},
                        size_t max_bytes = size_t{256} << 20);
/// One line, keys sorted, no spaces: equal values give equal bytes. For hashing.
std::string canonical(const Json& json);
/// As dump(indent), but bytes that are not UTF-8 are replaced instead of throwing.
std::string to_text(const Json& json, int indent = -1);

}  // namespace tidemill
