#include "api/grpc_replies.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "api/tensor_bytes.hpp"
#include "api/wire.hpp"

namespace tidemill::api {

namespace {

enum class As { Text, Whole, Packed, DataType, Message };

struct Row {
  std::string_view key;
  uint32_t number;
  As as;
  std::span<const Row> message = {};  // of Message
};

constexpr std::array kServerMetadata{Row{"name", 1, As::Text}, Row{"version", 2, As::Text},
                                     Row{"extensions", 3, As::Text}};

constexpr std::array kTensorMetadata{Row{"name", 1, As::Text}, Row{"datatype", 2, As::Text},
                                     Row{"shape", 3, As::Packed}};
constexpr std::array kModelMetadata{
    Row{"name", 1, As::Text}, Row{"versions", 2, As::Text}, Row{"platform", 3, As::Text},
    Row{"inputs", 4, As::Message, kTensorMetadata}, Row{"outputs", 5, As::Message, kTensorMetadata}};

constexpr std::array kModelInput{Row{"name", 1, As::Text}, Row{"data_type", 2, As::DataType},
                                 Row{"dims", 4, As::Packed}, Row{"optional", 8, As::Whole}};
constexpr std::array kModelOutput{Row{"name", 1, As::Text}, Row{"data_type", 2, As::DataType},
                                  Row{"dims", 3, As::Packed}};
constexpr std::array kSpecificVersions{Row{"versions", 1, As::Packed}};
constexpr std::array kVersionPolicy{Row{"specific", 3, As::Message, kSpecificVersions}};
constexpr std::array kModelConfigFields{Row{"name", 1, As::Text},
                                        Row{"platform", 2, As::Text},
                                        Row{"version_policy", 3, As::Message, kVersionPolicy},
                                        Row{"max_batch_size", 4, As::Whole},
                                        Row{"input", 5, As::Message, kModelInput},
                                        Row{"output", 6, As::Message, kModelOutput},
                                        Row{"backend", 17, As::Text}};
constexpr std::array kModelConfig{Row{"config", 1, As::Message, kModelConfigFields}};

constexpr std::array kDuration{Row{"count", 1, As::Whole}, Row{"ns", 2, As::Whole}};
constexpr std::array kInferStatistics{
    Row{"success", 1, As::Message, kDuration},       Row{"fail", 2, As::Message, kDuration},
    Row{"queue", 3, As::Message, kDuration},         Row{"compute_input", 4, As::Message, kDuration},
    Row{"compute_infer", 5, As::Message, kDuration}, Row{"compute_output", 6, As::Message, kDuration}};
constexpr std::array kStatistics{Row{"name", 1, As::Text},
                                 Row{"version", 2, As::Text},
                                 Row{"last_inference", 3, As::Whole},
                                 Row{"inference_count", 4, As::Whole},
                                 Row{"execution_count", 5, As::Whole},
                                 Row{"inference_stats", 6, As::Message, kInferStatistics}};
constexpr std::array kModelStatistics{Row{"model_stats", 1, As::Message, kStatistics}};

constexpr std::array kModelIndex{Row{"name", 1, As::Text}, Row{"version", 2, As::Text},
                                 Row{"state", 3, As::Text}, Row{"reason", 4, As::Text}};
constexpr std::array kRepositoryIndex{Row{"models", 1, As::Message, kModelIndex}};

std::span<const Row> rows_of(Reply reply) {
  switch (reply) {
    case Reply::ServerMetadata:
      return kServerMetadata;
    case Reply::ModelMetadata:
      return kModelMetadata;
    case Reply::ModelConfig:
      return kModelConfig;
    case Reply::ModelStatistics:
      return kModelStatistics;
    case Reply::RepositoryIndex:
      return kRepositoryIndex;
  }
  return {};
}

// The enum's names in the order of its numbers.
constexpr std::array<std::string_view, 15> kDataTypes{
    "TYPE_INVALID", "TYPE_BOOL", "TYPE_UINT8", "TYPE_UINT16", "TYPE_UINT32",
    "TYPE_UINT64",  "TYPE_INT8", "TYPE_INT16", "TYPE_INT32",  "TYPE_INT64",
    "TYPE_FP16",    "TYPE_FP32", "TYPE_FP64",  "TYPE_STRING", "TYPE_BF16"};

std::string message_of(std::span<const Row> rows, const Json& json);

void write(wire::Writer& out, const Row& row, const Json& value) {
  switch (row.as) {
    case As::Text:
      out.element(row.number, value.get<std::string>());
      break;
    case As::Whole:
      out.whole(row.number, value.is_boolean() ? uint64_t{value.get<bool>()} : value.get<uint64_t>());
      break;
    case As::Packed:
      out.packed(row.number, value.get<std::vector<int64_t>>());
      break;
    case As::DataType: {
      const auto found = std::find(kDataTypes.begin(), kDataTypes.end(), value.get<std::string>());
      out.whole(row.number,
                found == kDataTypes.end() ? 0 : static_cast<uint64_t>(found - kDataTypes.begin()));
      break;
    }
    case As::Message:
      out.element(row.number, message_of(row.message, value));
  }
}

std::string message_of(std::span<const Row> rows, const Json& json) {
  wire::Writer out;
  for (const Row& row : rows) {
    const auto value = json.find(row.key);
    if (value == json.end()) continue;
    if (!value->is_array() || row.as == As::Packed) {
      write(out, row, *value);
    } else {
      for (const Json& element : *value) write(out, row, element);
    }
  }
  return out.take();
}

// An entry of a map from names to InferParameter, with a text.
std::string text_parameter(std::string_view key, std::string_view text) {
  return wire::Writer().text(1, key).element(2, wire::Writer().element(3, text).take()).take();
}

}  // namespace

std::string infer_response_message(const V2Request& request, serving::InferResponse response,
                                   const std::vector<std::string>& classes, std::string_view prediction_id) {
  for (size_t i = 0; i < request.named.size(); ++i)
    if (const size_t n = request.named[i].classes; n > 0 && response.outputs[i].datatype != "BYTES")
      response.outputs[i] = classified(response.outputs[i], n, classes);
  wire::Writer out;
  out.text(1, response.deployment).text(2, std::to_string(response.version)).text(3, response.id);
  out.element(4, text_parameter("prediction_id", prediction_id));
  for (const serving::Tensor& tensor : response.outputs)
    out.element(5,
                wire::Writer().text(1, tensor.name).text(2, tensor.datatype).packed(3, tensor.shape).take());
  for (const serving::Tensor& tensor : response.outputs) {
    std::string bytes;
    append_tensor_bytes(bytes, tensor);
    out.element(6, bytes);
  }
  return out.take();
}

std::string reply_message(Reply reply, const Json& json) { return message_of(rows_of(reply), json); }

}  // namespace tidemill::api
