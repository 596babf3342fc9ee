// Rows of a request as hostile JSON and CSV: refused with a reason, or columns that all have the rows'
// number.
#include <cstdlib>

#include "serving/request_rows.hpp"

namespace {

using namespace tidemill::serving;

const RequestSchema& schema() {
  static const RequestSchema made = *RequestSchema::make({"orders",
                                                          {{"id", "VARCHAR"},
                                                           {"n", "INTEGER"},
                                                           {"x", "DOUBLE"},
                                                           {"flag", "BOOLEAN"},
                                                           {"day", "DATE"},
                                                           {"at", "TIMESTAMP WITH TIME ZONE"},
                                                           {"money", "DECIMAL(9,2)"},
                                                           {"list", "INTEGER[]"}},
                                                          {"id"},
                                                          "at"});
  return made;
}

void check(const tidemill::Result<RequestRows>& rows) {
  if (!rows && rows.error().code.empty()) std::abort();
  if (!rows) return;
  if (rows->rows == 0 || rows->keys.size() != rows->rows) std::abort();
  for (const auto& column : rows->columns) {
    if (column.missing.size() != rows->rows) std::abort();
    if (column.reals.size() + column.texts.size() + column.wholes.size() != rows->rows) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(rows_from_json(schema(), text));
  check(rows_from_csv(schema(), text));
  return 0;
}
