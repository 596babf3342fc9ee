#include "pipeline/keys.hpp"

#include <fmt/format.h>

#include "base/sha256.hpp"

namespace tidemill::pipeline {

namespace {

const Json& member(const Json& object, const std::string& name) {
  static const Json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

bool same(const Json& a, const Json& b) { return a == b || canonical(a) == canonical(b); }

void compare_into(const std::string& prefix, const Json& before, const Json& after, bool descend,
                  std::vector<PartChange>& out) {
  for (const auto& [name, value] : after.items()) {
    const Json& old = member(before, name);
    if (same(old, value)) continue;
    if (descend && value.is_object() && old.is_object())
      compare_into(prefix + name + ".", old, value, false, out);
    else
      out.push_back({prefix + name, old, value});
  }
  for (const auto& [name, value] : before.items())
    if (!after.contains(name)) out.push_back({prefix + name, value, nullptr});
}

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : to_text(value); }

}  // namespace

std::string key_of(const Json& parts) {
  std::vector<std::pair<std::string_view, const Json*>> sorted;
  for (auto it = parts.begin(); it != parts.end(); ++it) sorted.emplace_back(it.key(), &it.value());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Sha256 hash;
  for (const auto& [name, value] : sorted) {
    hash.add_field(name);
    // A leading letter keeps the string "1" apart from the number 1.
    if (value->is_string()) {
      hash.add_field("s");
      hash.add_field(value->get_ref<const std::string&>());
    } else {
      hash.add_field("j");
      hash.add_field(canonical(*value));
    }
  }
  return hash.hex();
}

std::vector<PartChange> compare_parts(const Json& before, const Json& after) {
  std::vector<PartChange> out;
  if (before.is_object() && after.is_object()) compare_into("", before, after, true, out);
  return out;
}

std::string describe_change(const std::string& name, const PartChange& change) {
  const size_t dot = change.part.find('.');
  const std::string part = change.part.substr(0, dot);
  const std::string inner = dot == std::string::npos ? "" : change.part.substr(dot + 1);
  if (part == "files") return "its files changed";
  if (part == "sql") return name + ".sql changed";
  if (part == "engine") return fmt::format("DuckDB is {}, was {}", plain(change.after), plain(change.before));
  if (part == "timezone")
    return fmt::format("the time zone is {}, was {}", plain(change.after), plain(change.before));
  if (part == "kind") return "Tidemill's own rules for this step changed";
  if (part == "sample") return "the environment's sample changed";
  if (part == "seed") return fmt::format("the seed is {}, was {}", plain(change.after), plain(change.before));
  if (part == "parameters")
    return inner.empty()
               ? "the parameters changed"
               : fmt::format("parameter {} is {}, was {}", inner, plain(change.after), plain(change.before));
  if (part == "inputs") {
    if (inner.empty()) return "its inputs changed";
    if (change.before.is_null()) return inner + " is a new input";
    if (change.after.is_null()) return inner + " is no input any more";
    return inner + " is other data";
  }
  if (part == "models") return inner.empty() ? "the models it calls changed" : inner + " is another version";
  if (part == "scripts") return inner.empty() ? "its scripts changed" : "script " + inner + " changed";
  if (part == "spec")
    return inner.empty() ? "its declaration changed" : fmt::format("its declaration changed: {}", inner);
  return change.part + " changed";
}

}  // namespace tidemill::pipeline
