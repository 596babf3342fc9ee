// The log and the labels of a deployment as relations of SQL. Each text stands behind FROM, in parentheses of
// its own, and names the files that there are now: make it anew for each look. Rows are in the files after at
// most the roll interval.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "engine/database.hpp"
#include "project/project.hpp"

namespace tidemill::monitoring {

/// Where they lie.
Path log_folder(const Path& home, const std::string& deployment);
Path label_folder(const Path& home, const std::string& deployment);

/// A database in which these relations can be read. threads 0: all cores; memory_bytes 0: its own default.
Result<std::unique_ptr<engine::Database>> open_log(const Path& home, int threads, int64_t memory_bytes);

/// "TIMESTAMPTZ '…'"; of what was before 1970, 1970.
std::string sql_of(Instant instant);

/// One row a predicted row: own_columns() first, then answers and features of all versions, put together by
/// name. Without any file: own_columns() and no rows.
std::string log_relation(const Path& home, const std::string& deployment);

/// The newest label of each prediction or key: prediction_id, row, key (either the first two or the last),
/// label, label_at, number (rising).
std::string label_relation(const Path& home, const std::string& deployment);

/// log_relation() with `label` (VARCHAR; a truth is 1 or 0; NULL: not known) and `label_at` (when it became
/// known here) of each row, by prediction id and row or by key, whichever came last. Columns of the log that
/// are called so are called `logged_label` and `logged_label_at` there: a multiclass model's answer is.
std::string labelled_relation(const Path& home, const std::string& deployment);

/// The rows of labelled_relation() whose predictions are matured at that time; their label is what `missing`
/// says where none came.
std::string matured_relation(const Path& home, const std::string& deployment, const project::Labels& labels,
                             Instant at);

}  // namespace tidemill::monitoring
