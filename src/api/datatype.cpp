#include "api/datatype.hpp"

#include <array>
#include <limits>

#include <fmt/format.h>

namespace tidemill::api {

namespace {

template <class T>
constexpr DataType whole(std::string_view name) {
  using Limits = std::numeric_limits<T>;
  return {name, Limits::is_signed ? Kind::Signed : Kind::Unsigned, sizeof(T),
          static_cast<int64_t>(Limits::min()), static_cast<uint64_t>(Limits::max())};
}

constexpr std::array kTypes{
    DataType{"FP64", Kind::Real, 8}, DataType{"FP32", Kind::Real, 4}, DataType{"BYTES", Kind::Text, 0},
    whole<int64_t>("INT64"),         whole<int32_t>("INT32"),         whole<int16_t>("INT16"),
    whole<int8_t>("INT8"),           whole<uint64_t>("UINT64"),       whole<uint32_t>("UINT32"),
    whole<uint16_t>("UINT16"),       whole<uint8_t>("UINT8"),         DataType{"BOOL", Kind::Bool, 1},
    DataType{"FP16", Kind::Real, 2}, DataType{"BF16", Kind::Real, 2}};

}  // namespace

Result<const DataType*> find_datatype(const serving::Tensor& input) {
  for (const DataType& type : kTypes)
    if (type.name == input.datatype) return &type;
  std::vector<std::string> names;
  for (const DataType& type : kTypes) names.emplace_back(type.name);
  return user_error("v2.datatype",
                    fmt::format("input '{}' has an unknown datatype '{}'", input.name, input.datatype), {},
                    did_you_mean(input.datatype, names));
}

}  // namespace tidemill::api
