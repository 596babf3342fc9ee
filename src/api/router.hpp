// From a path to its endpoint: admits, finds, asks whether the caller may, answers. Immutable once made.
#pragma once

#include <vector>

#include "api/access.hpp"

namespace tidemill::api {

struct RouterOptions {
  AccessOptions access = {};
  size_t max_body_bytes = kMaxBodyBytes;  // once decoded
};

class Router {
 public:
  Router(std::vector<Endpoint> endpoints, RouterOptions options);
  /// Thread-safe. Nothing at a path: 404; another verb: 405 with Allow.
  Answer answer(const Request& request) const;
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }

 private:
  std::vector<Endpoint> endpoints_;
  Access access_;
  size_t max_body_bytes_;
};

/// Whether the path is one of the pattern's, and with what in its open parts, none of which may be empty.
bool matches(std::string_view pattern, std::string_view path, Parameters& parameters);

}  // namespace tidemill::api
