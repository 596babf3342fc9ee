#include "api/change_endpoints.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/change_description.hpp"
#include "api/replies.hpp"
#include "serving/deployment_status.hpp"
#include "serving/promotion.hpp"

namespace tidemill::api {

namespace {

constexpr size_t kMaxBytes = size_t{64} << 10;
constexpr size_t kMaxReason = 4'000;

/// A small JSON object with known members.
class Body {
 public:
  static Result<Body> read(std::string_view text, std::initializer_list<std::string_view> known) {
    Body body;
    if (text.empty()) return body;
    TM_TRY(body.json_, parse_json(text, {}, kMaxBytes));
    if (!body.json_.is_object()) return bad("the body must be a JSON object");
    for (const auto& [key, value] : body.json_.items()) {
      if (std::ranges::find(known, key) != known.end()) continue;
      const std::vector<std::string> names(known.begin(), known.end());
      const std::string near = did_you_mean(key, names);
      return bad(fmt::format("'{}' is not known here", key),
                 near.empty() ? fmt::format("there is {}", fmt::join(names, ", ")) : near);
    }
    return body;
  }
  static std::unexpected<Error> bad(std::string message, std::string hint = {}) {
    return user_error("change.malformed", std::move(message), {}, std::move(hint));
  }
  bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  Result<std::string> text(const char* key, std::string standard = {}) const {
    if (!has(key)) return standard;
    if (!json_[key].is_string()) return bad(fmt::format("'{}' must be text", key));
    auto text = json_[key].get<std::string>();
    if (text.size() > kMaxReason) return bad(fmt::format("'{}' is longer than {} bytes", key, kMaxReason));
    return text;
  }
  Result<int> version(const char* key) const {
    if (!has(key)) return bad(fmt::format("'{}' is missing", key), fmt::format("{{\"{}\": 4}}", key));
    const Json& value = json_[key];
    if (value.is_number_integer() && value > 0 && value <= std::numeric_limits<int>::max())
      return value.get<int>();
    return bad(fmt::format("'{}' must be the number of a version", key));
  }
  Result<bool> truth(const char* key) const {
    if (!has(key)) return false;
    if (!json_[key].is_boolean()) return bad(fmt::format("'{}' must be true or false", key));
    return json_[key].get<bool>();
  }
  Result<double> number(const char* key) const {
    if (!json_[key].is_number()) return bad(fmt::format("'{}' must be a number", key));
    return json_[key].get<double>();
  }

