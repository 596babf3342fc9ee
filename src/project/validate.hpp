// Holds a YAML tree against a description: unknown, doubled and missing keys, wrong types, values that don't
// fit. Everything that can be said of a value without looking at another one is said here.
#pragma once

#include <string>
#include <vector>

#include "project/form.hpp"
#include "project/problems.hpp"

namespace tidemill::project {

/// A place where the name of something declared elsewhere stands. Points into the tree.
struct Mention {
  const YamlNode* node = nullptr;
  Scalar scalar;
  std::string what;
};

/// Adds to problems and mentions. `tree` must outlive the mentions.
void validate(const YamlNode& tree, const Object& description, Problems& problems,
              std::vector<Mention>& mentions);

}  // namespace tidemill::project
