// The Open Inference Protocol's request as JSON, read in one pass without a tree of values in between. A key
// may stand anywhere; what is known may stand once.
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <simdjson.h>

#include "api/datatype.hpp"
#include "api/v2.hpp"

namespace tidemill::api {

namespace {

namespace od = simdjson::ondemand;
using serving::Tensor;
using simdjson::SUCCESS;

constexpr size_t kKeptBytes = size_t{1} << 20;        // a parser's memory for longer bodies is given back
constexpr size_t kExplainedBytes = size_t{64} << 10;  // where in longer JSON it is broken is not searched

std::unexpected<Error> malformed(std::string message) {
  return user_error("v2.malformed", std::move(message));
}
std::unexpected<Error> broken(simdjson::error_code error) {
  return user_error("json.invalid", fmt::format("not valid JSON: {}", simdjson::error_message(error)));
}

// The value as T; when it is of another type, `otherwise` says what was expected.
template <class T>
Result<T> read(od::value value, std::string_view otherwise) {
  T out;
  const simdjson::error_code error = value.get(out);
  if (error == simdjson::INCORRECT_TYPE) return malformed(std::string(otherwise));
  if (error != SUCCESS) return broken(error);
  return out;
}

// Calls take(key, value) for every member of the object, in order; keys for which it is asked twice are its
// business.
template <class Take>
Result<void> each_member(od::object& object, Take take) {
  for (auto item : object) {
    od::field field;
    if (const auto error = std::move(item).get(field); error != SUCCESS) return broken(error);
    std::string_view key;
    if (const auto error = field.unescaped_key().get(key); error != SUCCESS) return broken(error);
    TM_CHECK(take(key, field.value()));
  }
  return {};
}

// Calls take(value) for every element of the array.
template <class Take>
Result<void> each_element(od::array array, Take take) {
  for (auto item : array) {
    od::value value;
    if (const auto error = item.get(value); error != SUCCESS) return broken(error);
    TM_CHECK(take(value));
  }
  return {};
}

Result<void> once(bool& seen, std::string_view key) {
  if (seen) return malformed(fmt::format("'{}' is given twice", key));
  seen = true;
  return {};
}

// What a client may ask for without a different answer: how it is encoded is said in the answer, and clients
// look. All else would be silently wrong.
Result<void> check_parameters(od::value value, std::string_view what) {
  TM_TRY(od::object parameters,
         read<od::object>(value, fmt::format("the parameters of {} must be an object", what)));
  return each_member(parameters, [&](std::string_view key, od::value) -> Result<void> {
    if (key == "binary_data" || key == "binary_data_output") return {};
    return user_error("v2.unsupported", fmt::format("parameter '{}' of {} is not supported", key, what), {},
                      key == "binary_data_size" ? "send the data as JSON" : "");
  });
}

// One tensor's data on its way into its column.
class DataReader {
 public:
  DataReader(Tensor& tensor, const DataType& type, size_t expected)
      : tensor_(tensor), type_(type), expected_(expected) {}

  Result<void> read(od::array data) {
    bool first = true, nested = false;
    size_t rows = 0;
    TM_CHECK(each_element(data, [&](od::value value) -> Result<void> {
      if (first) {
        od::json_type kind;
        if (const auto error = value.type().get(kind); error != SUCCESS) return broken(error);
        nested = kind == od::json_type::array && tensor_.shape.size() == 2;
        first = false;
      }
      if (!nested) return add(value);
      od::array row;
      if (value.get_array().get(row) != SUCCESS || ++rows > static_cast<size_t>(tensor_.shape[0]))
        return misshapen();
      const size_t end = tensor_.values() + static_cast<size_t>(tensor_.shape[1]);
      TM_CHECK(each_element(row, [&](od::value cell) -> Result<void> {
        if (tensor_.values() == end) return misshapen();
        return add(cell);
      }));
      return tensor_.values() == end ? Result<void>{} : misshapen();
    }));
    if (nested && rows != static_cast<size_t>(tensor_.shape[0])) return misshapen();
    if (tensor_.values() != expected_)
      return user_error("infer.shape", fmt::format("input '{}' has {} values, its shape says {}",
                                                   tensor_.name, tensor_.values(), expected_));
    return {};
  }

 private:
  Result<void> misshapen() const {
    return user_error("infer.shape",
                      fmt::format("the data of input '{}' is nested otherwise than its shape [{}]",
                                  tensor_.name, fmt::join(tensor_.shape, ", ")));
  }

