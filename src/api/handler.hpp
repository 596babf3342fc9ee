// What answers requests, as the transport sees it.
#pragma once

#include <functional>
#include <variant>

#include "api/http.hpp"

namespace tidemill::api {

inline constexpr size_t kMaxBodyBytes = size_t{64} << 20;

/// What takes too long for the thread that serves other connections too; done by a worker. The request stays
/// until then. Must not throw.
using Work = std::function<Response()>;
using Answer = std::variant<Response, Work>;
/// Called from the server's threads, several at once. Must not throw.
using Handler = std::function<Answer(const Request&)>;

/// What a head alone decides while its body is still to come: a refusal, or who answers the whole request. It
/// is asked instead of the handler, not before it. As a handler is called.
using Begun = std::variant<Response, Handler>;
using Beginner = std::function<Begun(const Request& head)>;

}  // namespace tidemill::api
