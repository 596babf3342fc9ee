// Names a table, model or deployment may have. They stand in SQL and in URLs without quotes, so they are
// small letters, digits and _, and neither words of SQL nor names that the SQL engine has for itself.
#include <algorithm>
#include <array>

#include "base/reserved_names.hpp"
#include "project/scalar.hpp"

namespace tidemill::project {

namespace {

constexpr size_t kMaxName = 63;

// The words DuckDB's grammar reserves (its keywords of category "reserved"), sorted.
constexpr std::array<std::string_view, 76> kSqlWords{
    "all",          "analyse",     "analyze", "and",       "any",        "array",      "as",
    "asc",          "asymmetric",  "both",    "case",      "cast",       "check",      "collate",
    "column",       "constraint",  "create",  "default",   "deferrable", "desc",       "describe",
    "distinct",     "do",          "else",    "end",       "except",     "false",      "fetch",
    "for",          "foreign",     "from",    "group",     "having",     "in",         "initially",
    "intersect",    "into",        "lambda",  "lateral",   "leading",    "limit",      "not",
    "null",         "offset",      "on",      "only",      "or",         "order",      "pivot",
    "pivot_longer", "pivot_wider", "placing", "primary",   "qualify",    "references", "returning",
    "select",       "show",        "some",    "summarize", "symmetric",  "table",      "then",
    "to",           "trailing",    "true",    "union",     "unique",     "unpivot",    "using",
    "variadic",     "when",        "where",   "window",    "with",       "values"};

}  // namespace

bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > kMaxName || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_reserved_name(std::string_view name) {
  return is_own_name(name) || std::ranges::find(kSqlWords, name) != kSqlWords.end();
}

}  // namespace tidemill::project
