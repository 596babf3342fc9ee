// Request heads and chunked bodies from hostile bytes: refused or read, never a crash, and no body beyond its
// limit.
#include <cstdlib>

#include "api/http.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  tidemill::api::Head head;
  if (tidemill::api::parse_head(bytes, head) && head.request.headers.size() > tidemill::api::kMaxHeaders)
    std::abort();
  constexpr size_t kLimit = 1000;
  tidemill::api::ChunkedBody chunked(kLimit);
  if (const auto used = chunked.feed(bytes); used && *used > size) std::abort();
  if (chunked.take().size() > kLimit) std::abort();
  return 0;
}
