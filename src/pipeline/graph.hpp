// Order of steps: each after what it needs, ties by id; and the path of a cycle. Iterative throughout: a
// chain of 10 000 steps is no recursion of 10 000.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace tidemill::pipeline {

/// id → ids it needs. Needs that are no node of the graph are ignored.
using Graph = std::map<std::string, std::vector<std::string>>;

struct Order {
  std::vector<std::string> ids;  // all nodes that are in no cycle nor after one
  std::vector<std::vector<std::string>>
      cycles;  // each begins and ends with the same id: a → b → a, the smallest id first
};
Order order_of(const Graph& graph);

}  // namespace tidemill::pipeline
