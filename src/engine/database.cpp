// Opens DuckDB instances with every setting fixed, so that neither the machine nor a user's ~/.duckdb decides
// what a query gives.
#include "engine/database.hpp"

#include <fmt/format.h>

#include "engine/connection_impl.hpp"
#include "engine/nested_hash.hpp"
#include "engine/predict_function.hpp"

namespace tidemill::engine {

struct Database::Impl {
  std::shared_ptr<Instance> instance;
};

namespace {

Result<void> set(const Config& config, const char* name, const std::string& value) {
  if (duckdb_set_config(config.get(), name, value.c_str()) == DuckDBSuccess) return {};
  return internal_error("engine.setup", fmt::format("DuckDB refused the setting {} = {}", name, value));
}

Result<Config> config_of(const DatabaseOptions& options) {
  Config config;
  if (duckdb_create_config(config.out()) != DuckDBSuccess)
    return internal_error("engine.setup", "DuckDB refused a configuration");
  if (options.threads > 0) TM_CHECK(set(config, "threads", std::to_string(options.threads)));
  if (options.memory_bytes > 0)
    TM_CHECK(set(config, "memory_limit", fmt::format("{}B", options.memory_bytes)));
  TM_CHECK(set(config, "temp_directory",
               options.spill_folder.string()));  // empty: none, not .tmp in the working folder
  TM_CHECK(set(config, "errors_as_json", "true"));
  TM_CHECK(set(config, "autoinstall_known_extensions", "false"));
  TM_CHECK(set(config, "autoload_known_extensions", "false"));
  TM_CHECK(set(config, "allow_community_extensions", "false"));
  return config;
}

std::string settings_of(const DatabaseOptions& options) {
  std::string sql = fmt::format("SET GLOBAL TimeZone = {};", quote_text(options.timezone));
  if (options.spill_cap_bytes > 0 &&
      !options.spill_folder.empty())  // given at opening, DuckDB shows the cap and does not keep it
    sql += fmt::format("SET GLOBAL max_temp_directory_size = '{}B';", options.spill_cap_bytes);
  if (options.access == DatabaseOptions::Access::Open) return sql;
  std::string folders;
  for (const Path& folder : options.allowed_folders)
    folders += (folders.empty() ? "" : ", ") +
               quote_text(std::filesystem::absolute(folder).lexically_normal().string());
  sql += fmt::format("SET GLOBAL allowed_directories = [{}];", folders);
  sql += "SET GLOBAL enable_external_access = false;";
  sql += "SET GLOBAL lock_configuration = true;";
  return sql;
}

}  // namespace

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const DatabaseOptions& options) {
  if (options.threads < 0 || options.memory_bytes < 0 || options.spill_cap_bytes < 0)
    return internal_error("engine.setup", "a database was asked for with a negative limit");
  TM_CHECK(load_duckdb());
  TM_TRY(const Config config, config_of(options));
  auto instance = std::make_shared<Instance>();
  instance->options = options;
  char* message = nullptr;
  if (duckdb_open_ext(nullptr, &instance->raw, config.get(), &message) != DuckDBSuccess)
    return environment_error("engine.open", "cannot start the SQL engine: " + take_text(message));
  std::unique_ptr<Database> database(new Database(std::make_unique<Impl>(instance)));
  TM_TRY(Connection connection, database->connect());
  TM_CHECK(register_row_function(connection.impl()->raw, instance->hash_sums));
  TM_CHECK(register_nested_function(connection.impl()->raw));
  if (Result<void> done = connection.execute(settings_of(options)); !done) {
    Error error = std::move(done).error();
    if (error.message.find("Unknown TimeZone") != std::string::npos) {
      error.code = "project.timezone";
      error.where = {};
      error.hint = "write a name of the IANA time zone database, such as America/New_York or UTC";
    }
    return std::unexpected(std::move(error));
  }
  return database;
}

Result<Connection> Database::connect() {
  auto impl = std::make_unique<Connection::Impl>();
  impl->instance = impl_->instance;
  TM_CHECK(impl->refuse_when_fatal());
  if (duckdb_connect(impl_->instance->raw, &impl->raw) != DuckDBSuccess)
    return internal_error("engine.connect", "the SQL engine refused a session");
  Connection connection(std::move(impl));
  // PRAGMA rather than SET: these are settings of the session, and a locked configuration takes no SET.
  TM_CHECK(connection.execute("PRAGMA enable_progress_bar; PRAGMA disable_print_progress_bar;"));
  return connection;
}

Result<void> Database::register_predict(PredictFunction function) {
  TM_TRY(Connection connection, connect());
  impl_->instance->predict = std::move(function);
  return register_predict_function(connection.impl()->raw, impl_->instance->predict);
}

std::string Database::version() { return duckdb_version(); }

}  // namespace tidemill::engine
