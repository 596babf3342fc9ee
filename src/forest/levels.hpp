// The names of categories that XGBoost keeps in a model's file since 3.1.
#pragma once

#include <vector>

#include "forest/document.hpp"
#include "forest/forest.hpp"

namespace tidemill::forest {

/// `model`: the booster's. One for each feature, empty where it is no category; none at all where the file
/// names none. Error forest.invalid. Source: src/data/cat_container.cc of XGBoost.
Result<std::vector<Levels>> read_levels(const Document& model, uint32_t features);

}  // namespace tidemill::forest
