// Names of things that are declared elsewhere in the project: whether they exist, and whether what they are
// used for can be.
#pragma once

#include <vector>

#include "project/validate.hpp"

namespace tidemill::project {

/// What the project declares, broken entries too: one mistake is not reported again wherever the name is
/// used.
struct Declared {
  std::vector<std::string> sources;
  std::vector<std::string> transforms;
  std::vector<std::string> models;
  std::vector<std::string> connections;
  std::vector<std::string> deployments;
  std::vector<std::string> tables() const;
};

void check_mentions(const std::vector<Mention>& mentions, const Declared& declared, Problems& problems);

}  // namespace tidemill::project
