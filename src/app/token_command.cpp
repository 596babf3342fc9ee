// tidemill tokens: who may call the API. A token is shown once, when it is made.
#include <algorithm>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/references.hpp"

namespace tidemill::app {

namespace {

using registry::Options;
using registry::Token;

std::string state_of(const Token& token, Instant now) {
  if (token.revoked_at) return "revoked";
  return token.usable(now) ? "usable" : "expired";
}

Json instant_or_null(const std::optional<Instant>& instant) {
  return instant ? Json(to_text(*instant)) : Json();
}

Result<void> list(const GlobalOptions& global, const registry::Registry& registry) {
  TM_TRY(const registry::Tokens tokens, registry.tokens());
  const Instant now = system_clock()->now();
  Json rows = Json::array();
  TextTable text({{"name"}, {"begins with"}, {"scopes"}, {"rate"}, {"expires"}, {"state"}});
  for (const Token& token : tokens.all) {
    rows.push_back({{"name", token.name},
                    {"id", token.id},
                    {"scopes", token.scopes},
                    {"rate", token.rate ? Json(*token.rate) : Json()},
                    {"made_at", to_text(token.made_at)},
                    {"expires_at", instant_or_null(token.expires_at)},
                    {"revoked_at", instant_or_null(token.revoked_at)},
                    {"state", state_of(token, now)}});
    text.add({token.name, "tmk_" + token.id, fmt::format("{}", fmt::join(token.scopes, " ")),
              token.rate ? fmt::format("{}/s", *token.rate) : "",
              token.expires_at ? human_time(*token.expires_at) : "never", state_of(token, now)});
  }
  if (global.json)
    print_json(Json{{"tokens", rows}});
  else if (tokens.all.empty())
    print("there are no tokens: tidemill tokens create NAME --scope predict");
  else
    print(text.text());
  return {};
}

/// A deployment may come later than its token; a misspelt one never does.
void warn_of_unknown_deployments(const GlobalOptions& global, const project::Project& project,
                                 const std::vector<std::string>& scopes) {
  constexpr std::string_view kPredict = "predict:";
  std::vector<std::string> names;
  for (const auto& [name, _] : project.deployments) names.push_back(name);
  for (const std::string& scope : scopes) {
    if (!scope.starts_with(kPredict)) continue;
    const std::string name = scope.substr(kPredict.size());
    if (project.deployments.contains(name)) continue;
    const std::string near = hint_of_names(name, names);
    fmt::print(stderr, "{} the project declares no deployment '{}'{}; the token opens it once there is one\n",
               painted(global, "warning:", Tone::Warning), name,
               near.empty() ? "" : fmt::format(" ({})", near));
  }
}

Result<void> create(const GlobalOptions& global, const Session& session, const TokensOptions& options) {
  registry::Registry& registry = *session.registry;
  TM_TRY(const registry::Tokens before, registry.tokens());
  const Instant now = system_clock()->now();
  const bool first = std::ranges::none_of(before.all, [&](const Token& token) { return token.usable(now); });
  registry::Registry::NewToken wanted{options.name, options.scopes};
  if (options.rate > 0) wanted.rate = options.rate;
  if (!options.expires.empty()) {
    TM_TRY(const Duration after, parse_duration(options.expires));
    wanted.expires_at = Instant{system_clock()->now().micros + after.micros};
  }
  TM_TRY(const std::string token, registry.create_token(wanted));
  warn_of_unknown_deployments(global, session.project, wanted.scopes);
  if (global.json) {
    print_json(
        Json{{"name", wanted.name}, {"token", token}, {"expires_at", instant_or_null(wanted.expires_at)}});
  } else {
    print(token);
    fmt::print(stderr, "this is shown once; it is sent as `Authorization: Bearer {}…`\n", token.substr(0, 8));
    if (first)
      fmt::print(stderr,
                 "it is the only one: a server that was open to this machine now answers nobody without a "
                 "token, but for health\n");
  }
  return {};
}

/// Who wants a server without tokens again is told how; whoever revoked a stolen one sees that none is open.
void tell_if_none_is_left(const registry::Registry& registry) {
  const auto tokens = registry.tokens();
  if (!tokens || std::ranges::any_of(tokens->all, [](const Token& token) { return !token.revoked_at; }))
    return;
  fmt::print(stderr,
             "none is left: a server that runs answers nobody, one that is started now its own machine\n");
}

}  // namespace

int tokens(const GlobalOptions& global, const TokensOptions& options) {
  const bool lists = options.verb.empty() || options.verb == "list";
  if (!lists && options.name.empty())
    return report(global, Error{ErrorKind::User, "usage.arguments",
                                fmt::format("tokens {} needs a name", options.verb)});
  auto session = open_session(global, lists ? Options::Mode::ReadOnly : Options::Mode::ReadWrite);
  if (!session) return report(global, session.error());
  Result<void> done;
  if (lists)
    done = list(global, *session->registry);
  else if (options.verb == "create")
    done = create(global, *session, options);
  else if (done = session->registry->revoke_token(options.name); done && global.json)
    print_json(Json{{"name", options.name}, {"state", "revoked"}});
  else if (done)
    print(fmt::format("{} opens nothing any more; a server knows within a second", options.name));
  if (done && options.verb == "revoke" && !global.json) tell_if_none_is_left(*session->registry);
  return done ? 0 : report(global, done.error());
}

}  // namespace tidemill::app
