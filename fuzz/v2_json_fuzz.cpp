// Inference requests as hostile JSON: refused with a reason, or read into columns that are what shape and
// datatype say.
#include <cmath>
#include <cstdlib>

#include "api/v2.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto request = tidemill::api::parse_infer_request({reinterpret_cast<const char*>(data), size});
  if (!request && request.error().code.empty()) std::abort();
  if (request && request->infer.inputs.empty()) std::abort();
  if (!request) return 0;
  for (const auto& input : request->infer.inputs) {
    const auto values = tidemill::serving::values_of_shape(input);
    if (!values || *values != input.values()) std::abort();
    for (const double number : input.numbers)
      if (std::isinf(number)) std::abort();
  }
  return 0;
}
