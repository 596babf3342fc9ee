// Deployments, exports, schedules.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "project/describe.hpp"
#include "project/read.hpp"

namespace tidemill::project {

namespace {

constexpr std::array<std::string_view, 6> kExportEndings{".parquet", ".csv",   ".csv.gz",
                                                         ".json",    ".jsonl", ".ndjson"};

Rollout read_rollout(const Reader& reader, Problems& problems) {
  Rollout rollout;
  rollout.place = reader.place();
  rollout.shadow = reader.integer("shadow").value_or(0);
  if (const YamlNode* list = reader.node("canary"))
    for (const YamlNode& item : list->items) {
      const auto share = parse_share(item);
      if (!share) continue;
      const double before = rollout.canary.empty() ? 0 : rollout.canary.back();
      rollout.canary.push_back(*share);
      if (*share > before) continue;
      Error& error =
          problems.add("project.bad_value",
                       rollout.canary.size() == 1
                           ? "a canary gets some of the requests"
                           : fmt::format("the canary's share does not grow: {} after {}", *share, before),
                       item, reader.place().what);
      error.hint = "shares grow from one to the next: canary: [10%, 50%, 100%]";
    }
  rollout.stage = reader.duration("stage");
  rollout.sticky = reader.text("sticky");
  const Reader limits = reader.object("limits");
  rollout.limits = {limits.share("errors"), limits.duration("p99"), limits.number("score_drift")};
  return rollout;
}

PredictionLog::Column read_logged_column(const YamlNode& node) {
  using Rule = PredictionLog::Column::Rule;
  if (const YamlNode* width = node.find("bucket")) return {Rule::Bucket, parse_number(*width).value_or(1)};
  const std::string rule = text_of(node).value_or("");
  return {rule == "keep"   ? Rule::Keep
          : rule == "drop" ? Rule::Drop
          : rule == "hash" ? Rule::Hash
                           : Rule::Known};
}

PredictionLog read_log(const Reader& reader, Problems& problems) {
  PredictionLog log;
  log.place = reader.place();
  const std::string durability = reader.text("durability");
  log.durability = durability == "none"   ? PredictionLog::Durability::None
                   : durability == "sync" ? PredictionLog::Durability::Sync
                                          : PredictionLog::Durability::Interval;
  log.interval = reader.duration("interval").value_or(log.interval);
  if (reader.text("when_full") == "block") log.when_full = PredictionLog::WhenFull::Block;
  log.sample = reader.share("sample").value_or(log.sample);
  log.retain = reader.duration("retain").value_or(log.retain);
  if (const YamlNode* columns = reader.node("columns"))
    for (const YamlEntry& entry : columns->entries)
      (entry.key.text == "*" ? log.others : log.columns[entry.key.text]) = read_logged_column(entry.value);
  const auto mistake = [&](const std::string& key, std::string message, std::string hint) {
    problems.add("project.bad_value", std::move(message), reader.place_of(key)).hint = std::move(hint);
  };
  if (reader.has("interval") && reader.has("durability") &&
      log.durability != PredictionLog::Durability::Interval)
    problems
        .add("project.exclusive_keys", fmt::format("`interval` has no meaning for durability {}", durability),
             reader.place_of("interval"))
        .hint = "an interval is for durability: interval";
  constexpr Duration kLeastInterval{10'000};
  if (log.interval < kLeastInterval)
    mistake("interval", fmt::format("{} is too short an interval", to_text(log.interval)),
            "10ms or more; or durability: sync");
  constexpr Duration kLeastRetained{3'600'000'000};  // whole hours are removed
  if (log.retain < kLeastRetained)
    mistake("retain", fmt::format("{} is too short a time to keep rows", to_text(log.retain)), "1h or more");
  if (log.sample <= 0) mistake("sample", "a log of no predictions", "a share above 0%; or leave `log` out");
  return log;
}

constexpr Duration kLeastWatchInterval{1'000'000};

std::string name_of(const Schedule& schedule) {
  std::string name =
      schedule.watch.empty() ? schedule.cron : fmt::format("watch {}", fmt::join(schedule.watch, ", "));
  if (!schedule.run.empty()) name += " " + schedule.run;
  return name;
}

}  // namespace

Deployment read_deployment(const std::string& name, const YamlNode& node, const Place& place,
                           Problems& problems) {
  const Reader reader(&node, deployment_object(), place);
  Deployment deployment;
  deployment.name = name;
  deployment.place = place;
  if (const auto reference = parse_model_reference(reader.text("model"))) {
    deployment.model = reference->model;
    deployment.version = reference->version;
  }
  deployment.request = reader.text("request");
  deployment.through = reader.texts("through");
  if (reader.has("rollout")) deployment.rollout = read_rollout(reader.object("rollout"), problems);
  if (node.find("log") != nullptr) deployment.log = read_log(reader.object("log"), problems);
  return deployment;
}

Export read_export(const std::string& table, const YamlNode& node, const Place& place, Problems& problems) {
  const Reader reader(&node, export_object(), place);
  Export made;
  made.table = table;
  made.place = place;
  made.path = reader.text("path");
  made.connection = reader.text("connection");
  made.to_table = reader.text("table");
  const std::string mode = reader.text("mode");
  made.mode = mode == "merge"    ? Export::Mode::Merge
              : mode == "append" ? Export::Mode::Append
                                 : Export::Mode::Replace;
  made.key = reader.texts("key");
  made.places = reader.places_of({"key"});
  made.retry = read_retries(reader.object("retries"));
  made.timeout = reader.duration("timeout");
  if (reader.has("key") && reader.has("mode") && made.mode != Export::Mode::Merge)
    problems
        .add("project.exclusive_keys", fmt::format("`key` has no meaning for mode {}", mode),
             reader.place_of("key"))
        .hint = "a key is for mode: merge";
  const bool known = std::any_of(kExportEndings.begin(), kExportEndings.end(),
                                 [&](auto ending) { return made.path.ends_with(ending); });
  if (!made.path.empty() && !known) {
    Error& error = problems.add("project.bad_value",
                                fmt::format("the format of '{}' cannot be seen from its ending", made.path),
                                reader.place_of("path"));
    error.expected = fmt::format("{}", fmt::join(kExportEndings, ", "));
  }
  return made;
}

std::vector<Schedule> read_schedules(const Reader& project, Problems& problems) {
  std::vector<Schedule> schedules;
  each_item(
      project.node("schedules"), {project.place().file}, "schedule",
      [&](const YamlNode& item, const Place& place) {
        const Reader reader(&item, schedule_object(), place);
        Schedule schedule;
        schedule.cron = reader.text("cron");
        schedule.run = reader.text("run");
        schedule.watch = reader.texts("watch");
        schedule.every = reader.duration("every").value_or(schedule.every);
        if (schedule.every < kLeastWatchInterval)
          problems
              .add("project.bad_value", fmt::format("{} is too often to look", to_text(schedule.every)),
                   reader.place_of("every"))
              .hint = fmt::format("{} or more", to_text(kLeastWatchInterval));
        schedule.overlap =
            reader.text("overlap") == "queue" ? Schedule::Overlap::Queue : Schedule::Overlap::Skip;
        const std::string catch_up = reader.text("catchup");
        schedule.catch_up = catch_up == "none"  ? Schedule::CatchUp::None
                            : catch_up == "all" ? Schedule::CatchUp::All
                                                : Schedule::CatchUp::Latest;
        schedule.place = place;
        schedule.name = name_of(schedule);
        if (std::ranges::find(schedules, schedule.name, &Schedule::name) != schedules.end())
          problems.add("project.duplicate_key", fmt::format("'{}' is scheduled twice", schedule.name), place)
              .hint = "take one of them out";
        schedules.push_back(std::move(schedule));
      });
  return schedules;
}

}  // namespace tidemill::project
