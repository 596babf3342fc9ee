// Whose rows are to be left out when a segment becomes Parquet: a subject was forgotten while a process was
// writing rows of it. Only keyed hashes are kept here. Rows that come later are stored again.
#pragma once

#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/secret.hpp"
#include "monitoring/log_table.hpp"

namespace tidemill::monitoring {

class ForgottenKeys {
 public:
  /// Of a log's folder; none where nobody was forgotten. Errors: io.*, log.bad_key, log.bad_forgotten.
  static Result<ForgottenKeys> read(const Path& folder);
  /// From now on rows until that time with the key, as it is stored, are left out. Those that were forgotten
  /// longer ago than `retain` are not needed any more.
  Result<void> add(const std::string& key, Instant until, Duration retain);
  bool empty() const { return until_.empty(); }
  bool has(const std::string& key, Instant at) const;
  /// Takes their rows out; how many.
  size_t remove_from(LogTable& table) const;
  /// How many of the rows that it would take out have this key, as it is stored.
  size_t rows_of(const std::string& key, const LogTable& table) const;

 private:
  ForgottenKeys(Path file, Secret secret) : file_(std::move(file)), secret_(std::move(secret)) {}
  Path file_;
  Secret secret_;
  std::map<std::string, Instant> until_;  // by the key's hash
};

}  // namespace tidemill::monitoring
