// MLflow's scoring protocol: its four JSON forms of a table, CSV, and its answer. The HTTP around it is
// mlflow_endpoints.cpp's.
#pragma once

#include <string>
#include <string_view>

#include "serving/infer.hpp"

namespace tidemill::api {

/// A body with exactly one of dataframe_split, dataframe_records, instances and inputs: rows as lists in the
/// order of the features, rows as objects, or a list of values a feature. A feature that is absent is
/// missing, one that is unknown an error; for a category a number or a boolean is its text. Gives one tensor
/// a feature, and one of each column of the key that is sent beside them, as texts. Errors: mlflow.*,
/// infer.*, json.invalid.
Result<serving::InferRequest> parse_invocation(std::string_view body, const forest::Package& package,
                                               const std::vector<std::string>& row_key = {});

/// CSV with the features' names first, in any order and not all of them. A field with nothing in it is
/// missing; of a number so are NA, NaN, null and None, in any case. Errors: mlflow.*, infer.*, csv.*.
Result<serving::InferRequest> parse_invocation_csv(std::string_view body, const forest::Package& package,
                                                   const std::vector<std::string>& row_key = {});

/// {"predictions": […]}: the model's first output, of each row.
std::string invocation_reply(const serving::InferResponse& response);

}  // namespace tidemill::api
