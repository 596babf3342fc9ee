// A command's step: a program of the user's makes the table. It finds its inputs, Parquet files, in
// TIDEMILL_INPUT_<TABLE> and writes Parquet or CSV to TIDEMILL_OUTPUT; parameters are in
// TIDEMILL_PARAM_<NAME>. What it prints is the step's log.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/process.hpp"
#include "base/secret.hpp"
#include "engine/scan.hpp"
#include "pipeline/publication.hpp"

namespace tidemill::pipeline {

namespace {

constexpr size_t kMaxLogTail = 2000;
constexpr size_t kMaxLogBytes = size_t{64} << 20;
constexpr std::string_view kParquetMagic = "PAR1";

std::string upper_case(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

/// Keeps what a command prints, bounded: all of it in the step's log, the end of it for the error.
class Printed {
 public:
  explicit Printed(StepLog& log) : log_(log) {}
  void take(std::string_view piece) { keep(shown_.take(piece)); }
  void end() { keep(shown_.rest()); }
  std::string tail() const { return tail_.size() <= kMaxLogTail ? tail_ : "…" + tail_; }

 private:
  void keep(const std::string& text) {
    if (logged_ < kMaxLogBytes && logged_ + text.size() >= kMaxLogBytes)
      log_.line("the log is full: what the command prints from here on is not kept");
    else if (logged_ < kMaxLogBytes)
      log_.append(text);
    logged_ += text.size();
    tail_ += text;
    if (tail_.size() > 2 * kMaxLogTail) tail_.erase(0, tail_.size() - kMaxLogTail);
  }

  StepLog& log_;
  RedactedStream shown_;
  size_t logged_ = 0;
  std::string tail_;
};

Result<void> run_child_of(const StepContext& step, const project::Transform& transform, const Path& output) {
  ChildOptions child;
  child.command = transform.command;
  child.folder = step.project().folder;
  Printed printed(step.log);
  child.on_output = [&](std::string_view piece) { printed.take(piece); };
  child.time_limit = step.limit;
  child.stop = &step.cancellation.flag();
  child.environment["TIDEMILL_OUTPUT"] = output.native();
  child.environment["TZ"] = step.project().timezone;
  for (const std::string& table : transform.inputs) {
    const auto snapshot = step.run.snapshots.find(table);
    if (!snapshot)
      return internal_error("run.no_snapshot",
                            fmt::format("{} has no snapshot of {}", step.outline.id, table));
    child.environment["TIDEMILL_INPUT_" + upper_case(table)] =
        step.registry().object_path(snapshot->object).native();
  }
  for (const auto& [name, value] : step.project().parameters)
    child.environment["TIDEMILL_PARAM_" + upper_case(name)] = value;
  child.on_started = [&](int pid, int64_t ticks) {
    // Known to the registry, it is ended before another run takes over a dead one.
    if (auto recorded = step.registry().record_child(step.run.run, pid, ticks); !recorded)
      step.log.line(recorded.error().message);
  };
  TM_TRY(const ChildExit exit, run_child(child));
  printed.end();
  TM_CHECK(step.check());
  if (exit.timed_out) {
    step.cancellation.cancel(Cancellation::Reason::StepTimeout);
    return step.check();
  }
  if (exit.code == 0) return {};
  auto error = data_error(
      "command.failed",
      fmt::format("'{}' ended with status {}", fmt::join(transform.command, " "), exit.code), transform.place,
      fmt::format("its output: tidemill runs show {} --log {}", step.run.run, step.outline.id));
  error.error().seen = printed.tail();
  return error;
}

Result<std::string> format_of(const Path& output, const project::Transform& transform) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(output, ignored))
    return std::unexpected(
        data_error(
            "command.no_output",
            fmt::format("'{}' wrote no file to TIDEMILL_OUTPUT", fmt::join(transform.command, " ")),
            transform.place,
            "write the table, as Parquet or CSV, to the path in the environment variable TIDEMILL_OUTPUT")
            .error());
  FILE* file = std::fopen(output.c_str(), "rb");
  if (file == nullptr) return errno_error("open", output.native(), errno);
  char magic[4] = {};
  const size_t read = std::fread(magic, 1, sizeof magic, file);
  std::fclose(file);
  return std::string(
      read == sizeof magic && std::string_view(magic, sizeof magic) == kParquetMagic ? "parquet" : "csv");
}

}  // namespace

Result<StepWork> run_command(const StepContext& step) {
  const project::Transform& transform = step.project().transforms.at(step.outline.name);
  const Path output = step.staged(".output");
  const Path file = step.staged(".parquet");
  std::error_code ignored;
  std::filesystem::remove(output, ignored);  // of an attempt before
  TM_CHECK(run_child_of(step, transform, output));
  engine::FileScan scan;
  TM_TRY(scan.format, format_of(output, transform));
  scan.files = {output};
  for (const project::Column& column : transform.columns) scan.declared.push_back({column.name, column.type});
  engine::WrittenTable written;
  {
    TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Reading));
    TM_TRY(const std::string select, engine::select_from_files(**connection, scan));
    auto made = (*connection)->write_parquet(select, file);
    if (!made) return std::unexpected(engine::explain_scan_error(scan, std::move(made).error()));
    written = *std::move(made);
  }
  std::filesystem::remove(output, ignored);
  step.log.line(fmt::format("{} rows, {} bytes", written.rows, written.bytes));
  TM_TRY(Audited audited, audit(step, {file, std::move(written)}, quality::checks_of(transform)));
  return publish(step, std::move(audited));
}

}  // namespace tidemill::pipeline
