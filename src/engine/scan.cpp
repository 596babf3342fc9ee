// From a source's declaration to one SELECT. Every file's layout is looked at first; files that are laid out
// alike are read together, so that the order of columns, delimiters and headers may differ from file to file.
// Nothing is guessed for a declared column, and no value becomes NULL because it did not fit: integers are
// read as text and checked, since DuckDB would round 1.5 to 2.
#include "engine/scan.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/file_layout.hpp"
#include "engine/names.hpp"
#include "engine/number_types.hpp"

namespace tidemill::engine {

namespace {

constexpr std::string_view kFileColumn = "__tidemill_file";
constexpr size_t kMaxNamesShown = 30;
constexpr int kDigitsThatFit = 18;   // into a BIGINT, whatever they are
constexpr size_t kShortestStem = 3;  // of a name that was made longer or shorter

/// Rank among signed integers that hold each other, 0 for all else.
int signed_rank(std::string_view type) {
  constexpr std::array<std::string_view, 5> kSigned{"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"};
  const auto found = std::ranges::find(kSigned, type);
  return found == kSigned.end() ? 0 : static_cast<int>(found - kSigned.begin()) + 1;
}

bool is_meant_as_number(const FileScan& scan, const std::string& column) {
  return scan.format == "csv" && scan.number && scan.number(column);
}

struct Output {
  Column column;
  bool declared = false;
  Path typed_by;  // the file that gave an undeclared column its type
};

std::string names_of(const std::vector<Column>& columns) {
  std::string text;
  for (size_t i = 0; i < columns.size() && i < kMaxNamesShown; ++i) text += (i ? ", " : "") + columns[i].name;
  return columns.size() > kMaxNamesShown ? text + ", …" : text;
}

/// Declared types in DuckDB's own words.
Result<std::vector<Column>> canonical_types(Connection& connection, const std::vector<Column>& declared) {
  std::vector<Column> columns = declared;
  for (Column& column : columns) {
    if (column.type.empty()) continue;
    const auto described = connection.describe(fmt::format("SELECT NULL::{} AS x", column.type));
    if (!described)
      return user_error(
          "source.bad_type",
          fmt::format("column {} is declared as '{}', which is no type", quote_name(column.name),
                      column.type),
          {}, "types are DuckDB's: bigint, double, varchar, boolean, date, timestamptz, decimal(18,2) …");
    column.type = described->at(0).type;
  }
  return columns;
}

std::optional<std::string> common_type(const std::string& left, const std::string& right) {
  if (left == right) return left;
  if (left == "JSON") return right;  // JSON of nulls alone
  if (right == "JSON") return left;
  if (signed_rank(left) && signed_rank(right)) return signed_rank(left) > signed_rank(right) ? left : right;
  const bool numbers = (signed_rank(left) || left == "FLOAT" || left == "DOUBLE") &&
                       (signed_rank(right) || right == "FLOAT" || right == "DOUBLE");
  if (numbers) return "DOUBLE";
  const std::set<std::string> pair{left, right};
  if (pair == std::set<std::string>{"DATE", "TIMESTAMP"}) return "TIMESTAMP";
  return std::nullopt;
}

class Unification {
 public:
  Unification(Connection& connection, const FileScan& scan, const std::vector<FileLayout>& layouts)
      : connection_(connection), scan_(scan), layouts_(layouts) {}

  Result<std::vector<Output>> outputs() {
    for (const FileLayout& layout : layouts_) {
      if (layout.empty) continue;
      TM_CHECK(all_declared_are_in(layout));
      for (const Column& column : layout.columns) TM_CHECK(add(layout, column));
    }
    if (!outputs_.empty()) return outputs_;
    for (const Column& column : scan_.declared) {
      if (column.type.empty()) break;
      outputs_.push_back({column, true, {}});
    }
    if (outputs_.size() == scan_.declared.size() && !outputs_.empty()) return outputs_;
    return data_error("source.empty", "the files hold no rows, and not every column's type is declared",
                      {.file = scan_.files.empty() ? "" : scan_.files.front().string()},
                      "declare the types of all columns, or provide a file with rows");
  }

