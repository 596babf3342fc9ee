// Inference requests as hostile JSON: refused with a reason, or read into columns that are what shape and
// datatype say; what the quick reader takes, the general one reads alike.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "api/plain_request.hpp"
#include "api/v2.hpp"

namespace {

using tidemill::api::V2Request;
using tidemill::serving::Tensor;

uint64_t bits_of(double number) { return std::bit_cast<uint64_t>(number); }

// To the last bit: NaN is NaN, and −0 is not 0.
bool alike(const Tensor& a, const Tensor& b) {
  return a.name == b.name && a.datatype == b.datatype && a.shape == b.shape && a.texts == b.texts &&
         std::ranges::equal(a.numbers, b.numbers, {}, bits_of, bits_of);
}

// What another request left in the memory that one is read into.
V2Request before() {
  V2Request request;
  if (!tidemill::api::read_plain_request(
          R"({"id":"b","inputs":[{"name":"t","shape":[2],"datatype":"BYTES","data":["x",null]}]})", request))
    std::abort();
  return request;
}

void check_quick_reader(std::string_view body) {
  V2Request quick = before();
  if (!tidemill::api::read_plain_request(body, quick)) return;
  if (!tidemill::api::read_plain_request(body, quick)) std::abort();  // when only its values are read
  const auto general = tidemill::api::parse_any_infer_request(body);
  if (!general || general->infer.id != quick.infer.id) std::abort();
  if (!general->named.empty() || general->all.binary || general->all.classes > 0) std::abort();
  if (!std::ranges::equal(general->infer.inputs, quick.infer.inputs, alike)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_quick_reader({reinterpret_cast<const char*>(data), size});
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
