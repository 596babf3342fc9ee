#include "pipeline/publication.hpp"

#include <chrono>

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "pipeline/check_context.hpp"
#include "pipeline/columns.hpp"

namespace tidemill::pipeline {

namespace {

constexpr int64_t kMaxFailedBytes = int64_t{256} << 20;
constexpr int64_t kMaxFailedRows = 100'000;

/// The rejected table, or its failing rows when it is too large, for `check --show-rows` and a look.
void keep_failed(const StepContext& step, engine::Connection& connection, const StagedTable& staged,
                 const std::vector<quality::CheckResult>& results) {
  const Path folder = step.run.folder / "failed";
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const Path kept = folder / (step.outline.name + ".parquet");
  if (staged.written.bytes <= kMaxFailedBytes) {
    std::filesystem::rename(staged.file, kept, ignored);
    step.log.line(fmt::format("the rejected table is kept in {}", kept.native()));
    return;
  }
  for (const quality::CheckResult& result : results) {
    if (!result.stops() || result.failing_where.empty()) continue;
    (void)connection.write_parquet(
        fmt::format("SELECT * FROM {} WHERE {} LIMIT {}", engine::quote_name(step.outline.name),
                    result.failing_where, kMaxFailedRows),
        kept);
    step.log.line(
        fmt::format("up to {} rows that fail {} are kept in {}", kMaxFailedRows, result.name, kept.native()));
    return;
  }
}

Result<quality::CheckContext> context_of(const StepContext& step, engine::Connection& connection,
                                         const StagedTable& staged) {
  CheckSubject subject;
  subject.table = step.outline.name;
  subject.columns = staged.written.columns;
  subject.now = step.run.now();
  if (const auto live = step.run.live.find(step.outline.name); live != step.run.live.end())
    subject.previous = live->second;
  subject.is_there = [&step](const std::string& table) { return step.run.snapshots.find(table).has_value(); };
  return check_context(step.project(), step.registry(), connection, std::move(subject));
}

Result<void> split_quarantine(const StepContext& step, engine::Connection& connection,
                              const quality::Quarantine& quarantine, Audited& out) {
  const Path folder = step.run.folder / "quarantine";
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const std::string name = engine::quote_name(step.outline.name);
  const Path aside = folder / (step.outline.name + ".parquet");
  const Path passed = step.staged(".passed.parquet");
  TM_TRY(const engine::WrittenTable set_aside,
         connection.write_parquet(
             fmt::format("SELECT * FROM {} WHERE {}", name, quarantine.quarantined_where), aside));
  if (set_aside.bytes > kMaxFailedBytes) {
    TM_CHECK(connection.write_parquet(
        fmt::format("SELECT * FROM {} WHERE {} LIMIT {}", name, quarantine.quarantined_where, kMaxFailedRows),
        aside));
    step.log.line(fmt::format("only {} of the rows set aside are kept: {} bytes are too many", kMaxFailedRows,
                              set_aside.bytes));
  }
  TM_TRY(engine::WrittenTable left,
         connection.write_parquet(fmt::format("SELECT * FROM {} WHERE {}", name, quarantine.passed_where),
                                  passed));
  if (left.rows + set_aside.rows != out.table.written.rows)
    return internal_error("check.quarantine", fmt::format("{} rows passed and {} were set aside, of {}",
                                                          left.rows, set_aside.rows, out.table.written.rows));
  out.quarantined = set_aside.rows;
  out.table = {passed, std::move(left)};
  step.log.line(fmt::format("{} rows are set aside in {}", set_aside.rows, aside.native()));
  return {};
}

/// The run says so where it warns: the live table no longer has the rows.
void say_what_is_set_aside(const StepContext& step, int64_t rows,
                           std::vector<quality::CheckResult>& results) {
  const Path aside = step.run.folder / "quarantine" / (step.outline.name + ".parquet");
  for (quality::CheckResult& result : results)
    if (result.on_fail == project::OnFail::Quarantine && result.failing > 0 && !result.failing_where.empty())
      result.message +=
          fmt::format("; {} rows of {} are set aside in {}", rows, step.outline.name, aside.native());
}

/// May a table with the same content be given up for this object? --force is what a person reaches for when
/// the bytes are in doubt: then they are looked at.
bool is_good(const StepContext& step, const registry::ObjectId& object) {
  const Path path = step.registry().object_path(object);
  std::error_code ignored;
  if (!step.run.options.force) return std::filesystem::exists(path, ignored);
  const auto digest = sha256_file(path);
  if (digest && *digest == object) return true;
  step.log.line(fmt::format("object {} is {}: the new file takes its place", object,
                            digest ? "damaged" : "not readable"));
  return false;
}

/// Rules on the whole table are held against what is left of it: that is what will be read.
Result<void> judge_what_is_left(const StepContext& step, engine::Connection& connection,
                                const std::vector<project::Check>& checks, const StagedTable& left,
                                quality::CheckReport& report) {
  TM_CHECK(connection.view_parquet(step.outline.name, {left.file}));
  std::vector<project::Check> table_rules;
  for (const project::Check& check : checks)
    if (quality::is_table_rule(check.kind)) table_rules.push_back(check);
  TM_TRY(const quality::CheckContext context, context_of(step, connection, left));
  TM_TRY(quality::CheckReport again, quality::run_checks(context, table_rules));
  report.observed = std::move(again.observed);
  auto judged = again.results.begin();
  for (quality::CheckResult& result : report.results)
    if (quality::is_table_rule(result.kind) && judged != again.results.end()) result = std::move(*judged++);
  return {};
}

}  // namespace

Result<Audited> audit(const StepContext& step, StagedTable staged,
                      const std::vector<project::Check>& checks) {
  Audited out;
  out.table = std::move(staged);
  if (checks.empty()) return out;
  TM_CHECK(step.check());
  const auto begun = std::chrono::steady_clock::now();
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Transforming));
  TM_CHECK(step.view_inputs(**connection));
  TM_CHECK((*connection)->view_parquet(step.outline.name, {out.table.file}));
  TM_TRY(const quality::CheckContext context, context_of(step, **connection, out.table));
  TM_TRY(quality::CheckReport report, quality::run_checks(context, checks));
  const bool rows_stop = std::ranges::any_of(report.results, [](const quality::CheckResult& result) {
    return result.stops() && !quality::is_table_rule(result.kind);
  });
  if (const auto quarantine = quality::quarantine_of(report); quarantine && !rows_stop) {
    TM_CHECK(split_quarantine(step, **connection, *quarantine, out));
    TM_CHECK(judge_what_is_left(step, **connection, checks, out.table, report));
    say_what_is_set_aside(step, *out.quarantined, report.results);
  }
  TM_CHECK(step.check());
  out.observed = report.observed;
  out.check_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  for (const quality::CheckResult& result : report.results) {
    out.checks.push_back(quality::to_json(result));
    if (result.status != quality::CheckStatus::Passed)
      step.log.line(
          fmt::format("check {}: {} {}", result.name, quality::to_text(result.status), result.message));
    if (result.stops() && !out.failure) out.failure = result.as_error();
  }
  if (out.failure) keep_failed(step, **connection, out.table, report.results);
  return out;
}

