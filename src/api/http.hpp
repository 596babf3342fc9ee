// HTTP/1.1 messages as values and a strict parser for requests: pure functions of bytes, no sockets.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace tidemill::api {

inline constexpr size_t kMaxHeadBytes = 16 << 10;
inline constexpr size_t kMaxHeaders = 100;

/// Views of the bytes that came: they stay until the request is answered.
struct Request {
  std::string_view method;
  std::string_view path;                                               // percent-decoded, without query
  std::string_view query;                                              // as sent
  std::vector<std::pair<std::string_view, std::string_view>> headers;  // as sent
  std::string_view body;
  std::string_view peer;  // the caller's address, without port
  /// Past it nobody waits for the answer any more.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  /// First header of that (lower-case) name, or empty.
  std::string_view header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  // a literal, as the headers' names
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers;
};

/// Whether a connection goes on after an answer. HTTP/1.0 closes unless the answer says otherwise, HTTP/1.1
/// goes on unless it does (RFC 9112, 9.3 and C.2.2).
enum class Persistence { Close, KeepAlive, SaidKeepAlive };

/// What a request's head says, and what it says about the body. Kept from one request to the next, so that
/// its memory is, too; not copied, since its views may lead into it.
struct Head {
  Head() = default;
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;
  Request request;  // without body
  std::optional<size_t> content_length;
  bool chunked = false;
  bool expects_continue = false;
  Persistence persistence = Persistence::KeepAlive;
  /// X-Request-Timeout-Ms: how long the caller waits, from the request's first byte.
  std::optional<std::chrono::milliseconds> timeout;
  std::string decoded_path;  // where the path as sent has percent signs
};

/// text: everything up to and with the empty line; it must stay as long as the head. Errors http.*, whose
/// status is http_status().
Result<void> parse_head(std::string_view text, Head& head);

/// Decodes chunked bodies piece by piece.
class ChunkedBody {
 public:
  explicit ChunkedBody(size_t max_bytes) : max_bytes_(max_bytes) {}
  /// Consumes what it can of bytes and returns how much; done() tells whether the last chunk has come.
  Result<size_t> feed(std::string_view bytes);
  bool done() const { return state_ == State::Done; }
  size_t size() const { return body_.size(); }
  std::string take() { return std::move(body_); }

 private:
  enum class State { Size, Data, DataEnd, Trailer, Done };
  size_t max_bytes_;
  State state_ = State::Size;
  size_t left_ = 0;
  size_t trailer_bytes_ = 0;
  std::string body_;
};

/// Without blanks and tabs at its ends.
std::string_view trimmed(std::string_view text);
/// Whether the text is this word, which is in lower case, in any case.
bool are_same_letters(std::string_view text, std::string_view lower);  // of one length
inline bool is_word(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && are_same_letters(text, lower);
}
/// What an Accept or Accept-Encoding header takes (RFC 9110, 12.5.1 and 12.5.3).
struct Accepted {
  std::string_view name;
  std::string_view version;  // the parameter of that name; empty: any
  double weight = 1;         // 0: it is not taken
};
/// Takes the first element off the header.
Accepted take_accepted(std::string_view& header);
/// Of the Content-Type header, in lower case and without its parameters; empty where there is none.
std::string media_type(const Request& request);
/// "%41" → "A"; nothing when a percent sign is not followed by two hexadecimal digits or the result has a
/// NUL.
std::optional<std::string> percent_decode(std::string_view text);
std::string_view reason_phrase(int status);
/// Appends the status line and headers, ready to be sent before the body. date: as http_date(), or empty.
void append_head(std::string& out, const Response& response, Persistence persistence, std::string_view date);
/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7).
std::string http_date(std::chrono::system_clock::time_point time);
/// http.* and other errors → status: not found 404, User and Data 400, too large 413, Environment 503,
/// Internal 500.
int http_status(const Error& error);

}  // namespace tidemill::api
