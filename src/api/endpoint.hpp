// What a path answers, and to whom. Each protocol hands in a list of these; the router knows nothing else.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "api/handler.hpp"

namespace tidemill::api {

/// What a caller must be allowed to do. Open: nothing, it tells no more than that a server is there.
enum class Scope { Open, Read, Predict, Write, Promote, Admin };

/// The parts of a path that its pattern leaves open; empty where it has none.
struct Parameters {
  std::string deployment;
  std::string version;
  std::string model;
  std::string caller;  // the name of the token, of who may change something; else empty
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// An endpoint cannot be made without the scope that it needs.
class Endpoint {
 public:
  using Handler = std::function<Answer(const Request&, const Parameters&)>;
  /// method: GET answers HEAD too. path: "/v2/models/{deployment}/versions/{version}/infer". Must not throw.
  Endpoint(std::string_view method, std::string_view path, Scope scope, std::string_view summary,
           Handler handler)
      : method_(method), path_(path), scope_(scope), summary_(summary), handler_(std::move(handler)) {}
  std::string_view method() const { return method_; }
  std::string_view path() const { return path_; }
  Scope scope() const { return scope_; }
  std::string_view summary() const { return summary_; }
  Answer answer(const Request& request, const Parameters& parameters) const {
    return handler_(request, parameters);
  }

 private:
  std::string_view method_, path_;
  Scope scope_;
  std::string_view summary_;
  Handler handler_;
};

}  // namespace tidemill::api
