// Checks in all their spellings → project::Check with canonical arguments.
#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "project/read.hpp"

namespace tidemill::project {

namespace {

enum class Columns { None, One, Many, InArguments };
enum class Rows { Judged, No };  // whether single rows fail

struct Kind {
  std::string_view name;
  Columns columns;
  Rows rows;
};
// One row a kind. Many: any number of columns, one check each, except unique, which takes them together.
constexpr std::array kKinds{Kind{"not_null", Columns::Many, Rows::Judged},
                            Kind{"unique", Columns::Many, Rows::Judged},
                            Kind{"accepted_values", Columns::One, Rows::Judged},
                            Kind{"range", Columns::One, Rows::Judged},
                            Kind{"regex", Columns::One, Rows::Judged},
                            Kind{"length", Columns::One, Rows::Judged},
                            Kind{"type", Columns::One, Rows::No},
                            Kind{"row_count", Columns::None, Rows::No},
                            Kind{"freshness", Columns::InArguments, Rows::No},
                            Kind{"relationships", Columns::One, Rows::Judged},
                            Kind{"expression", Columns::None, Rows::Judged},
                            Kind{"sql", Columns::None, Rows::Judged},
                            Kind{"compare", Columns::None, Rows::No},
                            Kind{"point_in_time", Columns::None, Rows::No},
                            Kind{"distribution", Columns::InArguments, Rows::No},
                            Kind{"anomaly", Columns::InArguments, Rows::No}};

const Kind* find_kind(std::string_view name) {
  const auto* found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& kind) { return kind.name == name; });
  return found == kKinds.end() ? nullptr : &*found;
}

/// {min, max} from a map, a pair, or (length) one number; null sides are left out.
Json bounds(const YamlNode& node) {
  Json out = Json::object();
  const auto set = [&](const char* key, const YamlNode* side) {
    if (side != nullptr && side->is_scalar() && !side->deferred) out[key] = to_json(*side, Secrets::Values);
  };
  if (node.is_list() && node.items.size() == 2) {
    set("min", &node.items[0]);
    set("max", &node.items[1]);
  } else if (node.is_map()) {
    set("min", node.find("min"));
    set("max", node.find("max"));
  } else {
    set("min", &node);
    set("max", &node);
  }
  return out;
}

/// A map's keys that fit, or the short form under `key`.
Json keyed(const YamlNode& node, const char* key) {
  if (node.is_map()) return to_json(node, Secrets::Values);
  Json out = Json::object();
  if (!node.is_null()) out[key] = to_json(node, Secrets::Values);
  return out;
}

void to_micros(Json& arguments, const char* key) {
  if (!arguments.contains(key)) return;
  const auto duration =
      arguments[key].is_string() ? parse_duration(arguments[key].get<std::string>()) : parse_duration("");
  if (duration)
    arguments[key] = duration->micros;
  else
    arguments.erase(key);
}

Json arguments_of(std::string_view kind, const YamlNode& node) {
  if (kind == "not_null" || kind == "unique") return Json::object();
  if (kind == "accepted_values") return keyed(node, "values");
  if (kind == "range" || kind == "length" || kind == "row_count") return bounds(node);
  if (kind == "regex") return keyed(node, "pattern");
  if (kind == "type") return keyed(node, "type");
  if (kind == "expression" || kind == "sql") return keyed(node, "sql");
  if (kind == "anomaly") return keyed(node, "metric");
  if (kind == "relationships") {
    const auto text = text_of(node);
    if (!text) return keyed(node, "table");
    const size_t dot = std::min(text->find('.'), text->size());
    return {{"table", text->substr(0, dot)}, {"column", dot < text->size() ? text->substr(dot + 1) : ""}};
  }
  if (kind == "compare") {
    Json arguments = keyed(node, "table");
    if (const YamlNode* tolerance = node.find("tolerance"))
      if (const auto share = parse_share(*tolerance)) arguments["tolerance"] = *share;
    return arguments;
  }
  if (kind == "freshness") {
    Json arguments = keyed(node, "error_after");
    to_micros(arguments, "warn_after");
    to_micros(arguments, "error_after");
    return arguments;
  }
  if (kind == "distribution") {
    Json arguments = keyed(node, "reference");
    if (!arguments.contains("reference")) arguments["reference"] = "previous";
    if (!arguments.contains("statistic")) arguments["statistic"] = "psi";
    return arguments;
  }
  return node.is_map() ? to_json(node, Secrets::Values) : Json::object();
}

/// One entry of a list of checks.
class CheckReader {
 public:
  CheckReader(const CheckScope& scope, Problems& problems) : scope_(scope), problems_(problems) {}

