// A request's rows as CSV.
#include "serving/csv_lines.hpp"
#include "serving/request_rows.hpp"

namespace tidemill::serving {

namespace {

Result<void> take_row(RowsBuilder& builder, const std::vector<CsvField>& names,
                      const std::vector<CsvField>& fields) {
  TM_CHECK(builder.begin_row());
  for (size_t f = 0; f < fields.size(); ++f) {
    TM_TRY(const size_t column, builder.find(names[f].text));
    if (!fields[f].missing()) TM_CHECK(builder.plain(column, fields[f].text));
  }
  return builder.end_row();
}

}  // namespace

Result<RequestRows> rows_from_csv(const RequestSchema& schema, std::string_view body) {
  RowsBuilder builder(schema);
  TM_TRY(CsvLines lines, CsvLines::open(body));
  std::vector<CsvField> names, fields;
  if (lines.done()) return builder.finish();
  TM_CHECK(lines.next(names));
  for (;;) {
    TM_TRY(const bool more, lines.next_row(fields, names.size()));
    if (!more) return builder.finish();
    TM_CHECK(take_row(builder, names, fields));
  }
}

}  // namespace tidemill::serving
