// Errors as values: what went wrong, where, what was seen and expected, and what to do.
// Codes are stable words ("check.not_null"); texts may improve. One table (exit_code) maps an error to the
// CLI's exit code.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace tidemill {

enum class ErrorKind { User, Data, Environment, Internal };

/// A place in something the user wrote. line and column count from 1; 0 means unknown.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  std::string what;  // "source flights, column tailnum"
  bool operator==(const Place&) const = default;
};

struct Error {
  ErrorKind kind = ErrorKind::Internal;
  std::string code;
  std::string message;
  Place where = {};
  std::string seen = {};
  std::string expected = {};
  std::string hint = {};
};

/// std::expected<T, Error> that the compiler does not let a caller ignore.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};
using Errors = std::vector<Error>;

/// Each returns std::unexpected(Error{…}), for `return user_error("project.unknown_key", fmt::format(…),
/// place, hint)`.
std::unexpected<Error> user_error(std::string code, std::string message, Place where = {},
                                  std::string hint = {});
std::unexpected<Error> data_error(std::string code, std::string message, Place where = {},
                                  std::string hint = {});
std::unexpected<Error> environment_error(std::string code, std::string message, std::string hint = {});
std::unexpected<Error> internal_error(std::string code, std::string message);
/// Environment error with errno's text: `doing` is "open", "rename to" …
std::unexpected<Error> errno_error(std::string_view doing, std::string_view path, int error_number);

/// The form the CLI prints, secrets redacted:
///   error[check.not_null]: …
///     --> tidemill.yaml:23:18  source flights, column tailnum
///     seen: … / expected: … / hint: …
std::string to_text(const Error& error);
nlohmann::ordered_json to_json(const Error& error);
std::string to_text(const Place& place);
std::string_view to_text(ErrorKind kind);

/// 1 a step failed · 2 usage or project file · 3 a check failed · 4 gate rejected · 5 lock held · 6 timed out
/// · 70 our bug · 130 interrupted
int exit_code(const Error& error);

/// The candidate nearest to `name` by edit distance (Damerau, at most a third of the length, at least 1), or
/// empty.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);
/// "did you mean 'x'?" or empty.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace tidemill

#define TM_CONCAT_(a, b) a##b
#define TM_CONCAT(a, b) TM_CONCAT_(a, b)
/// TM_TRY(auto x, f()): x becomes f()'s value, or the error is returned.
#define TM_TRY(target, expression)                                              \
  auto TM_CONCAT(tm_result_, __LINE__) = (expression);                          \
  if (!TM_CONCAT(tm_result_, __LINE__))                                         \
    return std::unexpected(std::move(TM_CONCAT(tm_result_, __LINE__)).error()); \
  target = *std::move(TM_CONCAT(tm_result_, __LINE__))
/// TM_CHECK(f()): returns f()'s error if it has one; f() gives Result<void>, or a value nobody wants.
#define TM_CHECK(expression)                                                                                \
  do {                                                                                                      \
    if (auto tm_result_ = (expression); !tm_result_) return std::unexpected(std::move(tm_result_).error()); \
  } while (false)
