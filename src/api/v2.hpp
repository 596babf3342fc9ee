// The Open Inference Protocol V2 as JSON: bodies to values and back. The HTTP around it is routes.cpp's.
#pragma once

#include "base/json.hpp"
#include "serving/infer.hpp"

namespace tidemill::api {

/// Errors: v2.* and json.* (User), with the input's name.
Result<serving::InferRequest> parse_infer_request(std::string_view body);
std::string infer_response_json(const serving::InferResponse& response);
/// GET /v2/models/M.
Json model_metadata(const serving::LiveModel& live);
Json server_metadata();

}  // namespace tidemill::api
