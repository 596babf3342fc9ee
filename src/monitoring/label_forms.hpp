// What may be a label: what the versions that a deployment serves can have as a value of their target, and
// the one form in which it is kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "monitoring/judging.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::monitoring {

class LabelForms {
 public:
  void add(const forest::Package& package);
  /// As the first version that knows it has it: 1 or 0, a class's name, or the number's text as it came.
  /// Nothing: none of them knows it. Without any version every text is as it came.
  std::optional<std::string> of(std::string_view text) const;
  /// Error label.value.
  Result<std::string> check(const std::string& text) const;

 private:
  std::vector<LabelNumbers> versions_;
  std::string target_, allowed_;
};

/// Of the versions that the deployment serves by the registry. Errors: registry.*, package.*, io.*.
Result<LabelForms> forms_of(const registry::Registry& registry, const project::Deployment& deployment);

}  // namespace tidemill::monitoring
