// What every SQL text of the project needs and makes: the engine's binder, remembered in the registry by SQL,
// input columns and engine version, so that an unchanged project never opens the engine.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/binder.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

/// Binds one SQL at a time. label ("transform:features") names its memo.
class SqlBinder {
 public:
  SqlBinder(registry::Registry& registry, std::string timezone);
  ~SqlBinder();
  Result<engine::BoundQuery> bind(const std::string& label, const std::string& sql, const Place& place,
                                  const engine::TableLookup& columns_of);
  /// The tables that this text read when it was bound last, also if the text changed since; nothing: never
  /// bound.
  const std::vector<std::string>* tables_before(const std::string& label);
  /// Writes what was newly bound. A memo that cannot be kept costs time, not truth.
  void keep();

 private:
  registry::Registry& registry_;
  std::string timezone_;
  struct Memo {
    std::string sql;     // hash of the text, engine and time zone
    std::string inputs;  // hash of the columns of what it reads
    engine::BoundQuery bound;
  };
  void load();

  bool loaded_ = false;
  std::map<std::string, Memo> known_;
  std::map<std::string, std::string> fresh_;
  std::unique_ptr<engine::Binder> binder_;
};

struct Bindings {
  std::map<std::string, engine::BoundQuery> transforms;        // those without mistakes
  std::map<std::string, std::vector<engine::Column>> columns;  // of every table that is known
  Errors errors;
};
/// Binds all transforms, each after what it reads, however deep the chain. Errors: sql.*; plan.unknown_table
/// with the nearest name; plan.cycle with the path. A transform that reads a broken one is left out without
/// an error of its own.
Bindings bind_transforms(const project::Project& project, SqlBinder& binder,
                         std::map<std::string, std::vector<engine::Column>> source_columns,
                         const std::map<std::string, std::vector<engine::Column>>& command_columns);

/// The place of a transform's SQL: its path under the project's folder.
Place place_of_sql(const project::Project& project, const project::Transform& transform);

}  // namespace tidemill::pipeline
