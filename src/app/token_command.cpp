// tidemill tokens: who may call the API. A token is shown once, when it is made.
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"

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

Result<void> create(const GlobalOptions& global, registry::Registry& registry, const TokensOptions& options) {
  registry::Registry::NewToken wanted{options.name, options.scopes};
  if (options.rate > 0) wanted.rate = options.rate;
  if (!options.expires.empty()) {
    TM_TRY(const Duration after, parse_duration(options.expires));
    wanted.expires_at = Instant{system_clock()->now().micros + after.micros};
  }
  TM_TRY(const std::string token, registry.create_token(wanted));
  if (global.json) {
    print_json(
        Json{{"name", wanted.name}, {"token", token}, {"expires_at", instant_or_null(wanted.expires_at)}});
  } else {
    print(token);
    fmt::print(stderr, "this is shown once; it is sent as `Authorization: Bearer {}…`\n", token.substr(0, 8));
  }
  return {};
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
    done = create(global, *session->registry, options);
  else if (done = session->registry->revoke_token(options.name); done && global.json)
    print_json(Json{{"name", options.name}, {"state", "revoked"}});
  else if (done)
    print(fmt::format("{} opens nothing any more; a server knows within a second", options.name));
  return done ? 0 : report(global, done.error());
}

}  // namespace tidemill::app
