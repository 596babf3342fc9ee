// testdata/reference.json for the tests of this room: inputs and what scikit-learn and scipy answered.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/json.hpp"

namespace tidemill::statistics {

inline const Json& reference() {
  static const Json json = [] {
    const auto text = read_file(Path(TIDEMILL_ROOT) / "src/statistics/testdata/reference.json");
    if (!text) throw std::runtime_error(to_text(text.error()));
    return Json::parse(*text);
  }();
  return json;
}

inline std::vector<double> numbers(const Json& json) { return json.get<std::vector<double>>(); }

/// Equal to 1e-9, relative to the larger for large values.
inline bool near(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)});
}

}  // namespace tidemill::statistics
