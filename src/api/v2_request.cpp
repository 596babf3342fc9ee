// The Open Inference Protocol's request as JSON, read in one pass without a tree of values in between. A key
// may stand anywhere; what is known may stand once.
#include <algorithm>
#include <array>
#include <charconv>

#include "api/datatype.hpp"
#include "api/json_reading.hpp"
#include "api/json_tensor.hpp"
#include "api/plain_request.hpp"
#include "api/tensor_bytes.hpp"
#include "api/v2.hpp"

namespace tidemill::api {

namespace {

using serving::Tensor;

// Parameters of something; what is not known would change the answer in silence.
template <class Take>
Result<void> each_parameter(od::value value, std::string_view what, Take take) {
  TM_TRY(od::object parameters, read<od::object>(value, [&] {
           return fmt::format("the parameters of {} must be an object", what);
         }));
  return each_member(parameters, [&](std::string_view key, od::value parameter) -> Result<void> {
    TM_TRY(const bool known, take(key, parameter));
    if (known) return {};
    return unheeded_parameter(key, what);
  });
}

Result<size_t> read_count(od::value value, std::string_view key) {
  uint64_t count = 0;
  if (value.get_uint64().get(count) != SUCCESS)
    return malformed(fmt::format("parameter '{}' must be a whole number, not negative", key));
  return count;
}

Result<bool> read_truth(od::value value, std::string_view key) {
  return read<bool>(value, [&] { return fmt::format("parameter '{}' must be true or false", key); });
}

Result<const DataType*> json_datatype(const Tensor& tensor) {
  TM_TRY(const DataType* type, find_datatype(tensor));
  if (type->name == "FP16" || type->name == "BF16")
    return user_error("v2.datatype",
                      fmt::format("input '{}': {} has no JSON form", tensor.name, tensor.datatype));
  return type;
}

Result<std::vector<int64_t>> read_shape(od::value value) {
  std::vector<int64_t> shape;
  TM_TRY(const od::array list, read<od::array>(value, "an input's 'shape' must be an array"));
  TM_CHECK(each_element(list, [&](od::value extent) -> Result<void> {
    int64_t number = 0;
    if (extent.get_int64().get(number) != SUCCESS) return malformed("an input's shape must be whole numbers");
    shape.push_back(number);
    return {};
  }));
  return shape;
}

// An input as the JSON has it.
struct Input {
  Tensor tensor;
  std::optional<size_t> binary_bytes;  // its values are behind the JSON
};

// Reads an input's members; its data at once when name, datatype and shape came before, else afterwards.
class InputReader {
 public:
  /// allowed: how many values all inputs that are still to come may have; lessened by this one's.
  Result<Input> read(od::object object, size_t& allowed) {
    TM_CHECK(each_member(object,
                         [&](std::string_view key, od::value value) { return member(key, value, allowed); }));
    if (!named_) return malformed("an input needs a string 'name'");
    const auto wrong = [&](std::string_view what) {
      return malformed(fmt::format("input '{}' {}", tensor_.name, what));
    };
    if (!typed_) return wrong("needs a string 'datatype'");
    if (!shaped_) return wrong("needs an array 'shape'");
    if (binary_bytes_) {
      if (has_data_) return wrong("has both 'data' and 'binary_data_size'");
      return Input{std::move(tensor_), binary_bytes_};
    }
    if (!has_data_) return wrong("needs an array 'data'");
    if (!read_) {
      if (const auto error = object.reset().error(); error != SUCCESS) return broken(error);
      od::value value;
      if (const auto error = object.find_field_unordered("data").get(value); error != SUCCESS)
        return broken(error);
      TM_CHECK(data(value, allowed));
    }
    return Input{std::move(tensor_), {}};
  }

 private:
  Result<void> member(std::string_view key, od::value value, size_t& allowed) {
    if (key == "name") {
      TM_CHECK(once(named_, key));
      TM_TRY(tensor_.name, api::read<std::string_view>(value, "an input needs a string 'name'"));
    } else if (key == "datatype") {
      TM_CHECK(once(typed_, key));
      TM_TRY(tensor_.datatype, api::read<std::string_view>(value, "an input needs a string 'datatype'"));
    } else if (key == "shape") {
      TM_CHECK(once(shaped_, key));
      TM_TRY(tensor_.shape, read_shape(value));
    } else if (key == "data") {
      TM_CHECK(once(has_data_, key));
      if (named_ && typed_ && shaped_) TM_CHECK(data(value, allowed));
    } else if (key == "parameters") {
      return each_parameter(value, "an input", [&](std::string_view name, od::value of) -> Result<bool> {
        if (name != "binary_data_size") return false;
        TM_TRY(binary_bytes_, read_count(of, name));
        return true;
      });
    }
    return {};
  }

