// Rows of the request source's snapshot as the requests that they might have been.
#pragma once

#include "base/file.hpp"
#include "serving/request_rows.hpp"

namespace tidemill::serving {

/// What each of the tails ("WHERE … ORDER BY … LIMIT …", over the snapshot) chooses, one behind the other. A
/// column that the snapshot has not is missing. Left out are rows that no request could be, and all but the
/// first with a key.
Result<RequestRows> rows_of_snapshot(const RequestSchema& schema, const Path& snapshot,
                                     const std::vector<std::string>& tails);

}  // namespace tidemill::serving
