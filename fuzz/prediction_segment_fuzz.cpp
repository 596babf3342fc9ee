// A segment of the prediction log as hostile bytes: once with their own checksums, once as the records of a
// segment whose checksums are right. Refused with a reason, or pieces whose columns all have their rows, and
// together all of the segment's.
#include <cstdlib>

#include "monitoring/log_table.hpp"
#include "monitoring/record.hpp"
#include "monitoring/segment.hpp"

namespace {

using namespace tidemill;
using namespace tidemill::monitoring;

void check(const LogTable& piece) {
  if (piece.rows == 0 || piece.columns.size() != piece.values.size()) std::abort();
  for (const engine::GivenValues& values : piece.values) {
    if (values.missing.size() != piece.rows) std::abort();
    if (values.reals.size() + values.texts.size() + values.wholes.size() != piece.rows) std::abort();
  }
}

void check(std::string_view segment) {
  auto rows = SegmentRows::open(segment);
  if (!rows && rows.error().code.empty()) std::abort();
  if (!rows) return;
  LogTable piece;
  size_t seen = 0;
  for (;;) {
    const auto more = rows->next(piece);
    if (!more && more.error().code.empty()) std::abort();
    if (!more) return;
    if (!*more) break;
    check(piece);
    seen += piece.rows;
  }
  if (seen != rows->rows()) std::abort();
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
