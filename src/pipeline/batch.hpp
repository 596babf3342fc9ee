// Batch predictions: a file in, the same rows with the model's answers behind them out. The same code scores
// here as behind predict() in SQL.
#pragma once

#include <atomic>
#include <string>

#include "base/file.hpp"
#include "base/json.hpp"
#include "pipeline/budget.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

struct BatchOptions {
  std::string model;  // "late", "late@champion", "late@7"
  Path input;         // any file the engine reads: .parquet, .csv, .json, .jsonl, and .gz or .zst behind
                      // text; or a glob, whose files are scored as one
  Path output;        // any it writes; appears whole or not at all
  std::string timezone = "UTC";
  Budget budget;
  const std::atomic<bool>* stop = nullptr;  // once it is set, it ends with error interrupted
  std::string table = {};  // the one the project's model reads, for the hint; empty: not known
};
struct BatchResult {
  std::string model;
  int version = 0;
  int64_t rows = 0;
  std::vector<std::string> columns;  // those added
  Json to_json() const;
};

/// From CSV to CSV the columns that the model does not use keep their text. Adds, after all columns of the
/// input: score and decision (binary); score_CLASS … and label (multiclass);
/// prediction, and low and high with conformal intervals (regression). Errors: usage.format, io.missing;
/// predict.output_is_input and predict.unwritable_output before anything is read; predict.missing_feature,
/// predict.column_taken; predict.not_a_number, predict.range and predict.unknown_category with the row;
/// source.*; interrupted.
Result<BatchResult> predict_file(registry::Registry& registry, const BatchOptions& options);

}  // namespace tidemill::pipeline
