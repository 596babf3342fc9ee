// A model that was trained elsewhere as a package: its task from its objective, its signature from what the
// file says of its features. Nothing is known of its data, so it has no baseline, metrics or split.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "forest/package.hpp"

namespace tidemill::forest {

/// Which rounds of boosting predict: those up to the best one, where early stopping noted it in the file, as
/// XGBoost's scikit-learn interface does; or all, as its Booster does unless told otherwise.
enum class Rounds { Best, All };

struct ImportedModel {
  std::string model;  // the name it gets
  std::vector<std::string> key;
  std::string target;
  std::map<std::string, std::string> types;  // feature → SQL type, where something says it; else DOUBLE
  Rounds rounds = Rounds::Best;
};

/// "model.ubj", "model.json" or "model.txt": what the file is called in the package.
std::string_view file_name_of(std::string_view bytes);

/// Its rounds are said in any case, and in the provenance how many the file has ("rounds_in_file").
/// Categories that XGBoost's file names are given by these names, and unknown ones refused, as XGBoost
/// refuses them. Errors: those of read_model; forest.outputs (several outputs that are no classes),
/// forest.categories (what pandas' categories belong to cannot be told, or what XGBoost's are called).
Result<Package> imported_package(const ImportedModel& imported, std::string_view bytes);

}  // namespace tidemill::forest
