// The wire format of protocol buffers (protobuf.dev/programming-guides/encoding): fields in, fields out. What
// a field means is its reader's business. Reading copies nothing and sets nothing aside, so that a message
// costs no more than its bytes, whatever it claims to hold; a generated parser makes an object of every two
// bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidemill::api::wire {

enum class Type : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct Field {
  uint32_t number = 0;
  Type type = Type::Varint;
  uint64_t value = 0;      // of all but Bytes
  std::string_view bytes;  // of Bytes: a string, a message, packed numbers
};

/// Goes through a message's fields in the order they were written. Unknown ones are its caller's to skip.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}
  /// False at the message's end. Error grpc.malformed.
  Result<bool> next(Field& field);

 private:
  std::string_view rest_;
};

/// A varint at the front, which is taken away; nothing where there is none.
std::optional<uint64_t> take_varint(std::string_view& bytes);

template <class T>
std::optional<T> take_fixed(std::string_view& bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return value;
}

/// Builds a message. Zeros, false and empty texts are what an absent field means, and are left out.
class Writer {
 public:
  Writer& whole(uint32_t number, uint64_t value);
  Writer& text(uint32_t number, std::string_view value);
  /// Stands there even when it is empty, as a message or a repeated field's element must.
  Writer& element(uint32_t number, std::string_view value);
  Writer& packed(uint32_t number, const std::vector<int64_t>& values);
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

}  // namespace tidemill::api::wire
