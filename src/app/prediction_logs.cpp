#include "app/prediction_logs.hpp"

#include <chrono>
#include <condition_variable>

#include <fmt/format.h>

#include "api/metrics.hpp"
#include "app/session.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "monitoring/log_relation.hpp"

namespace tidemill::app {

namespace {

using monitoring::ColumnView;
using monitoring::LogColumn;
using monitoring::LoggedVersion;
using monitoring::ValueKind;

constexpr std::chrono::seconds kLongestEnd{5};
constexpr std::string_view kScores = "scores";  // of all classes

std::string score_of(const std::string& label) { return "score_" + label; }

std::optional<std::string_view> text_at(const void* texts, size_t i) {
  return static_cast<const serving::TextColumn*>(texts)->at(i);
}

ColumnView column_of(uint32_t place, const serving::Tensor& tensor, size_t first, size_t stride) {
  if (tensor.datatype == "BYTES")
    return {.column = place, .text_at = text_at, .texts = &tensor.texts, .first = first, .stride = stride};
  return {.column = place, .numbers = tensor.numbers.data() + first, .stride = stride};
}

/// The inputs of a request that was predicted, and so has the shapes that infer() takes.
void add_features(const serving::PredictionRecord& record, const LoggedVersion& version,
                  std::vector<ColumnView>& columns) {
  const auto& inputs = record.request.inputs;
  const size_t features = version.features.size();
  const bool is_matrix =
      inputs.size() == 1 && inputs[0].shape.size() == 2 && !version.place_of(inputs[0].name, 0);
  if (is_matrix) {
    for (size_t f = 0; f < features; ++f)
      columns.push_back(column_of(static_cast<uint32_t>(f), inputs[0], f, features));
    return;
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (const auto place = version.place_of(inputs[i].name, i))
      columns.push_back(column_of(*place, inputs[i], 0, 1));
}

/// Answers stand behind the features by their names; of several scores, which come first, one a class.
void add_answers(const serving::PredictionRecord& record, const LoggedVersion& version,
                 std::vector<ColumnView>& columns) {
  const auto behind = static_cast<uint32_t>(version.features.size());
  const auto classes = static_cast<uint32_t>(record.package.classes.size());
  for (const serving::Tensor& tensor : record.response->outputs) {
    if (tensor.name == kScores) {
      for (uint32_t c = 0; c < classes; ++c) columns.push_back(column_of(behind + c, tensor, c, classes));
      continue;
    }
    const auto found = std::ranges::find(version.answers, tensor.name);
    if (found == version.answers.end()) continue;
    columns.push_back(
        column_of(behind + static_cast<uint32_t>(found - version.answers.begin()), tensor, 0, 1));
  }
}

/// As the log stores them, of each row. Missing: a key that is too long.
using KeyTexts = std::vector<std::optional<std::string>>;

KeyTexts key_texts(const serving::InferRequest& request, const monitoring::KeyRules& rules) {
  KeyTexts texts;
  for (const std::string& members : request.keys) {
    const auto json = parse_json("{" + members + "}");
    auto text = json ? rules.stored(*json) : Result<std::string>(std::unexpected(json.error()));
    texts.push_back(text ? std::optional(std::move(*text)) : std::nullopt);
  }
  return texts;
}

std::optional<std::string_view> key_at(const void* texts, size_t i) {
  const auto& text = (*static_cast<const KeyTexts*>(texts))[i];
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

}  // namespace

monitoring::PredictionLog::Version logged_version(const std::string& model, int number,
                                                  const forest::Package& package, Keys keys) {
  monitoring::PredictionLog::Version version{model, number, {}, {}};
  for (const forest::Feature& feature : package.features) {
    auto& captured = version.features.emplace_back(
        monitoring::CapturedColumn{feature.name, feature.category, feature.levels});
    captured.known.insert(captured.known.end(), feature.folded.begin(), feature.folded.end());
  }
  for (const serving::TensorInfo& output : serving::output_tensors(package)) {
    if (output.name == kScores) {
      for (const std::string& label : package.classes)
        version.answers.push_back({score_of(label), ValueKind::Number, LogColumn::Of::Answer});
      continue;
    }
    const ValueKind kind = output.datatype == "BYTES"  ? ValueKind::Text
                           : output.datatype == "BOOL" ? ValueKind::Truth
                                                       : ValueKind::Number;
    version.answers.push_back({output.name, kind, LogColumn::Of::Answer});
  }
  if (keys == Keys::Stored) version.answers.push_back({"key", ValueKind::Text, LogColumn::Of::Key});
  return version;
}

Result<std::unique_ptr<PredictionLogs>> PredictionLogs::open(const project::Project& project,
                                                             Duration roll_every, const std::string& only) {
  std::set<std::string> kept;
  for (const auto& [name, deployment] : project.deployments)
    if (deployment.log) kept.insert(name);
  monitoring::LeftLogs left =
      only.empty() ? monitoring::LeftLogs(project.home, kept) : monitoring::LeftLogs();
  std::unique_ptr<PredictionLogs> logs(
      new PredictionLogs(project, roll_every, std::move(left), only.empty()));
  for (const auto& [name, deployment] : project.deployments) {
    if (!deployment.log || (!only.empty() && name != only)) continue;
    Logged& logged = logs->logs_[name];
    const auto opened = logs->open(deployment, logged);
    if (opened) continue;
    if (!only.empty() || !is_unwritable(opened.error())) return std::unexpected(opened.error());
    ++logged.failed_openings;
    log::warning(
        "prediction log of {}: {}; predictions go on, their rows are left out and counted until it is open",
        name, opened.error().message);
  }
  if (!logs->empty() || !logs->left_.empty())
    logs->rolling_ =
        std::jthread([made = logs.get()](const std::stop_token& stop) { made->roll_until(stop); });
  return logs;
}

Result<void> PredictionLogs::open(const project::Deployment& deployment, Logged& logged) const {
  const project::PredictionLog& rules = *deployment.log;
  TM_TRY(auto log,
         monitoring::PredictionLog::open(
             {.home = project_.home, .deployment = deployment.name, .log = rules, .clock = clock_}));
  TM_TRY(logged.keys, monitoring::KeyRules::of(project_, deployment));
  const Path folder = monitoring::log_folder(project_.home, deployment.name);
  TM_CHECK(monitoring::note_retention(folder, rules.retain));
  logged.log = std::move(log);
  logged.roller = std::make_unique<monitoring::Roller>(monitoring::RollOptions{folder, rules.retain});
  logged.is_open.store(true);
  return {};
}

void PredictionLogs::open_again(const std::string& name, Logged& logged) const {
  if (open(project_.deployments.at(name), logged))
    log::info("prediction log of {}: it is open now", name);
  else
    ++logged.failed_openings;
}

PredictionLogs::~PredictionLogs() {
  rolling_.request_stop();
  if (rolling_.joinable()) rolling_.join();
  const auto until = std::chrono::steady_clock::now() + kLongestEnd;
  for (auto& [name, logged] : logs_) {
    if (!logged.is_open.load()) continue;
    logged.log.reset();
    const size_t left = roll(logged, [&] { return !of_all_ || std::chrono::steady_clock::now() < until; });
    if (left > 0)
      log::info(
          "prediction log of {}: {} segments are not in its table yet; the next `serve` puts them there",
          name, left);
  }
}

void PredictionLogs::predicted(const serving::PredictionRecord& record) {
  const auto found = logs_.find(record.deployment);
  if (found == logs_.end()) return;
  if (!found->second.is_open.load()) {
    found->second.rows_before += record.response == nullptr ? 1 : record.response->rows;
    return;
  }
  monitoring::PredictionLog& log = *found->second.log;
  const monitoring::KeyRules& rules = found->second.keys;
  const LoggedVersion* version = log.find(record.version);
  if (version == nullptr)
    version = &log.declare(logged_version(std::string(record.model), record.version, record.package,
                                          rules.stores() ? Keys::Stored : Keys::None));
  thread_local std::vector<ColumnView> columns;
  columns.clear();
  KeyTexts keys;
  if (record.response != nullptr) {
    add_features(record, *version, columns);
    add_answers(record, *version, columns);
    if (rules.stores() && !record.request.keys.empty()) {
      keys = key_texts(record.request, rules);
      const size_t last = version->features.size() + version->answers.size() - 1;
      columns.push_back({.column = static_cast<uint32_t>(last), .text_at = key_at, .texts = &keys});
    }
  }
  log.append(*version, {.prediction_id = record.prediction_id,
                        .request_id = record.request_id,
                        .role = record.role,
                        .error = record.error,
                        .at = record.at,
                        .latency = record.latency,
                        .status = record.status,
                        .rows = record.response == nullptr ? 0 : record.response->rows,
                        .columns = columns,
                        .first_row = record.first_row});
}

void PredictionLogs::roll_until(const std::stop_token& stop) {
  lower_thread_priority();
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  do {
    for (auto& [name, logged] : logs_) {
      if (!logged.is_open.load()) open_again(name, logged);
      if (logged.is_open.load())  // what another process left, too
        roll(logged, [&stop] { return !stop.stop_requested(); });
    }
    roll_left();
  } while (!changed.wait_for(lock, stop, std::chrono::microseconds(roll_every_.micros),
                             [&stop] { return stop.stop_requested(); }));
}

size_t PredictionLogs::roll(Logged& logged, const GoesOn& goes_on) {
  const auto rolled = logged.roller->roll(clock_->now(), FileLock::Wait::No, goes_on);
  const std::lock_guard lock(rolled_);
  if (rolled) {
    logged.torn_bytes += rolled->torn_bytes;
    if (std::exchange(logged.roll_fails, false)) log::info("the prediction log is rolled again");
    return rolled->left;
  }
  ++logged.roll_failures;
  if (!std::exchange(logged.roll_fails, true))
    log::error("the prediction log cannot be rolled, its segments stay: {}", to_text(rolled.error()));
  return 0;
}

void PredictionLogs::roll_left() {
  const auto rolled = left_.roll(clock_->now());
  const std::string problem = rolled ? "" : to_text(rolled.error());
  if (problem != left_problem_ && !problem.empty())
    log::error("the log of a deployment that keeps none any more cannot be rolled: {}", problem);
  left_problem_ = problem;
}

monitoring::PredictionLog::Counts PredictionLogs::counts_of(const Logged& logged) {
  const bool is_open = logged.is_open.load();
  monitoring::PredictionLog::Counts counts;
  if (is_open) counts = logged.log->counts();
  counts.dropped += logged.rows_before.load();
  counts.errors += logged.failed_openings.load();
  counts.failing = counts.failing || !is_open;
  return counts;
}

std::string PredictionLogs::metrics() const {
  std::string out;
  if (empty()) return out;
  std::map<std::string, monitoring::PredictionLog::Counts> counts;
  for (const auto& [name, logged] : logs_) counts[name] = counts_of(logged);
  using Counts = monitoring::PredictionLog::Counts;
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    api::append_family(out, name, type, help);
    for (const auto& [model, one] : counts)
      out += fmt::format("{}{{model=\"{}\"}} {}\n", name, model, value(one));
  };
  api::append_family(out, "tidemill_log_rows_total", "counter",
                     "Rows of predictions, by what became of them.");
  for (const auto& [model, one] : counts)
    for (const auto& [outcome, rows] :
         std::initializer_list<std::pair<std::string_view, uint64_t>>{{"written", one.written},
                                                                      {"sampled_out", one.sampled_out},
                                                                      {"dropped", one.dropped},
                                                                      {"too_large", one.too_large}})
      out += fmt::format("tidemill_log_rows_total{{model=\"{}\",outcome=\"{}\"}} {}\n", model, outcome, rows);
  each("tidemill_log_bytes_total", "counter", "Bytes written to segments.",
       [](const Counts& one) { return one.bytes; });
  each("tidemill_log_errors_total", "counter", "Times that the disk did not take rows.",
       [](const Counts& one) { return one.errors; });
  each("tidemill_log_unsynced_rows_total", "counter",
       "With durability sync: rows that were answered although they could not be brought to the disk.",
       [](const Counts& one) { return one.unsynced; });
  each("tidemill_log_failing", "gauge", "1 while the disk does not take rows.",
       [](const Counts& one) { return one.failing ? 1 : 0; });
  each("tidemill_log_lag_seconds", "gauge", "What the oldest row written last had waited.",
       [](const Counts& one) { return one.lag_seconds; });
  each("tidemill_log_waiting_bytes", "gauge", "In memory, not written yet.",
       [](const Counts& one) { return one.waiting_bytes; });
  const std::lock_guard lock(rolled_);
  const auto of_rolling = [&](std::string_view name, std::string_view help, uint64_t Logged::* value) {
    api::append_family(out, name, "counter", help);
    for (const auto& [model, logged] : logs_)
      out += fmt::format("{}{{model=\"{}\"}} {}\n", name, model, logged.*value);
  };
  of_rolling("tidemill_log_torn_bytes_total", "Bytes behind the last whole record of a writer that died.",
             &Logged::torn_bytes);
  of_rolling("tidemill_log_roll_failures_total", "Times that segments could not be made into Parquet.",
             &Logged::roll_failures);
  return out;
}

}  // namespace tidemill::app
