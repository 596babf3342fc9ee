// A source's step: what the files or the database hold now becomes a snapshot, if its checks pass.
#include <fmt/format.h>

#include "engine/names.hpp"
#include "pipeline/columns.hpp"
#include "pipeline/publication.hpp"
#include "pipeline/sample.hpp"
#include "pipeline/source_columns.hpp"
#include "pipeline/spec.hpp"

namespace tidemill::pipeline {

namespace {

const std::string kNewestMemo = "newest";

/// As it was planned, if the files are what they were then: a compressed one is not inflated again to be
/// looked at.
Result<std::string> select_of(const StepContext& step, engine::Connection& connection,
                              const engine::FileScan& scan) {
  const auto& looked = step.run.outline.looked;
  if (const auto found = looked.find(step.outline.name);
      found != looked.end() && found->second.files == files_state(scan))
    return found->second.select;
  return engine::select_from_files(connection, scan);
}

Result<engine::WrittenTable> read_files(const StepContext& step, const project::Source& source,
                                        const Path& file) {
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Reading));
  return read_source(step.project(), source, [&]() -> Result<engine::WrittenTable> {
    TM_TRY(const engine::FileScan scan, scan_of(step.project(), source));
    TM_TRY(const std::string select, select_of(step, **connection, scan));
    auto written =
        (*connection)->write_parquet(sampled(select, source, sample_of(step.project(), source)), file);
    if (!written) return std::unexpected(engine::explain_scan_error(scan, std::move(written).error()));
    return written;
  });
}

/// The newest value of the watermark that the live snapshot has, as SQL, if that snapshot came from the same
/// declaration. What ran since and left no live snapshot says nothing about its rows.
Result<std::string> watermark_of(const StepContext& step, engine::Connection& connection,
                                 const project::Source& source, const registry::Table& before) {
  TM_TRY(const auto made, step.registry().step_that_made(step.outline.id, before.id));
  if (!made || !made->key_parts.contains("spec")) return std::string();
  for (const char* part : {"spec", "parameters", "sample"})
    if (canonical(made->key_parts.value(part, Json())) !=
        canonical(step.planned.key_parts.value(part, Json())))
      return std::string();
  std::string type;
  for (const registry::ColumnInfo& column : before.columns)
    if (engine::same_name(column.name, source.watermark)) type = column.type;
  if (type.empty()) return std::string();
  TM_TRY(const engine::Value newest,
         connection.scalar(fmt::format(
             "SELECT CAST(max({}) AS VARCHAR) FROM read_parquet({})", engine::quote_name(source.watermark),
             engine::quote_text(step.registry().object_path(before.object).native()))));
  const std::string* text = std::get_if<std::string>(&newest);
  return text == nullptr ? std::string() : fmt::format("CAST({} AS {})", engine::quote_text(*text), type);
}

Result<engine::WrittenTable> read_database(const StepContext& step, const project::Source& source,
                                           const Path& file) {
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Reading));
  const std::string catalog = "source_" + source.name;
  const Detach detach(**connection, catalog);
  TM_TRY(std::string select, select_from_database(**connection, step.project(), source, catalog));
  const auto before = step.run.live.find(source.name);
  if (!source.watermark.empty() && before != step.run.live.end() && !step.run.options.force) {
    TM_TRY(const std::string newest, watermark_of(step, **connection, source, before->second));
    if (!newest.empty()) {
      step.log.line(fmt::format("reads rows whose {} is greater than {}", source.watermark, newest));
      select =
          fmt::format("SELECT * FROM read_parquet({}) UNION ALL BY NAME SELECT * FROM ({}) WHERE {} > {}",
                      engine::quote_text(step.registry().object_path(before->second.object).native()), select,
                      engine::quote_name(source.watermark), newest);
    }
  }
  auto written =
      (*connection)->write_parquet(sampled(select, source, sample_of(step.project(), source)), file);

  return written;
}

std::vector<project::Check> freshness_checks(const project::Source& source) {
  std::vector<project::Check> out;
  for (project::Check& check : quality::checks_of(source))
    if (check.kind == "freshness") out.push_back(std::move(check));
  return out;
}

std::string column_of(const project::Check& check, const project::Source& source) {
  if (const auto named = check.arguments.find("column"); named != check.arguments.end() && named->is_string())
    return named->get<std::string>();
  return check.columns.empty() ? source.time_column : check.columns.front();
}

