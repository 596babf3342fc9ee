#include "api/json_tensor.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/compile.h>

#include "api/json_text.hpp"
#include "base/json.hpp"

namespace tidemill::api {

namespace {

using serving::Tensor;

// A whole number keeps its point: to a reader it stays a floating-point number.
void append_number(TextWriter& out, double number) {
  if (!std::isfinite(number)) return out.add("null");  // JSON has no NaN
  constexpr size_t kLongest = 32;                      // -2.2250738585072014e-308 has 24 characters
  std::array<char, kLongest> text;
  const std::string_view written(text.data(), fmt::format_to(text.data(), FMT_COMPILE("{}"), number));
  out.add(written);
  if (std::ranges::all_of(written, [](char c) { return c == '-' || (c >= '0' && c <= '9'); })) out.add(".0");
}

// One tensor's data on its way into its column.
class DataReader {
 public:
  DataReader(Tensor& tensor, const DataType& type, size_t expected)
      : tensor_(tensor), type_(type), expected_(expected) {}

  Result<void> read(od::array data) {
    // No more than came: what is expected is a claim.
    constexpr size_t kMostReserved = size_t{1} << 12;
    if (type_.kind != Kind::Text) tensor_.numbers.reserve(std::min(expected_, kMostReserved));
    bool first = true, nested = false;
    size_t rows = 0;
    for (auto item : data) {
      od::value value;
      if (const auto error = item.get(value); error != SUCCESS) return broken(error);
      if (first) {
        od::json_type kind;
        if (const auto error = value.type().get(kind); error != SUCCESS) return broken(error);
        nested = kind == od::json_type::array && tensor_.shape.size() == 2;
        first = false;
      }
      if (!nested) {
        if (!add_real(value)) TM_CHECK(add(value));
        continue;
      }
      od::array row;
      if (value.get_array().get(row) != SUCCESS || ++rows > static_cast<size_t>(tensor_.shape[0]))
        return misshapen();
      TM_CHECK(read_row(row));
    }
    if (nested && rows != static_cast<size_t>(tensor_.shape[0])) return misshapen();
    return serving::check_count(tensor_, expected_);
  }

 private:
  Result<void> read_row(od::array& row) {
    const size_t end = tensor_.values() + static_cast<size_t>(tensor_.shape[1]);
    for (auto item : row) {
      od::value cell;
      if (const auto error = item.get(cell); error != SUCCESS) return broken(error);
      if (tensor_.values() == end) return misshapen();
      if (!add_real(cell)) TM_CHECK(add(cell));
    }
    return tensor_.values() == end ? Result<void>{} : misshapen();
  }

  // The usual case without a detour; false, and nothing happened, for whatever is not that.
  bool add_real(od::value& value) {
    double real = 0;
    if (type_.kind != Kind::Real || tensor_.numbers.size() == expected_ || !number(value, real)) return false;
    tensor_.numbers.push_back(real);
    return true;
  }

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
        if (get_real(value, out) != SUCCESS) return false;
        return type_.bytes == sizeof(float) ? std::isfinite(static_cast<float>(out)) : std::isfinite(out);
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

}  // namespace

void append_json_text(TextWriter& out, std::string_view text) {
  if (!std::ranges::all_of(text, is_plain_in_json)) {
    out.add(to_text(Json(text)));
    return;
  }
  out.add("\"");
  out.add(text);
  out.add("\"");
}

void append_json(TextWriter& out, const Tensor& tensor, size_t i) {
  if (tensor.datatype == "BYTES") {
    const auto text = tensor.texts.at(i);
    if (text)
      append_json_text(out, *text);
    else
      out.add("null");
  } else if (tensor.datatype == "BOOL") {
    out.add(tensor.numbers[i] != 0 ? "true" : "false");
  } else {
    append_number(out, tensor.numbers[i]);
  }
}

Result<void> read_tensor_json(od::array data, const DataType& type, size_t values, Tensor& tensor) {
  return DataReader(tensor, type, values).read(data);
}

}  // namespace tidemill::api
