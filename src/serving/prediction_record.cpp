#include "serving/prediction_record.hpp"

#include <cmath>

namespace tidemill::serving {

namespace {

Json to_json(const std::vector<Tensor>& tensors) {
  Json list = Json::array();
  for (const Tensor& tensor : tensors) {
    Json data = Json::array();
    for (size_t i = 0; i < tensor.texts.size(); ++i) {
      const auto text = tensor.texts.at(i);
      data.push_back(text ? Json(*text) : Json());
    }
    for (const double number : tensor.numbers) data.push_back(std::isfinite(number) ? Json(number) : Json());
    list.push_back({{"name", tensor.name},
                    {"datatype", tensor.datatype},
                    {"shape", tensor.shape},
                    {"data", std::move(data)}});
  }
  return list;
}

}  // namespace

Json to_json(const PredictionRecord& record) {
  return {{"prediction_id", record.prediction_id},
          {"request_id", record.request_id},
          {"deployment", record.deployment},
          {"model", record.model},
          {"version", record.version},
          {"role", record.role},
          {"at", to_text(record.at)},
          {"latency_us", record.latency.micros},
          {"status", record.status},
          {"error", record.error.empty() ? Json() : Json(record.error)},
          {"inputs", to_json(record.request.inputs)},
          {"outputs", record.response == nullptr ? Json() : to_json(record.response->outputs)}};
}

}  // namespace tidemill::serving
