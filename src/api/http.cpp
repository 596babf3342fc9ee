#include "api/http.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "api/text_writer.hpp"

namespace tidemill::api {

namespace {

std::unexpected<Error> bad_request(std::string message) {
  return user_error("http.bad_request", std::move(message));
}

// What a method and a header's name are made of (RFC 9110, 5.6.2).
constexpr auto kTokenCharacters = [] {
  std::array<bool, 256> is{};
  for (const char c :
       std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    is[static_cast<unsigned char>(c)] = true;
  return is;
}();

constexpr auto is_token_character = [](char c) { return kTokenCharacters[static_cast<unsigned char>(c)]; };

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

constexpr auto kLower = [] {
  std::array<char, 256> lower{};
  for (size_t c = 0; c < lower.size(); ++c)
    lower[c] = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return lower;
}();
constexpr char lower(char c) { return kLower[static_cast<unsigned char>(c)]; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 2);
  return line;
}

std::string_view take_part(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return trimmed(part);
}

Result<size_t> parse_length(std::string_view text) {
  size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty())
    return bad_request("Content-Length is not a number");
  return length;
}

Result<std::chrono::milliseconds> parse_timeout(std::string_view text) {
  constexpr uint32_t kMost = 3'600'000;
  uint32_t timeout_ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), timeout_ms);
  if (error != std::errc{} || end != text.data() + text.size() || timeout_ms > kMost)
    return bad_request(fmt::format("X-Request-Timeout-Ms is no number of milliseconds up to {}", kMost));
  return std::chrono::milliseconds(timeout_ms);
}

// What headers say that only counts once all of them and the version of HTTP are known.
struct Said {
  std::optional<std::string_view> host;
  bool close = false, keep_alive = false;  // the options of Connection
};

void read_options(Said& said, std::string_view value) {
  while (!value.empty()) {
    const std::string_view option = take_part(value, ',');
    said.close |= is_word(option, "close");
    said.keep_alive |= is_word(option, "keep-alive");
  }
}

// What a header means for reading the rest of the message. What two readers could frame in two ways is
// refused: RFC 9112, 6.1 and 6.3.
Result<void> apply_header(Head& head, Said& said, std::string_view name, std::string_view value) {
  if (is_word(name, "host")) {
    if (said.host) return bad_request("two Hosts");
    said.host = value;
  } else if (is_word(name, "connection")) {
    read_options(said, value);
  } else if (is_word(name, "content-length")) {
    TM_TRY(const size_t length, parse_length(value));
    if (head.content_length && *head.content_length != length)
      return bad_request("two different Content-Lengths");
    head.content_length = length;
  } else if (is_word(name, "transfer-encoding")) {
    if (head.chunked) return bad_request("two Transfer-Encodings");
    if (!is_word(value, "chunked"))
      return user_error("http.not_implemented", "the only Transfer-Encoding known is chunked");
    head.chunked = true;
  } else if (is_word(name, "expect")) {
    if (!is_word(value, "100-continue"))
      return user_error("http.expectation", "the only expectation known is 100-continue");
    head.expects_continue = true;
  } else if (is_word(name, "x-request-timeout-ms")) {
    TM_TRY(head.timeout, parse_timeout(value));
  }
  return {};
}

// What the headers mean together, and in this version of HTTP.
Result<void> check_headers(Head& head, const Said& said, bool http_1_0) {
  if (head.chunked && http_1_0) return bad_request("HTTP/1.0 knows no Transfer-Encoding");
  if (head.chunked && head.content_length) return bad_request("both Content-Length and Transfer-Encoding");
  if (!http_1_0 && said.host.value_or("").empty()) return bad_request("HTTP/1.1 needs a Host header");
  if (http_1_0) head.expects_continue = false;  // RFC 9110, 10.1.1
  if (said.close)
    head.persistence = Persistence::Close;
  else if (http_1_0)
    head.persistence = said.keep_alive ? Persistence::SaidKeepAlive : Persistence::Close;
  else
    head.persistence = Persistence::KeepAlive;
  return {};
}

