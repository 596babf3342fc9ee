#include "api/router.hpp"

#include <fmt/format.h>

#include "api/content_coding.hpp"
#include "api/replies.hpp"

namespace tidemill::api {

bool matches(std::string_view pattern, std::string_view path, Parameters& parameters) {
  const auto next = [](std::string_view& text) {
    const size_t slash = text.find('/');
    const std::string_view part = text.substr(0, slash);
    text.remove_prefix(slash == text.npos ? text.size() : slash + 1);
    return part;
  };
  if (std::count(pattern.begin(), pattern.end(), '/') != std::count(path.begin(), path.end(), '/'))
    return false;
  while (!pattern.empty()) {
    const std::string_view wanted = next(pattern), part = next(path);
    if (wanted == "{deployment}" && !part.empty())
      parameters.deployment = part;
    else if (wanted == "{version}" && !part.empty())
      parameters.version = part;
    else if (wanted.starts_with('{') && !part.empty())
      continue;
    else if (wanted != part)
      return false;
  }
  return path.empty();
}

Router::Router(std::vector<Endpoint> endpoints, const Access& access, size_t max_body_bytes)
    : endpoints_(std::move(endpoints)), access_(access), max_body_bytes_(max_body_bytes) {}

Answer Router::answer(const Request& request) const {
  const Access::Claim claim = Access::claim(request);
  if (const auto admitted = access_.admit(claim); !admitted) return error_reply(admitted.error());
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  std::string allowed;
  for (const Endpoint& endpoint : endpoints_) {
    Parameters parameters;
    if (!matches(endpoint.path(), request.path, parameters)) continue;
    if (endpoint.method() != method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(endpoint.method());
      continue;
    }
    if (const auto may = access_.allow(claim, endpoint.scope(), parameters.deployment); !may)
      return error_reply(may.error());
    return answer_coded(request, max_body_bytes_, [&endpoint, parameters](const Request& decoded) {
      return endpoint.answer(decoded, parameters);
    });
  }
  if (allowed.empty()) return error_reply(not_found(fmt::format("there is nothing at {}", request.path)));
  Response response = error_reply(Error{ErrorKind::User, "http.method",
                                        fmt::format("{} does not take {}", request.path, request.method)});
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace tidemill::api