  // False when the value is not one that the datatype and a float can hold.
  bool number(od::value& value, double& out) const {
    switch (type_.kind) {
      case Kind::Bool: {
        bool truth = false;
        uint64_t digit = 0;
        if (value.get_bool().get(truth) == SUCCESS) {
          out = truth ? 1 : 0;
          return true;
        }
        out = value.get_uint64().get(digit) == SUCCESS ? static_cast<double>(digit) : 2;
        return out <= 1;
      }
      case Kind::Unsigned: {
        uint64_t whole = 0;
        if (value.get_uint64().get(whole) != SUCCESS || !type_.holds(whole)) return false;
        out = static_cast<double>(whole);
        return true;
      }
      case Kind::Signed: {
        int64_t whole = 0;
        if (value.get_int64().get(whole) != SUCCESS || !type_.holds(whole)) return false;
        out = static_cast<double>(whole);
        return true;
      }
      case Kind::Real:
        if (value.get_double().get(out) != SUCCESS) return false;
        return type_.name == "FP32" ? std::isfinite(static_cast<float>(out)) : std::isfinite(out);
      case Kind::Text:
        break;
    }
    return false;
  }

  Result<void> add(od::value value) {
    if (tensor_.values() == expected_)
      return user_error("infer.shape", fmt::format("input '{}' has more values than its shape says, {}",
                                                   tensor_.name, expected_));
    if (type_.kind == Kind::Text) {
      std::string_view text;
      const simdjson::error_code error = value.get_string().get(text);
      if (error == SUCCESS) {
        tensor_.texts.add(text);
        return {};
      }
      if (error != simdjson::INCORRECT_TYPE) return broken(error);
    } else if (double number_read = 0; number(value, number_read)) {
      tensor_.numbers.push_back(number_read);
      return {};
    }
    return add_other(value);
  }

  // A null, or the reason why the value is none of this tensor's.
  Result<void> add_other(od::value value) {
    od::json_type kind;
    if (const auto error = value.type().get(kind); error != SUCCESS) return broken(error);
    if (kind == od::json_type::null) {
      bool null = false;
      if (const auto error = value.is_null().get(null); error != SUCCESS) return broken(error);
      if (type_.kind == Kind::Text)
        tensor_.texts.add_missing();
      else
        tensor_.numbers.push_back(std::numeric_limits<double>::quiet_NaN());
      return {};
    }
    if (kind == od::json_type::array) return misshapen();
    if (kind == od::json_type::number && type_.kind != Kind::Text)
      return user_error("v2.datatype", fmt::format("input '{}' has datatype {}, which cannot hold {}",
                                                   tensor_.name, type_.name, shown(value.raw_json_token())));
    return user_error("v2.datatype", fmt::format("input '{}' has datatype {}, so its data must be {}",
                                                 tensor_.name, type_.name,
                                                 type_.kind == Kind::Text   ? "strings"
                                                 : type_.kind == Kind::Bool ? "true, false, 1 or 0"
                                                                            : "numbers"));
  }

  static std::string shown(std::string_view token) {
    constexpr size_t kMost = 40;
    const size_t end = token.find_last_not_of(" \t\r\n");
    token = token.substr(0, end == token.npos ? 0 : end + 1);
    return token.size() <= kMost ? std::string(token) : fmt::format("{}…", token.substr(0, kMost));
  }

  Tensor& tensor_;
  const DataType& type_;
  const size_t expected_;
};

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

// Reads an input's members; its data at once when name, datatype and shape came before, else afterwards.
class InputReader {
 public:
  /// allowed: how many values all inputs that are still to come may have; lessened by this one's.
  Result<Tensor> read(od::object object, size_t& allowed) {
    TM_CHECK(each_member(object,
                         [&](std::string_view key, od::value value) { return member(key, value, allowed); }));
    const std::string what = named_ ? fmt::format("input '{}'", tensor_.name) : "an input";
    if (!named_) return malformed("an input needs a string 'name'");
    if (!typed_) return malformed(what + " needs a string 'datatype'");
    if (!shaped_) return malformed(what + " needs an array 'shape'");
    if (!has_data_) return malformed(what + " needs an array 'data'");
    if (!read_) {
      if (const auto error = object.reset().error(); error != SUCCESS) return broken(error);
      od::value value;
      if (const auto error = object.find_field_unordered("data").get(value); error != SUCCESS)
        return broken(error);
      TM_CHECK(data(value, allowed));
    }
    return std::move(tensor_);
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
      return check_parameters(value, "an input");
    }
    return {};
  }

