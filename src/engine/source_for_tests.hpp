// Files as a source has them, written for a test and read back.
#pragma once

#include <fstream>

#include <fmt/format.h>

#include "engine/scan.hpp"
#include "engine/scratch_for_tests.hpp"

namespace tidemill::engine {

/// Files of a source in a folder of their own, and what reading them gives.
struct Source {
  ScratchFolder folder;
  std::unique_ptr<Database> database = *Database::open(
      {.threads = 2, .timezone = "America/New_York", .access = DatabaseOptions::Access::Open});
  Connection connection = *database->connect();
  FileScan scan{.format = "csv", .files = {}, .declared = {}, .options = Json::object()};

  explicit Source(std::string format = "csv") { scan.format = std::move(format); }

  Source& file(const std::string& name, std::string_view bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
    scan.files.push_back(folder / name);
    return *this;
  }
  Source& parquet(const std::string& name, const std::string& select) {
    const auto done =
        connection.execute(fmt::format("COPY ({}) TO {}", select, quote_text((folder / name).string())));
    if (!done) throw std::runtime_error(to_text(done.error()));
    scan.files.push_back(folder / name);
    return *this;
  }
  Source& declare(std::vector<Column> columns) {
    scan.declared = std::move(columns);
    return *this;
  }
  Source& option(const char* name, Json value) {
    scan.options[name] = std::move(value);
    return *this;
  }

  Result<Rows> rows() {
    TM_TRY(const std::string sql, select_from_files(connection, scan));
    auto rows = connection.query(sql);
    if (!rows) return std::unexpected(explain_scan_error(scan, std::move(rows).error()));
    return rows;
  }
  /// "name TYPE, … | cell,cell | …" or the error in one line: "code file:line [what] seen<…> message".
  std::string read() {
    const auto found = rows();
    if (!found) {
      const Error& error = found.error();
      const std::string file = Path(error.where.file).filename().string();
      return fmt::format("{} {}:{}{}{}{} {}", error.code, file, error.where.line,
                         error.where.what.empty() ? "" : " " + error.where.what,
                         error.seen.empty() ? "" : " <" + error.seen + ">",
                         error.hint.empty() ? " NO HINT" : "", error.message);
    }
    std::string text;
    for (const Column& column : found->columns)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", column.name, column.type);
    for (const auto& row : found->rows) {
      text += " | ";
      for (size_t i = 0; i < row.size(); ++i) text += (i ? "," : "") + to_text(row[i]);
    }
    return text;
  }
};

}  // namespace tidemill::engine
