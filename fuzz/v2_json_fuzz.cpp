// Inference requests as hostile JSON: refused with a reason or read.
#include <cstdlib>

#include "api/v2.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto request = tidemill::api::parse_infer_request({reinterpret_cast<const char*>(data), size});
  if (!request && request.error().code.empty()) std::abort();
  if (request && request->inputs.empty()) std::abort();
  return 0;
}
