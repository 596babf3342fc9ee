// Connections, sources and transforms: where tables come from.
#include "project/describe.hpp"

namespace tidemill::project {

using Target = Scalar::Target;

const Object& connection_object() {
  static const Object described{
      "connection",
      "A database. What is secret in it comes from the environment or from a file: `${env:NAME}`, "
      "`${file:/run/secrets/dsn}`.",
      {{"type", scalar(words({"postgres"})), "The kind of database.", "", Key::Need::Required},
       {"dsn", scalar(text()),
        "How to reach it, as libpq takes it: `host=… dbname=… user=… password=…` or `postgres://…`.", "",
        Key::Need::Required}},
      {},
      {},
      "ops: {type: postgres, dsn: \"${env:OPS_DSN}\"}"};
  return described;
}

const Object& retries_object() {
  static const Object described{
      "retries",
      "What may pass (networks, locks) is tried again, with waits that double and a random part. SQL errors "
      "and failed checks never are.",
      {{"attempts", scalar(whole(1, 20)), "How often it is tried, in all.", "3"},
       {"first_wait", scalar(duration()), "The wait before the second attempt.", "500ms"}}};
  return described;
}

namespace {

const Object& csv_object() {
  static const Object described{
      "csv",
      "How CSV files are written, where that cannot be seen from the file.",
      {{"delimiter", scalar(text()), "The character between values.", "found in the file"},
       {"header", scalar(yes_or_no()), "Whether the first line names the columns.", "found in the file"},
       {"null", either(scalar(any_value()), list_of(scalar(any_value()), 1, 100)),
        "Texts that mean: no value.", "the empty text"},
       {"quote", scalar(text()), "The character around texts.", "\""},
       {"escape", scalar(text()), "The character before a quote inside a text.", "\""},
       {"encoding", scalar(words({"utf-8", "latin-1", "utf-16"})), "The encoding of the file.", "utf-8"},
       {"timestamp_format", scalar(text()), "How times are written, as strptime has it: `%d.%m.%Y %H:%M`.",
        "ISO 8601"},
       {"date_format", scalar(text()), "How dates are written.", "ISO 8601"}}};
  return described;
}

const Object& freshness_object() {
  static const Object described{"freshness",
                                "How old the newest row, by `time_column`, may be.",
                                {{"warn_after", scalar(duration()), "Warn when it is older.", "never"},
                                 {"error_after", scalar(duration()), "Fail when it is older.", "never"}},
                                {},
                                {{"warn_after", "error_after"}}};
  return described;
}

}  // namespace

const Object& column_object() {
  static const Object described{
      "column",
      "A column of a table. Its short form is its type alone. Columns that are not named here are kept, with "
      "the types found in the data; whole numbers beyond 64 bits are text there, since a double would round "
      "them.",
      {{"type", scalar({Scalar::Kind::ColumnType}),
        "Its SQL type; a value that does not fit is an error that names file and line.", "found in the data"},
       {"checks", checks_form(column_check_object()), "Rules on the column."}}};
  return described;
}

namespace {
Form columns_form() {
  return map_of(column_name(), either(object(column_object()), scalar({Scalar::Kind::ColumnType})), "column");
}
}  // namespace

const Object& source_object() {
  static const Object described{
      "source",
      "A declared input: files, or a table or query of a database.",
      {{"path", one_or_list(path_text()),
        "Files, relative to the project's folder; *, ?, [..] and ** match many.", ""},
       {"format", scalar(words({"csv", "json", "jsonl", "parquet"})), "The format of the files.",
        "from the file name's ending"},
       {"csv", object(csv_object()), "How CSV files are written."},
       {"connection", scalar(reference(Target::Connection)),
        "The database the table is in, instead of files."},
       {"table", scalar(text()), "With a connection: the table, with its schema."},
       {"query", scalar(sql_text()),
        "With a connection: a query in the database's own SQL, instead of a table."},
       {"watermark", scalar(column_name()),
        "With a connection: a column by which the table only grows; without it the table is read in every "
        "run."},
       {"key", one_or_list(column_name()),
        "The column or columns that name a row. No two rows should have the same, which only a `unique` "
        "check looks at."},
       {"time_column", scalar(column_name()),
        "When a row begins to exist. To the point-in-time proof a row without a time has not begun."},
       {"known_at", map_of(column_name(), scalar(column_name()), "column"),
        "For columns whose value is known later than the row: the column that says when.",
        "time_column for all"},
       {"freshness", object(freshness_object()), "How old the newest row may be."},
       {"columns", columns_form(), "Types and checks of columns."},
       {"checks", checks_form(table_check_object()), "Rules on the whole table."},
       {"retries", object(retries_object()), "How often reading is tried."},
       {"timeout", scalar(positive_duration()), "The longest time that reading may take.", "no limit"}},
      {{"path", "connection"}, {"table", "query"}},
      {{"path", "connection"}},
      "flights:\n  path: data/flights/*.parquet\n  key: flight_id\n  time_column: scheduled_at\n"
      "  columns:\n    scheduled_at: {type: timestamptz, checks: [not_null]}",
      {{"table", {"connection"}, "a table is read from a database: name its connection"},
       {"query", {"connection"}, "a query is read from a database: name its connection"},
       {"connection", {"table", "query"}, "say what is read from the database"},
       {"watermark",
        {"connection"},
        "files are read again when they change; a watermark is for a table of a database"},
       {"csv", {"path"}, "it says how files are written"},
       {"format", {"path"}, "it says how files are written"},
       {"freshness", {"time_column"}, "the newest row is found by `time_column`"}}};
  return described;
}

const Object& transform_object() {
  static const Object described{
      "transform",
      "Every file transforms/NAME.sql is a transform; it needs an entry only for options. A transform with a "
      "`command` has no such file: a program makes its table.",
      {{"columns", columns_form(), "Types and checks of columns."},
       {"checks", checks_form(table_check_object()), "Rules on the table."},
       {"deterministic", scalar(yes_or_no()),
        "Run on one thread, so that sums of doubles never differ in the last bit.", "false"},
       {"command", list_of(scalar(text()), 1, 1'000),
        "A program and its arguments that makes the table, instead of SQL. It has the environment of "
        "tidemill."},
       {"inputs", list_of(scalar(reference(Target::Table)), 0, 1'000),
        "With a command: the tables it reads."},
       {"scripts", list_of(scalar(path_text()), 0, 1'000),
        "With a command: files whose change makes it run again; those that the command itself names are "
        "known."},
       {"retries", object(retries_object()),
        "How often it is tried. A command that fails is tried again only when this is given."},
       {"timeout", scalar(positive_duration()), "The longest time it may take.", "no limit"}},
      {},
      {},
      "features: {checks: [{row_count: {min: 1000}}]}",
      {{"inputs", {"command"}, "what an SQL transform reads is seen from its SQL"},
       {"scripts", {"command"}, "an SQL transform is its own file"}}};
  return described;
}

}  // namespace tidemill::project
