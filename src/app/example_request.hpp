// A request that a deployment answers, ready to be pasted: for who serves something for the first time.
#pragma once

#include <string>

#include "serving/deployments.hpp"

namespace tidemill::app {

/// Where the API is, and whether it wants a token.
struct Api {
  std::string url;  // "http://127.0.0.1:8080"
  bool token = false;
};

/// A line of curl with one row: of the request source's columns where the deployment has one, else of its
/// features; the first of them, when there are many, since what is absent is missing. Values are typical of
/// training where the version knows them.
std::string example_request(const serving::LiveModel& live, const Api& api);

}  // namespace tidemill::app
