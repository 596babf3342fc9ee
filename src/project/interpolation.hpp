// ${param:NAME}, ${env:NAME} and ${file:PATH} in the values of a project file. What comes from the
// environment or from a file is a secret: the tree keeps, beside the value, the text that may be shown.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/secret.hpp"
#include "project/problems.hpp"

namespace tidemill::project {

inline constexpr size_t kMaxSecretFile = size_t{64} << 10;

class Interpolation {
 public:
  /// Secret files are relative to `folder`.
  Interpolation(Path folder, Problems& problems) : folder_(std::move(folder)), problems_(problems) {}

  /// Takes the parameters' values, in which only env and file may stand. Those of the command line win.
  void set_parameters(YamlNode* parameters, const std::map<std::string, std::string>& overrides);
  /// Replaces in all values below; `what` names the node in messages.
  void apply(YamlNode& node, const std::string& what);

  const std::map<std::string, std::string>& parameters() const { return values_; }
  /// Every value that holds a secret: how it was written, and what it is.
  std::vector<Secret> secrets() && { return std::move(secrets_); }

 private:
  struct Part {
    std::string text;
    std::string shown;
  };
  void apply_to_text(YamlNode& node, const std::string& what);
  std::optional<Part> value_of(std::string_view expression, const YamlNode& at, const std::string& what);

  Path folder_;
  Problems& problems_;
  bool with_parameters_ = false;
  std::map<std::string, std::string> values_;
  std::map<std::string, std::string> shown_;
  std::vector<Secret> secrets_;
};

/// Marks values that hold a ${…} as not known: for environments that are not chosen.
void defer(YamlNode& node);

}  // namespace tidemill::project
