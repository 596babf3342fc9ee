#include "api/wire.hpp"

namespace tidemill::api::wire {

namespace {

constexpr unsigned kPayloadBits = 7;
constexpr unsigned kMaxVarintBytes = 10;
constexpr uint64_t kContinued = 0x80;

static_assert(std::endian::native == std::endian::little, "fixed numbers are copied as they lie");

std::unexpected<Error> malformed() {
  return user_error("grpc.malformed", "the message is not a valid protocol buffer");
}

void append_varint(std::string& out, uint64_t value) {
  for (; value >= kContinued; value >>= kPayloadBits) out += static_cast<char>(value | kContinued);
  out += static_cast<char>(value);
}

void append_tag(std::string& out, uint32_t number, Type type) {
  append_varint(out, uint64_t{number} << 3 | static_cast<uint64_t>(type));
}

}  // namespace

std::optional<uint64_t> take_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < kMaxVarintBytes && i < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    value |= (byte & ~kContinued) << (kPayloadBits * i);
    if (byte >= kContinued) continue;
    bytes.remove_prefix(i + 1);
    return value;
  }
  return std::nullopt;
}

Result<bool> Reader::next(Field& field) {
  if (rest_.empty()) return false;
  const auto tag = take_varint(rest_);
  constexpr uint64_t kMaxNumber = (uint64_t{1} << 29) - 1;
  if (!tag || *tag >> 3 == 0 || *tag >> 3 > kMaxNumber) return malformed();
  field.number = static_cast<uint32_t>(*tag >> 3);
  field.type = static_cast<Type>(*tag & 7);
  field.value = 0;
  field.bytes = {};
  std::optional<uint64_t> value;
  switch (field.type) {
    case Type::Varint:
      value = take_varint(rest_);
      break;
    case Type::Fixed64:
      value = take_fixed<uint64_t>(rest_);
      break;
    case Type::Fixed32:
      value = take_fixed<uint32_t>(rest_);
      break;
    case Type::Bytes:
      if (const auto length = take_varint(rest_); length && *length <= rest_.size()) {
        field.bytes = rest_.substr(0, *length);
        rest_.remove_prefix(*length);
        return true;
      }
      return malformed();
  }
  if (!value) return malformed();
  field.value = *value;
  return true;
}

Writer& Writer::whole(uint32_t number, uint64_t value) {
  if (value == 0) return *this;
  append_tag(bytes_, number, Type::Varint);
  append_varint(bytes_, value);
  return *this;
}

Writer& Writer::text(uint32_t number, std::string_view value) {
  return value.empty() ? *this : element(number, value);
}

Writer& Writer::element(uint32_t number, std::string_view value) {
  append_tag(bytes_, number, Type::Bytes);
  append_varint(bytes_, value.size());
  bytes_ += value;
  return *this;
}

Writer& Writer::packed(uint32_t number, const std::vector<int64_t>& values) {
  std::string list;
  for (const int64_t value : values) append_varint(list, static_cast<uint64_t>(value));
  return text(number, list);
}

}  // namespace tidemill::api::wire
