// What a path answers, and to whom. Each protocol hands in a list of these; the router and the OpenAPI
// document know nothing else.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/description.hpp"
#include "api/handler.hpp"

namespace tidemill::serving {
struct LiveModel;
}

namespace tidemill::api {

/// What a caller must be allowed to do. Open: nothing, it tells no more than that a server is there.
enum class Scope { Open, Read, Predict, Write, Promote, Admin };

/// As a token has it; empty for Open.
std::string_view name_of(Scope scope);

/// The parts of a path that its pattern leaves open; empty where it has none.
struct Parameters {
  std::string deployment;
  std::string version;
  std::string model;
  std::string caller;  // the name of the token, of who may change something; else empty
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// An endpoint cannot be made without the scope that it needs, nor without saying what it is.
class Endpoint {
 public:
  using Handler = std::function<Answer(const Request&, const Parameters&)>;
  /// The same of one deployment: with its own inputs and outputs. Nothing when it cannot be asked here.
  using OfLive = std::function<std::optional<Description>(const serving::LiveModel&)>;
  /// method: GET answers HEAD too. path: "/v2/models/{deployment}/versions/{version}/infer". Must not throw.
  Endpoint(std::string_view method, std::string_view path, Scope scope, Description description,
           Handler handler, OfLive of_live = {})
      : method_(method),
        path_(path),
        scope_(scope),
        description_(std::move(description)),
        handler_(std::move(handler)),
        of_live_(std::move(of_live)) {}
  std::string_view method() const { return method_; }
  std::string_view path() const { return path_; }
  Scope scope() const { return scope_; }
  const Description& description() const { return description_; }
  std::optional<Description> description_of(const serving::LiveModel& live) const {
    return of_live_ ? of_live_(live) : std::nullopt;
  }
  /// Which deployment is meant where the path names none; asked at each request.
  Endpoint&& when_unnamed(std::function<std::string()> deployment) && {
    unnamed_ = std::move(deployment);
    return std::move(*this);
  }
  std::string unnamed_deployment() const { return unnamed_ ? unnamed_() : ""; }
  Answer answer(const Request& request, const Parameters& parameters) const {
    return handler_(request, parameters);
  }

 private:
  std::string_view method_, path_;
  Scope scope_;
  Description description_;
  Handler handler_;
  OfLive of_live_;
  std::function<std::string()> unnamed_;
};

}  // namespace tidemill::api
