// Labels that a table of the project has (`labels:` in the project file): its rows find their predictions by
// key, whenever the table or the log has changed. The table stays where it is: of what it says only labels of
// predictions in the log are taken, each once, and what can be no value of the target is not.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "monitoring/labels.hpp"
#include "registry/registry.hpp"

namespace tidemill::monitoring {

/// A column's values as texts in SQL, as label_text() has them.
std::string text_in_sql(const engine::Column& column);

class LabelTables {
 public:
  /// Both must outlive it.
  LabelTables(const project::Project& project, Labels& labels) : project_(project), labels_(labels) {}
  bool empty() const;
  /// What came of it, of the deployments whose table or log is not what it was; those whose last look took
  /// long are left for a while. Not thread-safe. Errors: label.no_key, label.no_column, sql.*, io.*,
  /// registry.*; the other deployments are looked at all the same.
  struct Looked {
    std::map<std::string, LabelCounts> taken = {};
    std::map<std::string, Error> failed = {};
  };
  Looked look(const registry::Registry& registry, Instant now);

 private:
  struct Seen {
    int64_t table = 0;  // the snapshot
    std::string log;    // its files, as they were
    uint64_t rejected = 0;
    Instant next{0};
  };
  Result<std::optional<LabelCounts>> look(const project::Labels& declared, DeploymentLabels& labels,
                                          const registry::Registry& registry, Instant now, Seen& seen);
  const project::Project& project_;
  Labels& labels_;
  std::map<std::string, Seen> seen_;
};

}  // namespace tidemill::monitoring
