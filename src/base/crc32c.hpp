// CRC-32C (Castagnoli), the checksum of frames on disk: reflected polynomial 0x82f63b78, begun and ended
// inverted, as RFC 3720 appendix B.4 has it. By the processor's instruction where there is one.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidemill {

/// Of `bytes` behind those whose checksum is `before` (0: of nothing).
uint32_t crc32c(std::string_view bytes, uint32_t before = 0);

/// The same without the instruction: for processors that have none, and for the test that both agree.
uint32_t crc32c_by_table(std::string_view bytes, uint32_t before = 0);

}  // namespace tidemill
