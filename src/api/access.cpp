#include "api/access.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "api/address.hpp"
#include "base/sha256.hpp"

namespace tidemill::api {

namespace {

// "127.0.0.1:8080" → "127.0.0.1"; "[::1]:8080" → "::1"; what is not host[:port] → "".
std::string host_part(std::string_view authority) {
  const bool bracketed = authority.starts_with('[');
  if (bracketed) authority.remove_prefix(1);
  const size_t end = authority.find(bracketed ? ']' : ':');
  if (bracketed && end == authority.npos) return "";
  std::string_view port = end == authority.npos ? "" : authority.substr(end + (bracketed ? 1 : 0));
  if (!port.empty() && port.front() != ':') return "";
  if (!port.empty()) port.remove_prefix(1);
  const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::string(authority.substr(0, end)) : "";
}

std::unexpected<Error> forbidden(std::string message) {
  return user_error("http.forbidden", std::move(message));
}

// Of this deployment; without one, of any.
bool has_scope(const registry::Token& token, Scope scope, std::optional<std::string_view> deployment) {
  return std::any_of(token.scopes.begin(), token.scopes.end(), [&](std::string_view held) {
    if (held == "admin" || held == name_of(scope)) return true;
    constexpr std::string_view kPredict = "predict";
    if (!held.starts_with(kPredict)) return false;
    // Who may ask a deployment may also look at what it takes and gives.
    if (scope != Scope::Predict && scope != Scope::Read) return false;
    held.remove_prefix(kPredict.size());
    if (!deployment) return true;
    return !deployment->empty() && (held.empty() || held.substr(1) == *deployment);
  });
}

std::unexpected<Error> lacks(const registry::Token& token, Scope scope, std::string_view deployment) {
  const bool one = scope == Scope::Predict && !deployment.empty();
  return forbidden(fmt::format("the token '{}' has no scope for this, which is {}{}{}", token.name,
                               name_of(scope), one ? ":" : "", one ? deployment : ""));
}

// Base64 as Basic has it (RFC 4648, 4); nothing when it is not.
std::optional<std::string> from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    uint32_t digit = 0;
    if (c >= 'A' && c <= 'Z')
      digit = static_cast<uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      digit = static_cast<uint32_t>(c - 'a') + 26;
    else if (c >= '0' && c <= '9')
      digit = static_cast<uint32_t>(c - '0') + 52;
    else if (c == '+' || c == '/')
      digit = c == '+' ? 62 : 63;
    else
      return std::nullopt;
    bits = bits << 6 | digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  return out;
}

// The scheme's name is in any case (RFC 9110, 11.1).
bool take_scheme(std::string_view& authorization, std::string_view lower) {
  const size_t space = authorization.find(' ');
  if (space == authorization.npos || !is_word(authorization.substr(0, space), lower)) return false;
  authorization.remove_prefix(space + 1);
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  return true;
}

}  // namespace

std::string_view name_of(Scope scope) {
  switch (scope) {
    case Scope::Open:
      return "";
    case Scope::Read:
      return "read";
    case Scope::Predict:
      return "predict";
    case Scope::Write:
      return "write";
    case Scope::Promote:
      return "promote";
    case Scope::Admin:
      return "admin";
  }
  return "admin";
}

std::string token_in(std::string_view authorization) {
  if (take_scheme(authorization, "bearer")) return std::string(authorization);
  if (!take_scheme(authorization, "basic")) return "";
  const auto pair = from_base64(authorization);
  const size_t colon = pair ? pair->find(':') : std::string::npos;
  return colon == std::string::npos ? "" : pair->substr(colon + 1);
}

std::optional<Duration> RateLimit::take(Instant now) {
  constexpr double kMicrosPerSecond = 1e6;
  const std::lock_guard lock(mutex_);
  if (now.micros > since_.micros) {
    const double passed = static_cast<double>(now.micros - since_.micros) / kMicrosPerSecond;
    left_ = std::min(burst(), left_ + passed * per_second_);
    since_ = now;
  }
  if (left_ >= 1) {
    left_ -= 1;
    return std::nullopt;
  }
  return Duration{static_cast<int64_t>(std::ceil((1 - left_) / per_second_ * kMicrosPerSecond))};
}

Access::Access(AccessOptions options)
    : options_(std::move(options)),
      demands_token_(!options_.loopback_only && !options_.insecure),
      known_(std::make_shared<const Known>()) {}

bool Access::use(const registry::Tokens& tokens) {
  const auto before = known_.load();
  if (before->tokens == tokens) return false;
  static std::atomic<uint64_t> serials{0};
  auto known = std::make_shared<Known>();
  known->serial = ++serials;
  known->tokens = tokens;
  for (const registry::Token& token : known->tokens.all) {
    Entry entry{&token, nullptr};
    if (token.rate) {
      const auto same = before->by_id.find(token.id);
      const bool kept = same != before->by_id.end() && same->second.rate != nullptr &&
                        same->second.rate->per_second() == *token.rate;
      entry.rate = kept ? same->second.rate : std::make_shared<RateLimit>(*token.rate);
    }
    known->by_id.emplace(token.id, std::move(entry));
  }
  const auto closes = [](const registry::Token& token) { return !token.revoked_at; };
  if (std::ranges::any_of(tokens.all, closes)) demands_token_.store(true);
  const uint64_t serial = known->serial;
  known_.store(std::move(known));
  serial_.store(serial);
  return true;
}

