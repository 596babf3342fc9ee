// The answers that every protocol but MLflow's gives in one form: JSON, and errors as {"error": "…"}.
#pragma once

#include "api/http.hpp"
#include "base/json.hpp"

namespace tidemill::api {

Response json_reply(const Json& json);
Response empty_reply(int status);
/// The error's message, with its hint behind it.
std::string error_text(const Error& error);
/// That; Retry-After with 503 and 429, WWW-Authenticate with 401.
Response error_reply(const Error& error);
Error not_found(std::string message);

}  // namespace tidemill::api
