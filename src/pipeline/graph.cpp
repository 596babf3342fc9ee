#include "pipeline/graph.hpp"

#include <queue>
#include <set>

namespace tidemill::pipeline {

namespace {

// In what is left after sorting, every node needs another one that is left or is after such: walking along
// needs must close a cycle.
std::vector<std::vector<std::string>> cycles_in(const Graph& graph, const std::set<std::string>& left) {
  std::vector<std::vector<std::string>> out;
  std::set<std::string> visited;
  for (const std::string& start : left) {
    std::vector<std::string> path;
    std::map<std::string, size_t> at;
    std::string here = start;
    while (!visited.contains(here)) {
      visited.insert(here);
      at[here] = path.size();
      path.push_back(here);
      std::string next;
      for (const std::string& need : graph.at(here))
        if (left.contains(need) && (next.empty() || need < next)) next = need;
      if (next.empty()) break;
      here = next;
      const auto closed = at.find(here);
      if (closed == at.end()) continue;
      std::vector<std::string> cycle(path.begin() + static_cast<std::ptrdiff_t>(closed->second), path.end());
      std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
      cycle.push_back(cycle.front());
      out.push_back(std::move(cycle));
      break;
    }
  }
  return out;
}

}  // namespace

Order order_of(const Graph& graph) {
  std::map<std::string, size_t> waiting;
  std::map<std::string, std::vector<std::string>> needed_by;
  for (const auto& [id, needs] : graph) {
    size_t count = 0;
    for (const std::string& need : std::set<std::string>(needs.begin(), needs.end())) {
      if (!graph.contains(need)) continue;
      needed_by[need].push_back(id);
      ++count;
    }
    waiting[id] = count;
  }
  std::priority_queue<std::string, std::vector<std::string>, std::greater<>> ready;
  for (const auto& [id, count] : waiting)
    if (count == 0) ready.push(id);
  Order order;
  order.ids.reserve(graph.size());
  while (!ready.empty()) {
    std::string id = ready.top();
    ready.pop();
    for (const std::string& next : needed_by[id])
      if (--waiting[next] == 0) ready.push(next);
    order.ids.push_back(std::move(id));
  }
  if (order.ids.size() == graph.size()) return order;
  std::set<std::string> left;
  for (const auto& [id, count] : waiting)
    if (count > 0) left.insert(id);
  order.cycles = cycles_in(graph, left);
  return order;
}

}  // namespace tidemill::pipeline
