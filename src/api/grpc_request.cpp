#include "api/grpc_request.hpp"

#include <array>

#include <fmt/format.h>
#include <simdjson.h>

#include "api/datatype.hpp"
#include "api/tensor_bytes.hpp"
#include "api/wire.hpp"

namespace tidemill::api {

namespace {

using serving::Tensor;
using wire::Field;
using wire::Type;

constexpr size_t kMaxTensors = 100'000;  // inputs, outputs and raw contents, each
constexpr size_t kMaxDimensions = 16;    // more are counted in an error, not kept

std::unexpected<Error> malformed(std::string message) {
  return user_error("grpc.malformed", std::move(message));
}

Result<void> expect(const Field& field, Type type) {
  if (field.type == type) return {};
  return malformed(
      fmt::format("field {} of the message has another wire type than the protocol's", field.number));
}

// Calls take(field) for each of the message's fields.
template <class Take>
Result<void> each_field(std::string_view message, Take take) {
  wire::Reader reader(message);
  Field field;
  for (;;) {
    TM_TRY(const bool more, reader.next(field));
    if (!more) return {};
    TM_CHECK(take(field));
  }
}

Result<std::string> text_of(const Field& field) {
  TM_CHECK(expect(field, Type::Bytes));
  if (!simdjson::validate_utf8(field.bytes.data(), field.bytes.size()))
    return malformed(fmt::format("field {} of the message is not UTF-8 text", field.number));
  return std::string(field.bytes);
}

// Calls take(bits) for each number of a repeated field, which is packed or one at a time.
template <class Take>
Result<void> each_number(const Field& field, Type type, Take take) {
  if (field.type != Type::Bytes) {
    TM_CHECK(expect(field, type));
    return take(field.value);
  }
  for (std::string_view rest = field.bytes; !rest.empty();) {
    std::optional<uint64_t> bits;
    if (type == Type::Varint)
      bits = wire::take_varint(rest);
    else if (type == Type::Fixed64)
      bits = wire::take_fixed<uint64_t>(rest);
    else
      bits = wire::take_fixed<uint32_t>(rest);
    if (!bits) return malformed(fmt::format("field {} of the message ends within a number", field.number));
    TM_CHECK(take(*bits));
  }
  return {};
}

// An entry of a map from names to InferParameter.
struct Parameter {
  std::string key;
  std::optional<uint64_t> count;  // where it is a whole number, not negative
};

Result<Parameter> read_parameter(const Field& entry) {
  TM_CHECK(expect(entry, Type::Bytes));
  Parameter parameter;
  TM_CHECK(each_field(entry.bytes, [&](const Field& field) -> Result<void> {
    if (field.number == 1) {
      TM_TRY(parameter.key, text_of(field));
    }
    if (field.number != 2) return {};
    TM_CHECK(expect(field, Type::Bytes));
    return each_field(field.bytes, [&](const Field& choice) -> Result<void> {
      constexpr uint32_t kInt64 = 2, kUint64 = 5;
      const bool negative = choice.number == kInt64 && static_cast<int64_t>(choice.value) < 0;
      const bool whole =
          (choice.number == kInt64 || choice.number == kUint64) && choice.type == Type::Varint && !negative;
      parameter.count = whole ? std::optional(choice.value) : std::nullopt;
      return {};
    });
  }));
  return parameter;
}

// A field of InferTensorContents, and the datatypes whose values it takes.
struct Contents {
  uint32_t number;
  std::string_view name;
  Type type;
  std::array<std::string_view, 3> datatypes;
};
constexpr std::array kContents{
    Contents{1, "bool_contents", Type::Varint, {"BOOL"}},
    Contents{2, "int_contents", Type::Varint, {"INT8", "INT16", "INT32"}},
    Contents{3, "int64_contents", Type::Varint, {"INT64"}},
    Contents{4, "uint_contents", Type::Varint, {"UINT8", "UINT16", "UINT32"}},
    Contents{5, "uint64_contents", Type::Varint, {"UINT64"}},
    Contents{6, "fp32_contents", Type::Fixed32, {"FP32"}},
    Contents{7, "fp64_contents", Type::Fixed64, {"FP64"}},
    Contents{8, "bytes_contents", Type::Bytes, {"BYTES"}},
};

const Contents* contents_for(const DataType& type) {
  for (const Contents& contents : kContents)
    for (const std::string_view datatype : contents.datatypes)
      if (datatype == type.name) return &contents;
  return nullptr;
}

// Reads one input's typed contents into its column.
class ContentsReader {
 public:
  ContentsReader(Tensor& tensor, const DataType& type, size_t expected)
      : tensor_(tensor), type_(type), expected_(expected), contents_(contents_for(type)) {}

