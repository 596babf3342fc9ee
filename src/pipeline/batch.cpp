#include "pipeline/batch.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/names.hpp"
#include "engine/number_types.hpp"
#include "engine/scan.hpp"
#include "pipeline/batch_files.hpp"
#include "pipeline/columns.hpp"
#include "pipeline/file_format.hpp"
#include "pipeline/predictors.hpp"

namespace tidemill::pipeline {

namespace {

constexpr std::string_view kColumnPrefix = "column ";

struct Answer {
  std::string name;
  std::string sql;
};

const forest::Feature* find_feature(const forest::Package& package, const std::string& column) {
  const auto found = std::ranges::find_if(package.features, [&](const forest::Feature& feature) {
    return engine::same_name(feature.name, column);
  });
  return found == package.features.end() ? nullptr : &*found;
}

/// What the model knows of a row: predict() refuses lists and times of day, also those that nobody needs.
std::string row_of(const forest::Package& package, const std::vector<engine::Column>& columns) {
  std::vector<std::string> members;
  for (const engine::Column& column : columns)
    if (find_feature(package, column.name) != nullptr)
      members.push_back(
          fmt::format("{}: input.{}", engine::quote_text(column.name), engine::quote_name(column.name)));
  return fmt::format("{{{}}}", fmt::join(members, ", "));
}

struct Call {
  std::string reference;
  std::string row;
  size_t outputs = 1;
  std::string of(size_t output) const {
    const std::string suffix = outputs > 1 ? fmt::format("#{}", output) : "";
    return fmt::format("predict({}, {})", engine::quote_text(reference + suffix), row);
  }
};

/// The model's outputs in SQL. Inner ones are named first, so that decision and interval read the score and
/// do not score again.
struct Answers {
  std::vector<Answer> scores;
  std::vector<Answer> derived;  // of the scores
};

Answers answers_of(const forest::Predictor& predictor, const std::string& reference,
                   const std::vector<engine::Column>& columns) {
  const forest::Package& package = predictor.package();
  const size_t outputs = predictor.outputs();
  const Call call{reference, row_of(package, columns), outputs};
  Answers out;
  switch (package.task) {
    case forest::Task::Binary:
      out.scores.push_back({"score", call.of(0)});
      out.derived.push_back(
          {"decision", fmt::format("score >= CAST({:.17g} AS DOUBLE)", package.threshold.value_or(0.5))});
      break;
    case forest::Task::Regression:
      out.scores.push_back({"prediction", call.of(0)});
      if (package.conformal_half_width) {
        out.derived.push_back(
            {"low", fmt::format("prediction - CAST({:.17g} AS DOUBLE)", *package.conformal_half_width)});
        out.derived.push_back(
            {"high", fmt::format("prediction + CAST({:.17g} AS DOUBLE)", *package.conformal_half_width)});
      }
      break;
    case forest::Task::Multiclass: {
      std::vector<std::string> scores, labels;
      for (size_t i = 0; i < outputs; ++i) {
        const std::string label = i < package.classes.size() ? package.classes[i] : std::to_string(i);
        out.scores.push_back({"score_" + label, call.of(i)});
        scores.push_back(engine::quote_name("score_" + label));
        labels.push_back(engine::quote_text(label));
      }
      // The first of equal scores, as serving has it.
      const std::string list = fmt::format("[{}]", fmt::join(scores, ", "));
      out.derived.push_back({"label", fmt::format("[{}][list_position({}, list_max({}))]",
                                                  fmt::join(labels, ", "), list, list)});
      break;
    }
  }
  return out;
}

std::string select_of(const Answers& answers, const std::vector<engine::Column>& columns) {
  std::string scored, all;
  const auto add = [](std::string& list, const std::string& item) {
    list += (list.empty() ? "" : ", ") + item;
  };
  for (const engine::Column& column : columns) {
    add(scored, "input." + engine::quote_name(column.name));
    add(all, engine::quote_name(column.name));
  }
  for (const Answer& answer : answers.scores) {
    add(scored, fmt::format("{} AS {}", answer.sql, engine::quote_name(answer.name)));
    add(all, engine::quote_name(answer.name));
  }
  for (const Answer& answer : answers.derived)
    add(all, fmt::format("{} AS {}", answer.sql, engine::quote_name(answer.name)));
  return fmt::format("SELECT {} FROM (SELECT {} FROM input)", all, scored);
}

/// A raw file lacks what the transforms make of it: whoever passes one is told where the whole table is.
Result<void> check_features(const BatchOptions& options, const registry::Version& version,
                            const forest::Package& package, const std::vector<engine::Column>& columns) {
  const MissingFeatures missing = missing_features(package, columns);
  if (missing.names.empty()) return {};
  std::string hint = missing.hint;
  if (!options.table.empty() && (missing.names.size() > 1 || hint.empty()))
    hint += fmt::format(
        "{2}{0} reads the table {1}: score that one, from `exports: {{{1}: {{path: out/{1}.parquet}}}}`, or "
        "in "
        "a transform: SELECT *, predict('{0}@champion', f) AS score FROM {1} f",
        version.model, options.table, hint.empty() ? "" : " ");
  return user_error("predict.missing_feature",
                    fmt::format("{} has no column{} {}, which {}@{} needs", options.input.native(),
                                missing.names.size() > 1 ? "s" : "", quoted_list(missing.names),
                                version.model, version.number),
                    {options.input.native()}, hint);
}

/// Which file and row, from 1, hold the value that was refused: found by reading once more.
void find_row(engine::Connection& connection, const engine::FileScan& scan, Error& error) {
  const std::string column = error.where.what.substr(kColumnPrefix.size());
  (void)connection.execute("SET threads = 1");  // rows in the file's order
  for (const Path& file : scan.files) {
    engine::FileScan one = scan;
    one.files = {file};
    const auto select = engine::select_from_files(connection, one);
    if (!select) continue;
    const std::string value = engine::quote_text(error.seen);
    const auto row = connection.scalar(fmt::format(
        "SELECT min(n) FROM (SELECT row_number() OVER () AS n, CAST({} AS VARCHAR) AS v FROM ({})) WHERE {}",
        engine::quote_name(column), *select,
        error.seen.size() < kMostTextShown ? "v = " + value : fmt::format("starts_with(v, {})", value)));
    if (!row || !std::holds_alternative<int64_t>(*row)) continue;
    error.where.file = file.native();
    error.where.what = fmt::format("row {}, {}", std::get<int64_t>(*row), error.where.what);
    return;
  }
}

/// Interrupts the connection's statements once it is to stop, as long as this lives.
class Stopping {
 public:
  Stopping(engine::Connection& connection, const std::atomic<bool>* stop) : stop_(stop) {
    if (stop == nullptr) return;
    thread_ = std::jthread([&connection, stop](const std::stop_token& over) {
      constexpr std::chrono::milliseconds kPoll{20};
      for (; !over.stop_requested(); std::this_thread::sleep_for(kPoll))
        if (stop->load()) connection.interrupt();  // again: one that began just now has not seen it
    });
  }
  Result<void> check() const {
    if (stop_ == nullptr || !stop_->load()) return {};
    return environment_error("interrupted", "the prediction was interrupted; there is no output");
  }

