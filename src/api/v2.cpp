#include "api/v2.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/version.hpp"

namespace tidemill::api {

namespace {

using serving::Tensor;

constexpr std::array kNumberTypes{"BOOL",  "UINT8", "UINT16", "UINT32", "UINT64", "INT8",
                                  "INT16", "INT32", "INT64",  "FP32",   "FP64"};

Result<std::string> text_of(const Json& object, const char* key, const std::string& what) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_string())
    return user_error("v2.malformed", fmt::format("{} needs a string '{}'", what, key));
  return at->get<std::string>();
}

// Data may be nested to the shape or flat: both give the same row-major list.
Result<void> flatten(const Json& data, Tensor& tensor) {
  for (const Json& item : data) {
    if (item.is_array()) {
      TM_CHECK(flatten(item, tensor));
    } else if (item.is_null()) {
      tensor.values.emplace_back(std::monostate{});
    } else if (tensor.datatype == "BYTES") {
      if (!item.is_string())
        return user_error(
            "v2.datatype",
            fmt::format("input '{}' has datatype BYTES, so its data must be strings", tensor.name));
      tensor.values.emplace_back(item.get<std::string>());
    } else if (item.is_boolean()) {
      tensor.values.emplace_back(item.get<bool>() ? 1.0 : 0.0);
    } else if (item.is_number()) {
      tensor.values.emplace_back(item.get<double>());
    } else {
      return user_error("v2.datatype", fmt::format("input '{}' has datatype {}, so its data must be numbers",
                                                   tensor.name, tensor.datatype));
    }
  }
  return {};
}

Result<Tensor> parse_tensor(const Json& json) {
  if (!json.is_object()) return user_error("v2.malformed", "each input must be an object");
  Tensor tensor;
  TM_TRY(tensor.name, text_of(json, "name", "an input"));
  TM_TRY(tensor.datatype, text_of(json, "datatype", fmt::format("input '{}'", tensor.name)));
  const bool number =
      std::find(kNumberTypes.begin(), kNumberTypes.end(), tensor.datatype) != kNumberTypes.end();
  if (tensor.datatype == "FP16" || tensor.datatype == "BF16")
    return user_error("v2.datatype",
                      fmt::format("input '{}': {} has no JSON form", tensor.name, tensor.datatype));
  if (!number && tensor.datatype != "BYTES")
    return user_error("v2.datatype",
                      fmt::format("input '{}' has an unknown datatype '{}'", tensor.name, tensor.datatype),
                      {}, did_you_mean(tensor.datatype, {kNumberTypes.begin(), kNumberTypes.end()}));
  const auto shape = json.find("shape");
  if (shape == json.end() || !shape->is_array())
    return user_error("v2.malformed", fmt::format("input '{}' needs an array 'shape'", tensor.name));
  for (const Json& extent : *shape) {
    if (!extent.is_number_integer() ||
        (extent.is_number_unsigned() &&
         extent.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()}))
      return user_error("v2.malformed",
                        fmt::format("the shape of input '{}' must be whole numbers", tensor.name));
    tensor.shape.push_back(extent.get<int64_t>());
  }
  const auto data = json.find("data");
  if (data == json.end() || !data->is_array())
    return user_error("v2.malformed", fmt::format("input '{}' needs an array 'data'", tensor.name));
  TM_CHECK(flatten(*data, tensor));
  return tensor;
}

Json tensor_json(const Tensor& tensor) {
  Json data = Json::array();
  for (const Tensor::Value& value : tensor.values) {
    if (const auto* text = std::get_if<std::string>(&value))
      data.push_back(*text);
    else if (const auto* number = std::get_if<double>(&value)) {
      if (tensor.datatype == "BOOL")
        data.push_back(*number != 0);
      else if (std::isfinite(*number))
        data.push_back(*number);
      else
        data.push_back(nullptr);  // JSON has no NaN
    } else
      data.push_back(nullptr);
  }
  return Json{{"name", tensor.name},
              {"datatype", tensor.datatype},
              {"shape", tensor.shape},
              {"data", std::move(data)}};
}

Json info_json(const std::vector<serving::TensorInfo>& infos) {
  Json list = Json::array();
  for (const auto& info : infos)
    list.push_back(Json{{"name", info.name}, {"datatype", info.datatype}, {"shape", info.shape}});
  return list;
}

}  // namespace

Result<serving::InferRequest> parse_infer_request(std::string_view body) {
  TM_TRY(const Json json, parse_json(body));
  if (!json.is_object()) return user_error("v2.malformed", "the body must be a JSON object");
  serving::InferRequest request;
  if (const auto id = json.find("id"); id != json.end()) {
    if (!id->is_string()) return user_error("v2.malformed", "'id' must be a string");
    request.id = id->get<std::string>();
  }
  const auto inputs = json.find("inputs");
  if (inputs == json.end() || !inputs->is_array() || inputs->empty())
    return user_error("v2.malformed", "the body needs a list 'inputs'");
  for (const Json& input : *inputs) {
    TM_TRY(Tensor tensor, parse_tensor(input));
    request.inputs.push_back(std::move(tensor));
  }
  if (const auto outputs = json.find("outputs"); outputs != json.end()) {
    if (!outputs->is_array()) return user_error("v2.malformed", "'outputs' must be a list");
    for (const Json& output : *outputs) {
      if (!output.is_object()) return user_error("v2.malformed", "each output must be an object");
      TM_TRY(const std::string name, text_of(output, "name", "an output"));
      request.outputs.push_back(name);
    }
  }
  return request;
}

std::string infer_response_json(const serving::InferResponse& response) {
  Json json{{"model_name", response.deployment}, {"model_version", std::to_string(response.version)}};
  if (!response.id.empty()) json["id"] = response.id;
  json["outputs"] = Json::array();
  for (const Tensor& tensor : response.outputs) json["outputs"].push_back(tensor_json(tensor));
  return to_text(json);
}

Json model_metadata(const serving::LiveModel& live) {
  return Json{{"name", live.deployment},
              {"versions", {std::to_string(live.version)}},
              {"platform", "tidemill_forest"},
              {"inputs", info_json(serving::input_tensors(live.predictor->package()))},
              {"outputs", info_json(serving::output_tensors(live.predictor->package()))}};
}

Json server_metadata() {
  return Json{{"name", "tidemill"}, {"version", kVersion}, {"extensions", Json::array()}};
}

}  // namespace tidemill::api
