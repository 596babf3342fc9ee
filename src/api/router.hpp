// From a path to its endpoint: admits, finds, asks whether the caller may, answers. Immutable once made.
#pragma once

#include <vector>

#include "api/access.hpp"

namespace tidemill::api {

class Router {
 public:
  /// max_body_bytes: once decoded. The access must outlive the router.
  Router(std::vector<Endpoint> endpoints, const Access& access, size_t max_body_bytes = kMaxBodyBytes);
  /// Thread-safe. Nothing at a path: 404; another verb: 405 with Allow.
  Answer answer(const Request& request) const;
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }

 private:
  std::vector<Endpoint> endpoints_;
  const Access& access_;
  size_t max_body_bytes_;
};

/// Whether the path is one of the pattern's, and with what in its open parts, none of which may be empty.
bool matches(std::string_view pattern, std::string_view path, Parameters& parameters);

}  // namespace tidemill::api
