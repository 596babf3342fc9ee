// API tokens: "tmk_", 8 digits that name it, 32 random ones (128 bits) and 6 of a checksum, all hexadecimal.
// The registry keeps a keyed hash; the token itself is shown once, when it is made.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace tidemill::registry {

struct Token {
  std::string name;                 // the user's
  std::string id;                   // its first 8 digits
  std::vector<std::string> scopes;  // is_scope() each
  std::optional<double> rate;       // requests a second; nothing: any number
  Instant made_at;
  std::optional<Instant> expires_at, revoked_at;
  std::string hash;  // HMAC-SHA256, hexadecimal
  bool operator==(const Token&) const = default;

  bool usable(Instant now) const { return !revoked_at && (!expires_at || now.micros < expires_at->micros); }
};

/// "predict", "predict:DEPLOYMENT", "read", "write", "promote" or "admin", which is all of them.
bool is_scope(std::string_view text);

std::string new_token();
/// Whether the text has a token's form and its checksum is right: says nothing of whether it was ever given
/// out.
bool is_token(std::string_view text);
/// Of a token.
std::string_view token_id(std::string_view token);

}  // namespace tidemill::registry
