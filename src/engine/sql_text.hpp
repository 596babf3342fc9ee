// SQL as text: cut into tokens the way DuckDB's lexer does, without parsing it. Quoting lies in database.hpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidemill::engine {

struct SqlToken {
  enum class Kind { Space, Comment, Text, QuotedName, Word, Number, Symbol };
  Kind kind = Kind::Symbol;
  size_t begin = 0;
  size_t end = 0;
};

/// Every byte belongs to one token. Unterminated strings and comments reach to the end.
std::vector<SqlToken> sql_tokens(std::string_view sql);

/// The SQL without trailing semicolons, comments and white space: fit to stand in parentheses when a line
/// break follows.
std::string_view statement_body(std::string_view sql);
/// The SQL as an operand of other SQL: its body in brackets, which no comment of it can swallow.
std::string bracketed(std::string_view sql);

/// Whether the word means something in SQL, reserved or not.
bool is_keyword(const std::string& folded_name);

}  // namespace tidemill::engine