const Access::Known& Access::known() const {
  // A thread keeps what it saw last: to look whether it is still current is all that most requests do.
  thread_local std::shared_ptr<const Known> seen;
  if (seen == nullptr || seen->serial != serial_.load()) seen = known_.load();
  return *seen;
}

Access::Claim Access::claim(const Request& request) {
  return {request.header("host"), request.header("origin"), request.header("authorization")};
}

Result<void> Access::admit(const Claim& claim) const {
  if (!options_.loopback_only || demands_token()) return {};
  const auto refuse = [](std::string_view name, std::string_view value) {
    return forbidden(fmt::format(
        "{} '{}' is foreign: without tokens this server answers its own machine only", name, value));
  };
  if (!claim.host.empty() && !is_loopback(host_part(claim.host))) return refuse("Host", claim.host);
  if (!claim.origin.empty()) {
    const size_t scheme = claim.origin.find("://");
    if (scheme == claim.origin.npos || !is_loopback(host_part(claim.origin.substr(scheme + 3))))
      return refuse("Origin", claim.origin);
  }
  return {};
}

Result<const Access::Entry*> Access::verify(const Known& known, std::string_view authorization) {
  const auto refuse = [](std::string message) { return user_error("http.unauthorized", std::move(message)); };
  if (authorization.empty())
    return refuse(
        "this needs a token: send `Authorization: Bearer TOKEN`; `tidemill tokens create` makes one");
  const std::string token = token_in(authorization);
  if (!registry::is_token(token)) return refuse("the Authorization header holds no token of tidemill's");
  const auto found = known.by_id.find(registry::token_id(token));
  if (found == known.by_id.end() ||
      !equal_in_constant_time(found->second.token->hash, hmac_sha256(known.tokens.key, token)))
    return refuse("this server knows no such token");
  return &found->second;
}

Result<const Access::Entry*> Access::find(const Known& known, std::string_view authorization) const {
  // A caller sends the same header with every request: what was verified is compared, not hashed again.
  struct Verified {
    uint64_t serial = 0;  // of the tokens that it was held against
    std::string authorization;
    const Entry* entry = nullptr;
  };
  constexpr size_t kRemembered = 16;
  thread_local std::array<Verified, kRemembered> remembered;
  const size_t slot =
      authorization.empty() ? 0 : static_cast<unsigned char>(authorization.back()) % kRemembered;
  Verified& verified = remembered[slot];
  const Entry* entry = nullptr;
  if (verified.serial == known.serial && verified.entry != nullptr &&
      equal_in_constant_time(verified.authorization, authorization)) {
    entry = verified.entry;
  } else {
    TM_TRY(entry, verify(known, authorization));
    verified = {known.serial, std::string(authorization), entry};
  }
  const registry::Token& token = *entry->token;
  if (!token.usable(token.expires_at ? options_.clock->now() : Instant{}))
    return user_error("http.unauthorized", "the token has expired or was revoked");
  return entry;
}

Result<void> Access::allow_without_token(Scope scope) const {
  if (scope == Scope::Read || scope == Scope::Predict) return {};
  return forbidden("what changes something needs a token: `tidemill tokens create` makes one");
}

std::expected<std::string, Refusal> Access::allow(const Claim& claim, Scope scope,
                                                  std::string_view deployment) const {
  if (scope == Scope::Open) return {};
  if (!demands_token()) {
    TM_CHECK(allow_without_token(scope));
    return {};
  }
  TM_TRY(const Entry* entry, find(known(), claim.authorization));
  if (!has_scope(*entry->token, scope, deployment)) return lacks(*entry->token, scope, deployment);
  const auto wait = entry->rate == nullptr ? std::nullopt : entry->rate->take(options_.clock->now());
  if (!wait) {
    const bool changes = scope != Scope::Read && scope != Scope::Predict;
    return changes ? entry->token->name : std::string();
  }
  Error error{ErrorKind::User, "http.too_many_requests",
              fmt::format("the token '{}' may send {} requests a second", entry->token->name,
                          entry->rate->per_second())};
  error.hint = fmt::format("again in {:.3f} s", wait->seconds());
  return std::unexpected(Refusal(std::move(error), *wait));
}

Result<void> Access::could_allow(const Claim& claim, Scope scope) const {
  if (scope == Scope::Open) return {};
  if (!demands_token()) return allow_without_token(scope);
  TM_TRY(const Entry* entry, find(known(), claim.authorization));
  if (!has_scope(*entry->token, scope, std::nullopt)) return lacks(*entry->token, scope, "");
  return {};
}

}  // namespace tidemill::api
