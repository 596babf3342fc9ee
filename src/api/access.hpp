// Who may: from the head of a request and the scope that its endpoint needs.
#pragma once

#include "api/endpoint.hpp"

namespace tidemill::api {

struct AccessOptions {
  /// On loopback without tokens only reading and predicting are open, and a foreign Host or Origin is
  /// refused: otherwise any web page could call us through its visitor's browser.
  bool loopback_only = true;
};

class Access {
 public:
  explicit Access(AccessOptions options) : options_(options) {}
  /// Before anything else is told of the request. Error http.forbidden.
  Result<void> admit(const Request& request) const;
  /// Error http.forbidden.
  Result<void> allow(const Request& request, Scope scope, const Parameters& parameters) const;

 private:
  AccessOptions options_;
};

}  // namespace tidemill::api