  std::vector<Check> read(const YamlNode& node, const Object& description, Place place) {
    place.line = node.line;
    place.column = node.column;
    check_ = {};
    check_.place = place;
    const YamlNode nothing;
    const YamlNode* arguments = &nothing;
    if (node.is_scalar()) {
      kind_ = find_kind(node.text);
    } else {
      kind_ = nullptr;
      for (const YamlEntry& entry : node.entries)
        if (kind_ == nullptr && (kind_ = find_kind(entry.key.text)) != nullptr) arguments = &entry.value;
    }
    if (kind_ == nullptr || description.find(kind_->name) == nullptr) return {};
    check_.kind = kind_->name;
    check_.arguments = arguments_of(check_.kind, *arguments);
    read_options(Reader(&node, description, place), description);
    if (!read_columns(node, *arguments)) return {};
    judge(*arguments);
    return expanded();
  }

 private:
  Error& mistake(std::string code, std::string message) {
    return problems_.add(std::move(code), std::move(message), check_.place);
  }

  void read_options(const Reader& options, const Object& description) {
    check_.severity = options.text("severity") == "warn" ? Severity::Warn : Severity::Error;
    const std::string on_fail = options.text("on_fail");
    check_.on_fail = on_fail == "quarantine" ? OnFail::Quarantine
                     : on_fail == "continue" ? OnFail::Continue
                                             : OnFail::Stop;
    check_.name = options.text("name");
    if (description.find("mostly") == nullptr) return;
    check_.mostly = options.share("mostly").value_or(1.0);
    check_.where = options.text("where");
    check_.warn_if = parse_fail_limit(options.text("warn_if"));
    check_.error_if = parse_fail_limit(options.text("error_if"));
    if (kind_->rows == Rows::No)
      for (const char* key : {"mostly", "warn_if", "error_if"})
        if (options.has(key))
          mistake("project.exclusive_keys", fmt::format("`{}` and `{}` exclude each other", kind_->name, key))
              .hint = fmt::format("`{}` judges the table, not single rows: remove `{}`", kind_->name, key);
    if (check_.on_fail == OnFail::Quarantine && (kind_->rows == Rows::No || check_.kind == "sql"))
      mistake("project.exclusive_keys", fmt::format("`{}` has no rows that could be set aside", kind_->name))
          .hint = "on_fail: stop or continue";
  }

  /// False when the check cannot be made without them.
  bool read_columns(const YamlNode& node, const YamlNode& arguments) {
    if (!scope_.column.empty()) {
      check_.columns = {scope_.column};
      if (kind_->columns == Columns::InArguments) {
        if (check_.arguments.contains("column") && check_.arguments["column"] != scope_.column)
          mistake("project.exclusive_keys",
                  fmt::format("this check stands on column {}, its `column` says {}", scope_.column,
                              to_text(check_.arguments["column"])));
        check_.arguments["column"] = scope_.column;
      }
      if (kind_->columns == Columns::None) check_.columns = {scope_.column};
      return true;
    }
    const YamlNode* option = node.find("column");
    std::vector<std::string> columns = list(option);
    if (kind_->columns == Columns::Many) {
      const std::vector<std::string> named = list(&arguments);
      if (!named.empty() && option != nullptr)
        mistake("project.exclusive_keys",
                fmt::format("`{}` has columns of its own and `column` beside it", kind_->name))
            .hint = "keep one of them";
      columns.insert(columns.end(), named.begin(), named.end());
    }
    if (kind_->columns == Columns::None && option != nullptr && check_.kind != "expression")
      mistake("project.exclusive_keys", fmt::format("`{}` and `column` exclude each other", kind_->name))
          .hint = fmt::format("`{}` is about the whole table", kind_->name);
    if (kind_->columns == Columns::InArguments) {
      if (columns.size() > 1)
        mistake("project.bad_value",
                fmt::format("`{}` takes one column, not {}", kind_->name, columns.size()));
      if (columns.size() == 1) check_.arguments["column"] = columns[0];
      if (check_.kind == "freshness" && !check_.arguments.contains("column") && !scope_.time_column.empty())
        check_.arguments["column"] = scope_.time_column;
      const bool counts_rows =
          check_.kind == "anomaly" && check_.arguments.value("metric", Json("")) == "row_count";
      if (counts_rows && check_.arguments.contains("column"))
        mistake("project.exclusive_keys", "`row_count` is about the whole table: remove `column`");
      if (!check_.arguments.contains("column")) return counts_rows || needs_column();
      if (check_.arguments["column"].is_string()) columns = {check_.arguments["column"].get<std::string>()};
    }
    if (columns.empty() && (kind_->columns == Columns::One || kind_->columns == Columns::Many))
      return needs_column();
    if (std::set<std::string>(columns.begin(), columns.end()).size() != columns.size())
      mistake("project.bad_value", fmt::format("`{}` names a column twice", kind_->name));
    check_.columns = std::move(columns);
    return true;
  }

