// Every number that a monitor finds in a real log, with real labels, is what scipy, scikit-learn, fairlearn,
// nannyml, statsmodels and Shapley's definition say of the same rows: testdata/watch.json, written by
// tools/make_watch_reference.py. Its cases are real flights and customers, and made-up extremes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/database.hpp"
#include "engine/names.hpp"
#include "monitoring/label_store.hpp"
#include "monitoring/label_text.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/record.hpp"
#include "monitoring/roll.hpp"
#include "monitoring/scratch_for_tests.hpp"
#include "monitoring/segment.hpp"
#include "monitoring/watch.hpp"

namespace tidemill::monitoring {

namespace {

using project::Monitor;

constexpr Duration kDay{86'400'000'000}, kForever{int64_t{100} * 365 * 86'400'000'000};
const Path kTestdata = Path(TIDEMILL_ROOT) / "src/monitoring/testdata";

const Json& reference_cases() {
  static const Json cases = Json::parse(read_file(kTestdata / "watch.json").value())["cases"];
  return cases;
}

/// The formulas are the same and sums of doubles are taken in another order: 1e-9 of the value. What is 0 but
/// for rounding is 0.
bool agree(double ours, double theirs) {
  return std::abs(ours - theirs) <= 1e-9 * std::max(std::abs(ours), std::abs(theirs)) + 1e-14;
}

struct Values {
  std::vector<double> numbers;  // or texts
  std::vector<std::optional<std::string>> texts;
};
struct Table {
  std::vector<Instant> times;  // none: of rows that are made up
  std::map<std::string, Values> columns;
  size_t rows() const {
    const Values& any = columns.begin()->second;
    return std::max(any.numbers.size(), any.texts.size());
  }
};

Table run_sql(std::string sql) {
  for (size_t at = 0; (at = sql.find("{root}")) != std::string::npos;) sql.replace(at, 6, TIDEMILL_ROOT);
  const auto database =
      engine::Database::open({.threads = 1, .access = engine::DatabaseOptions::Access::Open});
  auto connection = (*database)->connect().value();
  const std::vector<engine::Column> columns = connection.describe(sql).value();
  std::string select;
  for (const engine::Column& column : columns) {
    const std::string name = engine::quote_name(column.name);
    select += select.empty() ? "" : ", ";
    select += column.name == "time" || column.type == "VARCHAR"
                  ? name
                  : fmt::format("coalesce(CAST({} AS DOUBLE), 'nan'::DOUBLE)", name);
  }
  Table table;
  const auto read = connection.for_each_chunk(
      fmt::format("SELECT {} FROM ({})", select, sql), [&](const engine::Chunk& chunk) -> Result<void> {
        for (size_t c = 0; c < columns.size(); ++c)
          for (size_t r = 0; r < chunk.rows(); ++r) {
            if (columns[c].name == "time")
              table.times.push_back({chunk.bigints(c)[r]});
            else if (columns[c].type != "VARCHAR")
              table.columns[columns[c].name].numbers.push_back(chunk.doubles(c)[r]);
            else if (chunk.is_null(c, r))
              table.columns[columns[c].name].texts.push_back(std::nullopt);
            else
              table.columns[columns[c].name].texts.emplace_back(chunk.varchar(c, r));
          }
        return {};
      });
  EXPECT_TRUE(read) << to_text(read.error());
  return table;
}

Table read_table(const Json& said, const std::set<std::string>& texts) {
  if (said.contains("sql")) return run_sql(said["sql"]);
  Table table;
  for (const auto& [name, values] : said["columns"].items()) {
    Values& column = table.columns[name];
    for (const Json& value : values) {
      if (texts.contains(name))
        column.texts.push_back(value.is_null() ? std::nullopt : std::optional(value.get<std::string>()));
      else if (value.is_string())
        column.numbers.push_back(value == "inf" ? INFINITY : -INFINITY);
      else
        column.numbers.push_back(value.is_null() ? NAN : value.get<double>());
    }
  }
  return table;
}

Json level_baseline_of(const std::vector<std::optional<std::string>>& texts) {
  std::map<std::string, double> counts;
  double missing = 0;
  for (const auto& text : texts) (text ? counts[*text] : missing) += 1;
  std::vector<statistics::LevelCount> levels;
  for (const auto& [level, count] : counts) levels.push_back({level, count});
  return statistics::level_baseline(levels, missing);
}

std::optional<std::string_view> text_at(const void* texts, size_t i) {
  const auto& text = static_cast<const std::optional<std::string>*>(texts)[i];
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

/// A home with a case's window in its log and labels, and the version that predicted it.
class Agreement : public ::testing::TestWithParam<size_t> {
 protected:
  const Json& of = reference_cases()[GetParam()];

  void SetUp() override {
    std::set<std::string> texts{"label"};
    for (const Json& feature : of["features"])
      if (feature["text"].get<bool>()) texts.insert(feature["name"]);
    end = parse_instant(of.value("window_end", "2026-11-29T12:00:00Z")).value();
    window = read_table(of["window"], texts);
    ASSERT_GT(window.rows(), 0U);
    for (size_t r = 0; window.times.size() < window.rows(); ++r)
      window.times.push_back({end.micros - static_cast<int64_t>(r + 1) * 1'000'000});
    make_package(read_table(of["reference"], texts));
    write_log();
    if (window.columns.contains("label")) write_labels();
    deployment.name = deployment.model = "late";
    deployment.log.emplace();
  }

  void make_package(const Table& reference) {
    package.model = "late";
    const std::string task = of["task"];
    package.task = task == "multiclass"   ? forest::Task::Multiclass
                   : task == "regression" ? forest::Task::Regression
                                          : forest::Task::Binary;
    if (of.contains("classes")) package.classes = of["classes"].get<std::vector<std::string>>();
    if (of.contains("threshold")) package.threshold = of["threshold"].get<double>();
    if (of.value("calibrated", false)) package.calibration = {.kind = "isotonic", .x = {0, 1}, .y = {0, 1}};
    for (const Json& said : of["features"]) {
      forest::Feature feature{.name = said["name"], .sql_type = "DOUBLE", .category = said["text"]};
      const Values& values = reference.columns.at(feature.name);
      if (feature.category) {
        std::set<std::string> levels;
        for (const auto& text : values.texts)
          if (text) levels.insert(*text);
        feature.sql_type = "VARCHAR";
        feature.levels.assign(levels.begin(), levels.end());
      }
      package.baseline["inputs"][feature.name] =
          feature.category ? level_baseline_of(values.texts) : statistics::number_baseline(values.numbers);
      package.features.push_back(std::move(feature));
    }
    for (size_t i = 0; i < of["scores"].size(); ++i) {
      const Json baseline = statistics::number_baseline(reference.columns.at(of["scores"][i]).numbers);
      if (package.task == forest::Task::Multiclass)
        package.baseline["score"][package.classes[i]] = baseline;
      else
        package.baseline["score"] = baseline;
    }
    if (of.contains("attribution")) package.baseline["attribution"] = of["attribution"];
    // As it lies in the package's file.
    package.baseline = Json::parse(tidemill::to_text(package.baseline));
  }

  /// As a server that is gone left it: its segment has become Parquet.
  void write_log() {
    const Path folder = log_folder(scratch.path(), "late");
    ASSERT_TRUE(make_folder(folder));
    LogSchema schema{0, "late", 3, {}};
    std::vector<const Values*> values;
    for (const forest::Feature& feature : package.features) {
      schema.columns.push_back(
          {feature.name, feature.category ? ValueKind::Text : ValueKind::Number, LogColumn::Of::Feature});
      values.push_back(&window.columns.at(feature.name));
    }
    for (const Json& score : of["scores"]) {
      schema.columns.push_back({score, ValueKind::Number, LogColumn::Of::Answer});
      values.push_back(&window.columns.at(score));
    }
    if (package.task == forest::Task::Multiclass) {
      for (size_t r = 0; r < window.rows(); ++r) answered.texts.emplace_back(package.classes[0]);
      schema.columns.push_back({"label", ValueKind::Text, LogColumn::Of::Answer});
      values.push_back(&answered);
    }
    std::string frames;
    append_frame(encode(schema), frames);
    for (size_t r = 0; r < window.rows(); ++r) {
      std::vector<ColumnView> views;
      for (uint32_t c = 0; c < values.size(); ++c)
        views.push_back(
            values[c]->texts.empty()
                ? ColumnView{.column = c, .numbers = &values[c]->numbers[r]}
                : ColumnView{.column = c, .text_at = text_at, .texts = values[c]->texts.data(), .first = r});
      const std::string id = fmt::format("p{}", r);
      const PredictionView view{id, "", "champion", "", window.times[r], {900}, 200, 1, views};
      std::string record(encoded_size(view, {0, 1}), '\0');
      encode(view, {0, 1}, 0, record.data());
      append_frame(record, frames);
    }
    {
      auto writer = SegmentWriter::create(folder, "2013-02-01T00-a");
      ASSERT_TRUE(writer) << to_text(writer.error());
      ASSERT_TRUE(writer->append(frames));
    }
    const auto rolled = Roller({folder, kForever}).roll(end);
    ASSERT_TRUE(rolled) << to_text(rolled.error());
    ASSERT_EQ(rolled->finished, 1U);
  }

  void write_labels() {
    std::vector<Label> labels;
    const auto& texts = window.columns.at("label").texts;
    for (size_t r = 0; r < texts.size(); ++r)
      if (texts[r]) labels.push_back({fmt::format("p{}", r), 0, {}, label_text(std::string_view(*texts[r]))});
    const auto store = LabelStore::open({.home = scratch.path(), .deployment = "late", .retain = kForever});
    ASSERT_TRUE(store) << to_text(store.error());
    const auto counts = (*store)->take(labels, end, LabelStore::Strangers::Keep);
    ASSERT_TRUE(counts) << to_text(counts.error());
    EXPECT_EQ(counts->fresh, labels.size());
    EXPECT_EQ(counts->strangers, 0U);
  }

  Monitor monitor_of(const Json& look) const {
    static const std::map<std::string, Monitor::Kind> kinds{{"drift", Monitor::Kind::Drift},
                                                            {"quality", Monitor::Kind::Quality},
                                                            {"metric", Monitor::Kind::Metric},
                                                            {"fairness", Monitor::Kind::Fairness},
                                                            {"attribution", Monitor::Kind::Attribution}};
    Monitor monitor;
    monitor.kind = kinds.at(look["kind"]);
    monitor.measure = monitor.name = look["measure"];
    monitor.columns = look.value("columns", std::vector<std::string>{"*"});
    monitor.slices = look.value("slices", std::vector<std::string>());
    monitor.window = Duration{of.value("window_days", int64_t{1}) * kDay.micros};
    monitor.min_rows = of.value("min_rows", int64_t{200});
    monitor.estimated = look.value("estimated", false);
    if (monitor.kind == Monitor::Kind::Drift || monitor.kind == Monitor::Kind::Quality) monitor.fail = 0.2;
    if (monitor.kind == Monitor::Kind::Metric) monitor.min = 0.5;
    if (look.value("judge", "") == "min") monitor.min = 0.8;
    if (look.value("judge", "") == "max") monitor.max = 0.1;
    return monitor;
  }

  std::vector<Finding> find(const Json& look) {
    const Monitor monitor = monitor_of(look);
    WatchInput input;
    input.home = scratch.path();
    input.deployment = &deployment;
    input.monitor = &monitor;
    input.versions = {{3, "package"}};
    input.fairness_groups = look.value("groups", std::vector<std::string>());
    input.window_end = end;
    input.threads = 1 + static_cast<int>(GetParam() % 3);  // whose columns are counted by one, or by several
    const auto looked = watch.look(input);
    EXPECT_TRUE(looked) << to_text(looked.error());
    return looked ? looked->findings : std::vector<Finding>();
  }

  Result<std::shared_ptr<const forest::Predictor>> predictor() const {
    TM_TRY(const std::string bytes, read_file(kTestdata / of["forest"].get<std::string>()));
    return forest::Predictor::make(package, bytes);
  }

  Instant end;
  Table window;
  Values answered;
  Scratch scratch;
  project::Deployment deployment;
  forest::Package package;
  Watch watch{{.package = [this](const ServedVersion&) -> Result<std::shared_ptr<const forest::Package>> {
                 return std::make_shared<const forest::Package>(package);
               },
               .predictor = [this](const ServedVersion&) { return predictor(); }}};
};

std::string state_of(const Finding& finding) {
  return finding.state == Finding::State::Measured  ? fmt::format("{}", finding.value)
         : finding.state == Finding::State::Missing ? "missing"
                                                    : "not enough data";
}

}  // namespace

TEST_P(Agreement, of_each_finding_with_the_reference) {
  SCOPED_TRACE(of["name"].get<std::string>());
  size_t held = 0;
  for (const Json& look : of["looks"]) {
    const bool estimated = look.value("estimated", false);
    SCOPED_TRACE(fmt::format("{}{} {}", estimated ? "estimated " : "", look["kind"].get<std::string>(),
                             look["measure"].get<std::string>()));
    const std::vector<Finding> findings = find(look);
    const Json& found = look["found"];
    EXPECT_EQ(findings.size(), found.size());
    for (const Finding& finding : findings) {
      const std::string about = finding.cause.column.empty() ? finding.cause.slice : finding.cause.column;
      ASSERT_TRUE(found.contains(about)) << "found, and not by them: " << about << ": " << finding.text;
      const Json& theirs = found[about];
      if (theirs.is_string())
        EXPECT_EQ(state_of(finding), theirs.get<std::string>()) << about << ": " << finding.text;
      else
        EXPECT_TRUE(finding.state == Finding::State::Measured && agree(finding.value, theirs.get<double>()))
            << about << ": ours " << state_of(finding) << ", theirs " << theirs.dump() << "; "
            << finding.text;
      if (look.contains("p_values") && look["p_values"].contains(about)) {
        ASSERT_TRUE(finding.p_value) << about;
        EXPECT_TRUE(agree(*finding.p_value, look["p_values"][about].get<double>()))
            << about << ": p-value " << *finding.p_value << ", theirs " << look["p_values"][about].dump();
      }
      ++held;
    }
  }
  EXPECT_GT(held, 0U);
}

INSTANTIATE_TEST_SUITE_P(Reference, Agreement, ::testing::Range(size_t{0}, reference_cases().size()),
                         [](const auto& of) {
                           std::string name = reference_cases()[of.param]["name"];
                           std::ranges::replace_if(
                               name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

}  // namespace tidemill::monitoring
