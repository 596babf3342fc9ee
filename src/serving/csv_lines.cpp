#include "serving/csv_lines.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <simdjson.h>

namespace tidemill::serving {

namespace {

constexpr size_t kMaxFields = 10'000;  // of a line; more than any source may have

}  // namespace

Result<CsvLines> CsvLines::open(std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size()))
    return user_error("csv.encoding", "the body is not UTF-8");
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return CsvLines(text);
}

Result<void> CsvLines::next(std::vector<CsvField>& fields) {
  fields.clear();
  ++line_;
  for (bool more = true; more;) {
    if (fields.size() >= kMaxFields)
      return user_error("csv.too_many_fields",
                        fmt::format("line {} has more than {} fields", line_, kMaxFields));
    TM_CHECK(field(fields.emplace_back()));
    more = !rest_.empty() && rest_[0] == ',';
    if (more) rest_.remove_prefix(1);
  }
  if (!rest_.empty() && rest_[0] == '\r') rest_.remove_prefix(1);
  if (!rest_.empty() && rest_[0] == '\n') rest_.remove_prefix(1);
  return {};
}

Result<bool> CsvLines::next_row(std::vector<CsvField>& fields, size_t columns) {
  do {
    if (done()) return false;
    TM_CHECK(next(fields));
  } while (columns > 1 && fields.size() == 1 && fields[0].missing());
  ++row_;
  if (fields.size() != columns)
    return user_error("csv.fields", fmt::format("row {} has {} fields, the first line names {} columns", row_,
                                                fields.size(), columns));
  return true;
}

Result<void> CsvLines::field(CsvField& out) {
  if (rest_.empty() || rest_[0] != '"') {
    const size_t end = std::min(rest_.find_first_of(",\r\n"), rest_.size());
    out.text = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return {};
  }
  out.quoted = true;
  while (true) {
    rest_.remove_prefix(1);
    const size_t end = rest_.find('"');
    if (end == rest_.npos)
      return user_error("csv.quote",
                        fmt::format("line {} opens a quotation mark that nothing closes", line_));
    out.text += rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    if (rest_.empty() || rest_[0] != '"') break;
    out.text += '"';
  }
  if (rest_.empty() || rest_[0] == ',' || rest_[0] == '\r' || rest_[0] == '\n') return {};
  return user_error("csv.quote", fmt::format("line {} goes on behind a closing quotation mark", line_));
}

}  // namespace tidemill::serving
