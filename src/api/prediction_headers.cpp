#include "api/prediction_headers.hpp"

namespace tidemill::api {

Inference::Asked asked_of(const Request& request) {
  return {.prediction_id = request.header("x-prediction-id"), .request_id = request.header("x-request-id")};
}

void add_prediction_headers(Response& response, Inference::Chosen&& chosen) {
  constexpr size_t kUsual = 3;
  response.headers.reserve(kUsual);
  response.headers.emplace_back("X-Prediction-Id", std::move(chosen.prediction_id));
  response.headers.emplace_back("X-Model-Version", std::to_string(chosen.live->version));
}

}  // namespace tidemill::api
