// What forest_contenders.cpp and the competitors' libraries ask of each other.
#pragma once

#include "forest_contenders.hpp"

namespace bench {

/// Parameters as LightGBM takes them, "name=value name=value".
void lightgbm_train(const std::string& library, const Data& data, const std::vector<float>& labels,
                    const std::string& parameters, int trees, const std::string& path);
std::vector<Contender> newer_xgboost(const std::string& library, const Model& model, const Data& data);
/// A child process that keeps time itself: bench/competitors/ydf.py says what it is asked and answers.
std::vector<Contender> measured_elsewhere(const std::string& name, const std::string& command);

}  // namespace bench