  Result<void> data(od::value value, size_t& allowed) {
    read_ = true;
    TM_TRY(const DataType* type, json_datatype(tensor_));
    TM_TRY(const size_t expected, serving::values_of_shape(tensor_));
    if (expected > allowed)
      return user_error("infer.too_large",
                        fmt::format("more than {} values in one request", serving::kMaxValuesPerRequest));
    allowed -= expected;
    TM_TRY(const od::array list,
           api::read<od::array>(value, fmt::format("input '{}' needs an array 'data'", tensor_.name)));
    return DataReader(tensor_, *type, expected).read(list);
  }

  Tensor tensor_;
  bool named_ = false, typed_ = false, shaped_ = false, has_data_ = false, read_ = false;
};

Result<std::string> read_output(od::value value) {
  TM_TRY(od::object output, read<od::object>(value, "each output must be an object"));
  std::string name;
  bool named = false;
  TM_CHECK(each_member(output, [&](std::string_view key, od::value member) -> Result<void> {
    if (key == "parameters") return check_parameters(member, "an output");
    if (key != "name") return {};
    TM_CHECK(once(named, key));
    TM_TRY(name, read<std::string_view>(member, "an output needs a string 'name'"));
    return {};
  }));
  if (!named) return malformed("an output needs a string 'name'");
  return name;
}

Result<serving::InferRequest> read_request(od::document& document) {
  od::object root;
  if (const auto error = document.get_object().get(root); error != SUCCESS) {
    if (error == simdjson::INCORRECT_TYPE) return malformed("the body must be a JSON object");
    return broken(error);
  }
  serving::InferRequest request;
  size_t allowed = serving::kMaxValuesPerRequest;
  bool has_id = false, has_inputs = false, has_outputs = false;
  TM_CHECK(each_member(root, [&](std::string_view key, od::value value) -> Result<void> {
    if (key == "id") {
      TM_CHECK(once(has_id, key));
      TM_TRY(request.id, read<std::string_view>(value, "'id' must be a string"));
    } else if (key == "inputs") {
      TM_CHECK(once(has_inputs, key));
      TM_TRY(const od::array inputs, read<od::array>(value, "the body needs a list 'inputs'"));
      return each_element(inputs, [&](od::value input) -> Result<void> {
        TM_TRY(const od::object object, read<od::object>(input, "each input must be an object"));
        TM_TRY(Tensor tensor, InputReader().read(object, allowed));
        request.inputs.push_back(std::move(tensor));
        return {};
      });
    } else if (key == "outputs") {
      TM_CHECK(once(has_outputs, key));
      TM_TRY(const od::array outputs, read<od::array>(value, "'outputs' must be a list"));
      return each_element(outputs, [&](od::value output) -> Result<void> {
        TM_TRY(std::string name, read_output(output));
        request.outputs.push_back(std::move(name));
        return {};
      });
    } else if (key == "parameters") {
      return check_parameters(value, "the request");
    }
    return {};
  }));
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return broken(simdjson::TRAILING_CONTENT);
  if (request.inputs.empty()) return malformed("the body needs a list 'inputs'");
  return request;
}

Result<serving::InferRequest> read_with(od::parser& parser, std::string& padded, std::string_view body) {
  padded.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  padded.assign(body).append(simdjson::SIMDJSON_PADDING, '\0');
  od::document document;
  if (const auto error = parser.iterate(padded.data(), body.size(), padded.size()).get(document);
      error != SUCCESS)
    return broken(error);
  return read_request(document);
}

// Where and how JSON is broken, in the words that all our JSON has.
Error explained(Error error, std::string_view body) {
  if (error.code != "json.invalid" || body.size() > kExplainedBytes) return error;
  const auto json = parse_json(body);
  return json ? error : json.error();
}

}  // namespace

Result<serving::InferRequest> parse_infer_request(std::string_view body) {
  thread_local od::parser parser;
  thread_local std::string padded;
  Result<serving::InferRequest> request;
  if (body.size() <= kKeptBytes) {
    request = read_with(parser, padded, body);
  } else {
    od::parser once_only;
    std::string copy;
    request = read_with(once_only, copy, body);
  }
  if (!request) return std::unexpected(explained(std::move(request.error()), body));
  return request;
}

}  // namespace tidemill::api
