// The answers that every protocol gives in one form: JSON, and errors as {"error": "…"} or in MLflow's words.
#pragma once

#include "api/http.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"

namespace tidemill::api {

/// Mlflow: {"error_code": "…", "message": "…"}, which its clients look for.
enum class ErrorForm { Plain, Mlflow };

Response json_reply(const Json& json);
Response empty_reply(int status);
/// The error's message, with its hint behind it.
std::string error_text(const Error& error);
/// That; WWW-Authenticate with 401, Retry-After with 503 and 429: so many whole seconds that the wait is over
/// then, one where nothing is known of it.
Response error_reply(const Error& error, ErrorForm form = ErrorForm::Plain, Duration wait = {});
/// What is neither JSON nor CSV.
Error other_media_type(std::string_view type);
Error not_found(std::string message);
Error too_late();

}  // namespace tidemill::api
