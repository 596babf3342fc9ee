// A segment of the prediction log as hostile bytes: once with their own checksums, once as the records of a
// segment whose checksums are right. Refused with a reason, or a table whose columns all have its rows.
#include <cstdlib>

#include "monitoring/log_table.hpp"
#include "monitoring/record.hpp"
#include "monitoring/segment.hpp"

namespace {

using namespace tidemill;
using namespace tidemill::monitoring;

void check(std::string_view segment) {
  const auto table = table_of_segment(segment);
  if (!table && table.error().code.empty()) std::abort();
  if (!table) return;
  if (table->columns.size() != table->values.size()) std::abort();
  for (const engine::GivenValues& values : table->values) {
    if (values.missing.size() != table->rows) std::abort();
    if (values.reals.size() + values.texts.size() + values.wholes.size() != table->rows) std::abort();
  }
}

/// Each record behind its length, two bytes.
std::string framed(std::string_view bytes) {
  std::string segment = segment_header();
  while (bytes.size() >= 2) {
    const size_t length = static_cast<unsigned char>(bytes[0]) + 256 * static_cast<unsigned char>(bytes[1]);
    append_frame(bytes.substr(2, length), segment);
    bytes.remove_prefix(std::min(bytes.size(), 2 + length));
  }
  return segment;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  check(framed(bytes));
  return 0;
}