struct Reason {
  int status;
  std::string_view phrase;
};
constexpr std::array kReasons{Reason{200, "OK"},
                              Reason{400, "Bad Request"},
                              Reason{401, "Unauthorized"},
                              Reason{403, "Forbidden"},
                              Reason{404, "Not Found"},
                              Reason{405, "Method Not Allowed"},
                              Reason{408, "Request Timeout"},
                              Reason{409, "Conflict"},
                              Reason{413, "Content Too Large"},
                              Reason{415, "Unsupported Media Type"},
                              Reason{417, "Expectation Failed"},
                              Reason{429, "Too Many Requests"},
                              Reason{431, "Request Header Fields Too Large"},
                              Reason{500, "Internal Server Error"},
                              Reason{501, "Not Implemented"},
                              Reason{503, "Service Unavailable"},
                              Reason{504, "Gateway Timeout"},
                              Reason{505, "HTTP Version Not Supported"}};

struct CodeStatus {
  std::string_view code;
  int status;
};
constexpr std::array kStatuses{CodeStatus{"http.not_implemented", 501},
                               CodeStatus{"http.expectation", 417},
                               CodeStatus{"http.version", 505},
                               CodeStatus{"http.head_too_large", 431},
                               CodeStatus{"http.too_large", 413},
                               CodeStatus{"http.not_found", 404},
                               CodeStatus{"http.method", 405},
                               CodeStatus{"http.forbidden", 403},
                               CodeStatus{"http.not_ready", 503},
                               CodeStatus{"http.media_type", 415},
                               CodeStatus{"infer.too_many_rows", 413},
                               CodeStatus{"json.too_large", 413},
                               CodeStatus{"infer.too_large", 413},
                               CodeStatus{"v2.unsupported", 501},
                               CodeStatus{"http.overloaded", 503},
                               CodeStatus{"http.unauthorized", 401},
                               CodeStatus{"http.too_many_requests", 429},
                               CodeStatus{"http.deadline", 504}};

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (is_word(key, name)) return value;
  return {};
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      unsigned value = 0;
      if (i + 2 >= text.size()) return std::nullopt;
      const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      if (error != std::errc{} || end != text.data() + i + 3) return std::nullopt;
      c = static_cast<char>(value);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

Result<void> parse_head(std::string_view text, Head& head) {
  head.request.headers.clear();
  head.request.body = {};
  head.request.query = {};
  head.content_length.reset();
  head.chunked = head.expects_continue = false;
  head.timeout.reset();
  if (text.size() > kMaxHeadBytes)
    return user_error("http.head_too_large",
                      fmt::format("the request's head has more than {} bytes", kMaxHeadBytes));
  if (text.find('\0') != text.npos) return bad_request("the head has a NUL");
  std::string_view rest = text;
  const std::string_view line = take_line(rest);
  const size_t first = line.find(' ');
  const size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos || line.find(' ', second + 1) != line.npos)
    return bad_request("the request line is not METHOD TARGET VERSION");
  head.request.method = line.substr(0, first);
  if (!is_token(head.request.method)) return bad_request("the method is not a word");
  const std::string_view version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return version.starts_with("HTTP/")
               ? user_error("http.version", "only HTTP/1.0 and HTTP/1.1 are spoken here")
               : bad_request("the request line names no HTTP version");

  std::string_view target = line.substr(first + 1, second - first - 1);
  if (target.empty() || target[0] != '/') return bad_request("the target does not begin with /");
  if (std::any_of(target.begin(), target.end(),
                  [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }))
    return bad_request("the target has control characters");
  if (const size_t question = target.find('?'); question != target.npos) {
    head.request.query = target.substr(question + 1);
    target = target.substr(0, question);
  }
  head.request.path = target;
  if (target.find('%') != target.npos) {
    auto path = percent_decode(target);
    if (!path) return bad_request("the target's percent-encoding is broken");
    head.decoded_path = std::move(*path);
    head.request.path = head.decoded_path;
  }

  Said said;
  while (!rest.empty() && !rest.starts_with("\r\n")) {
    if (head.request.headers.size() >= kMaxHeaders)
      return user_error("http.head_too_large", fmt::format("more than {} headers", kMaxHeaders));
    const auto colon = std::find_if_not(rest.begin(), rest.end(), is_token_character);
    if (colon == rest.begin() || colon == rest.end() || *colon != ':')
      return bad_request("a header line is not 'name: value'");
    const std::string_view name(rest.begin(), colon);
    rest.remove_prefix(name.size() + 1);
    const std::string_view sent = rest.substr(0, rest.find('\r'));
    rest.remove_prefix(sent.size());
    if (!rest.starts_with("\r\n") || sent.find('\n') != sent.npos)
      return bad_request("a header's value has control characters");
    rest.remove_prefix(2);
    const std::string_view value = trimmed(sent);
    head.request.headers.emplace_back(name, value);
    TM_CHECK(apply_header(head, said, name, value));
  }
  return check_headers(head, said, version == "HTTP/1.0");
}

