// The model card: Markdown for people, with the YAML front matter that model hubs read. A pure function of
// the package.
#pragma once

#include <string>

#include "forest/package.hpp"

namespace tidemill::training {

std::string model_card(const forest::Package& package, const std::string& table);

}  // namespace tidemill::training
