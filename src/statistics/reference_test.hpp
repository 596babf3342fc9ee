// What the tests of this room are held against: inputs and what scikit-learn and scipy answered
// (testdata/reference.json), and what fairlearn and nannyml did (testdata/monitoring.json).
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/json.hpp"

namespace tidemill::statistics {

inline Json read_testdata(std::string_view name) {
  const auto text = read_file(Path(TIDEMILL_ROOT) / "src/statistics/testdata" / name);
  if (!text) throw std::runtime_error(to_text(text.error()));
  return Json::parse(*text);
}
inline const Json& reference() {
  static const Json json = read_testdata("reference.json");
  return json;
}
inline const Json& monitoring_reference() {
  static const Json json = read_testdata("monitoring.json");
  return json;
}

inline std::vector<double> numbers(const Json& json) { return json.get<std::vector<double>>(); }

/// Equal to 1e-9, relative to the larger for large values.
inline bool near(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)});
}

}  // namespace tidemill::statistics
