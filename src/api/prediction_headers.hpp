// What the headers of a request for a prediction, and of its answer, say of it; the same for every protocol
// over HTTP.
#pragma once

#include "api/http.hpp"
#include "api/inference.hpp"

namespace tidemill::api {

/// From X-Prediction-Id and X-Request-Id. Refers to the request.
Inference::Asked asked_of(const Request& request);
/// X-Prediction-Id, and as X-Model-Version the version that answered.
void add_prediction_headers(Response& response, Inference::Chosen&& chosen);

}  // namespace tidemill::api