 private:
  Json json_ = Json::object();
};

Json serving_now(const serving::Deployments& deployments, const std::string& model) {
  Json list = Json::array();
  for (const std::string& name : deployments.names())
    if (deployments.declared(name)->model == model) list.push_back(serving::status_of(deployments, name));
  return list;
}

Result<Json> promote(Changes& changes, registry::Registry& registry, const Request& request,
                     const Parameters& parameters) {
  TM_TRY(const Body body, Body::read(request.body, {"version", "alias", "reason", "force"}));
  TM_TRY(const int version, body.version("version"));
  TM_TRY(const std::string alias, body.text("alias", "champion"));
  TM_TRY(const std::string reason, body.text("reason"));
  TM_TRY(const bool force, body.truth("force"));
  if (!force) {
    auto kept = serving::check_keeps_callers(registry, {parameters.model, version, alias});
    if (!kept) kept.error().hint = R"(when they know: "force": true)";
    TM_CHECK(kept);
    TM_CHECK(changes.deployments().check_promotion({parameters.model, version, alias}, registry));
  }
  TM_CHECK(registry.promote(parameters.model, version, alias, reason));
  changes.deployments().refresh(registry);
  return Json{{"model", parameters.model},
              {"alias", alias},
              {"version", version},
              {"deployments", serving_now(changes.deployments(), parameters.model)}};
}

Result<Json> rollback(Changes& changes, registry::Registry& registry, const Request& request,
                      const Parameters& parameters) {
  TM_TRY(const Body body, Body::read(request.body, {"alias", "reason"}));
  TM_TRY(const std::string alias, body.text("alias", "champion"));
  TM_TRY(const std::string reason, body.text("reason"));
  TM_TRY(const int version, registry.rollback_alias(parameters.model, alias, reason));
  changes.deployments().refresh(registry);
  return Json{{"model", parameters.model},
              {"alias", alias},
              {"version", version},
              {"hold", true},
              {"deployments", serving_now(changes.deployments(), parameters.model)}};
}

std::unexpected<Error> no_deployment(const serving::Deployments& deployments, const std::string& name) {
  Error error = not_found(fmt::format("there is no deployment '{}'", name));
  error.hint = did_you_mean(name, deployments.names());
  return std::unexpected(std::move(error));
}

/// {"shadow": 4}, {"canary": 4, "percent": 10} or {"end": true}.
Result<Json> rollout(Changes& changes, registry::Registry& registry, const Request& request,
                     const Parameters& parameters) {
  serving::Deployments& deployments = changes.deployments();
  const project::Deployment* declared = deployments.declared(parameters.deployment);
  if (declared == nullptr) return no_deployment(deployments, parameters.deployment);
  TM_TRY(const Body body, Body::read(request.body, {"shadow", "canary", "percent", "end", "reason"}));
  TM_TRY(const std::string reason, body.text("reason"));
  if (body.has("shadow") + body.has("canary") + body.has("end") != 1)
    return Body::bad("exactly one of 'shadow', 'canary' and 'end' is wanted",
                     R"({"shadow": 4}, {"canary": 4, "percent": 10} or {"end": true})");
  if (body.has("percent") != body.has("canary"))
    return Body::bad("'canary' and 'percent' belong together", R"({"canary": 4, "percent": 10})");
  if (body.has("end")) {
    TM_CHECK(registry.end_rollout(declared->name, reason));
  } else {
    registry::Rollout wanted{declared->name, declared->model, declared->version};
    wanted.reason = reason;
    if (body.has("canary")) {
      wanted.stage = registry::Rollout::Stage::Canary;
      TM_TRY(wanted.version, body.version("canary"));
      TM_TRY(wanted.percent, body.number("percent"));
    } else {
      TM_TRY(wanted.version, body.version("shadow"));
    }
    TM_CHECK(registry.check_rollout(wanted));
    deployments.refresh(registry);  // the champion that it is held against is the one of now
    TM_CHECK(deployments.check_rollout(wanted, registry));
    TM_CHECK(registry.set_rollout(wanted));
  }
  deployments.refresh(registry);
  return serving::status_of(deployments, declared->name);
}

Json all_deployments(const serving::Deployments& deployments) {
  Json list = Json::array();
  for (const std::string& name : deployments.names()) list.push_back(serving::status_of(deployments, name));
  return Json{{"deployments", std::move(list)}};
}

Answer one_deployment(const serving::Deployments& deployments, const std::string& name) {
  if (deployments.has(name)) return json_reply(serving::status_of(deployments, name));
  return error_reply(no_deployment(deployments, name).error());
}

}  // namespace

namespace {

/// What is not there is 404; what does not go with how things are now, 409.
Response refusal(const Error& error) {
  Response response = error_reply(error);
  if (response.status != 400) return response;
  const auto is = [&](std::string_view code) { return error.code == code; };
  if (error.code.starts_with("registry.unknown_"))
    response.status = 404;
  else if (error.code.starts_with("serving.") ||
           (error.code.starts_with("registry.") && !is("registry.bad_alias") && !is("registry.percent")))
    response.status = 409;
  return response;
}

}  // namespace

template <class Act>
Response Changes::make(const Request& request, const Parameters& parameters, const Act& act) {
  // What waits for the home and loads a version is beside what is served, and holds up none of it.
  const serving::ComputeSlots::Pause pause(*deployments_.compute_slots());
  const std::lock_guard lock(mutex_);
  auto registry = registry::Registry::open({.home = home_,
                                            .clock = clock_,
                                            .who = "token " + parameters.caller,
                                            .mode = registry::Options::Mode::ReadWrite,
                                            .from = std::string(request.peer)});
  if (!registry) return error_reply(registry.error());
  const Result<Json> done = act(*this, **registry, request, parameters);
  return done ? json_reply(*done) : refusal(done.error());
}

std::vector<Endpoint> change_endpoints(Changes& changes) {
  const auto changing = [&changes](auto act) {
    return [&changes, act](const Request& request, const Parameters& parameters) -> Answer {
      return Work([&changes, act, &request, parameters = parameters] {
        return changes.make(request, parameters, act);
      });
    };
  };
  std::vector<Endpoint> endpoints;
  endpoints.emplace_back("POST", "/models/{model}/promote", Scope::Promote, describe_promote(),
                         changing(promote));
  endpoints.emplace_back("POST", "/models/{model}/rollback", Scope::Promote, describe_rollback(),
                         changing(rollback));
  endpoints.emplace_back("POST", "/deployments/{deployment}/rollout", Scope::Promote, describe_rollout(),
                         changing(rollout));
  endpoints.emplace_back("GET", "/deployments", Scope::Read, describe_deployments(),
                         [&changes](const Request&, const Parameters&) {
                           return Answer(json_reply(all_deployments(changes.deployments())));
                         });
  endpoints.emplace_back("GET", "/deployments/{deployment}", Scope::Read, describe_deployment(),
                         [&changes](const Request&, const Parameters& parameters) {
                           return one_deployment(changes.deployments(), parameters.deployment);
                         });
  return endpoints;
}

}  // namespace tidemill::api
