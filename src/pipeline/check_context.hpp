// What a table is held against: its past numbers, the snapshot before it, the other tables. The same for a
// table that a run has staged and for one that `tidemill check` looks at again.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "project/project.hpp"
#include "quality/quality.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

struct CheckSubject {
  std::string table;  // the connection sees it under its name, and the tables its checks name under theirs
  std::vector<engine::Column> columns;
  Instant now;
  /// The snapshot that it takes, or took, the place of.
  std::optional<registry::Table> previous;
  /// The run whose numbers of this table, and those of later runs, are not its past; empty: all are past.
  std::string run;
  std::function<bool(const std::string& table)> is_there;
};

/// The context refers to the project and the registry. Makes the previous snapshot visible to the connection.
Result<quality::CheckContext> check_context(const project::Project& project,
                                            const registry::Registry& registry,
                                            engine::Connection& connection, CheckSubject subject);

}  // namespace tidemill::pipeline