  bool needs_column() {
    Error& error =
        mistake("project.missing_key", fmt::format("`{}` on a table needs its column", kind_->name));
    error.hint = kind_->columns == Columns::Many
                     ? fmt::format("write {{{}: [a, b]}}, or put it under columns", kind_->name)
                 : kind_->columns == Columns::InArguments
                     ? fmt::format("add `column`{}",
                                   check_.kind == "freshness" ? ", or time_column to the source" : "")
                     : "put it under columns, or add `column`";
    return false;
  }

  static std::vector<std::string> list(const YamlNode* node) {
    std::vector<std::string> all;
    if (node == nullptr) return all;
    if (const auto one = text_of(*node)) all.push_back(*one);
    for (const YamlNode& item : node->items)
      if (const auto one = text_of(item)) all.push_back(*one);
    return all;
  }

  void judge(const YamlNode& arguments) {
    Json& a = check_.arguments;
    if (a.contains("min") && a.contains("max") &&
        (check_.kind == "range" || check_.kind == "length" || check_.kind == "row_count")) {
      if (a["min"].is_number() != a["max"].is_number())
        mistake("project.bad_value",
                fmt::format("`{}` has a number on one side and text on the other", kind_->name));
      else if (a["min"] > a["max"])
        mistake("project.bad_value", fmt::format("`{}` ends before it begins: {} to {}", kind_->name,
                                                 to_text(a["min"]), to_text(a["max"])));
    }
    if (a.contains("warn_after") && a.contains("error_after") && a["warn_after"] > a["error_after"])
      mistake("project.bad_value", "`warn_after` is longer than `error_after`");
    if (check_.kind == "range" && arguments.is_list() && a.empty())
      mistake("project.bad_value", "`range` has no bound");
    if (check_.kind == "anomaly") {
      if (!a.contains("z")) a["z"] = 3.0;
      if (!a.contains("season")) a["season"] = "none";
      if (a.value("metric", Json("")) == "row_count" && !scope_.column.empty())
        mistake("project.bad_value", "`row_count` is about the whole table, not a column").hint =
            "put it under the table's checks";
    }
    if (check_.kind == "point_in_time") {
      if (!scope_.model.empty()) {
        if (a.contains("model") && a["model"] != scope_.model)
          mistake("project.exclusive_keys", fmt::format("this check stands on model {}, its `model` says {}",
                                                        scope_.model, to_text(a["model"])));
        a["model"] = scope_.model;
      } else if (!a.contains("model")) {
        mistake("project.missing_key", "`point_in_time` on a table needs its model").hint =
            "add `model`, or put it under the model's checks";
      }
      if (!a.contains("sample")) a["sample"] = 20;
    }
  }

  std::vector<Check> expanded() {
    const bool together =
        check_.kind == "unique" || kind_->columns == Columns::None || check_.columns.size() < 2;
    std::vector<Check> checks;
    if (together) {
      checks.push_back(check_);
    } else {
      for (const std::string& column : check_.columns) {
        checks.push_back(check_);
        checks.back().columns = {column};
        if (!check_.name.empty()) checks.back().name = fmt::format("{} {}", check_.name, column);
      }
    }
    return checks;
  }

  const CheckScope& scope_;
  Problems& problems_;
  const Kind* kind_ = nullptr;
  Check check_;
};

}  // namespace

const std::vector<std::string>& check_kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Kind& kind : kKinds) all.emplace_back(kind.name);
    return all;
  }();
  return names;
}

std::vector<Check> read_checks(const YamlNode* list, const Object& description, const CheckScope& scope,
                               const Place& place, Problems& problems) {
  std::vector<Check> checks;
  if (list == nullptr) return checks;
  CheckReader reader(scope, problems);
  for (const YamlNode& item : list->items)
    for (Check& check : reader.read(item, description, place)) checks.push_back(std::move(check));
  return checks;
}

void name_checks(std::vector<Column>& columns, std::vector<Check>& checks, Problems& problems) {
  std::vector<Check*> all;
  for (Column& column : columns)
    for (Check& check : column.checks) all.push_back(&check);
  for (Check& check : checks) all.push_back(&check);
  std::set<std::string> names;
  for (Check* check : all)
    if (!check->name.empty() && !names.insert(check->name).second)
      problems.add("project.name_taken", fmt::format("another check is called '{}' too", check->name),
                   check->place);
  for (Check* check : all) {
    if (!check->name.empty()) continue;
    std::string base = check->kind;
    if (check->kind == "anomaly" && check->arguments.contains("metric"))
      base += fmt::format(" of {}", check->arguments["metric"].is_string()
                                        ? check->arguments["metric"].get<std::string>()
                                        : "");
    if (!check->columns.empty()) base += fmt::format("({})", fmt::join(check->columns, ", "));
    check->name = base;
    for (int number = 2; !names.insert(check->name).second; ++number)
      check->name = fmt::format("{} {}", base, number);
  }
}

}  // namespace tidemill::project
