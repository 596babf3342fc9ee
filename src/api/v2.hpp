// The Open Inference Protocol V2 as JSON: bodies to values and back. The HTTP around it is routes.cpp's.
#pragma once

#include "api/metrics.hpp"
#include "base/json.hpp"
#include "serving/infer.hpp"

namespace tidemill::api {

/// Values go straight into typed columns, and data is held against shape and datatype: flat or nested exactly
/// as the shape says, each value one that its datatype and a float can hold. It stops at the first that is
/// not, and a shape beyond the limits is refused before its data is read. Errors: v2.*, infer.* and json.*
/// (User), with the input's name; v2.unsupported for parameters that would change the answer.
Result<serving::InferRequest> parse_infer_request(std::string_view body);
std::string infer_response_json(const serving::InferResponse& response);
/// GET /v2/models/M.
Json model_metadata(const serving::LiveModel& live);
/// The same in the words of Triton's model configuration.
Json model_config(const serving::LiveModel& live);
/// In the words of Triton's statistics extension; times in nanoseconds.
Json model_statistics(const serving::LiveModel& live, const InferenceSeries::Totals& totals);
Json server_metadata();

}  // namespace tidemill::api
