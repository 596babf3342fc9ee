// From the rows of a request to a model's features. An interface: SQL does it now, and a program compiled
// from that SQL may do it later, with the SQL as its oracle.
#pragma once

#include <vector>

#include "serving/infer.hpp"
#include "serving/request_rows.hpp"

namespace tidemill::serving {

class RowFeatures {
 public:
  virtual ~RowFeatures() = default;
  /// The rows that requests may have.
  virtual const RequestSchema& schema() const = 0;
  /// One tensor a feature, one value a row, in the rows' order: what infer() takes. Thread-safe. A row's
  /// values depend on no other row. Errors: predict.* (a row's own, or no answer or several for one row),
  /// sql.*, predict.reopening (Environment).
  virtual Result<std::vector<Tensor>> features(RequestRows rows) const = 0;
};

}  // namespace tidemill::serving