Result<size_t> ChunkedBody::feed(std::string_view bytes) {
  constexpr size_t kMaxLine = 256;
  constexpr size_t kMaxTrailer = 8 << 10;
  size_t used = 0;
  while (state_ != State::Done && used < bytes.size()) {
    const std::string_view rest = bytes.substr(used);
    if (state_ == State::Data) {
      const size_t n = std::min(left_, rest.size());
      body_.append(rest.substr(0, n));
      used += n;
      left_ -= n;
      if (left_ == 0) state_ = State::DataEnd;
      continue;
    }
    const size_t end = rest.find("\r\n");
    if (end == rest.npos) {
      if (rest.size() > kMaxLine) return bad_request("a chunk's line is too long");
      break;
    }
    const std::string_view line = rest.substr(0, end);
    used += end + 2;
    if (state_ == State::DataEnd) {
      if (!line.empty()) return bad_request("a chunk is longer than it said");
      state_ = State::Size;
    } else if (state_ == State::Trailer) {
      trailer_bytes_ += line.size();
      if (trailer_bytes_ > kMaxTrailer) return bad_request("the trailer is too long");
      if (line.empty()) state_ = State::Done;
    } else {
      const std::string_view digits = trimmed(line.substr(0, line.find(';')));
      const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
      if (digits.empty() || error != std::errc{} || stop != digits.data() + digits.size())
        return bad_request("a chunk's size is not a number");
      if (left_ > max_bytes_ - body_.size())
        return user_error("http.too_large", fmt::format("the body has more than {} bytes", max_bytes_));
      state_ = left_ == 0 ? State::Trailer : State::Data;
    }
  }
  return used;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool are_same_letters(std::string_view text, std::string_view lower_word) {
  return std::equal(text.begin(), text.end(), lower_word.begin(),
                    [](char a, char b) { return lower(a) == b; });
}

Accepted take_accepted(std::string_view& header) {
  std::string_view rest = take_part(header, ',');
  Accepted accepted{take_part(rest, ';'), {}};
  while (!rest.empty()) {
    std::string_view value = take_part(rest, ';');
    const std::string_view name = take_part(value, '=');
    if (is_word(name, "version")) accepted.version = value;
    if (!is_word(name, "q")) continue;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), accepted.weight);
    if (error != std::errc{} || end != value.data() + value.size()) accepted.weight = 0;
  }
  return accepted;
}

std::string media_type(const Request& request) {
  const std::string_view header = request.header("content-type");
  return lower(trimmed(header.substr(0, header.find(';'))));
}

std::string_view reason_phrase(int status) {
  for (const Reason& reason : kReasons)
    if (reason.status == status) return reason.phrase;
  return "Unknown";
}

void append_head(std::string& text, const Response& response, Persistence persistence,
                 std::string_view date) {
  constexpr size_t kUsual = 256;
  TextWriter out(text, kUsual);
  const auto line = [&](std::string_view name, std::string_view value) {
    out.add(name);
    out.add(": ");
    out.add(value);
    out.add("\r\n");
  };
  if (response.status == 200) {
    out.add("HTTP/1.1 200 OK\r\n");
  } else {
    out.add(fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status)));
  }
  line("Content-Type", response.content_type);
  const fmt::format_int length(response.body.size());
  line("Content-Length", {length.data(), length.size()});
  if (!date.empty()) line("Date", date);
  if (persistence == Persistence::Close) line("Connection", "close");
  if (persistence == Persistence::SaidKeepAlive) line("Connection", "keep-alive");
  for (const auto& [name, value] : response.headers) line(name, value);
  out.add("\r\n");
}

std::string http_date(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

int http_status(const Error& error) {
  for (const CodeStatus& row : kStatuses)
    if (row.code == error.code) return row.status;
  switch (error.kind) {
    case ErrorKind::User:
    case ErrorKind::Data:
      return 400;
    case ErrorKind::Environment:
      return 503;
    case ErrorKind::Internal:
      return 500;
  }
  return 500;
}

}  // namespace tidemill::api