/// Keeps the newest instants, so that a later run can judge freshness without looking at unchanged data.
Result<void> keep_newest(const StepContext& step, const project::Source& source,
                         const registry::Table& table) {
  const auto checks = freshness_checks(source);
  if (checks.empty()) return {};
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Transforming));
  Json newest{{"logical", table.logical}};
  for (const project::Check& check : checks) {
    const std::string column = column_of(check, source);
    if (column.empty()) continue;
    TM_TRY(const engine::Value value,
           (*connection)
               ->scalar(fmt::format("SELECT epoch_us(CAST(max({}) AS TIMESTAMPTZ)) FROM read_parquet({})",
                                    engine::quote_name(column),
                                    engine::quote_text(step.registry().object_path(table.object).native()))));
    if (const int64_t* micros = std::get_if<int64_t>(&value)) newest[column] = *micros;
  }
  return step.registry().set_memos(kNewestMemo, {{source.name, canonical(newest)}});
}

std::optional<Duration> limit_of(const project::Check& check, const char* name) {
  const auto found = check.arguments.find(name);
  if (found == check.arguments.end() || !found->is_number()) return std::nullopt;
  return Duration{found->get<int64_t>()};
}

/// Ages are read by people: whole minutes.
std::string age_text(Duration age) {
  constexpr int64_t kMinute = 60'000'000;
  return to_text(Duration{std::max(age.micros / kMinute, int64_t{1}) * kMinute});
}

}  // namespace

Result<StepWork> run_source(const StepContext& step) {
  const project::Source& source = step.project().sources.at(step.outline.name);
  const Path file = step.staged(".parquet");
  auto written =
      source.connection.empty() ? read_files(step, source, file) : read_database(step, source, file);
  if (!written) {
    Error error = std::move(written).error();
    if (error.where.what.empty()) error.where.what = "source " + source.name;
    return std::unexpected(std::move(error));
  }
  step.log.line(fmt::format("{} rows, {} bytes", written->rows, written->bytes));
  TM_TRY(Audited audited, audit(step, {file, *std::move(written)}, quality::checks_of(source)));
  TM_TRY(StepWork work, publish(step, std::move(audited)));
  if (work.table) TM_CHECK(keep_newest(step, source, *work.table));
  return work;
}

bool has_freshness(const project::Source& source) { return !freshness_checks(source).empty(); }

Result<StepWork> judge_freshness(const StepContext& step) {
  const project::Source& source = step.project().sources.at(step.outline.name);
  StepWork work;
  const auto table = step.run.snapshots.find(source.name);
  if (!table) return work;
  Json newest = Json::object();
  TM_TRY(const auto memo, step.registry().memo(kNewestMemo, source.name));
  if (memo) {
    TM_TRY(newest, parse_json(*memo));
  }
  if (!newest.is_object() || newest.value("logical", "") != table->logical) {
    TM_CHECK(keep_newest(step, source, *table));
    TM_TRY(const auto again, step.registry().memo(kNewestMemo, source.name));
    if (again) {
      TM_TRY(newest, parse_json(*again));
    }
  }
  Json checks = Json::array();
  for (const project::Check& check : freshness_checks(source)) {
    const std::string column = column_of(check, source);
    const auto at = newest.find(column);
    if (at == newest.end() || !at->is_number_integer()) continue;
    const Duration age{step.run.now().micros - at->get<int64_t>()};
    const auto over = [&](const char* name) {
      const auto limit = limit_of(check, name);
      return limit && age > *limit ? limit : std::nullopt;
    };
    const auto error_limit = over("error_after");
    const auto limit = error_limit ? error_limit : over("warn_after");
    const bool fails = error_limit && check.severity == project::Severity::Error;
    Json one{{"check", check.name.empty() ? "freshness" : check.name}, {"kind", "freshness"}};
    one["status"] = quality::to_text(fails   ? quality::CheckStatus::Failed
                                     : limit ? quality::CheckStatus::Warned
                                             : quality::CheckStatus::Passed);
    if (limit) {
      const std::string message = fmt::format("the newest {} of {} is {} old (limit {})", column, source.name,
                                              age_text(age), to_text(*limit));
      one["message"] = message;
      step.log.line(message);
      if (fails && check.on_fail == project::OnFail::Stop && !work.error) {
        Place place = check.place.file.empty() ? source.place : check.place;
        if (place.what.empty()) place.what = "source " + source.name;
        work.error = data_error("check.freshness", message, place,
                                "the files did not change: does whatever delivers them still run?")
                         .error();
      }
    }
    checks.push_back(std::move(one));
  }
  work.report["checks"] = std::move(checks);
  return work;
}

}  // namespace tidemill::pipeline
