#include "app/batch_log.hpp"

#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "app/driven_clock.hpp"
#include "app/prediction_logs.hpp"
#include "app/references.hpp"
#include "base/id.hpp"
#include "engine/names.hpp"
#include "engine/scan.hpp"
#include "monitoring/label_tables.hpp"
#include "pipeline/batch_files.hpp"
#include "pipeline/file_format.hpp"
#include "pipeline/predictors.hpp"

namespace tidemill::app {

namespace {

constexpr Duration kRollAtTheEnd{24LL * 3600 * 1'000'000};
constexpr std::string_view kRole = "batch";

/// A feature or a part of the key as the SELECT gives it.
struct Chosen {
  std::string name;
  bool text = false;
};

/// As predict() reads them: what is no number is missing where the model takes numbers.
std::string expression_of(const engine::Column& column, bool text) {
  if (!text) return fmt::format("TRY_CAST({} AS DOUBLE)", engine::quote_name(column.name));
  // A truth is true or false to a category, and one of a label's numbers elsewhere.
  return column.type == "BOOLEAN" ? fmt::format("CAST({} AS VARCHAR)", engine::quote_name(column.name))
                                  : monitoring::text_in_sql(column);
}

serving::Tensor tensor_of(const engine::Chunk& chunk, size_t c, const Chosen& feature) {
  serving::Tensor tensor{feature.name, feature.text ? "BYTES" : "FP64", {static_cast<int64_t>(chunk.rows())}};
  for (size_t r = 0; r < chunk.rows(); ++r) {
    const bool missing = chunk.is_null(c, r);
    if (!feature.text)
      tensor.numbers.push_back(missing ? std::numeric_limits<double>::quiet_NaN() : chunk.doubles(c)[r]);
    else if (missing)
      tensor.texts.add_missing();
    else
      tensor.texts.add(chunk.varchar(c, r));
  }
  return tensor;
}

class BatchLogging {
 public:
  BatchLogging(const serving::LiveModel& live, std::vector<std::string> key, serving::PredictionSink& sink,
               std::string request_id)
      : live_(live), key_(std::move(key)), sink_(sink), request_id_(std::move(request_id)) {}

  Result<LoggedBatch> run(engine::Connection& sql, const std::string& rows) {
    TM_TRY(const auto columns, sql.describe(rows));
    std::string list;
    const auto add = [&](const std::string& name, bool text) {
      const engine::Column* column = engine::find_column(columns, name);
      if (column == nullptr) return false;
      list += fmt::format("{}{}", list.empty() ? "" : ", ", expression_of(*column, text));
      chosen_.push_back({name, text});
      return true;
    };
    for (const forest::Feature& feature : live_.predictor->package().features)
      add(feature.name, feature.category);
    features_ = chosen_.size();
    for (const std::string& column : key_) has_key_ = add(column, true) && has_key_;
    TM_CHECK(sql.for_each_chunk(fmt::format("SELECT {} FROM ({})", list, rows),
                                [&](const engine::Chunk& chunk) { return log(chunk); }));
    return logged_;
  }

 private:
  Result<void> log(const engine::Chunk& chunk) {
    if (chunk.rows() == 0) return {};
    serving::InferRequest request;
    for (size_t c = 0; c < features_; ++c) request.inputs.push_back(tensor_of(chunk, c, chosen_[c]));
    if (has_key_ && !key_.empty())
      for (size_t r = 0; r < chunk.rows(); ++r) request.keys.push_back(key_of(chunk, r));
    const auto begun = std::chrono::steady_clock::now();
    TM_TRY(const serving::InferResponse response, serving::infer(live_, request));
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
    sink_.predicted({.prediction_id = logged_.prediction_id,
                     .request_id = request_id_,
                     .deployment = live_.deployment,
                     .model = live_.model,
                     .version = live_.version,
                     .package = live_.predictor->package(),
                     .role = kRole,
                     .at = clock_->now(),
                     .latency = {took.count()},
                     .request = request,
                     .response = &response,
                     .first_row = static_cast<size_t>(logged_.rows)});
    logged_.rows += static_cast<int64_t>(chunk.rows());
    return {};
  }

  /// As the rows of requests have it. A part that is missing is null, and names no row.
  std::string key_of(const engine::Chunk& chunk, size_t r) const {
    Json members = Json::object();
    for (size_t k = 0; k < key_.size(); ++k)
      if (!chunk.is_null(features_ + k, r)) members[key_[k]] = std::string(chunk.varchar(features_ + k, r));
    const std::string text = to_text(members);
    return text.substr(1, text.size() - 2);
  }

  const serving::LiveModel& live_;
  const std::vector<std::string> key_;
  serving::PredictionSink& sink_;
  const std::string request_id_;
  std::vector<Chosen> chosen_;
  size_t features_ = 0;
  bool has_key_ = true;
  const std::shared_ptr<const Clock> clock_ = clock_of_process();
  LoggedBatch logged_{random_id(), 0};
};

}  // namespace

Result<void> check_batch_log(const Session& session, const BatchLogOptions& options) {
  TM_TRY(const project::Deployment* deployment, find_deployment(session, options.deployment));
  const std::string model = options.model.substr(0, options.model.find('@'));
  if (!deployment->log)
    return user_error("usage.log", fmt::format("deployment {} keeps no log", deployment->name),
                      deployment->place, fmt::format("deployments: {{{}: {{log: {{}}}}}}", deployment->name));
  if (deployment->model != model)
    return user_error("usage.log", fmt::format("deployment {} serves model {}, not {}", deployment->name,
                                               deployment->model, model));
  return {};
}

Result<LoggedBatch> log_batch(const Session& session, const BatchLogOptions& options) {
  TM_TRY(const project::Deployment* deployment, find_deployment(session, options.deployment));
  TM_TRY(const registry::Version version,
         session.registry->version(deployment->model, std::to_string(options.version)));
  serving::LiveModel live{deployment->name, deployment->model, version.number, nullptr};
  TM_TRY(live.predictor, forest::load_predictor(version.package, [&](const std::string& object) {
           return session.registry->read_object(object);
         }));
  project::Project blocking = session.project;  // a batch can wait, and no row of it is left out
  blocking.deployments.at(deployment->name).log->when_full = project::PredictionLog::WhenFull::Block;
  TM_TRY(const auto logs, PredictionLogs::open(blocking, kRollAtTheEnd, deployment->name));

  engine::FileScan scan;
  TM_TRY(scan.format, pipeline::format_of(options.input));
  TM_TRY(scan.files, pipeline::batch_input(options.input));
  scan.number = pipeline::numbers_of(live.predictor->package());
  engine::DatabaseOptions opening;
  opening.timezone = session.project.timezone;
  opening.access = engine::DatabaseOptions::Access::Open;
  const pipeline::Budget budget = pipeline::budget_of(session.project);
  opening.threads = budget.threads;
  opening.memory_bytes = budget.memory_bytes;
  TM_TRY(const auto database, engine::Database::open(opening));
  TM_TRY(engine::Connection connection, database->connect());
  TM_TRY(const std::string rows, engine::select_from_files(connection, scan));
  BatchLogging logging(live, session.project.key_of(*deployment), *logs, options.input.filename().native());
  return logging.run(connection, rows);
}

}  // namespace tidemill::app
