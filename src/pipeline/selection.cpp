#include "pipeline/selection.hpp"

#include <limits>
#include <optional>

#include <fmt/format.h>

namespace tidemill::pipeline {

namespace {

constexpr size_t kAllTheWay = std::numeric_limits<size_t>::max();
constexpr size_t kMaxDigits = 6;

struct Selector {
  std::string name;
  size_t up = 0;
  size_t down = 0;
};

bool all_digits(std::string_view text) {
  return text.size() <= kMaxDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Selector parse(std::string_view text) {
  Selector out;
  if (const size_t plus = text.find('+');
      plus != std::string_view::npos && all_digits(text.substr(0, plus))) {
    out.up = plus == 0 ? kAllTheWay : std::stoul(std::string(text.substr(0, plus)));
    text.remove_prefix(plus + 1);
  }
  if (const size_t plus = text.rfind('+');
      plus != std::string_view::npos && all_digits(text.substr(plus + 1))) {
    const std::string_view digits = text.substr(plus + 1);
    out.down = digits.empty() ? kAllTheWay : std::stoul(std::string(digits));
    text = text.substr(0, plus);
  }
  out.name = text;
  return out;
}

/// `*` stands for any letters; greedy matching with one point to come back to.
bool matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0;
  size_t star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string_view name_of(std::string_view id) { return id.substr(id.find(':') + 1); }

void spread(const Graph& edges, const std::string& from, size_t steps, std::set<std::string>& out) {
  std::vector<std::string> edge{from};
  std::set<std::string> seen{from};
  for (size_t i = 0; i < steps && !edge.empty(); ++i) {
    std::vector<std::string> next;
    for (const std::string& id : edge) {
      const auto found = edges.find(id);
      if (found == edges.end()) continue;
      for (const std::string& other : found->second)
        if (edges.contains(other) && seen.insert(other).second) next.push_back(other);
    }
    edge = std::move(next);
  }
  out.insert(seen.begin(), seen.end());
}

Graph reversed(const Graph& graph) {
  Graph out;
  for (const auto& [id, needs] : graph) {
    out[id];
    for (const std::string& need : needs)
      if (graph.contains(need)) out[need].push_back(id);
  }
  return out;
}

}  // namespace

std::expected<std::set<std::string>, Errors> select(const Graph& graph,
                                                    const std::vector<std::string>& selectors) {
  std::set<std::string> out;
  if (selectors.empty()) {
    for (const auto& [id, needs] : graph) out.insert(id);
    return out;
  }
  Errors errors;
  std::optional<Graph> down;
  for (const std::string& text : selectors) {
    const Selector selector = parse(text);
    const bool with_kind = selector.name.find(':') != std::string::npos;
    std::vector<std::string> found;
    for (const auto& [id, needs] : graph)
      if (matches(selector.name, with_kind ? std::string_view(id) : name_of(id))) found.push_back(id);
    if (found.empty()) {
      std::vector<std::string> names;
      for (const auto& [id, needs] : graph)
        names.emplace_back(with_kind ? std::string_view(id) : name_of(id));
      std::string hint = did_you_mean(selector.name, names);
      if (hint.empty())
        hint = "`tidemill plan` lists every step; selectors are NAME, +NAME, NAME+, kind:NAME";
      errors.push_back(user_error("usage.selector", fmt::format("nothing here is called '{}'", selector.name),
                                  {}, std::move(hint))
                           .error());
      continue;
    }
    for (const std::string& id : found) {
      spread(graph, id, selector.up, out);
      if (selector.down > 0 && !down) down = reversed(graph);
      if (selector.down > 0) spread(*down, id, selector.down, out);
    }
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return out;
}

}  // namespace tidemill::pipeline
