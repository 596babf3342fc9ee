#include "api/replies.hpp"

namespace tidemill::api {

Response json_reply(const Json& json) { return Response{200, "application/json", to_text(json), {}}; }

Response empty_reply(int status) { return Response{status, "application/json", "", {}}; }

std::string error_text(const Error& error) {
  return error.hint.empty() ? error.message : error.message + " (" + error.hint + ")";
}

Response error_reply(const Error& error) {
  Response response{http_status(error), "application/json", to_text(Json{{"error", error_text(error)}}), {}};
  if (response.status == 503 || response.status == 429) response.headers.emplace_back("Retry-After", "1");
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"tidemill\"");
  return response;
}

Error not_found(std::string message) { return Error{ErrorKind::User, "http.not_found", std::move(message)}; }

}  // namespace tidemill::api
