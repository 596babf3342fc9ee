// Who may: from the head of a request and the scope that its endpoint needs. Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "api/endpoint.hpp"
#include "base/clock.hpp"
#include "registry/registry.hpp"

namespace tidemill::api {

struct AccessOptions {
  /// On loopback without tokens only reading and predicting are open, and a foreign Host or Origin is
  /// refused: otherwise any web page could call us through its visitor's browser.
  bool loopback_only = true;
  /// Beyond loopback without tokens: as on loopback, for everybody (--insecure).
  bool insecure = false;
  std::shared_ptr<const Clock> clock = system_clock();
};

/// Why a caller may not, and how long until it may where that is known.
struct Refusal {
  // What finds no token gives an Error, and nothing is known of a wait then.
  Refusal(Error refused) : error(std::move(refused)) {}  // NOLINT(google-explicit-constructor)
  Refusal(Error refused, Duration until) : error(std::move(refused)), wait(until) {}
  Error error;
  Duration wait;
};

/// So many requests a second, and as many at once.
class RateLimit {
 public:
  explicit RateLimit(double per_second) : per_second_(per_second), left_(burst()) {}
  double per_second() const { return per_second_; }
  /// Takes one of them, or says how long until there is one.
  std::optional<Duration> take(Instant now);

 private:
  double burst() const { return per_second_ < 1 ? 1 : per_second_; }
  const double per_second_;
  std::mutex mutex_;
  double left_;
  Instant since_{0};
};

class Access {
 public:
  explicit Access(AccessOptions options);
  /// From now on these; false where they are those of before, and nothing is made anew. Once one was seen
  /// that is not revoked, also an expired one, nobody may without, as long as this lives: to revoke the last
  /// one closes a server, it does not open it.
  bool use(const registry::Tokens& tokens);
  bool demands_token() const { return demands_token_.load(); }

  /// What a request shows of its caller.
  struct Claim {
    std::string_view host, origin, authorization;  // headers, as sent
  };
  static Claim claim(const Request& request);

  /// Before anything else is told of the request. Error http.forbidden.
  Result<void> admit(const Claim& claim) const;
  /// deployment: that of the endpoint's path, or empty. Gives the name of the caller's token, of who may
  /// change something; else nothing. Errors: http.unauthorized, http.forbidden, http.too_many_requests.
  std::expected<std::string, Refusal> allow(const Claim& claim, Scope scope,
                                            std::string_view deployment) const;
  /// Whether it could be allowed for some deployment: asked before it is known which, and counts as no
  /// request. Errors: http.unauthorized, http.forbidden.
  Result<void> could_allow(const Claim& claim, Scope scope) const;

 private:
  struct Entry {
    const registry::Token* token;     // one of the tokens
    std::shared_ptr<RateLimit> rate;  // may be null
  };
  struct Known {
    uint64_t serial = 0;  // no two of this process have the same
    registry::Tokens tokens;
    std::map<std::string_view, Entry> by_id;
  };
  /// What is used now; it stays until this thread asks again.
  const Known& known() const;
  Result<const Entry*> find(const Known& known, std::string_view authorization) const;
  static Result<const Entry*> verify(const Known& known, std::string_view authorization);
  Result<void> allow_without_token(Scope scope) const;

  const AccessOptions options_;
  std::atomic<bool> demands_token_;
  std::atomic<std::shared_ptr<const Known>> known_;
  std::atomic<uint64_t> serial_{0};  // of known_
};

/// The token in an Authorization header: a Bearer's, or the password of Basic. Empty where there is none.
std::string token_in(std::string_view authorization);

}  // namespace tidemill::api
