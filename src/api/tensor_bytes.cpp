#include "api/tensor_bytes.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <simdjson.h>

namespace tidemill::api {

namespace {

using serving::Tensor;

static_assert(std::endian::native == std::endian::little, "values are copied as they lie");

// IEEE 754's binary16: 1 bit sign, 5 bits exponent (bias 15), 10 bits fraction.
double from_half(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
  double value = NAN;
  if (exponent == 0)
    value = std::ldexp(fraction, -24);
  else if (exponent < 31)
    value = std::ldexp(fraction + 1024, exponent - 25);
  else if (fraction == 0)
    value = INFINITY;
  return bits >> 15 ? -value : value;
}

// The upper half of a float.
double from_brain_float(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

template <class T, class Convert>
void copy(std::string_view bytes, std::vector<double>& numbers, Convert convert) {
  numbers.resize(bytes.size() / sizeof(T));
  const char* from = bytes.data();
  for (double& number : numbers) {
    T value;
    std::memcpy(&value, from, sizeof(T));
    number = convert(value);
    from += sizeof(T);
  }
}

template <class T>
void copy(std::string_view bytes, std::vector<double>& numbers) {
  copy<T>(bytes, numbers, [](T value) { return static_cast<double>(value); });
}

void copy_whole(std::string_view bytes, const DataType& type, std::vector<double>& numbers) {
  const bool sign = type.kind == Kind::Signed;
  switch (type.bytes) {
    case 1:
      return sign ? copy<int8_t>(bytes, numbers) : copy<uint8_t>(bytes, numbers);
    case 2:
      return sign ? copy<int16_t>(bytes, numbers) : copy<uint16_t>(bytes, numbers);
    case 4:
      return sign ? copy<int32_t>(bytes, numbers) : copy<uint32_t>(bytes, numbers);
    default:
      return sign ? copy<int64_t>(bytes, numbers) : copy<uint64_t>(bytes, numbers);
  }
}

void copy_real(std::string_view bytes, const DataType& type, std::vector<double>& numbers) {
  if (type.bytes == 8)
    copy<double>(bytes, numbers);
  else if (type.bytes == 4)
    copy<float>(bytes, numbers);
  else if (type.name == "FP16")
    copy<uint16_t>(bytes, numbers, from_half);
  else
    copy<uint16_t>(bytes, numbers, from_brain_float);
}

Result<void> read_texts(std::string_view bytes, size_t values, Tensor& tensor) {
  for (size_t i = 0; i < values; ++i) {
    uint32_t length = 0;
    if (bytes.size() >= sizeof(length)) std::memcpy(&length, bytes.data(), sizeof(length));
    if (bytes.size() < sizeof(length) || bytes.size() - sizeof(length) < length)
      return user_error("infer.shape", fmt::format("the bytes of input '{}' end within value {} of {}",
                                                   tensor.name, i + 1, values));
    const std::string_view text = bytes.substr(sizeof(length), length);
    if (!simdjson::validate_utf8(text.data(), text.size()))
      return user_error("v2.datatype",
                        fmt::format("value {} of input '{}' is not UTF-8 text", i + 1, tensor.name));
    tensor.texts.add(text);
    bytes.remove_prefix(sizeof(length) + length);
  }
  if (bytes.empty()) return {};
  return user_error("infer.shape", fmt::format("input '{}' has {} bytes more than its {} values need",
                                               tensor.name, bytes.size(), values));
}

}  // namespace

Result<void> read_tensor_bytes(std::string_view bytes, const DataType& type, size_t values, Tensor& tensor) {
  if (type.kind == Kind::Text) return read_texts(bytes, values, tensor);
  if (bytes.size() / type.bytes != values || bytes.size() % type.bytes != 0)
    return user_error("infer.shape",
                      fmt::format("input '{}' has {} bytes, its shape and datatype say {} values of {}",
                                  tensor.name, bytes.size(), values, type.bytes));
  if (type.kind == Kind::Real) {
    copy_real(bytes, type, tensor.numbers);
  } else if (type.kind == Kind::Bool) {
    for (const char byte : bytes)
      if (byte != 0 && byte != 1)
        return user_error("v2.datatype", fmt::format("input '{}' has datatype BOOL and a byte {}",
                                                     tensor.name, static_cast<unsigned char>(byte)));
    copy<uint8_t>(bytes, tensor.numbers);
  } else {
    copy_whole(bytes, type, tensor.numbers);
  }
  return {};
}

void append_tensor_bytes(std::string& out, const Tensor& tensor) {
  if (tensor.datatype == "BYTES") {
    for (size_t i = 0; i < tensor.values(); ++i) {
      const std::string_view text = tensor.texts.at(i).value_or("");
      const auto length = static_cast<uint32_t>(text.size());
      out.append(reinterpret_cast<const char*>(&length), sizeof(length)).append(text);
    }
  } else if (tensor.datatype == "BOOL") {
    for (const double number : tensor.numbers) out += number != 0 ? '\1' : '\0';
  } else {
    out.append(reinterpret_cast<const char*>(tensor.numbers.data()), tensor.numbers.size() * sizeof(double));
  }
}

}  // namespace tidemill::api