  Result<void> data(od::value value, size_t& allowed) {
    read_ = true;
    TM_TRY(const DataType* type, json_datatype(tensor_));
    TM_TRY(const size_t expected, serving::take_values(tensor_, allowed));
    TM_TRY(const od::array list, api::read<od::array>(value, [&] {
             return fmt::format("input '{}' needs an array 'data'", tensor_.name);
           }));
    return read_tensor_json(list, *type, expected, tensor_);
  }

  Tensor tensor_;
  std::optional<size_t> binary_bytes_;
  bool named_ = false, typed_ = false, shaped_ = false, has_data_ = false, read_ = false;
};

struct Output {
  std::string name;
  std::optional<bool> binary;
  size_t classes = 0;
};

Result<Output> read_output(od::value value) {
  TM_TRY(od::object members, read<od::object>(value, "each output must be an object"));
  Output output;
  bool named = false;
  const auto parameter = [&](std::string_view key, od::value of) -> Result<bool> {
    if (key == "binary_data") {
      TM_TRY(output.binary, read_truth(of, key));
    } else if (key == "classification") {
      TM_TRY(output.classes, read_count(of, key));
    } else {
      return false;
    }
    return true;
  };
  TM_CHECK(each_member(members, [&](std::string_view key, od::value member) -> Result<void> {
    if (key == "parameters") return each_parameter(member, "an output", parameter);
    if (key != "name") return {};
    TM_CHECK(once(named, key));
    TM_TRY(output.name, read<std::string_view>(member, "an output needs a string 'name'"));
    return {};
  }));
  if (!named) return malformed("an output needs a string 'name'");
  return output;
}

// The JSON part of a request, with the values that it holds itself.
struct Header {
  std::string id;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  bool binary_outputs = false;
  std::optional<std::chrono::microseconds> timeout = {};
  size_t allowed = serving::kMaxValuesPerRequest;  // values that inputs behind it may still have
};

Result<Header> read_header(od::document& document) {
  od::object root;
  if (const auto error = document.get_object().get(root); error != SUCCESS) {
    if (error == simdjson::INCORRECT_TYPE) return malformed("the body must be a JSON object");
    return broken(error);
  }
  Header header;
  bool has_id = false, has_inputs = false, has_outputs = false;
  const auto parameter = [&](std::string_view key, od::value of) -> Result<bool> {
    if (key == "binary_data_output") {
      TM_TRY(header.binary_outputs, read_truth(of, key));
    } else if (key == "timeout") {
      TM_TRY(const size_t micros, read_count(of, key));
      header.timeout = timeout_of(micros);
    } else {
      return false;
    }
    return true;
  };
  TM_CHECK(each_member(root, [&](std::string_view key, od::value value) -> Result<void> {
    if (key == "id") {
      TM_CHECK(once(has_id, key));
      TM_TRY(header.id, read<std::string_view>(value, "'id' must be a string"));
    } else if (key == "inputs") {
      TM_CHECK(once(has_inputs, key));
      TM_TRY(const od::array inputs, read<od::array>(value, "the body needs a list 'inputs'"));
      return each_element(inputs, [&](od::value input) -> Result<void> {
        TM_TRY(const od::object object, read<od::object>(input, "each input must be an object"));
        TM_TRY(Input read, InputReader().read(object, header.allowed));
        header.inputs.push_back(std::move(read));
        return {};
      });
    } else if (key == "outputs") {
      TM_CHECK(once(has_outputs, key));
      TM_TRY(const od::array outputs, read<od::array>(value, "'outputs' must be a list"));
      return each_element(outputs, [&](od::value output) -> Result<void> {
        TM_TRY(Output read, read_output(output));
        header.outputs.push_back(std::move(read));
        return {};
      });
    } else if (key == "parameters") {
      return each_parameter(value, "the request", parameter);
    }
    return {};
  }));
  if (header.inputs.empty()) return malformed("the body needs a list 'inputs' with at least one input");
  return header;
}

// What the JSON says, ready to be answered but for the values behind it.
struct Body {
  V2Request request;
  size_t allowed = 0;  // values that are behind the JSON
};

Result<Body> read_body(od::document& document) {
  TM_TRY(Header header, read_header(document));
  Body body;
  body.allowed = header.allowed;
  V2Request& request = body.request;
  request.infer.id = std::move(header.id);
  request.infer.inputs.reserve(header.inputs.size());
  for (Input& input : header.inputs) {
    request.infer.inputs.push_back(std::move(input.tensor));
    request.binary_bytes.push_back(input.binary_bytes);
  }
  request.all.binary = header.binary_outputs;
  request.timeout = header.timeout;
  for (Output& output : header.outputs) {
    request.infer.outputs.push_back(std::move(output.name));
    request.named.push_back({output.binary.value_or(header.binary_outputs), output.classes});
  }
  return body;
}

// The values behind the JSON, in the order of the inputs, to the last byte.
Result<void> read_binary(std::string_view bytes, size_t allowed, V2Request& request) {
  for (size_t i = 0; i < request.infer.inputs.size(); ++i) {
    if (!request.binary_bytes[i]) continue;
    Tensor& input = request.infer.inputs[i];
    const size_t size = *request.binary_bytes[i];
    if (size > bytes.size())
      return malformed(fmt::format("input '{}' is to have {} bytes behind the JSON, and there are {}",
                                   input.name, size, bytes.size()));
    TM_TRY(const DataType* type, find_datatype(input));
    TM_TRY(const size_t values, serving::take_values(input, allowed));
    input.texts.clear();
    TM_CHECK(read_tensor_bytes(bytes.substr(0, size), *type, values, input));
    bytes.remove_prefix(size);
  }
  if (bytes.empty()) return {};
  return malformed(fmt::format("{} bytes behind the JSON belong to no input", bytes.size()));
}

Result<void> read_any(std::string_view body, std::optional<size_t> json_bytes, V2Request& request) {
  constexpr size_t kMostRemembered = size_t{16} << 10;
  if (json_bytes.value_or(0) > body.size())
    return malformed(fmt::format("Inference-Header-Content-Length is {}, the body has {} bytes", *json_bytes,
                                 body.size()));
  const std::string_view json = body.substr(0, json_bytes.value_or(body.size()));
  const std::string_view behind = body.substr(json.size());
  // A client whose values are all behind the JSON sends the same JSON again and again. Whoever was given the
  // request may have taken inputs.
  const bool has_inputs = request.infer.inputs.size() == request.binary_bytes.size();
  if (json_bytes && !json.empty() && has_inputs && json == request.json)
    return read_binary(behind, serving::kMaxValuesPerRequest, request);
  TM_TRY(Body read, read_values_json(json, read_body));
  request = std::move(read.request);
  const bool all_behind =
      std::ranges::all_of(request.binary_bytes, [](const auto& bytes) { return bytes.has_value(); });
  if (json_bytes && all_behind && json.size() <= kMostRemembered) request.json = json;
  return read_binary(behind, read.allowed, request);
}

}  // namespace

std::unexpected<Error> unheeded_parameter(std::string_view key, std::string_view what) {
  constexpr std::array<std::string_view, 7> kTritons{
      "sequence_id",          "sequence_start",       "sequence_end",           "priority",
      "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size"};
  const bool known = std::ranges::find(kTritons, key) != kTritons.end();
  return user_error(known ? "v2.unsupported" : "v2.malformed",
                    fmt::format("parameter '{}' of {} is not {}", key, what, known ? "supported" : "known"));
}

std::optional<std::chrono::microseconds> timeout_of(uint64_t micros) {
  constexpr uint64_t kLongest = uint64_t{365} * 24 * 3600 * 1'000'000;  // more could not be added to a time
  if (micros == 0) return std::nullopt;
  return std::chrono::microseconds(std::min(micros, kLongest));
}

Result<V2Request> parse_infer_request(std::string_view body, std::optional<size_t> json_bytes) {
  V2Request request;
  TM_CHECK(parse_infer_request(body, json_bytes, request));
  return request;
}

Result<void> parse_infer_request(std::string_view body, std::optional<size_t> json_bytes,
                                 V2Request& request) {
  if (!json_bytes && read_plain_request(body, request)) return {};
  return read_any(body, json_bytes, request);
}

Result<V2Request> parse_any_infer_request(std::string_view body, std::optional<size_t> json_bytes) {
  V2Request request;
  TM_CHECK(read_any(body, json_bytes, request));
  return request;
}

}  // namespace tidemill::api
