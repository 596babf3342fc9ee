// Batch predictions in the log of a deployment, as if each row had been asked for.
#pragma once

#include <string>

#include "app/session.hpp"

namespace tidemill::app {

struct BatchLogOptions {
  std::string deployment;
  std::string model;  // as predict_file() took it
  int version = 0;
  Path input;
};
struct LoggedBatch {
  std::string prediction_id;  // of all rows, which are counted through the input's files
  int64_t rows = 0;
};

/// Whether it may be done. Errors: usage.unknown_deployment, usage.log.
Result<void> check_batch_log(const Session& session, const BatchLogOptions& options);

/// Scores the rows once more, and logs features and answers under the role "batch"; the rows' key too, where
/// the input has its columns. They are in the log's table when it returns, unless a server is just rolling
/// it. Errors: those of reading and scoring them, io.*.
Result<LoggedBatch> log_batch(const Session& session, const BatchLogOptions& options);

}  // namespace tidemill::app
