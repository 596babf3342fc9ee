// Keys and labels as texts: the same value is the same text, whoever sent it and in which form. So a key
// that a request had finds the one that its label has.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "project/project.hpp"

namespace tidemill::monitoring {

inline constexpr size_t kMaxLabelBytes = 1024;  // of a label, and of each value of a key

/// A number is its shortest text (7, 0.1), a truth 1 or 0, also when it is written as a word.
std::string label_text(const Json& value);
std::string label_text(std::string_view value);
/// The same; an instant with a date and a time is RFC 3339 in UTC.
std::string key_text(const Json& value);
std::string key_text(std::string_view value);

/// How the log has the keys of the rows that a deployment's requests carry, by the rules of the log's
/// columns: hashed where nobody said `keep`, since a key names somebody; not at all where they are dropped
/// or put into buckets.
class KeyRules {
 public:
  KeyRules() = default;  // requests have no key
  KeyRules(std::vector<std::string> columns, const project::PredictionLog& log, Secret secret);
  /// Of a deployment that has a log: Project::key_of(). Errors: io.*, log.bad_key.
  static Result<KeyRules> of(const project::Project& project, const project::Deployment& deployment);
  const std::vector<std::string>& columns() const { return columns_; }
  /// Why no key is stored; empty: keys are.
  const std::string& problem() const { return problem_; }
  bool stores() const { return problem_.empty(); }
  /// An object of the columns' values as it is stored: the text of the one column, or a list of several's in
  /// JSON. Errors: label.key.
  Result<std::string> stored(const Json& key) const;
  /// The columns' values as texts, in their order.
  std::string stored_texts(std::span<const std::string> texts) const;

 private:
  std::vector<std::string> columns_;
  std::vector<bool> hashed_;
  std::string problem_ = "its requests have no key";
  Secret secret_;
};

}  // namespace tidemill::monitoring
