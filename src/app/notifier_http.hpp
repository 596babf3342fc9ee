// Sends a message over HTTP or HTTPS, once.
#pragma once

#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace tidemill::app {

struct HttpPost {
  std::string url;  // often a secret: no error has it
  std::string body;
  Duration connect_timeout{5'000'000}, timeout{15'000'000};
};

/// POSTs JSON and returns the status; what is answered is not looked at, and a redirection not followed.
/// Errors: notify.unreachable, with curl's word for it; library.*; interrupted.
Result<int> post_json(const HttpPost& post, const std::stop_token& stop);

}  // namespace tidemill::app
