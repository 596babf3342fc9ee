// The lexer knows: '…' with '' inside, E'…' with backslashes, "…" with "" inside, $tag$…$tag$, -- to the end
// of the line, /* … */ which nest.
#include "engine/sql_text.hpp"

#include <algorithm>
#include <cctype>

#include "engine/binder.hpp"
#include "engine/database.hpp"
#include "engine/names.hpp"

namespace tidemill::engine {

namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool continues_word(char c) { return starts_word(c) || is_digit(c) || c == '$'; }

enum class Escapes { Doubled, DoubledAndBackslash };

size_t end_of_quoted(std::string_view sql, size_t open, Escapes escapes) {
  const char quote = sql[open];
  for (size_t i = open + 1; i < sql.size(); ++i) {
    if (sql[i] == '\\' && escapes == Escapes::DoubledAndBackslash) {
      ++i;
    } else if (sql[i] == quote) {
      if (i + 1 < sql.size() && sql[i + 1] == quote)
        ++i;
      else
        return i + 1;
    }
  }
  return sql.size();
}

size_t end_of_block_comment(std::string_view sql, size_t open) {
  int depth = 0;
  for (size_t i = open; i + 1 < sql.size(); ++i) {
    if (sql.substr(i, 2) == "/*") {
      ++depth;
      ++i;
    } else if (sql.substr(i, 2) == "*/") {
      ++i;
      if (--depth == 0) return i + 1;
    }
  }
  return sql.size();
}

/// The end of $tag$…$tag$ when one opens here, else open.
size_t end_of_dollar_quoted(std::string_view sql, size_t open) {
  size_t i = open + 1;
  while (i < sql.size() && (starts_word(sql[i]) || (i > open + 1 && is_digit(sql[i])))) ++i;
  if (i >= sql.size() || sql[i] != '$') return open;
  const std::string_view tag = sql.substr(open, i + 1 - open);
  const size_t close = sql.find(tag, i + 1);
  return close == std::string_view::npos ? sql.size() : close + tag.size();
}

SqlToken token_at(std::string_view sql, size_t begin) {
  using Kind = SqlToken::Kind;
  const char c = sql[begin];
  const char next = begin + 1 < sql.size() ? sql[begin + 1] : '\0';
  const auto run_of = [&](auto belongs, size_t from) {
    while (from < sql.size() && belongs(sql[from])) ++from;
    return from;
  };
  if (is_space(c)) return {Kind::Space, begin, run_of(is_space, begin)};
  if (c == '-' && next == '-') return {Kind::Comment, begin, std::min(sql.find('\n', begin), sql.size())};
  if (c == '/' && next == '*') return {Kind::Comment, begin, end_of_block_comment(sql, begin)};
  if (c == '\'') return {Kind::Text, begin, end_of_quoted(sql, begin, Escapes::Doubled)};
  if ((c == 'e' || c == 'E') && next == '\'')
    return {Kind::Text, begin, end_of_quoted(sql, begin + 1, Escapes::DoubledAndBackslash)};
  if ((c == 'x' || c == 'X' || c == 'b' || c == 'B') && next == '\'')
    return {Kind::Text, begin, end_of_quoted(sql, begin + 1, Escapes::Doubled)};
  if (c == '"') return {Kind::QuotedName, begin, end_of_quoted(sql, begin, Escapes::Doubled)};
  if (c == '$')
    if (const size_t end = end_of_dollar_quoted(sql, begin); end > begin) return {Kind::Text, begin, end};
  if (starts_word(c)) return {Kind::Word, begin, run_of(continues_word, begin)};
  if (is_digit(c))
    return {Kind::Number, begin,
            run_of([](char d) { return is_digit(d) || starts_word(d) || d == '.'; }, begin)};
  return {Kind::Symbol, begin, begin + 1};
}

bool is_blank(const SqlToken& token) {
  return token.kind == SqlToken::Kind::Space || token.kind == SqlToken::Kind::Comment;
}

std::string doubled(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    quoted += c;
    if (c == quote) quoted += c;
  }
  return quoted + quote;
}

}  // namespace

std::vector<SqlToken> sql_tokens(std::string_view sql) {
  std::vector<SqlToken> tokens;
  for (size_t at = 0; at < sql.size(); at = tokens.back().end) tokens.push_back(token_at(sql, at));
  return tokens;
}

std::string_view statement_body(std::string_view sql) {
  size_t end = 0;
  for (const SqlToken& token : sql_tokens(sql))
    if (!is_blank(token) && sql[token.begin] != ';') end = token.end;
  return sql.substr(0, end);
}

std::string bracketed(std::string_view sql) { return "(" + std::string(statement_body(sql)) + "\n)"; }

std::string normalize_sql(std::string_view sql) {
  const std::string_view body = statement_body(sql);
  std::string normal;
  bool blank = false;
  for (const SqlToken& token : sql_tokens(body)) {
    if (is_blank(token)) {
      blank = true;
      continue;
    }
    if (blank && !normal.empty()) normal += ' ';
    blank = false;
    normal += body.substr(token.begin, token.end - token.begin);
  }
  return normal;
}

std::string quote_name(std::string_view name) { return doubled(name, '"'); }

std::string quote_text(std::string_view text) { return doubled(text, '\''); }

std::string quote_if_needed(std::string_view name) {
  const bool plain = !name.empty() && !is_digit(name[0]) && std::ranges::all_of(name, [](char c) {
    return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  return plain && !is_keyword(folded_name(name)) ? std::string(name) : quote_name(name);
}

}  // namespace tidemill::engine
