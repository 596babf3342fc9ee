#include "api/replies.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidemill::api {

namespace {

/// MLflow's word for a status: mlflow/exceptions.py, ERROR_CODE_TO_HTTP_STATUS.
const char* mlflow_code(int status) {
  switch (status) {
    case 401:
      return "UNAUTHENTICATED";
    case 403:
      return "PERMISSION_DENIED";
    case 404:
      return "RESOURCE_DOES_NOT_EXIST";
    case 429:
      return "RESOURCE_EXHAUSTED";
    case 501:
      return "NOT_IMPLEMENTED";
    case 503:
      return "TEMPORARILY_UNAVAILABLE";
    case 504:
      return "DEADLINE_EXCEEDED";
    default:
      return status >= 500 ? "INTERNAL_ERROR" : "BAD_REQUEST";
  }
}

Json body_of(const Error& error, int status, ErrorForm form) {
  if (form == ErrorForm::Plain) return Json{{"error", error_text(error)}};
  return Json{{"error_code", mlflow_code(status)}, {"message", error_text(error)}};
}

std::string whole_seconds(Duration wait) {
  constexpr int64_t kSecond = 1'000'000;
  return std::to_string(std::max<int64_t>(1, (wait.micros + kSecond - 1) / kSecond));
}

}  // namespace

Response json_reply(const Json& json) { return Response{200, "application/json", to_text(json), {}}; }

Response empty_reply(int status) { return Response{status, "application/json", "", {}}; }

std::string error_text(const Error& error) {
  return error.hint.empty() ? error.message : error.message + " (" + error.hint + ")";
}

Response error_reply(const Error& error, ErrorForm form, Duration wait) {
  const int status = http_status(error);
  Response response{status, "application/json", to_text(body_of(error, status, form)), {}};
  if (status == 503 || status == 429) response.headers.emplace_back("Retry-After", whole_seconds(wait));
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"tidemill\"");
  return response;
}

Error too_late() {
  return Error{ErrorKind::User, "http.deadline", "the request's time was over before it was computed"};
}

Error other_media_type(std::string_view type) {
  return Error{.kind = ErrorKind::User,
               .code = "http.media_type",
               .message = fmt::format("the body is '{}'; send application/json or text/csv", type),
               .hint =
                   "with curl: -H 'Content-Type: application/json' -d '…', or -H 'Content-Type: text/csv' "
                   "--data-binary @FILE"};
}

Error not_found(std::string message) { return Error{ErrorKind::User, "http.not_found", std::move(message)}; }

}  // namespace tidemill::api
