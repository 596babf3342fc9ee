// Values that must never reach a log, a report or the registry. A Secret prints as its name; redact() also
// hides the value where it comes back inside somebody else's text, such as a database's error message.
#pragma once

#include <string>
#include <string_view>

namespace tidemill {

class Secret {
 public:
  Secret() = default;
  /// name: how the user wrote it, "${env:OPS_DSN}". Registers the value with redact().
  Secret(std::string name, std::string value);
  const std::string& name() const { return name_; }
  /// The value itself; only at the wall to the library that needs it.
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string name_;
  std::string value_;
};

/// text with every known secret's value replaced by "[secret]". Thread-safe. Values under 4 characters are
/// too common to hide.
std::string redact(std::string_view text);
void register_secret(std::string_view value);

/// redact() for text that comes in pieces: a secret may lie across two of them.
class RedactedStream {
 public:
  /// What may be shown by now; the end of the text is held back while it could be the beginning of a secret.
  std::string take(std::string_view piece);
  /// What was held back, when nothing follows.
  std::string rest();

 private:
  std::string held_;
};

}  // namespace tidemill