 private:
  Result<void> all_declared_are_in(const FileLayout& layout) {
    for (const Column& column : scan_.declared) {
      if (find_column(layout.columns, column.name)) continue;
      std::vector<std::string> names;
      for (const Column& each : layout.columns) names.push_back(each.name);
      Error error{
          .kind = ErrorKind::Data,
          .code = "source.missing_column",
          .message = fmt::format("column {} is declared and not in the file", quote_name(column.name)),
          .where = {.file = layout.file.string()}};
      error.seen = names_of(layout.columns);
      // A renamed column is one of those that nobody declared.
      std::vector<std::string> unknown;
      for (const std::string& name : names)
        if (std::ranges::none_of(scan_.declared,
                                 [&](const Column& each) { return same_name(each.name, name); }))
          unknown.push_back(name);
      error.hint = did_you_mean(column.name, unknown);
      for (const std::string& name : unknown)
        if (error.hint.empty() && std::min(name.size(), column.name.size()) >= kShortestStem &&
            (folded_name(name).starts_with(folded_name(column.name)) ||
             folded_name(column.name).starts_with(folded_name(name))))
          error.hint = fmt::format("did you mean '{}'?", name);
      if (error.hint.empty())
        error.hint =
            "was it renamed or dropped where the file is made? If it is gone for good, take it out of "
            "`columns`";
      return std::unexpected(std::move(error));
    }
    return {};
  }

  Result<void> add(const FileLayout& layout, Column column) {
    if ((scan_.format == "csv" || column.type == "JSON") && scan_.as_written && scan_.as_written(column.name))
      column.type = "VARCHAR";
    else if (is_meant_as_number(scan_, column.name) && !is_number_type(column.type) &&
             column.type != "BOOLEAN" && column.type != "VARCHAR")
      column.type = "DOUBLE";
    for (Output& output : outputs_) {
      if (!same_name(output.column.name, column.name)) continue;
      if (output.declared && !output.column.type.empty()) return {};
      return widen(output, layout, column);
    }
    const Column* declared = find_column(scan_.declared, column.name);
    Output output{column, declared && !declared->type.empty(), layout.file};
    if (declared) {
      output.column.name = declared->name;
      if (output.declared) output.column.type = declared->type;
    }
    outputs_.push_back(std::move(output));
    return {};
  }

  /// The file's column has to fit the type that files before it gave.
  Result<void> widen(Output& output, const FileLayout& layout, const Column& column) {
    if (const auto common = common_type(output.column.type, column.type)) {
      output.column.type = *common;
      return {};
    }
    if (scan_.format == "csv" && (column.type == "VARCHAR" || output.column.type == "VARCHAR")) {
      // A CSV column without a value counts as text to the sniffer, and says nothing.
      TM_TRY(const bool here, csv_column_has_values(connection_, layout, column.name));
      if (!here) return {};
      const auto before = std::ranges::find(layouts_, output.typed_by, &FileLayout::file);
      TM_TRY(const bool there,
             csv_column_has_values(connection_, *before, find_column(before->columns, column.name)->name));
      if (!there) {
        output.column.type = column.type;
        output.typed_by = layout.file;
        return {};
      }
    }
    Error error{.kind = ErrorKind::Data,
                .code = "source.bad_type",
                .message = fmt::format("column {} has another type in this file than in {}",
                                       quote_name(column.name), output.typed_by.filename().string()),
                .where = {.file = layout.file.string()}};
    error.seen = column.type;
    error.expected = output.column.type;
    error.hint = fmt::format("declare its type: columns: {{{}: {{type: varchar}}}}", column.name);
    return std::unexpected(std::move(error));
  }

