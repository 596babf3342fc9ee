// Where a quote opens that nothing closes. DuckDB's sniffer sees only that rows have no common width; only a
// reader that follows the quotes knows the line.
#include <fstream>

#include "engine/file_layout.hpp"

namespace tidemill::engine {

namespace {

constexpr int64_t kMostBytes = int64_t{256} << 20;  // beyond them a line is not worth the wait

char char_option(const Json& options, const char* key, char otherwise) {
  const auto found = options.find(key);
  if (found == options.end() || !found->is_string()) return otherwise;
  const std::string& text = found->get_ref<const std::string&>();
  return text.size() == 1 ? text[0] : otherwise;
}

/// RFC 4180, a byte at a time: a quote opens only where a value begins, and what follows the quote that
/// closes it ends the value.
class QuoteFollower {
 public:
  QuoteFollower(char quote, char escape, char delimiter)
      : quote_(quote), escape_(escape), delimiter_(delimiter) {}

  /// False: the quote that opened on line() is not closed where it should be.
  bool take(char c) {
    switch (state_) {
      case State::Begin:
        if (c == quote_) opened_ = line_;
        state_ = c == quote_ ? State::Quoted : after_plain(c);
        break;
      case State::Plain:
        state_ = after_plain(c);
        break;
      case State::Quoted:
        if (c == escape_ && escape_ != quote_)
          state_ = State::Escaped;
        else if (c == quote_)
          state_ = State::Closed;
        break;
      case State::Escaped:
        state_ = State::Quoted;
        break;
      case State::Closed:
        if (c == quote_ && escape_ == quote_)
          state_ = State::Quoted;
        else if (ends_value(c))
          state_ = State::Begin;
        else if (c != ' ')
          return false;
        break;
    }
    if (c == '\n') ++line_;
    return true;
  }
  bool open() const { return state_ == State::Quoted || state_ == State::Escaped; }
  int opened() const { return opened_; }

 private:
  enum class State { Begin, Plain, Quoted, Escaped, Closed };
  bool ends_value(char c) const { return c == delimiter_ || c == '\n' || c == '\r'; }
  State after_plain(char c) const { return ends_value(c) ? State::Begin : State::Plain; }

  char quote_, escape_, delimiter_;
  State state_ = State::Begin;
  int line_ = 1, opened_ = 0;
};

}  // namespace

std::optional<int> unclosed_quote(const FileScan& scan, const Path& file) {
  if (is_compressed(file)) return std::nullopt;
  std::ifstream input(file, std::ios::binary);
  std::string line;
  if (!std::getline(input, line)) return std::nullopt;
  input.seekg(0);
  const char quote = char_option(scan.options, "quote", '"');
  QuoteFollower follower(quote, char_option(scan.options, "escape", quote),
                         char_option(scan.options, "delimiter", likeliest_delimiter(line)));
  std::string block(size_t{1} << 16, '\0');
  for (int64_t bytes = 0; bytes < kMostBytes;) {
    input.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto got = input.gcount();
    for (std::streamsize i = 0; i < got; ++i)
      if (!follower.take(block[static_cast<size_t>(i)])) return follower.opened();
    if (got == 0) return follower.open() ? std::optional(follower.opened()) : std::nullopt;
    bytes += got;
  }
  return std::nullopt;
}

}  // namespace tidemill::engine
