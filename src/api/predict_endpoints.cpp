#include "api/predict_endpoints.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/replies.hpp"
#include "serving/row_features.hpp"

namespace tidemill::api {

namespace {

enum class Format { Json, Csv };

/// curl sends forms unless told otherwise: what names no other format is JSON.
Result<Format> format_of(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  std::ranges::transform(type, type.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
  while (type.ends_with(' ')) type.pop_back();
  if (type == "text/csv") return Format::Csv;
  if (type.empty() || type == "application/json" || type == "application/x-www-form-urlencoded")
    return Format::Json;
  return user_error("http.media_type",
                    fmt::format("the body is '{}'; send application/json or text/csv", type));
}

Json value_of(const serving::Tensor& tensor, size_t i) {
  if (tensor.datatype == "BYTES") {
    const auto text = tensor.texts.at(i);
    return text ? Json(*text) : Json();
  }
  if (tensor.datatype == "BOOL") return tensor.numbers[i] != 0;
  return tensor.numbers[i];
}

/// "score":0.5,"decision":true; several values of a row are a list.
std::string outputs_of(const serving::InferResponse& response, size_t row) {
  std::string out;
  for (const serving::Tensor& tensor : response.outputs) {
    const size_t width = tensor.values() / response.rows;
    Json value = tensor.shape.size() == 1 ? value_of(tensor, row) : Json::array();
    for (size_t i = 0; tensor.shape.size() > 1 && i < width; ++i)
      value.push_back(value_of(tensor, row * width + i));
    out += "," + to_text(Json(tensor.name)) + ":" + to_text(value);
  }
  return out;
}

std::string body_of(const serving::InferResponse& response, const std::vector<std::string>& keys) {
  std::string out =
      fmt::format("{{\"deployment\":{},\"version\":{},\"prediction_id\":{},\"predictions\":[",
                  to_text(Json(response.deployment)), response.version, to_text(Json(response.id)));
  for (size_t row = 0; row < keys.size(); ++row)
    out += (row == 0 ? "{" : ",{") + keys[row] + outputs_of(response, row) + "}";
  return out + "]}";
}

Result<Response> answer(const Inference& inference, const Inference::Call& call, const Request& request,
                        Format format) {
  const serving::RowFeatures& row_features = *call.live->row_features;
  TM_TRY(serving::RequestRows rows, format == Format::Csv
                                        ? serving::rows_from_csv(row_features.schema(), request.body)
                                        : serving::rows_from_json(row_features.schema(), request.body));
  const std::vector<std::string> keys = rows.keys;
  serving::InferRequest inputs;
  inputs.id = Inference::prediction_id(request.header("x-prediction-id"));
  const auto begun = std::chrono::steady_clock::now();
  TM_TRY(inputs.inputs, row_features.features(std::move(rows)));
  TM_TRY(const serving::InferResponse predicted, inference.predict(call, inputs));
  call.flight->computed(begun, predicted);  // its features too
  Response response{200, "application/json", body_of(predicted, keys), {}};
  response.headers.emplace_back("X-Prediction-Id", inputs.id);
  return response;
}

Answer begin(Inference& inference, const Request& request, const Parameters& parameters) {
  const Inference::Call call = inference.begin(parameters.deployment, "predict");
  const auto finish = [call](Response response) {
    call.flight->count(response.status);
    return response;
  };
  if (const auto can = inference.check(call, parameters.version); !can)
    return finish(error_reply(can.error()));
  if (call.live->row_features == nullptr)
    return finish(error_reply(
        {.kind = ErrorKind::User,
         .code = "http.not_found",
         .message = fmt::format("deployment '{}' takes features, not rows of a source", call.deployment),
         .hint = fmt::format("POST them to /v2/models/{}/infer, or declare `request` of the "
                             "deployment",
                             call.deployment)}));
  const auto format = format_of(request.header("content-type"));
  if (!format) return finish(error_reply(format.error()));
  // SQL takes a millisecond at least, and no more of it runs at a time than there are workers.
  call.flight->queue();
  return Work([&inference, call, finish, &request, format = *format] {
    call.flight->taken();
    auto answered = answer(inference, call, request, format);
    return finish(answered ? std::move(*answered) : error_reply(answered.error()));
  });
}

}  // namespace

std::vector<Endpoint> predict_endpoints(Inference& inference) {
  return {{"POST", "/predict/{deployment}", Scope::Predict,
           "Predictions for rows of the deployment's request source, as JSON records or CSV.",
           [&inference](const Request& request, const Parameters& parameters) {
             return begin(inference, request, parameters);
           }}};
}

}  // namespace tidemill::api
