#include "api/replies.hpp"

#include <algorithm>

namespace tidemill::api {

namespace {

Json body_of(const Error& error, int status, ErrorForm form) {
  if (form == ErrorForm::Plain) return Json{{"error", error_text(error)}};
  const char* code = status == 404   ? "RESOURCE_DOES_NOT_EXIST"
                     : status >= 500 ? "INTERNAL_ERROR"
                                     : "BAD_REQUEST";
  return Json{{"error_code", code}, {"message", error_text(error)}};
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

Error not_found(std::string message) { return Error{ErrorKind::User, "http.not_found", std::move(message)}; }

}  // namespace tidemill::api
