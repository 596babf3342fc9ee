// CSV in the body of a request, line by line (RFC 4180). What its fields mean is the caller's business.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tidemill::serving {

struct CsvField {
  std::string text;
  bool quoted = false;
  /// Nothing was written: a missing value. A quoted empty text is one.
  bool missing() const { return text.empty() && !quoted; }
};

class CsvLines {
 public:
  /// The text must outlive it. Error csv.encoding unless it is UTF-8, a byte order mark before it or not.
  static Result<CsvLines> open(std::string_view text);
  bool done() const { return rest_.empty(); }
  /// The fields of the next line. Errors: csv.quote, csv.too_many_fields.
  Result<void> next(std::vector<CsvField>& fields);
  /// Like next(), past lines without anything, which say nothing where there are several columns; false at
  /// the end. Error csv.fields, too, when there are not so many.
  Result<bool> next_row(std::vector<CsvField>& fields, size_t columns);

 private:
  explicit CsvLines(std::string_view text) : rest_(text) {}
  Result<void> field(CsvField& out);

  std::string_view rest_;
  size_t line_ = 0, row_ = 0;
};

}  // namespace tidemill::serving
