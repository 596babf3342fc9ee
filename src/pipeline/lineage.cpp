#include "pipeline/lineage.hpp"

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "pipeline/columns.hpp"

namespace tidemill::pipeline {

namespace {

Json snapshot_json(const registry::Table& table) {
  return {{"object", table.object}, {"logical", table.logical}, {"rows", table.rows}, {"run", table.run}};
}

struct PackagedTransform {
  std::string name;
  std::string sql;
  std::vector<std::string> tables;
};

std::vector<PackagedTransform> transforms_of(const Json& pipeline) {
  std::vector<PackagedTransform> out;
  if (!pipeline.contains("transforms")) return out;
  for (const Json& one : pipeline["transforms"])
    out.push_back(
        {one.value("name", ""), one.value("sql", ""), one.value("tables", std::vector<std::string>{})});
  return out;
}

}  // namespace

Json provenance_of(const StepContext& step, const project::Model& model) {
  const project::Project& project = step.project();
  const Upstream upstream = upstream_of(project, step.run.outline.bound, model.from);
  Json out{{"run", step.run.run},
           {"project", project.name},
           {"project_file", project.fingerprint},
           {"environment", project.environment}};
  out["git"] = {{"commit", step.run.git.commit}, {"dirty", step.run.git.dirty}};
  out["engine"] = engine::Database::version();
  if (const auto table = step.run.snapshots.find(model.from)) {
    out["data"] = snapshot_json(*table);
    out["data"]["table"] = model.from;
  }
  out["sources"] = Json::object();
  for (const std::string& name : upstream.sources)
    if (const auto table = step.run.snapshots.find(name)) out["sources"][name] = snapshot_json(*table);
  out["sql"] = Json::object();
  for (const std::string& name : upstream.transforms)
    out["sql"][name] = sha256(project.transforms.at(name).sql);
  return out;
}

Json pipeline_of(const StepContext& step, const project::Model& model) {
  const project::Project& project = step.project();
  const Outline& outline = step.run.outline;
  const Upstream upstream = upstream_of(project, outline.bound, model.from);
  Json out{{"from", model.from},           {"key", model.key},
           {"as_of", model.as_of},         {"where", model.where},
           {"timezone", project.timezone}, {"parameters", project.parameters}};
  out["transforms"] = Json::array();
  for (const std::string& name : upstream.transforms)
    out["transforms"].push_back({{"name", name},
                                 {"sql", project.transforms.at(name).sql},
                                 {"tables", outline.bound.at(name).tables}});
  out["sources"] = Json::object();
  for (const std::string& name : upstream.sources) {
    Json one = Json::object();
    one["columns"] = Json::array();
    if (const auto table = step.run.snapshots.find(name))
      for (const registry::ColumnInfo& column : table->columns)
        one["columns"].push_back({{"name", column.name}, {"type", column.type}});
    if (const auto source = project.sources.find(name); source != project.sources.end()) {
      one["key"] = source->second.key;
      one["time_column"] = source->second.time_column;
      one["known_at"] = source->second.known_at;
    }
    out["sources"][name] = std::move(one);
  }
  return out;
}

Result<Rebuilt> rebuild(const StepContext& step, const Json& pipeline, const std::string& label) {
  Rebuilt out;
  // An imported version has no pipeline: it takes its features from the table as it is now.
  const std::string from = pipeline.value("from", step.project().models.at(step.outline.name).from);
  const std::vector<PackagedTransform> transforms = transforms_of(pipeline);
  // A packaged transform is the current table when its SQL and all below it are as they were.
  std::set<std::string> changed;
  for (const PackagedTransform& packaged : transforms) {
    const auto current = step.project().transforms.find(packaged.name);
    const bool same = current != step.project().transforms.end() &&
                      step.run.outline.bound.contains(packaged.name) &&
                      engine::normalize_sql(current->second.sql) == engine::normalize_sql(packaged.sql) &&
                      step.run.snapshots.find(packaged.name).has_value();
    const bool on_changed = std::any_of(packaged.tables.begin(), packaged.tables.end(),
                                        [&](const auto& t) { return changed.contains(t); });
    if (!same || on_changed) changed.insert(packaged.name);
  }
  const auto snapshot_file = [&](const std::string& table) -> Result<Path> {
    const auto snapshot = step.run.snapshots.find(table);
    if (!snapshot)
      return data_error(
          "gate.cannot_rebuild",
          fmt::format("{} was trained on features made from {}, which is not here any more", label, table),
          step.project().models.at(step.outline.name).place,
          "to compare with it, declare the source again; or promote another version as champion");
    return step.registry().object_path(snapshot->object);
  };
  if (!changed.contains(from)) {
    TM_TRY(out.file, snapshot_file(from));
    out.same_sql = from == step.project().models.at(step.outline.name).from;
    return out;
  }
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Transforming));
  std::set<std::string> made;
  for (const PackagedTransform& packaged : transforms) made.insert(packaged.name);
  for (const PackagedTransform& packaged : transforms)
    for (const std::string& table : packaged.tables)
      if (!made.contains(table)) {
        TM_TRY(const Path file, snapshot_file(table));
        TM_CHECK((*connection)->view_parquet(table, {file}));
      }
  for (const PackagedTransform& packaged : transforms) {
    TM_CHECK(step.check());
    Path file;
    if (!changed.contains(packaged.name)) {
      TM_TRY(file, snapshot_file(packaged.name));
    } else {
      file = step.staged(fmt::format(".{}.{}.parquet", label, packaged.name));
      auto written = (*connection)->write_parquet(packaged.sql, file);
      if (!written) {
        Error error = std::move(written).error();
        error.code = "gate.cannot_rebuild";
        error.message =
            fmt::format("the SQL that {} was packaged with does not run any more: {}", label, error.message);
        error.where.what = "transform " + packaged.name;
        return std::unexpected(std::move(error));
      }
    }
    TM_CHECK((*connection)->view_parquet(packaged.name, {file}));
    if (packaged.name == from) out.file = file;
  }
  if (out.file.empty()) {
    TM_TRY(out.file, snapshot_file(from));
  }
  return out;
}

}  // namespace tidemill::pipeline
