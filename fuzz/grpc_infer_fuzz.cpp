// ModelInferRequest's bytes: no crash, nothing unbounded, and what is read has as many values as its shape
// says.
#include <cstdlib>

#include "api/grpc_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto request =
      tidemill::api::read_infer_request(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!request) return 0;
  for (const auto& tensor : request->infer.inputs)
    if (tensor.values() != *tidemill::serving::values_of_shape(tensor)) std::abort();
  return 0;
}
