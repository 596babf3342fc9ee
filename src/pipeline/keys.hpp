// The key of a step: a hash over everything that decides what it makes. The parts stay readable, so that
// explain can name the one that differs. What the parts hold: docs of `explain`, and part_text below.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

namespace tidemill::pipeline {

/// SHA-256 over the parts by name; strings as they are, all else canonical.
std::string key_of(const Json& parts);

struct PartChange {
  std::string part;  // "sql", "inputs.flights", "spec.checks" …
  Json before;       // null: was not there
  Json after;
};
/// What differs between two steps' parts, in the order of `after`; one level into objects, so that the input
/// is named that changed.
std::vector<PartChange> compare_parts(const Json& before, const Json& after);

/// "features.sql changed", "flights is other data", "DuckDB is v1.5.5, was v1.5.4": one change for a person.
/// `name` is the step's.
std::string describe_change(const std::string& name, const PartChange& change);

}  // namespace tidemill::pipeline
