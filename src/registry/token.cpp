#include "registry/token.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/id.hpp"
#include "base/sha256.hpp"
#include "registry/impl.hpp"

namespace tidemill::registry {

namespace {

constexpr std::string_view kPrefix = "tmk_";
constexpr size_t kIdDigits = 8, kSecretDigits = 32, kChecksumDigits = 6;
constexpr int64_t kMaxTokens = 1000;  // that open something
constexpr int64_t kKeptEnded = 1000;  // that do not any more, for whoever looks at the list
constexpr std::string_view kUsableOfName = R"sql(
SELECT 1 FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?1) AND name = ?2)sql";
constexpr std::string_view kCountUsable = R"sql(
SELECT count(*) FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?1))sql";
constexpr std::string_view kForgetEnded = R"sql(
DELETE FROM tokens WHERE (revoked_at IS NOT NULL OR expires_at <= ?1) AND name NOT IN (
  SELECT name FROM tokens WHERE revoked_at IS NOT NULL OR expires_at <= ?1 ORDER BY made_at DESC, name LIMIT ?2)
)sql";

std::string checksum(std::string_view text) { return sha256(text).substr(0, kChecksumDigits); }

Result<Token> token_of(Row row) {
  Token token;
  token.name = row.text(0);
  token.id = row.text(1);
  token.hash = row.text(2);
  TM_TRY(const Json scopes, row.json(3));
  for (const Json& scope : scopes) token.scopes.push_back(scope.get<std::string>());
  if (!row.is_null(4)) token.rate = row.real(4);
  token.made_at = row.instant(5);
  if (!row.is_null(6)) token.expires_at = row.instant(6);
  if (!row.is_null(7)) token.revoked_at = row.instant(7);
  return token;
}

constexpr std::string_view kColumns =
    "SELECT name, id, hash, scopes, rate, made_at, expires_at, revoked_at FROM tokens ORDER BY made_at, name";

std::optional<int64_t> micros(const std::optional<Instant>& instant) {
  return instant ? std::optional(instant->micros) : std::nullopt;
}

}  // namespace

bool is_scope(std::string_view text) {
  constexpr std::string_view kOne = "predict:";
  if (text.starts_with(kOne)) return text.size() > kOne.size();
  return text == "predict" || text == "read" || text == "write" || text == "promote" || text == "admin";
}

std::string new_token() {
  std::string token(kPrefix);
  token += random_id().substr(0, kIdDigits) + random_id();
  return token + checksum(token);
}

bool is_token(std::string_view text) {
  if (text.size() != kPrefix.size() + kIdDigits + kSecretDigits + kChecksumDigits ||
      !text.starts_with(kPrefix))
    return false;
  const size_t end = text.size() - kChecksumDigits;
  return checksum(text.substr(0, end)) == text.substr(end);
}

std::string_view token_id(std::string_view token) { return token.substr(kPrefix.size(), kIdDigits); }

Result<std::string> Registry::create_token(const NewToken& wanted) {
  for (const std::string& scope : wanted.scopes)
    if (!is_scope(scope))
      return user_error("registry.bad_scope", fmt::format("'{}' is no scope", scope), {},
                        "predict, predict:DEPLOYMENT, read, write, promote or admin");
  if (wanted.scopes.empty())
    return user_error("registry.bad_scope", "a token needs at least one scope", {},
                      "for example predict:late");
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("make a token"));
  const int64_t now = impl_->clock->now().micros;
  TM_TRY(const auto taken, database.first_integer(kUsableOfName, now, wanted.name));
  if (taken)
    return user_error("registry.token_exists", fmt::format("there is a token '{}'", wanted.name), {},
                      fmt::format("another name, or first: tidemill tokens revoke {}", wanted.name));
  TM_TRY(const auto count, database.first_integer(kCountUsable, now));
  if (count.value_or(0) >= kMaxTokens)
    return user_error("registry.too_many_tokens", fmt::format("there are {} tokens (limit)", kMaxTokens), {},
                      "revoke what is not needed: tidemill tokens revoke NAME");
  TM_CHECK(database.run(kForgetEnded, now, kKeptEnded));
  TM_CHECK(database.run("INSERT OR IGNORE INTO home VALUES ('token_key', ?1)", random_id() + random_id()));
  TM_TRY(const auto key, database.first_text("SELECT value FROM home WHERE name = 'token_key'"));
  std::string token = new_token();
  // One that has ended makes room for its namesake; another's id stays another's.
  TM_CHECK(database.run("DELETE FROM tokens WHERE name = ?1", wanted.name));
  TM_CHECK(database.run("INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)", wanted.name,
                        std::string(token_id(token)), hmac_sha256(key.value_or(""), token),
                        tidemill::to_text(Json(wanted.scopes)), wanted.rate, now, micros(wanted.expires_at)));
  TM_CHECK(impl_->add_audit(
      "create_token",
      {{"name", wanted.name},
       {"id", token_id(token)},
       {"scopes", wanted.scopes},
       {"expires_at", wanted.expires_at ? Json(tidemill::to_text(*wanted.expires_at)) : Json()}}));
  TM_CHECK(impl_->commit(transaction));
  return token;
}

Result<void> Registry::revoke_token(const std::string& name) {
  const std::lock_guard guard(impl_->mutex);
  Database& database = impl_->database;
  TM_TRY(Transaction transaction, impl_->begin_write("revoke a token"));
  TM_CHECK(database.run("UPDATE tokens SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL", name,
                        impl_->clock->now().micros));
  if (database.changes() == 0) {
    std::vector<std::string> names;
    TM_CHECK(database.each("SELECT name FROM tokens WHERE revoked_at IS NULL", [&](Row row) -> Result<void> {
      names.push_back(row.text(0));
      return {};
    }));
    return user_error("registry.unknown_token", fmt::format("there is no token '{}' to revoke", name), {},
                      did_you_mean(name, names));
  }
  TM_CHECK(impl_->add_audit("revoke_token", Json::object({{"name", name}})));
  return impl_->commit(transaction);
}

Result<Tokens> Registry::tokens() const {
  const std::lock_guard guard(impl_->mutex);
  Tokens tokens;
  TM_TRY(const auto key, impl_->database.first_text("SELECT value FROM home WHERE name = 'token_key'"));
  tokens.key = key.value_or("");
  TM_CHECK(impl_->database.each(kColumns, [&](Row row) -> Result<void> {
    TM_TRY(Token token, token_of(row));
    tokens.all.push_back(std::move(token));
    return {};
  }));
  return tokens;
}

}  // namespace tidemill::registry
