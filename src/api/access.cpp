#include "api/access.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidemill::api {

namespace {

// "127.0.0.1:8080" → "127.0.0.1"; "[::1]:8080" → "::1"; what is not host[:port] → "".
std::string host_part(std::string_view authority) {
  const bool bracketed = authority.starts_with('[');
  if (bracketed) authority.remove_prefix(1);
  const size_t end = authority.find(bracketed ? ']' : ':');
  if (bracketed && end == authority.npos) return "";
  std::string_view port = end == authority.npos ? "" : authority.substr(end + (bracketed ? 1 : 0));
  if (!port.empty() && port.front() != ':') return "";
  if (!port.empty()) port.remove_prefix(1);
  const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::string(authority.substr(0, end)) : "";
}

}  // namespace

Result<void> Access::admit(const Request& request) const {
  if (!options_.loopback_only) return {};
  const auto refuse = [](std::string_view name, std::string_view value) {
    return user_error(
        "http.forbidden",
        fmt::format("{} '{}' is foreign: without tokens this server answers its own machine only", name,
                    value));
  };
  if (const auto host = request.header("host"); !host.empty() && !is_loopback(host_part(host)))
    return refuse("Host", host);
  if (const auto origin = request.header("origin"); !origin.empty()) {
    const size_t scheme = origin.find("://");
    if (scheme == origin.npos || !is_loopback(host_part(origin.substr(scheme + 3))))
      return refuse("Origin", origin);
  }
  return {};
}

Result<void> Access::allow(const Request& request, Scope scope, const Parameters&) const {
  if (scope == Scope::Open || scope == Scope::Read || scope == Scope::Predict) return {};
  return user_error("http.forbidden", fmt::format("{} changes something, which needs a token", request.path));
}

}  // namespace tidemill::api
