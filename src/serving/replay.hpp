// Proof, before a deployment goes live, that one caller's row is not in another's answer: rows of the request
// source's snapshot get the same features alone, among others and in another order.
#pragma once

#include "base/file.hpp"
#include "serving/row_features.hpp"

namespace tidemill::serving {

/// Rows to try: the newest, since they have much in common, and others by a hash of their key. Besides, for
/// some of them, twins that differ in their key alone, and in their key and one column: any window or
/// aggregate over requests puts some row together with its twin.
Result<RequestRows> rows_to_replay(const RequestSchema& schema, const Path& snapshot);

/// Bit for bit. Errors: serving.rows_leak with the column that differs; those of features() where no row can
/// be answered, or one is doubled or made up. A row that gets no answer is left out.
Result<void> replay(const RowFeatures& features, const RequestRows& rows);

}  // namespace tidemill::serving
