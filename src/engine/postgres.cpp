// PostgreSQL through DuckDB's signed extension, loaded by path: nothing is fetched. DuckDB repeats the whole
// DSN in its messages, and libpq pieces of a malformed one, so that a failed connection is told in our own
// words only.
#include <unistd.h>

#include <fmt/format.h>

#include "engine/connection_impl.hpp"
#include "engine/scan.hpp"

namespace tidemill::engine {

namespace {

constexpr const char* kExtension = "postgres_scanner.duckdb_extension";
constexpr int kConnectTimeoutSeconds = 10;

std::vector<Path> extension_folders(const DatabaseOptions& options) {
  std::vector<Path> folders;
  if (!options.extension_folder.empty()) return {options.extension_folder};
  if (const char* folder = std::getenv("TIDEMILL_EXTENSIONS"); folder && *folder)
    folders.emplace_back(folder);
  std::error_code failed;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed) folders.push_back(program.parent_path().parent_path() / "lib" / "duckdb");
  return folders;
}

Result<void> load_extension(Connection& connection) {
  const std::vector<Path> folders = extension_folders(connection.impl()->instance->options);
  std::string tried;
  for (const Path& folder : folders) {
    const Path file = folder / kExtension;
    std::error_code ignored;
    tried += (tried.empty() ? "" : ", ") + folder.string();
    if (!std::filesystem::exists(file, ignored)) continue;
    if (auto done = connection.execute("LOAD " + quote_text(file.string())); !done)
      return environment_error("connection.extension",
                               fmt::format("cannot load {}: {}", file.string(), done.error().message));
    return {};
  }
  return environment_error(
      "connection.extension", fmt::format("DuckDB's PostgreSQL extension {} is not in {}", kExtension, tried),
      "it belongs to Tidemill's lib/duckdb folder; TIDEMILL_EXTENSIONS names another one");
}

bool is_uri(std::string_view dsn) {
  return dsn.starts_with("postgresql://") || dsn.starts_with("postgres://");
}

/// A server that does not answer must not hang a run.
std::string with_timeout(std::string dsn) {
  if (dsn.find("connect_timeout") != std::string::npos) return dsn;
  const char* glue = !is_uri(dsn) ? " " : dsn.find('?') == std::string::npos ? "?" : "&";
  return fmt::format("{}{}connect_timeout={}", dsn, glue, kConnectTimeoutSeconds);
}

}  // namespace

Result<void> attach_postgres(Connection& connection, const std::string& name, const Secret& dsn,
                             Attach mode) {
  if (dsn.empty())
    return user_error("connection.dsn", "the connection's dsn is empty", {},
                      fmt::format("is {} set?", dsn.name()));
  TM_CHECK(load_extension(connection));
  TM_CHECK(connection.execute(fmt::format("DETACH DATABASE IF EXISTS {}", quote_name(name))));
  const auto attached = connection.execute(
      fmt::format("ATTACH {} AS {} (TYPE postgres{})", quote_text(with_timeout(dsn.reveal())),
                  quote_name(name), mode == Attach::ReadOnly ? ", READ_ONLY" : ""));
  if (attached) return {};
  Error error = attached.error();
  if (error.code == "interrupted" || error.code.starts_with("engine."))
    return std::unexpected(std::move(error));
  if (!error.code.starts_with("connection.")) {
    error.message = "PostgreSQL could not be attached";  // whatever DuckDB said may hold the DSN
    error.code = "connection.failed";
    error.kind = ErrorKind::Environment;
  }
  error.where = {};
  error.message += fmt::format(" (dsn {})", dsn.name());
  return std::unexpected(std::move(error));
}

}  // namespace tidemill::engine
