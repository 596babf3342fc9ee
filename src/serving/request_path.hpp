// What a request passes on its way to features, as the version's package says: the SQL it was trained with,
// and never the project's files. A plain value; what runs it is behind row_features.hpp.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "forest/package.hpp"
#include "project/project.hpp"
#include "serving/request_schema.hpp"

namespace tidemill::serving {

struct RequestPath {
  struct Transform {
    std::string name;
    std::string sql;
  };
  RequestSchema schema;
  std::vector<Transform> transforms;  // each reads what stands before it
  std::vector<std::string> tables;    // that they look up, as published
  std::string from;                   // the model's table: the last transform, or the source itself
  std::string as_of;                  // over the rows of from; empty: the model has none
  std::string timezone;
  std::map<std::string, std::string> parameters;
  /// Columns that hold when others became known, and for each column which of them does.
  std::vector<size_t> holders;
  std::vector<std::optional<size_t>> known_by;

  /// Errors: serving.no_sql (an imported version), serving.request, serving.through.
  static Result<RequestPath> make(const forest::Package& package, const project::Deployment& deployment);
};

}  // namespace tidemill::serving