 private:
  const std::atomic<bool>* stop_;
  std::jthread thread_;
};

/// A column whose type was found in the first rows and does not take a later one, with a type that does. Of
/// one that the model takes numbers from, that is no text.
std::optional<engine::Column> type_that_takes(const engine::FileScan& scan, const Error& error) {
  auto wider = engine::wider_column(scan, error);
  return wider && wider->type == "VARCHAR" && scan.number(wider->name) ? std::nullopt : std::move(wider);
}

/// As predict() says it: a value that the file's column of numbers could not take.
void explain_bad_number(const engine::BadValue& bad, const std::string& model, Error& error) {
  const std::string column = engine::quote_name(bad.column);
  const std::string_view shown = std::string_view(bad.value).substr(0, kMostTextShown);
  error.where.what = std::string(kColumnPrefix) + bad.column;
  error.expected.clear();
  if (engine::is_written_as_number(bad.value)) {
    error.code = "predict.range";
    error.message = fmt::format("column {} holds {}, which no double can hold", column, shown);
    error.hint = "doubles end at 1.8e308: leave the value empty where it is not known, or scale the column";
    return;
  }
  error.code = "predict.not_a_number";
  error.message = fmt::format("column {} holds '{}', which is no number, and {} takes numbers there", column,
                              shown, model);
  error.hint = "mend the value, or leave it empty where it is not known";
}

Error explain_failure(engine::Connection& connection, const engine::FileScan& scan, const std::string& model,
                      Error error) {
  const auto bad = engine::bad_value_of(error);
  error = engine::explain_scan_error(scan, std::move(error));
  if (bad && scan.number(bad->column)) {
    explain_bad_number(*bad, model, error);
    return error;
  }
  constexpr std::array<std::string_view, 3> kOfValues{"predict.not_a_number", "predict.range",
                                                      "predict.unknown_category"};
  if (std::ranges::find(kOfValues, error.code) != kOfValues.end() &&
      error.where.what.starts_with(kColumnPrefix))
    find_row(connection, scan, error);
  return error;
}

}  // namespace

Json BatchResult::to_json() const {
  return {{"model", model}, {"version", version}, {"rows", rows}, {"columns", columns}};
}

Result<BatchResult> predict_file(registry::Registry& registry, const BatchOptions& options) {
  engine::FileScan scan;
  TM_TRY(const std::string copy_options, copy_options_of(options.output));
  TM_TRY(const std::string output_format, format_of(options.output));
  TM_TRY(scan.format, format_of(options.input));
  TM_TRY(scan.files, batch_input(options.input));
  TM_CHECK(check_batch_output(options.output, options.input, scan.files));
  Predictors predictors(registry);
  TM_TRY(const registry::Version version, predictors.version(options.model));
  const std::string reference =
      fmt::format("{}@{}", version.model, version.number);  // an alias may move while this goes on
  TM_TRY(const auto predictor, predictors.find(reference));
  // A guess would write 1.50 as 1.5 and t as true, and look for the category 1.10 as 1.1, or, in JSON, for
  // "a" with its quotes.
  scan.as_written = [&](const std::string& column) {
    const forest::Feature* feature = find_feature(predictor->package(), column);
    if (scan.format != "csv") return feature != nullptr;
    return feature == nullptr ? output_format == "csv" : feature->sql_type == "VARCHAR";
  };
  scan.number = numbers_of(predictor->package());

  engine::DatabaseOptions opening = engine_within(options.budget, temporary_spill_folder());
  opening.timezone = options.timezone;
  opening.access = engine::DatabaseOptions::Access::Open;
  TM_TRY(const auto database, engine::Database::open(opening));
  TM_CHECK(database->register_predict(
      [&](const engine::PredictBatch& batch) { return predictors.predict(batch); }));
  TM_TRY(engine::Connection connection, database->connect());
  const Stopping stopping(connection, options.stop);
  TM_TRY(std::string select, engine::select_from_files(connection, scan));
  TM_TRY(const std::vector<engine::Column> columns, connection.describe(select));

  TM_CHECK(check_features(options, version, predictor->package(), columns));
  const Answers answers = answers_of(*predictor, reference, columns);
  BatchResult result{version.model, version.number, 0, {}};
  for (const auto* list : {&answers.scores, &answers.derived})
    for (const Answer& answer : *list) {
      if (has_column(columns, answer.name))
        return user_error("predict.column_taken",
                          fmt::format("{} has a column '{}' already, which the prediction wants to add",
                                      options.input.native(), answer.name),
                          {options.input.native()}, "rename it");
      result.columns.push_back(answer.name);
    }

  const Path output = std::filesystem::absolute(options.output);
  const Path part = output.parent_path() / fmt::format(".{}.{}.part", output.filename().native(), ::getpid());
  const auto write = [&]() -> Result<engine::Value> {
    TM_CHECK(connection.execute(fmt::format("CREATE OR REPLACE TEMP VIEW input AS {}", select)));
    return connection.scalar(fmt::format("COPY ({}) TO {} ({})", select_of(answers, columns),
                                         engine::quote_text(part.native()), copy_options));
  };
  Result<engine::Value> written = write();  // how many rows
  while (!written) {
    const auto wider = type_that_takes(scan, written.error());
    if (!wider) break;
    engine::declare(scan, *wider);
    if (auto again = engine::select_from_files(connection, scan)) {
      select = *std::move(again);
      written = write();
    } else {
      written = std::unexpected(std::move(again).error());
    }
  }
  if (!written) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    TM_CHECK(stopping.check());
    return std::unexpected(explain_failure(connection, scan, version.model, std::move(written).error()));
  }
  TM_CHECK(publish_file(part, output));
  if (const int64_t* rows = std::get_if<int64_t>(&*written)) result.rows = *rows;
  return result;
}

}  // namespace tidemill::pipeline
