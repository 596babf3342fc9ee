// A model that was trained elsewhere as a package: its task from its objective, its signature from what the
// file says of its features. Nothing is known of its data, so it has no baseline, metrics or split.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "forest/package.hpp"

namespace tidemill::forest {

struct ImportedModel {
  std::string model;  // the name it gets
  std::vector<std::string> key;
  std::string target;
  std::map<std::string, std::string> types;  // feature → SQL type, where something says it; else DOUBLE
};

/// "model.ubj", "model.json" or "model.txt": what the file is called in the package.
std::string_view file_name_of(std::string_view bytes);

/// Errors: those of read_model; forest.outputs (several outputs that are no classes), forest.categories (what
/// pandas' categories belong to cannot be told).
Result<Package> imported_package(const ImportedModel& imported, std::string_view bytes);

}  // namespace tidemill::forest
