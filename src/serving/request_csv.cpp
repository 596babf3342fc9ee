// A request's rows as CSV.
#include <fmt/format.h>
#include <simdjson.h>

#include "serving/request_rows.hpp"

namespace tidemill::serving {

namespace {

constexpr size_t kMaxFields = 10'000;  // of a line; more than any source may have

struct Field {
  std::string text;
  bool quoted = false;
};

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  size_t line() const { return line_; }

  /// The fields of the next line. Errors: csv.quote, csv.too_many_fields.
  Result<void> next(std::vector<Field>& fields) {
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

 private:
  Result<void> field(Field& out) {
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

  std::string_view rest_;
  size_t line_ = 0;
};

Result<void> take_row(RowsBuilder& builder, const std::vector<Field>& names,
                      const std::vector<Field>& fields) {
  TM_CHECK(builder.begin_row());
  if (fields.size() != names.size())
    return user_error("csv.fields", fmt::format("row {} has {} fields, the first line names {} columns",
                                                builder.row(), fields.size(), names.size()));
  for (size_t f = 0; f < fields.size(); ++f) {
    TM_TRY(const size_t column, builder.find(names[f].text));
    if (!fields[f].text.empty() || fields[f].quoted) TM_CHECK(builder.plain(column, fields[f].text));
  }
  return builder.end_row();
}

}  // namespace

Result<RequestRows> rows_from_csv(const RequestSchema& schema, std::string_view body) {
  if (!simdjson::validate_utf8(body.data(), body.size()))
    return user_error("csv.encoding", "the body is not UTF-8");
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  RowsBuilder builder(schema);
  Lines lines(body);
  std::vector<Field> names, fields;
  if (lines.done()) return builder.finish();
  TM_CHECK(lines.next(names));
  while (!lines.done()) {
    TM_CHECK(lines.next(fields));
    const bool empty = fields.size() == 1 && fields[0].text.empty() && !fields[0].quoted;
    if (empty && names.size() > 1) continue;
    TM_CHECK(take_row(builder, names, fields));
  }
  return builder.finish();
}

}  // namespace tidemill::serving
