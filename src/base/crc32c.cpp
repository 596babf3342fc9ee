#include "base/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tidemill {

namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

#if defined(__x86_64__)
// One instruction waits for the last one's result, three of independent blocks do not. A block's register is
// put in front of the next block's by what kBlock bytes of zero make of it, which is linear in its bits.
constexpr size_t kBlock = 1024;

constexpr std::array<std::array<uint32_t, 256>, 4> make_shift() {
  std::array<uint32_t, 32> of_bit{};
  for (size_t bit = 0; bit < of_bit.size(); ++bit) {
    of_bit[bit] = uint32_t{1} << bit;
    for (size_t i = 0; i < kBlock; ++i) of_bit[bit] = (of_bit[bit] >> 8) ^ kTable[of_bit[bit] & 0xff];
  }
  std::array<std::array<uint32_t, 256>, 4> shift{};
  for (size_t byte = 0; byte < shift.size(); ++byte)
    for (size_t value = 0; value < 256; ++value)
      for (size_t bit = 0; bit < 8; ++bit)
        if ((value >> bit & 1) != 0) shift[byte][value] ^= of_bit[8 * byte + bit];
  return shift;
}
constexpr std::array<std::array<uint32_t, 256>, 4> kShift = make_shift();

uint32_t behind_a_block(uint64_t crc) {
  return kShift[0][crc & 0xff] ^ kShift[1][crc >> 8 & 0xff] ^ kShift[2][crc >> 16 & 0xff] ^
         kShift[3][crc >> 24 & 0xff];
}

uint64_t word_at(std::string_view bytes, size_t at) {
  uint64_t word;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) uint32_t by_instruction(std::string_view bytes, uint32_t before) {
  uint64_t crc = ~before;
  for (; bytes.size() >= 3 * kBlock; bytes.remove_prefix(3 * kBlock)) {
    uint64_t second = 0, third = 0;
    for (size_t at = 0; at < kBlock; at += sizeof(uint64_t)) {
      crc = _mm_crc32_u64(crc, word_at(bytes, at));
      second = _mm_crc32_u64(second, word_at(bytes, kBlock + at));
      third = _mm_crc32_u64(third, word_at(bytes, 2 * kBlock + at));
    }
    crc = behind_a_block(behind_a_block(crc) ^ second) ^ third;
  }
  while (bytes.size() >= sizeof(uint64_t)) {
    crc = _mm_crc32_u64(crc, word_at(bytes, 0));
    bytes.remove_prefix(sizeof(uint64_t));
  }
  auto rest = static_cast<uint32_t>(crc);
  for (const char c : bytes) rest = _mm_crc32_u8(rest, static_cast<unsigned char>(c));
  return ~rest;
}
#endif

}  // namespace

uint32_t crc32c_by_table(std::string_view bytes, uint32_t before) {
  uint32_t crc = ~before;
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

uint32_t crc32c(std::string_view bytes, uint32_t before) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return by_instruction(bytes, before);
#endif
  return crc32c_by_table(bytes, before);
}

}  // namespace tidemill
