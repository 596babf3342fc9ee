// Inference requests with binary tensors from hostile bytes: the first two say where the JSON ends. What is
// read a second time, when only the values are looked at, is read alike.
#include <cstdlib>

#include "api/v2.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t json_bytes = static_cast<size_t>(data[0]) + static_cast<size_t>(data[1]) * 256;
  const std::string_view body(reinterpret_cast<const char*>(data + 2), size - 2);
  tidemill::api::V2Request request;
  const auto read = tidemill::api::parse_infer_request(body, json_bytes, request);
  if (!read && read.error().code.empty()) std::abort();
  const auto again = tidemill::api::parse_infer_request(body, json_bytes, request);
  if (again.has_value() != read.has_value()) std::abort();
  if (!read && again.error().message != read.error().message) std::abort();
  if (!read) return 0;
  if (json_bytes > size - 2 || request.infer.inputs.empty()) std::abort();
  for (const auto& input : request.infer.inputs) {
    const auto values = tidemill::serving::values_of_shape(input);
    if (!values || *values != input.values()) std::abort();
  }
  return 0;
}
