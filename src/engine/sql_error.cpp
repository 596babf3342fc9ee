// The table from DuckDB's exception types to codes, kinds and hints.
#include "engine/sql_error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/json.hpp"

namespace tidemill::engine {

namespace {

struct Row {
  std::string_view type;     // DuckDB's exception_type
  std::string_view subtype;  // its error_subtype, or the catalog entry's kind; empty: any
  ErrorKind kind;
  std::string_view code;
  std::string_view hint;
};

// The first row that fits decides.
constexpr std::array kRows{
    Row{"Parser", "", ErrorKind::User, "sql.syntax", ""},
    Row{"Syntax", "", ErrorKind::User, "sql.syntax", ""},
    Row{"Binder", "COLUMN_NOT_FOUND", ErrorKind::User, "sql.unknown_column", ""},
    Row{"Binder", "NO_MATCHING_FUNCTION", ErrorKind::User, "sql.no_matching_function",
        "cast an argument to a type the function takes"},
    Row{"Binder", "", ErrorKind::User, "sql.bind", ""},
    Row{"Catalog", "Table", ErrorKind::User, "sql.unknown_table", ""},
    Row{"Catalog", "Scalar Function", ErrorKind::User, "sql.unknown_function", ""},
    Row{"Catalog", "Aggregate Function", ErrorKind::User, "sql.unknown_function", ""},
    Row{"Catalog", "Table Function", ErrorKind::User, "sql.unknown_function", ""},
    Row{"Catalog", "", ErrorKind::User, "sql.catalog", ""},
    Row{"Conversion", "", ErrorKind::User, "sql.conversion",
        "TRY_CAST gives NULL where a value does not convert"},
    Row{"Out of Range", "", ErrorKind::User, "sql.out_of_range",
        "cast to a wider type: BIGINT, HUGEINT or DOUBLE"},
    Row{"Invalid Input", "", ErrorKind::User, "sql.invalid_input", ""},
    Row{"Invalid type", "", ErrorKind::User, "sql.bind", ""},
    Row{"Mismatch Type", "", ErrorKind::User, "sql.bind", ""},
    Row{"Permission", "", ErrorKind::User, "sql.permission",
        "SQL of a project reads its tables only: declare files and databases as sources"},
    Row{"Not implemented", "", ErrorKind::User, "sql.unsupported", ""},
    Row{"Connection", "", ErrorKind::Environment, "connection.failed", ""},
    Row{"Network", "", ErrorKind::Environment, "connection.failed", ""},
    Row{"HTTP", "", ErrorKind::Environment, "connection.failed", ""},
    Row{"IO", "", ErrorKind::Environment, "io.failed", ""},
    Row{"Out of Memory", "", ErrorKind::Environment, "engine.memory",
        "give the run more memory or spill space, or let the statement keep fewer rows at once"},
    Row{"INTERRUPT", "", ErrorKind::Environment, "interrupted", ""},
    Row{"FATAL", "", ErrorKind::Internal, "engine.fatal", ""},
    Row{"INTERNAL", "", ErrorKind::Internal, "engine.fatal", ""},
};

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<Json> json_in(std::string_view raw) {
  const size_t brace = raw.find('{');
  if (brace == std::string_view::npos) return std::nullopt;
  Json json = Json::parse(raw.substr(brace), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("exception_type")) return std::nullopt;
  return json;
}

constexpr std::string_view kOwnError = "tidemill's own error: ";

std::optional<Error> own_error_in(const std::string& message) {
  const size_t mark = message.find(kOwnError);
  if (mark == std::string::npos) return std::nullopt;
  const Json json = Json::parse(message.substr(mark + kOwnError.size()), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || text_at(json, "code").empty()) return std::nullopt;
  Error error{.code = text_at(json, "code"), .message = text_at(json, "message")};
  for (const ErrorKind kind : {ErrorKind::User, ErrorKind::Data, ErrorKind::Environment})
    if (text_at(json, "kind") == to_text(kind)) error.kind = kind;
  error.where.what = text_at(json, "what");
  error.seen = text_at(json, "seen");
  error.expected = text_at(json, "expected");
  error.hint = text_at(json, "hint");
  return error;
}

bool says_disk_full(std::string_view message) {
  return message.find("No space left on device") != std::string_view::npos ||
         message.find("Disk quota exceeded") != std::string_view::npos;
}

struct ConnectionTrouble {
  std::string_view sign;
  std::string_view message;
  std::string_view hint;
  std::string_view code = "connection.failed";
};

// The server's no, and a dsn that is none: no other attempt will fare better.
constexpr std::string_view kRefused = "connection.refused";
constexpr std::string_view kBadDsn = "connection.dsn";
constexpr std::string_view kDsnForm = "is the dsn well-formed? postgresql://user:password@host:5432/name";

// What libpq and the server say, in words that hold nothing of the DSN. The first sign that fits decides.
constexpr ConnectionTrouble kUnnamedTrouble{"", "the database cannot be connected to", kDsnForm};
constexpr std::array kConnectionTroubles{
    ConnectionTrouble{"connection info string", kUnnamedTrouble.message, kDsnForm, kBadDsn},
    ConnectionTrouble{"invalid connection option", kUnnamedTrouble.message, kDsnForm, kBadDsn},
    ConnectionTrouble{"invalid URI", kUnnamedTrouble.message, kDsnForm, kBadDsn},
    ConnectionTrouble{" in URI", kUnnamedTrouble.message, kDsnForm, kBadDsn},
    ConnectionTrouble{"invalid port number", kUnnamedTrouble.message, kDsnForm, kBadDsn},
    ConnectionTrouble{"invalid integer value", kUnnamedTrouble.message, kDsnForm, kBadDsn},
    ConnectionTrouble{"password authentication failed", "the database refused user or password",
                      "check the dsn's user and password", kRefused},
    ConnectionTrouble{"no password supplied", "the database wants a password", "the dsn has none", kRefused},
    ConnectionTrouble{"Connection refused", "nothing accepts connections at the dsn's host and port",
                      "is the database running?"},
    ConnectionTrouble{"could not translate host name", "the dsn's host is not known", "check the dsn's host"},
    ConnectionTrouble{"timeout expired", "the database does not answer", "check host, port and firewall"},
    ConnectionTrouble{"timed out", "the database does not answer", "check host, port and firewall"},
    ConnectionTrouble{"No route to host", "the database cannot be reached", "check host, port and firewall"},
    ConnectionTrouble{"Network is unreachable", "the database cannot be reached",
                      "check host, port and firewall"},
    ConnectionTrouble{"no pg_hba.conf entry",
                      "the server lets this user connect to this database from elsewhere only",
                      "its pg_hba.conf decides", kRefused},
    ConnectionTrouble{"too many clients", "the server has no connection left",
                      "try again, or raise its max_connections"},
    ConnectionTrouble{"remaining connection slots", "the server has no connection left",
                      "try again, or raise its max_connections"},
    ConnectionTrouble{"the database system is", "the server is starting up or shutting down", "try again"},
    ConnectionTrouble{"SSL", "server and dsn do not agree on encryption", "see sslmode in the dsn", kRefused},
    ConnectionTrouble{"does not exist", "the dsn's database or user does not exist",
                      "check the dsn's dbname and user", kRefused},
    ConnectionTrouble{"server closed the connection", "the database closed the connection",
                      "did it restart? Try again"},
    ConnectionTrouble{"terminating connection", "the database ended the connection",
                      "did it restart? Try again"},
    ConnectionTrouble{"connection to server was lost", "the connection to the database was lost",
                      "try again"},
    ConnectionTrouble{"no connection to the server", "the connection to the database was lost", "try again"},
    ConnectionTrouble{"could not receive data from server", "the connection to the database was lost",
                      "try again"},
    ConnectionTrouble{"could not send data to server", "the connection to the database was lost",
                      "try again"},
};

const ConnectionTrouble* connection_trouble(std::string_view message) {
  const auto has = [&](std::string_view sign) { return message.find(sign) != std::string_view::npos; };
  // The general signs first make sure that this is about a connection at all.
  if (!has("Unable to connect to Postgres") && !has("server closed the connection") &&
      !has("terminating connection") && !has("connection to server") && !has("no connection to the server") &&
      !has("could not receive data from server") && !has("could not send data to server"))
    return nullptr;
  for (const ConnectionTrouble& trouble : kConnectionTroubles)
    if (has(trouble.sign)) return &trouble;
  return &kUnnamedTrouble;
}

}  // namespace

Place place_in(std::string_view text, size_t offset) {
  Place place{.file = {}, .line = 1, .column = 1, .what = {}};
  for (size_t i = 0; i < std::min(offset, text.size()); ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

std::string text_for_duckdb(const Error& error) {
  return std::string(kOwnError) + to_json(error).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void call_disk_full(Error& error) {
  error.code = "io.disk_full";
  error.hint = "free some space, or point home or --home at a larger disk; nothing that was live is lost";
}

Error error_from_duckdb(std::string_view raw, const UserSql& sql) {
  Error error{.kind = ErrorKind::User, .code = "sql.failed", .message = std::string(raw)};
  const std::optional<Json> json = json_in(raw);
  if (!json) return error;
  const std::string type = text_at(*json, "exception_type");
  const std::string subtype = text_at(*json, "error_subtype");
  const std::string entry = text_at(*json, "type");
  error.message = text_at(*json, "exception_message");
  if (std::optional<Error> own = own_error_in(error.message)) return *std::move(own);
  // DuckDB's advice after an out-of-memory names settings that are ours to make.
  for (const char* advice : {"\n\nPossible solutions:", "\nThis limit was set by"})
    if (const size_t begins = error.message.find(advice); begins != std::string::npos)
      error.message.resize(begins);
  for (const Row& row : kRows)
    if (row.type == type && (row.subtype.empty() || row.subtype == subtype || row.subtype == entry)) {
      error.kind = row.kind;
      error.code = row.code;
      error.hint = row.hint;
      break;
    }
  if (const ConnectionTrouble* trouble = connection_trouble(error.message)) {
    error.kind = ErrorKind::Environment;
    error.code = trouble->code;
    error.message = trouble->message;
    error.hint = trouble->hint;
    return error;
  }
  if (error.kind == ErrorKind::Environment && says_disk_full(error.message)) call_disk_full(error);
  size_t position = 0;
  const std::string digits = text_at(*json, "position");
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), position);
  if (!digits.empty() && parsed.ec == std::errc() && position >= sql.offset &&
      position - sql.offset <= sql.text.size())
    error.where = place_in(sql.text, position - sql.offset);
  return error;
}

}  // namespace tidemill::engine
