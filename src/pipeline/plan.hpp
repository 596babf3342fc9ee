// Project → Plan: what would run and why. Pure: the same project, registry and fingerprints give the same
// plan, byte for byte.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "engine/binder.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

enum class StepKind { Source, Transform, Model, Export };
enum class StepState { UpToDate, WillRun, DependsOn, Withdrawn, NotSelected };

struct PlannedStep {
  std::string id;  // "source:flights", "transform:features", "model:late", "export:scored"
  StepKind kind = StepKind::Source;
  std::string name;
  std::vector<std::string> needs;  // ids, sorted
  StepState state = StepState::WillRun;
  std::string key;  // empty while an input has no hash yet, or never cached
  Json key_parts = Json::object();
  std::string reason;  // "features.sql changed", "depends on source:flights", "now() is never cached"
  std::vector<engine::Column> columns;
  std::vector<std::string> models;       // predict() calls in its SQL: "late@champion"
  std::optional<registry::Table> table;  // UpToDate: what it made before
  std::optional<registry::Version> version;
  bool judge_only = false;  // a model that is trained already and stands before the gate again
};

struct Plan {
  std::vector<PlannedStep> steps;  // in an order in which each comes after what it needs; ties by id
  const PlannedStep* find(const std::string& id) const;
};

struct PlanInput {
  const project::Project* project = nullptr;
  registry::Registry* registry = nullptr;
  std::map<std::string, std::string> fingerprints;  // as fingerprint() gives them
  std::vector<std::string> selection;               // dbt's: features, +late, features+; empty: all
  bool force = false;
  Instant now;
};

std::string_view to_text(StepKind kind);
std::string_view to_text(StepState state);

/// All binding mistakes at once.
std::expected<Plan, Errors> plan(const PlanInput& input);
Json to_json(const Plan& plan);

/// What lies outside of the home, for PlanInput: a hash of every source's files, of command steps' scripts,
/// and whether exported files are still there; memoised by inode, size, mtime. What cannot be read is marked
/// so, and its step will say why. Error interrupted once stop is set. See fingerprint.hpp.
Result<std::map<std::string, std::string>> fingerprint(const project::Project& project,
                                                       registry::Registry& registry, Instant now,
                                                       const std::atomic<bool>* stop = nullptr);

}  // namespace tidemill::pipeline
