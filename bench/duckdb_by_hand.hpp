// DuckDB's C API as a person would write it in an afternoon: what fails ends the program. For references
// only; nothing of src/ is used.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "duckdb.h"

namespace by_hand {

[[noreturn]] inline void die(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

class Clock {
 public:
  /// Milliseconds since it was made or last asked.
  double lap_ms() {
    const auto now = std::chrono::steady_clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - from_).count();
    from_ = now;
    return ms;
  }

 private:
  std::chrono::steady_clock::time_point from_ = std::chrono::steady_clock::now();
};

inline long peak_memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

class Session {
 public:
  Session(int threads, const std::string& timezone) {
    duckdb_config config = nullptr;
    duckdb_create_config(&config);
    duckdb_set_config(config, "threads", std::to_string(threads).c_str());
    char* message = nullptr;
    if (duckdb_open_ext(nullptr, &database_, config, &message) != DuckDBSuccess) die(message);
    duckdb_destroy_config(&config);
    if (duckdb_connect(database_, &connection_) != DuckDBSuccess) die("no connection");
    run("SET TimeZone = '" + timezone + "'");
  }
  ~Session() {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void run(const std::string& sql) {
    duckdb_result result = query(sql);
    duckdb_destroy_result(&result);
  }
  /// Calls each(chunk, rows) for all chunks of the result.
  template <typename Each>
  void fetch(const std::string& sql, Each each) {
    duckdb_result result = query(sql);
    while (duckdb_data_chunk chunk = duckdb_fetch_chunk(result)) {
      each(chunk, duckdb_data_chunk_get_size(chunk));
      duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
  }

 private:
  duckdb_result query(const std::string& sql) {
    duckdb_result result;
    if (duckdb_query(connection_, sql.c_str(), &result) != DuckDBSuccess)
      die(std::string(duckdb_result_error(&result)) + "\n" + sql);
    return result;
  }

  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

}  // namespace by_hand