  Result<void> read(std::string_view message) {
    return each_field(message, [&](const Field& field) -> Result<void> {
      if (field.number > kContents.size() ||
          (field.type == Type::Bytes && field.bytes.empty() && field.number != 8))
        return {};
      if (contents_ == nullptr)
        return user_error("v2.datatype", fmt::format("input '{}': {} is taken in raw_input_contents only",
                                                     tensor_.name, type_.name));
      if (field.number != contents_->number)
        return user_error("v2.datatype",
                          fmt::format("input '{}' has datatype {}, so its values must be in {}", tensor_.name,
                                      type_.name, contents_->name));
      if (type_.kind == Kind::Text) return add_text(field);
      return each_number(field, contents_->type, [&](uint64_t bits) { return add_number(bits); });
    });
  }

  Result<void> finish() const { return serving::check_count(tensor_, expected_); }

 private:
  Result<void> check_room() const {
    if (tensor_.values() < expected_) return {};
    return user_error("infer.shape", fmt::format("input '{}' has more values than its shape says, {}",
                                                 tensor_.name, expected_));
  }

  Result<void> add_text(const Field& field) {
    TM_CHECK(expect(field, Type::Bytes));
    TM_CHECK(check_room());
    if (!simdjson::validate_utf8(field.bytes.data(), field.bytes.size()))
      return user_error("v2.datatype", fmt::format("value {} of input '{}' is not UTF-8 text",
                                                   tensor_.values() + 1, tensor_.name));
    tensor_.texts.add(field.bytes);
    return {};
  }

  Result<void> add_number(uint64_t bits) {
    TM_CHECK(check_room());
    double number = 0;
    bool held = true;
    switch (type_.kind) {
      case Kind::Bool:
        number = bits != 0 ? 1 : 0;
        break;
      case Kind::Unsigned: {
        // uint32 on the wire is what its lowest bits say.
        const uint64_t whole = type_.bytes == 8 ? bits : static_cast<uint32_t>(bits);
        held = type_.holds(whole);
        number = static_cast<double>(whole);
        break;
      }
      case Kind::Signed: {
        const int64_t whole = type_.bytes == 8 ? static_cast<int64_t>(bits) : static_cast<int32_t>(bits);
        held = type_.holds(whole);
        number = static_cast<double>(whole);
        break;
      }
      case Kind::Real:
        number = type_.bytes == 8 ? std::bit_cast<double>(bits)
                                  : std::bit_cast<float>(static_cast<uint32_t>(bits));
        break;
      case Kind::Text:
        break;
    }
    if (!held)
      return user_error("v2.datatype", fmt::format("input '{}' has datatype {}, which cannot hold {}",
                                                   tensor_.name, type_.name, number));
    tensor_.numbers.push_back(number);
    return {};
  }