  Connection& connection_;
  const FileScan& scan_;
  const std::vector<FileLayout>& layouts_;
  std::vector<Output> outputs_;
};

/// The type the reader gives a column of the layout whose type shall be `to`.
std::string read_type(const FileScan& scan, const FileLayout& layout, const std::string& column,
                      const std::string& to) {
  if (is_integer_type(to) || (is_float_type(to) && is_meant_as_number(scan, column)) ||
      std::ranges::find(layout.written_otherwise, column) != layout.written_otherwise.end())
    return "VARCHAR";
  if (scan.format == "json" || scan.format == "jsonl") return to;
  constexpr std::array<std::string_view, 9> kDirect{
      "BOOLEAN", "FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE",
      "VARCHAR", "UUID"};
  return std::ranges::find(kDirect, to) != kDirect.end() || to.starts_with("DECIMAL(") ? to : "VARCHAR";
}

/// `column` of type `from` as `to`; a value that does not fit ends the query with an error that
/// explain_scan_error reads.
std::string checked_cast(const std::string& name, const std::string& from, const std::string& to,
                         std::string_view row_column) {
  std::string column = quote_name(name);
  if (from == to) return column;
  if (to == "VARCHAR") return fmt::format("CAST({} AS VARCHAR)", column);
  if (signed_rank(from) && (signed_rank(to) > signed_rank(from) || to == "DOUBLE"))
    return fmt::format("CAST({} AS {})", column, to);
  std::string value = column;
  // A cast would round 15e-1 as it rounds 1.5. A double tells what is whole up to 2^53, the decimal beyond.
  if (is_integer_type(to) && from == "VARCHAR")
    value = fmt::format(
        "CASE WHEN (contains({0}, '.') OR contains({0}, 'e') OR contains({0}, 'E')) AND "
        "(TRY_CAST({0} AS DOUBLE) <> trunc(TRY_CAST({0} AS DOUBLE)) OR "
        "TRY_CAST({0} AS DECIMAL(38,18)) <> trunc(TRY_CAST({0} AS DECIMAL(38,18)))) THEN NULL ELSE {0} END",
        column);
  else if (is_float_type(to) && from == "VARCHAR")  // a cast makes 1e400 infinite
    value = fmt::format(
        "CASE WHEN isinf(TRY_CAST({0} AS {1})) AND regexp_matches({0}, '[0-9]') THEN NULL ELSE {0} END",
        column, to);
  else if (is_integer_type(to) && (is_float_type(from) || is_decimal_type(from)))
    value = fmt::format("CASE WHEN {0} = trunc({0}) THEN {0} END", column);
  const std::string row = row_column.empty() ? "" : fmt::format(", 'row', {}", row_column);
  const std::string facts = fmt::format(
      "json_object('file', {}, 'column', {}, 'value', left(CAST({} AS VARCHAR), {}), 'type', {}{})",
      kFileColumn, quote_text(name), column, kMaxContentShown, quote_text(to), row);
  return fmt::format("coalesce(TRY_CAST({} AS {}), CASE WHEN {} IS NOT NULL THEN error('{}' || {}) END)",
                     value, to, column, kBadValuePrefix, facts);
}

struct Group {
  const FileLayout* layout;
  std::vector<Path> files;
};

std::vector<Group> alike(const std::vector<FileLayout>& layouts) {
  std::vector<Group> groups;
  for (const FileLayout& layout : layouts) {
    if (layout.empty) continue;
    auto group = std::ranges::find_if(groups, [&](const Group& other) {
      return other.layout->options == layout.options && other.layout->columns == layout.columns &&
             other.layout->written_otherwise == layout.written_otherwise;
    });
    if (group == groups.end()) group = groups.insert(group, {&layout, {}});
    group->files.push_back(layout.file);
  }
  return groups;
}

std::string select_group(const FileScan& scan, const Group& group, const std::vector<Output>& outputs) {
  const bool parquet = scan.format == "parquet";
  std::string list;
  std::string typed;
  bool checked = false;
  for (const Output& output : outputs) {
    const std::string& to = output.column.type;
    const Column* column = find_column(group.layout->columns, output.column.name);
    std::string expression = fmt::format("CAST(NULL AS {})", to);
    if (column) {
      const std::string from = parquet ? column->type : read_type(scan, *group.layout, column->name, to);
      expression = checked_cast(column->name, from, to, parquet ? "file_row_number" : "");
      checked |= expression.find(kFileColumn) != std::string::npos;
    }
    list += fmt::format("{}{} AS {}", list.empty() ? "" : ", ", expression, quote_name(output.column.name));
  }
  for (const Column& column : group.layout->columns) {
    const auto output = std::ranges::find_if(
        outputs, [&](const Output& each) { return same_name(each.column.name, column.name); });
    typed += fmt::format("{}{}: {}", typed.empty() ? "" : ", ", quote_text(column.name),
                         quote_text(read_type(scan, *group.layout, column.name, output->column.type)));
  }
  std::string files;
  for (const Path& file : group.files) files += (files.empty() ? "" : ", ") + quote_text(file.string());
  std::string options = group.layout->options;
  if (!parquet) options += fmt::format(", columns = {{{}}}", typed);
  if (checked)
    options += fmt::format(", filename = '{}'{}", kFileColumn, parquet ? ", file_row_number = true" : "");
  const char* reader = parquet ? "read_parquet" : scan.format == "csv" ? "read_csv" : "read_json";
  return fmt::format("SELECT {} FROM {}([{}]{})", list, reader, files, options);
}

/// DuckDB takes whole numbers beyond 64 bits for doubles, which hold 15 of their digits: they are ids rather
/// than amounts, and stay text.
Result<void> keep_long_numbers(Connection& connection, const FileScan& scan, FileLayout& layout) {
  std::vector<Column*> doubtful;
  std::string answers;
  for (Column& column : layout.columns) {
    const Column* declared = find_column(scan.declared, column.name);
    if ((declared && !declared->type.empty()) || (column.type != "DOUBLE" && column.type != "HUGEINT"))
      continue;
    answers += fmt::format(
        "{0}coalesce(bool_and(ltrim({1}, '+-0123456789') = '') AND "
        "bool_or(length({1}) > {2} AND TRY_CAST({1} AS BIGINT) IS NULL), false)",
        doubtful.empty() ? "" : ", ", quote_name(column.name), kDigitsThatFit);
    doubtful.push_back(&column);
  }
  if (doubtful.empty()) return {};
  const bool csv = scan.format == "csv";
  TM_TRY(const Rows rows,
         connection.query(fmt::format("SELECT {} FROM (SELECT * FROM {}({}{}, columns = {{{}}}{}){})",
                                      answers, csv ? "read_csv" : "read_json",
                                      quote_text(layout.file.string()), layout.options,
                                      all_as_text(layout.columns), csv ? ", ignore_errors = true" : "",
                                      csv ? fmt::format(" LIMIT {}", kSampleRows) : "")));
  for (size_t i = 0; i < doubtful.size(); ++i)
    if (std::get<bool>(rows.rows[0][i])) doubtful[i]->type = "VARCHAR";
  return {};
}

Result<FileLayout> look_at(Connection& connection, const FileScan& scan, const Path& file) {
  if (scan.format == "parquet") return parquet_layout(connection, scan, file);
  TM_TRY(FileLayout layout,
         scan.format == "csv" ? csv_layout(connection, scan, file) : json_layout(connection, scan, file));
  TM_CHECK(keep_long_numbers(connection, scan, layout));
  return layout;
}

Result<FileLayout> layout_of(Connection& connection, const FileScan& scan, const Path& file) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed) return errno_error("look at", file.string(), failed.value());
  const bool lines = scan.format == "json" || scan.format == "jsonl";
  if (size == 0 && !lines)
    return data_error("source.empty", "the file is empty", {.file = file.string()},
                      "was it written completely? An empty table still needs its header");
  if (size == 0) return FileLayout{.file = file, .columns = {}, .options = {}, .empty = true};
  TM_CHECK(check_compressed(file));
  if (scan.format == "json") TM_CHECK(check_array(file));
  auto layout = look_at(connection, scan, file);
  if (layout) return layout;
  FileScan one = scan;
  one.files = {file};
  return std::unexpected(explain_scan_error(one, std::move(layout).error()));
}

}  // namespace

