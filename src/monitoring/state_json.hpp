// Reading back what a monitor's state was: every member must be there and of its kind.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace tidemill::monitoring {

/// Error monitoring.state: what is written there cannot be read back, so that nothing is decided by it.
inline std::unexpected<Error> bad_state(std::string_view member, std::string_view what) {
  return data_error("monitoring.state", fmt::format("the kept state cannot be read: {} {}", member, what), {},
                    "it is written by this program alone; put the home back from a backup");
}

/// The member of an object, as text, number, bool, or instant (microseconds).
template <class T>
Result<void> read_member(const Json& json, const char* name, T& to) {
  const auto found = json.find(name);
  if (!json.is_object() || found == json.end()) return bad_state(name, "is missing");
  if constexpr (std::same_as<T, std::string>) {
    if (!found->is_string()) return bad_state(name, "is not a text");
    to = found->template get_ref<const std::string&>();
  } else if constexpr (std::same_as<T, bool>) {
    if (!found->is_boolean()) return bad_state(name, "is neither true nor false");
    to = found->template get<bool>();
  } else if constexpr (std::same_as<T, Instant>) {
    if (!found->is_number_integer()) return bad_state(name, "is not a number of microseconds");
    to = {found->template get<int64_t>()};
  } else if constexpr (std::same_as<T, double>) {
    if (!found->is_number()) return bad_state(name, "is not a number");
    to = found->template get<double>();
  } else {
    static_assert(std::integral<T>);
    if (!found->is_number_integer() || !std::in_range<T>(found->template get<int64_t>()))
      return bad_state(name, "is not a whole number that fits");
    to = static_cast<T>(found->template get<int64_t>());
  }
  return {};
}

/// JSON has no infinity, and a value with a limit of 0 may be that far past it.
inline Json json_number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "infinity" : "-infinity";
}
inline Result<void> read_number(const Json& json, const char* name, double& to) {
  const auto found = json.find(name);
  if (!json.is_object() || found == json.end() || !found->is_string()) return read_member(json, name, to);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (*found == "infinity")
    to = kInfinity;
  else if (*found == "-infinity")
    to = -kInfinity;
  else if (*found == "nan")
    to = std::numeric_limits<double>::quiet_NaN();
  else
    return bad_state(name, "is not a number");
  return {};
}

}  // namespace tidemill::monitoring
