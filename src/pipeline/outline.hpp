// The steps of a project as they are declared and bound, before anything is known of their inputs' data: what
// each needs and the parts of its key that are its own. plan() decides over an outline at once, run() again
// as steps end.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "pipeline/binding.hpp"
#include "pipeline/graph.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/source_columns.hpp"

namespace tidemill::pipeline {

struct StepOutline {
  std::string id;
  StepKind kind = StepKind::Source;
  std::string name;
  std::vector<std::string> needs;  // ids of steps whose tables it reads, sorted
  std::vector<std::string> after;  // ids of models whose champion its predict() calls read, sorted
  Json parts = Json::object();     // of the key, but for "inputs" and "models"
  std::vector<engine::Column> columns;
  std::vector<std::string> models;     // "late@champion"
  std::map<std::string, Place> calls;  // of models: where its SQL names them first
  std::string never_cached;            // why, or empty
  std::string gone;  // an export whose file is not there as it was written: why it must be made again
};

struct Outline {
  std::vector<StepOutline> steps;                              // each after what it needs, ties by id
  std::map<std::string, size_t> at;                            // id → index
  std::map<std::string, engine::BoundQuery> bound;             // transform → its SQL's binding
  std::map<std::string, std::vector<engine::Column>> columns;  // of every table
  std::map<std::string, LookedAt> looked;                      // source → its files, if looked at for this

  const StepOutline& step(const std::string& id) const { return steps[at.at(id)]; }
  Graph graph() const;
};

/// Errors: all mistakes of binding at once.
std::expected<Outline, Errors> outline(const PlanInput& input);

/// "source:flights" or "transform:features".
std::string table_step(const project::Project& project, const std::string& table);

/// What a table is made from by the SQL of transforms: transforms in an order in which each finds its inputs,
/// and the tables they begin with (sources, and tables of command steps). `table` itself is in one of them.
struct Upstream {
  std::vector<std::string> transforms;
  std::vector<std::string> sources;
};
Upstream upstream_of(const project::Project& project, const std::map<std::string, engine::BoundQuery>& bound,
                     const std::string& table);

/// "late@champion" → {late, champion}; without @ the champion is meant.
struct ModelReference {
  std::string model;
  std::string version;
};
ModelReference parse_reference(const std::string& text);
/// The registry's error that there is no such version, with what makes one: of a declared model a run or an
/// import.
Error with_maker(const project::Project& project, const ModelReference& reference, Error error);

}  // namespace tidemill::pipeline