Result<std::string> select_from_files(Connection& connection, const FileScan& scan) {
  if (scan.files.empty() && scan.declared.empty())
    return data_error("source.no_files", "the source has no files");
  if (scan.format != "csv" && scan.format != "json" && scan.format != "jsonl" && scan.format != "parquet")
    return user_error("source.format",
                      fmt::format("'{}' is not a format that files are read in", scan.format), {},
                      "csv, json, jsonl or parquet");
  FileScan known = scan;
  TM_TRY(known.declared, canonical_types(connection, scan.declared));
  std::vector<FileLayout> layouts;
  for (const Path& file : scan.files) {
    TM_TRY(FileLayout layout, layout_of(connection, known, file));
    layouts.push_back(std::move(layout));
  }
  auto outputs = Unification(connection, known, layouts).outputs();
  if (!outputs) return std::unexpected(explain_scan_error(known, std::move(outputs).error()));
  std::string sql;
  for (const Group& group : alike(layouts))
    sql += (sql.empty() ? "" : "\nUNION ALL ") + select_group(known, group, *outputs);
  if (!sql.empty()) return sql;
  std::string list;
  for (const Output& output : *outputs)
    list += fmt::format("{}CAST(NULL AS {}) AS {}", list.empty() ? "" : ", ", output.column.type,
                        quote_name(output.column.name));
  return fmt::format("SELECT {} WHERE false", list);
}

}  // namespace tidemill::engine
