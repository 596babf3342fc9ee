// Selectors as dbt's: NAME, +NAME (and all it needs), NAME+ (and all that needs it), 2+NAME (two steps up),
// several (union), `*` for any letters, kind:NAME to tell a model from a table of the same name. A bare name
// is every step of that name.
#pragma once

#include <expected>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "pipeline/graph.hpp"

namespace tidemill::pipeline {

/// Ids that the selectors name; no selectors: all. Errors usage.selector, one for each that names nothing.
std::expected<std::set<std::string>, Errors> select(const Graph& graph,
                                                    const std::vector<std::string>& selectors);

}  // namespace tidemill::pipeline
