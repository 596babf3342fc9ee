#include "api/predict_endpoints.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/json_tensor.hpp"
#include "api/predict_description.hpp"
#include "api/prediction_headers.hpp"
#include "api/replies.hpp"
#include "api/turn.hpp"
#include "serving/rollout.hpp"
#include "serving/row_features.hpp"

namespace tidemill::api {

namespace {

enum class Format { Json, Csv };

/// curl sends forms unless told otherwise: what names no other format is JSON.
Result<Format> format_of(const Request& request) {
  const std::string type = media_type(request);
  if (type == "text/csv") return Format::Csv;
  if (type.empty() || type == "application/json" || type == "application/x-www-form-urlencoded")
    return Format::Json;
  return std::unexpected(other_media_type(type));
}

/// "score":0.5,"decision":true; several values of a row are a list.
void write_outputs(TextWriter& out, const serving::InferResponse& response, size_t row) {
  for (const serving::Tensor& tensor : response.outputs) {
    const size_t width = tensor.values() / response.rows;
    const bool list = tensor.shape.size() > 1;
    out.add(",");
    append_json_text(out, tensor.name);
    out.add(list ? ":[" : ":");
    for (size_t i = 0; i < width; ++i) {
      if (i > 0) out.add(",");
      append_json(out, tensor, row * width + i);
    }
    if (list) out.add("]");
  }
}

std::string body_of(const serving::InferResponse& response, const std::string& prediction_id,
                    const std::vector<std::string>& keys) {
  std::string body =
      fmt::format("{{\"deployment\":{},\"version\":{},\"prediction_id\":{},\"predictions\":[",
                  to_text(Json(response.deployment)), response.version, to_text(Json(prediction_id)));
  {
    constexpr size_t kUsualOfRow = 64;
    TextWriter out(body, (keys.size() + 1) * kUsualOfRow);
    for (size_t row = 0; row < keys.size(); ++row) {
      out.add(row == 0 ? "{" : ",{");
      out.add(keys[row]);
      write_outputs(out, response, row);
      out.add("}");
    }
    out.add("]}");
  }
  return body;
}

Result<serving::RequestRows> rows_of(const serving::LiveModel& live, Format format, std::string_view body) {
  const serving::RequestSchema& schema = live.row_features->schema();
  return format == Format::Csv ? serving::rows_from_csv(schema, body) : serving::rows_from_json(schema, body);
}

Result<Response> answer(Inference& inference, const Inference::Call& call, const Request& request,
                        Format format) {
  TM_TRY(serving::RequestRows rows, rows_of(*call.live, format, request.body));
  std::optional<std::string> key;
  if (const std::string_view column = Inference::sticky(call); !column.empty())
    key = serving::key_of(rows, call.live->row_features->schema(), column);
  Inference::Chosen chosen = inference.choose(call, asked_of(request), key);
  // Each version has its own idea of the source's columns, and its own SQL.
  if (chosen.live != call.live) {
    TM_TRY(rows, rows_of(*chosen.live, format, request.body));
  }
  serving::InferRequest inputs;
  inputs.keys = rows.keys;
  const auto begun = std::chrono::steady_clock::now();
  TM_TRY(inputs.inputs, chosen.live->row_features->features(std::move(rows)));
  if (call.flight->is_late()) return std::unexpected(too_late());  // its SQL took that long
  serving::InferResponse predicted;
  TM_CHECK(inference.predict(call, chosen, inputs, predicted));
  call.flight->computed(begun, predicted);  // its features too
  inference.shadow(call, chosen, request.body.size(), [&] {
    return [body = std::string(request.body),
            format](const serving::LiveModel& live) -> Result<serving::InferRequest> {
      serving::InferRequest features;
      TM_TRY(auto shadow_rows, rows_of(live, format, body));
      features.keys = shadow_rows.keys;
      TM_TRY(features.inputs, live.row_features->features(std::move(shadow_rows)));
      return features;
    };
  });
  Response response{200, "application/json", body_of(predicted, chosen.prediction_id, inputs.keys), {}};
  add_prediction_headers(response, std::move(chosen));
  return response;
}

Answer begin(Inference& inference, const Request& request, const Parameters& parameters) {
  Inference::Call call = inference.begin(parameters.deployment, "predict", request.deadline);
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
  const auto format = format_of(request);
  if (!format) return finish(error_reply(format.error()));
  // SQL takes a millisecond at least, and no more of it runs at a time than there are workers.
  return later<Response>(call,
                         [&inference, finish, &request, format = *format](const Inference::Call& asking) {
                           auto answered = answer(inference, asking, request, format);
                           return finish(answered ? std::move(*answered) : error_reply(answered.error()));
                         });
}

}  // namespace

std::vector<Endpoint> predict_endpoints(Inference& inference) {
  return {{"POST", "/predict/{deployment}", Scope::Predict, describe_predict(),
           [&inference](const Request& request, const Parameters& parameters) {
             return begin(inference, request, parameters);
           },
           describe_predict_of}};
}

}  // namespace tidemill::api
