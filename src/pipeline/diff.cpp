#include "pipeline/diff.hpp"

#include <charconv>

#include <fmt/format.h>

#include "pipeline/keys.hpp"
#include "pipeline/outline.hpp"
#include "pipeline/predictors.hpp"

namespace tidemill::pipeline {

namespace {

constexpr int kMaxDepth = 20;

bool same(const Json& a, const Json& b) { return canonical(a) == canonical(b); }

/// Every leaf that differs: "train.params.max_depth": [6, 8].
void leaves(const std::string& path, const Json& a, const Json& b, Json& out, int depth) {
  if (same(a, b)) return;
  if (a.is_object() && b.is_object() && depth < kMaxDepth) {
    for (const auto& [name, value] : a.items())
      leaves(path.empty() ? name : path + "." + name, value, b.contains(name) ? b[name] : Json(nullptr), out,
             depth + 1);
    for (const auto& [name, value] : b.items())
      if (!a.contains(name)) leaves(path.empty() ? name : path + "." + name, nullptr, value, out, depth + 1);
    return;
  }
  out[path.empty() ? "value" : path] = Json::array({a, b});
}

Json differences(const Json& a, const Json& b) {
  Json out = Json::object();
  leaves("", a, b, out, 0);
  return out;
}

Json by_name(const Json& list, const char* value) {
  Json out = Json::object();
  if (list.is_array())
    for (const Json& one : list)
      if (one.is_object() && one.contains("name"))
        out[one["name"].get<std::string>()] = one.value(value, Json());
  return out;
}

Json column_changes(const std::vector<registry::ColumnInfo>& a, const std::vector<registry::ColumnInfo>& b) {
  Json left = Json::object(), right = Json::object();
  for (const registry::ColumnInfo& column : a) left[column.name] = column.type;
  for (const registry::ColumnInfo& column : b) right[column.name] = column.type;
  return differences(left, right);
}

Json table_json(const registry::Table& table) {
  return {{"snapshot", table.id}, {"logical", table.logical}, {"rows", table.rows},
          {"bytes", table.bytes}, {"run", table.run},         {"made_at", tidemill::to_text(table.made_at)}};
}

Json diff_tables(const registry::Table& a, const registry::Table& b) {
  return {{"kind", "table"},
          {"a", table_json(a)},
          {"b", table_json(b)},
          {"same_content", a.logical == b.logical},
          {"rows", Json::array({a.rows, b.rows})},
          {"columns", column_changes(a.columns, b.columns)}};
}

Result<Json> diff_versions(registry::Registry& registry, const registry::Version& a,
                           const registry::Version& b) {
  TM_TRY(const forest::Package left, load_package(registry, a));
  TM_TRY(const forest::Package right, load_package(registry, b));
  const auto described = [](const registry::Version& version) {
    return Json{{"model", version.model},
                {"version", version.number},
                {"state", version.state},
                {"run", version.run},
                {"made_at", tidemill::to_text(version.made_at)}};
  };
  const auto features = [](const forest::Package& package) {
    Json out = Json::object();
    for (const forest::Feature& feature : package.features)
      out[feature.name] = feature.category ? "category" : feature.sql_type;
    return out;
  };
  // What was imported has no data and no SQL to tell it by, but its file.
  const auto model = [](const forest::Package& package) {
    Json out{{"task", forest::to_text(package.task)}};
    if (package.rounds) out["rounds"] = *package.rounds;
    if (package.threshold) out["threshold"] = *package.threshold;
    if (const auto file = forest::model_object(package); file && package.pipeline.empty())
      out["file"] = *file;
    return out;
  };
  const auto step_spec = [&](const registry::Version& version) -> Json {
    const auto records = registry.steps(version.run);
    if (records)
      for (const registry::StepRecord& record : *records)
        if (record.step == "model:" + version.model && record.key_parts.contains("spec"))
          return record.key_parts["spec"];
    return Json::object();
  };
  Json out{{"kind", "version"}, {"a", described(a)}, {"b", described(b)}};
  out["data"] = differences(
      {{"table", a.data_logical}, {"sources", left.provenance.value("sources", Json::object())}},
      {{"table", b.data_logical}, {"sources", right.provenance.value("sources", Json::object())}});
  out["sql"] = differences(by_name(left.pipeline.value("transforms", Json::array()), "sql"),
                           by_name(right.pipeline.value("transforms", Json::array()), "sql"));
  out["parameters"] = differences(step_spec(a), step_spec(b));
  out["features"] = differences(features(left), features(right));
  out["model"] = differences(model(left), model(right));
  out["metrics"] = differences(a.metrics, b.metrics);
  out["git"] = differences({{"commit", a.git_commit}, {"dirty", a.git_dirty}},
                           {{"commit", b.git_commit}, {"dirty", b.git_dirty}});
  return out;
}

Result<Json> diff_runs(registry::Registry& registry, const registry::Run& a, const registry::Run& b) {
  const auto steps_of = [&](const std::string& run) -> Result<std::map<std::string, registry::StepRecord>> {
    TM_TRY(auto records, registry.steps(run));
    std::map<std::string, registry::StepRecord> out;
    for (registry::StepRecord& record : records) out[record.step] = std::move(record);
    return out;
  };
  TM_TRY(const auto left, steps_of(a.id));
  TM_TRY(const auto right, steps_of(b.id));
  Json out{{"kind", "run"},
           {"a", {{"run", a.id}, {"status", a.status}}},
           {"b", {{"run", b.id}, {"status", b.status}}}};
  out["git"] = differences({{"commit", a.git_commit}, {"dirty", a.git_dirty}},
                           {{"commit", b.git_commit}, {"dirty", b.git_dirty}});
  Json steps = Json::object();
  const auto status = [](const std::map<std::string, registry::StepRecord>& records,
                         const std::string& id) -> Json {
    const auto found = records.find(id);
    return found == records.end() ? Json("not run") : Json(registry::to_text(found->second.status));
  };
  std::set<std::string> ids;
  for (const auto& [id, record] : left) ids.insert(id);
  for (const auto& [id, record] : right) ids.insert(id);
  for (const std::string& id : ids) {
    Json one = Json::object();
    if (status(left, id) != status(right, id))
      one["status"] = Json::array({status(left, id), status(right, id)});
    if (left.contains(id) && right.contains(id)) {
      const registry::StepRecord& before = left.at(id);
      const registry::StepRecord& after = right.at(id);
      Json changes = Json::object();
      for (const PartChange& change : compare_parts(before.key_parts, after.key_parts))
        changes[change.part] = Json::array({change.before, change.after});
      if (!changes.empty()) one["changes"] = std::move(changes);
      if (before.table && after.table && before.table->logical != after.table->logical)
        one["table"] = diff_tables(*before.table, *after.table);
      if (before.version && after.version && !same(before.version->metrics, after.version->metrics))
        one["metrics"] = differences(before.version->metrics, after.version->metrics);
    }
    if (!one.empty()) steps[id] = std::move(one);
  }
  out["steps"] = std::move(steps);
  return out;
}

Result<std::optional<registry::Table>> snapshot_of(registry::Registry& registry,
                                                   const ModelReference& reference) {
  int64_t id = 0;
  const auto [end, error] =
      std::from_chars(reference.version.data(), reference.version.data() + reference.version.size(), id);
  if (error != std::errc() || end != reference.version.data() + reference.version.size())
    return std::optional<registry::Table>();
  TM_TRY(auto table, registry.table(id));
  if (table && table->name != reference.model) table.reset();
  return table;
}

}  // namespace

Result<Json> diff(registry::Registry& registry, const std::string& a, const std::string& b) {
  TM_TRY(const auto run_a, registry.run(a));
  TM_TRY(const auto run_b, registry.run(b));
  if (run_a && run_b) return diff_runs(registry, *run_a, *run_b);
  if (!run_a && !run_b) {
    const ModelReference left = parse_reference(a), right = parse_reference(b);
    TM_TRY(const auto table_a, snapshot_of(registry, left));
    TM_TRY(const auto table_b, snapshot_of(registry, right));
    if (table_a && table_b) return diff_tables(*table_a, *table_b);
    TM_TRY(const registry::Version version_a, registry.version(left.model, left.version));
    TM_TRY(const registry::Version version_b, registry.version(right.model, right.version));
    return diff_versions(registry, version_a, version_b);
  }
  return user_error(
      "usage.diff", fmt::format("'{}' is a run, '{}' is not", run_a ? a : b, run_a ? b : a), {},
      "compare two runs, two versions (late@1 late@2) or two snapshots (features@12 features@15)");
}

Result<registry::Release> release_of(const registry::Registry& registry, const std::string& id) {
  int64_t number = 0;
  const auto parsed = std::from_chars(id.data(), id.data() + id.size(), number);
  if (!id.empty() && parsed.ec == std::errc() && parsed.ptr == id.data() + id.size()) {
    auto release = registry.release(number);
    if (release || release.error().code != "registry.unknown_release") return release;
  }
  return user_error("usage.unknown_release", fmt::format("there is no release '{}'", id), {},
                    "see tidemill releases");
}

Result<Json> diff_releases(registry::Registry& registry, const std::string& a, const std::string& b) {
  TM_TRY(const registry::Release before, release_of(registry, a));
  TM_TRY(const registry::Release after, release_of(registry, b));
  const auto described = [](const registry::Release& release) {
    return Json{
        {"release", release.id}, {"run", release.run}, {"made_at", tidemill::to_text(release.made_at)}};
  };
  const auto aliases = [](const registry::Release& release) {
    Json out = Json::object();
    for (const auto& [model, moves] : release.aliases)
      for (const auto& [alias, version] : moves) out[model + "@" + alias] = version;
    return out;
  };
  Json tables = Json::object();
  std::set<std::string> names;
  for (const auto& [name, id] : before.tables) names.insert(name);
  for (const auto& [name, id] : after.tables) names.insert(name);
  for (const std::string& name : names) {
    const auto left = before.tables.find(name), right = after.tables.find(name);
    if (left == before.tables.end() || right == after.tables.end()) {
      tables[name] = left == before.tables.end() ? "added" : "removed";
      continue;
    }
    if (left->second == right->second) continue;
    TM_TRY(const auto table_a, registry.table(left->second));
    TM_TRY(const auto table_b, registry.table(right->second));
    if (table_a && table_b) tables[name] = diff_tables(*table_a, *table_b);
  }
  return Json{{"kind", "release"},
              {"a", described(before)},
              {"b", described(after)},
              {"tables", std::move(tables)},
              {"models", differences(aliases(before), aliases(after))}};
}

}  // namespace tidemill::pipeline
