// What of a record may reach a disk: each column's rule applied to what was captured. The hash is keyed, so
// that who has the log alone cannot try values out.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "base/file.hpp"
#include "base/secret.hpp"
#include "monitoring/record.hpp"
#include "project/project.hpp"

namespace tidemill::monitoring {

/// The key of a home's hashes, predictions/hash.key: 256 random bits in hexadecimal, mode 0600, made when it
/// is first asked for. Errors: io.*; log.bad_key.
Result<Secret> hash_key(const Path& home);

/// HMAC-SHA256 (RFC 2104) of the value's text, the first 128 bits in hexadecimal: 32 digits.
std::string hashed(const Secret& key, std::string_view value);
/// A number is hashed as its shortest decimal text: 42 as "42".
std::string hashed(const Secret& key, double value);

/// A feature as it is captured.
struct CapturedColumn {
  std::string name;
  bool text = false;
  std::vector<std::string> known = {};  // texts that the model knows
};

/// From the columns of a version to what is stored of them. Immutable.
class ColumnRules {
 public:
  /// answers: what the model says, kept as it is, behind the features.
  ColumnRules(const project::PredictionLog& log, const std::vector<CapturedColumn>& features,
              std::vector<LogColumn> answers, Secret key);
  /// The columns that are stored, in order.
  const std::vector<LogColumn>& stored() const { return stored_; }
  /// Appends the record as it is to be stored: the same but for its columns.
  void append(const StoredPrediction& captured, std::string& out) const;

 private:
  using Rule = project::PredictionLog::Column::Rule;
  struct Column {
    Rule rule = Rule::Keep;
    uint32_t stored = 0;  // its place there; nothing of a dropped one is looked at
    double width = 0;
    std::unordered_set<std::string> known = {};
  };
  void append(const Column& rule, const StoredColumn& captured, size_t rows, std::string& out) const;
  std::vector<Column> columns_;
  std::vector<LogColumn> stored_;
  Secret key_;
};

}  // namespace tidemill::monitoring