  Tensor& tensor_;
  const DataType& type_;
  const size_t expected_;
  const Contents* contents_;
};

// Whatever it asks for would change the answer, and goes unheeded.
Result<void> refuse_parameter(const Field& entry) {
  TM_TRY(const Parameter parameter, read_parameter(entry));
  return unheeded_parameter(parameter.key, "an input");
}

// ModelInferRequest.InferInputTensor but for its contents.
Result<Tensor> read_input_head(std::string_view message) {
  Tensor tensor;
  TM_CHECK(each_field(message, [&](const Field& field) -> Result<void> {
    switch (field.number) {
      case 1: {
        TM_TRY(tensor.name, text_of(field));
        return {};
      }
      case 2: {
        TM_TRY(tensor.datatype, text_of(field));
        return {};
      }
      case 3:
        return each_number(field, Type::Varint, [&](uint64_t extent) -> Result<void> {
          if (tensor.shape.size() == kMaxDimensions)
            return malformed("an input's shape has too many dimensions");
          tensor.shape.push_back(static_cast<int64_t>(extent));
          return {};
        });
      case 4:
        return refuse_parameter(field);
      case 5:
        return expect(field, Type::Bytes);
      default:
        return {};
    }
  }));
  return tensor;
}

// Reads inputs one by one; `raw` is this one's share of raw_input_contents where the request has any.
class InputReader {
 public:
  Result<Tensor> read(std::string_view message, std::optional<std::string_view> raw) {
    TM_TRY(Tensor tensor, read_input_head(message));
    TM_TRY(const DataType* type, find_datatype(tensor));
    TM_TRY(const size_t expected, serving::take_values(tensor, allowed_));
    ContentsReader contents(tensor, *type, expected);
    TM_CHECK(each_field(message, [&](const Field& field) -> Result<void> {
      if (field.number != 5) return {};
      if (raw && !field.bytes.empty())
        return malformed(
            fmt::format("input '{}' has contents beside raw_input_contents: use one of them", tensor.name));
      return contents.read(field.bytes);
    }));
    if (raw)
      TM_CHECK(read_tensor_bytes(*raw, *type, expected, tensor));
    else
      TM_CHECK(contents.finish());
    return tensor;
  }

 private:
  size_t allowed_ = serving::kMaxValuesPerRequest;
};

Result<void> take_output_parameter(const Field& entry, OutputForm& form) {
  TM_TRY(const Parameter parameter, read_parameter(entry));
  if (parameter.key != "classification") return unheeded_parameter(parameter.key, "an output");
  if (!parameter.count || *parameter.count > serving::kMaxValuesPerRequest)
    return malformed("parameter 'classification' of an output must be a count");
  form.classes = *parameter.count;
  return {};
}

Result<void> take_request_parameter(const Field& entry, V2Request& request) {
  TM_TRY(const Parameter parameter, read_parameter(entry));
  if (parameter.key != "timeout") return unheeded_parameter(parameter.key, "the request");
  if (!parameter.count)
    return malformed("parameter 'timeout' of the request must be a whole number, not negative");
  request.timeout = timeout_of(*parameter.count);
  return {};
}

Result<std::string> read_output(std::string_view message, OutputForm& form) {
  std::string name;
  TM_CHECK(each_field(message, [&](const Field& field) -> Result<void> {
    if (field.number == 2) return take_output_parameter(field, form);
    if (field.number != 1) return {};
    TM_TRY(name, text_of(field));
    return {};
  }));
  return name;
}

Result<void> keep(std::vector<std::string_view>& list, const Field& field) {
  TM_CHECK(expect(field, Type::Bytes));
  if (list.size() == kMaxTensors)
    return user_error("infer.too_large", fmt::format("more than {} tensors in one request", kMaxTensors));
  list.push_back(field.bytes);
  return {};
}

}  // namespace

Result<V2Request> read_infer_request(std::string_view message) {
  V2Request request;
  std::vector<std::string_view> inputs, outputs, raw;
  TM_CHECK(each_field(message, [&](const Field& field) -> Result<void> {
    switch (field.number) {
      case 3: {
        TM_TRY(request.infer.id, text_of(field));
        return {};
      }
      case 4:
        return take_request_parameter(field, request);
      case 5:
        return keep(inputs, field);
      case 6:
        return keep(outputs, field);
      case 7:
        return keep(raw, field);
      default:
        return {};
    }
  }));
  if (inputs.empty()) return malformed("the request has no inputs");
  if (!raw.empty() && raw.size() != inputs.size())
    return malformed(
        fmt::format("the request has {} inputs and {} raw_input_contents", inputs.size(), raw.size()));
  InputReader reader;
  for (size_t i = 0; i < inputs.size(); ++i) {
    TM_TRY(Tensor tensor, reader.read(inputs[i], raw.empty() ? std::nullopt : std::optional(raw[i])));
    request.infer.inputs.push_back(std::move(tensor));
  }
  for (const std::string_view output : outputs) {
    TM_TRY(std::string name, read_output(output, request.named.emplace_back()));
    request.infer.outputs.push_back(std::move(name));
  }
  return request;
}

}  // namespace tidemill::api