Result<StepWork> publish(const StepContext& step, Audited audited) {
  TM_CHECK(step.check());
  const engine::WrittenTable& written = audited.table.written;
  StepWork work;
  work.report["rows"] = written.rows;
  work.report["bytes"] = written.bytes;
  if (!audited.checks.empty()) {
    work.report["check_seconds"] = audited.check_seconds;
    work.report["checks"] = std::move(audited.checks);
  }
  if (audited.failure) {
    work.error = std::move(audited.failure);
    work.failed = true;
    return work;
  }
  registry::Table table;
  table.name = step.outline.name;
  table.logical = written.logical;
  table.rows = written.rows;
  table.bytes = written.bytes;
  table.columns = column_infos(written.columns);
  table.step_key = step.planned.key;
  table.run = step.run.run;
  const auto live = step.run.live.find(step.outline.name);
  const bool same_content =
      live != step.run.live.end() && live->second.logical == table.logical && live->second.rows == table.rows;
  if (same_content && is_good(step, live->second.object)) {
    table.object = live->second.object;
    table.bytes = live->second.bytes;
    std::error_code ignored;
    std::filesystem::remove(audited.table.file, ignored);
  } else {
    TM_TRY(table.object, step.registry().put_object(audited.table.file));
  }
  work.report["bytes"] = table.bytes;
  work.report["same_content"] = same_content;
  if (audited.quarantined) work.report["quarantined"] = *audited.quarantined;
  if (!audited.observed.empty()) work.report["observed"] = audited.observed;
  work.table = std::move(table);
  return work;
}

}  // namespace tidemill::pipeline
