#include "app/diff_text.hpp"

#include <fmt/format.h>

#include "app/output.hpp"
#include "app/unified_diff.hpp"

namespace tidemill::app {

namespace {

constexpr size_t kLongestValue = 120;

std::string shown(const Json& value) {
  if (value.is_null()) return "nothing";
  std::string text = visible(cell_text(value), Breaks::Show);
  if (text.size() <= kLongestValue) return text;
  size_t end = kLongestValue;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + " …";
}

bool has_lines(const Json& value) {
  return value.is_string() && value.get_ref<const std::string&>().find('\n') != std::string::npos;
}

std::string text_or_nothing(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// {"path": [before, after]} a line each; texts of several lines as a unified diff.
std::string changes(const Json& list, const std::string& indent) {
  std::string out;
  for (const auto& [path, pair] : list.items()) {
    if (!pair.is_array() || pair.size() != 2) continue;
    if (has_lines(pair[0]) || has_lines(pair[1]))
      out += fmt::format("{}{}\n{}", indent, visible(path, Breaks::Show),
                         visible(unified_diff(text_or_nothing(pair[0]), text_or_nothing(pair[1]))));
    else
      out +=
          fmt::format("{}{}: {} → {}\n", indent, visible(path, Breaks::Show), shown(pair[0]), shown(pair[1]));
  }
  return out;
}

std::string section(const std::string& name, const std::string& text) {
  return text.empty() ? "" : name + "\n" + text;
}

/// Hashes say that two contents differ, and no more.
std::string data_text(const Json& data) {
  std::string out;
  for (const auto& [path, pair] : data.items())
    out += fmt::format("  {}: the content differs\n", visible(path, Breaks::Show));
  return out;
}

std::string number(const Json& value) {
  return value.is_number() ? fmt::format("{:.4g}", value.get<double>()) : shown(value);
}

/// "test.roc_auc.value": [0.71, 0.72] and the like in a table; intervals are left to `models show`, slices to
/// --json.
std::string metrics_text(const Json& metrics) {
  TextTable table({{"  metric"}, {"before", true}, {"after", true}, {"by", true}});
  Json others = Json::object();
  bool any = false;
  for (const auto& [path, pair] : metrics.items()) {
    const bool measured = path.starts_with("test.") || path.starts_with("validation.");
    if (measured && path.ends_with(".value") && pair.is_array() && pair.size() == 2) {
      std::string name = path.substr(0, path.size() - std::string_view(".value").size());
      name[name.find('.')] = ' ';
      const bool numbers = pair[0].is_number() && pair[1].is_number();
      table.add({"  " + name, number(pair[0]), number(pair[1]),
                 numbers ? fmt::format("{:+.4f}", pair[1].get<double>() - pair[0].get<double>()) : ""});
      any = true;
    } else if (!measured && path != "slices") {
      others[path] = pair;
    }
  }
  return (any ? table.text() : "") + changes(others, "  ") +
         (metrics.contains("slices") ? "  slices: differ, see --json\n" : "");
}

std::string rows(const Json& count) {
  return count.is_number_integer() ? grouped(count.get<int64_t>()) : shown(count);
}

std::string table_text(const Json& table, const std::string& indent) {
  if (table.value("same_content", false)) return indent + "the content is the same\n";
  std::string out = fmt::format("{}rows: {} → {}\n", indent, rows(table["rows"][0]), rows(table["rows"][1]));
  for (const auto& [column, types] : table["columns"].items()) {
    const std::string name = visible(column, Breaks::Show);
    out += types[0].is_null() ? fmt::format("{}+ {} {}\n", indent, name, shown(types[1]))
           : types[1].is_null()
               ? fmt::format("{}- {} {}\n", indent, name, shown(types[0]))
               : fmt::format("{}{}: {} → {}\n", indent, name, shown(types[0]), shown(types[1]));
  }
  return out;
}

std::string of_versions(const Json& difference) {
  const auto part = [&](const char* name) { return difference.value(name, Json::object()); };
  return section("data", data_text(part("data"))) + section("SQL", changes(part("sql"), "  ")) +
         section("features", changes(part("features"), "  ")) +
         section("parameters", changes(part("parameters"), "  ")) +
         section("model", changes(part("model"), "  ")) + section("metrics", metrics_text(part("metrics"))) +
         section("git", changes(part("git"), "  "));
}

std::string of_runs(const Json& difference) {
  std::string out = section("git", changes(difference.value("git", Json::object()), "  "));
  const Json steps = difference.value("steps", Json::object());
  for (const auto& [step, one] : steps.items()) {
    out += visible(step, Breaks::Show) + "\n";
    if (one.contains("status")) out += changes({{"status", one["status"]}}, "  ");
    if (one.contains("changes")) out += changes(one["changes"], "  ");
    if (one.contains("table")) out += table_text(one["table"], "  ");
    if (one.contains("metrics")) out += metrics_text(one["metrics"]);
  }
  return out;
}

std::string of_releases(const Json& difference) {
  std::string out;
  const Json tables = difference.value("tables", Json::object());
  for (const auto& [name, table] : tables.items())
    out += table.is_object() ? fmt::format("{}\n{}", visible(name, Breaks::Show), table_text(table, "  "))
                             : fmt::format("{}: {}\n", visible(name, Breaks::Show), shown(table));
  return out + changes(difference.value("models", Json::object()), "");
}

std::string name_of(const Json& side) {
  for (const char* member : {"release", "snapshot", "run"})
    if (side.contains(member) && !side.contains("model"))
      return fmt::format("{} {}", member, shown(side[member]));
  return fmt::format("{}@{}", shown(side.value("model", Json())), shown(side.value("version", Json())));
}

}  // namespace

std::string diff_text(const Json& difference) {
  const std::string kind = difference.value("kind", "");
  const std::string text = kind == "version"   ? of_versions(difference)
                           : kind == "run"     ? of_runs(difference)
                           : kind == "release" ? of_releases(difference)
                                               : table_text(difference, "");
  const std::string between = fmt::format("{} → {}", name_of(difference["a"]), name_of(difference["b"]));
  return between + (text.empty() ? ": nothing differs\n" : "\n" + text);
}

}  // namespace tidemill::app
