#include "project/scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "project/cron.hpp"
#include "project/time_zone.hpp"

namespace tidemill::project {

namespace {

using Kind = Scalar::Kind;

constexpr std::array<std::string_view, 4> kPerSpans{"minute", "hour", "day", "week"};
constexpr std::array<std::string_view, 6> kObjectiveFamilies{
    "reg:", "binary:", "multi:", "count:", "survival:", "rank:"};
const std::vector<std::string> kTasks{"regression", "binary", "multiclass"};

std::string quoted_list(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string_view target_word(Scalar::Target target) {
  switch (target) {
    case Scalar::Target::Table:
      return "table";
    case Scalar::Target::TableOrPrevious:
      return "table, or previous";
    case Scalar::Target::Source:
      return "source";
    case Scalar::Target::Transform:
      return "transform";
    case Scalar::Target::Model:
      return "model";
    case Scalar::Target::Connection:
      return "connection";
    case Scalar::Target::Deployment:
      return "deployment";
  }
  return "table";
}

std::string type_word(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::Null:
      return "empty";
    case YamlNode::Kind::List:
      return "a list";
    case YamlNode::Kind::Map:
      return "a map";
    case YamlNode::Kind::Scalar:
      break;
  }
  switch (scalar_type(node)) {
    case ScalarType::Null:
      return "empty";
    case ScalarType::Bool:
      return "true or false";
    case ScalarType::Integer:
    case ScalarType::Number:
      return "a number";
    case ScalarType::Text:
      return "text";
  }
  return "text";
}

bool wants_text(Kind kind) {
  switch (kind) {
    case Kind::Bool:
    case Kind::Integer:
    case Kind::Number:
    case Kind::Share:
    case Kind::Bytes:
    case Kind::FailLimit:
    case Kind::Value:
      return false;
    default:
      return true;
  }
}

Misfit wrong_type(const YamlNode& node, std::string hint = {}) {
  return {"project.wrong_type", fmt::format("is {}", type_word(node)), std::move(hint)};
}
Misfit bad_value(std::string message, std::string hint = {}) {
  return {"project.bad_value", std::move(message), std::move(hint)};
}

std::optional<Misfit> name_misfit(std::string_view text) {
  if (!is_identifier(text)) {
    std::string repaired;
    for (const char c : text.substr(0, 60))
      repaired += (c >= 'A' && c <= 'Z')                             ? static_cast<char>(c + 32)
                  : (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c
                                                                     : '_';
    if (!repaired.empty() && repaired[0] >= '0' && repaired[0] <= '9') repaired.insert(0, "_");
    return Misfit{"project.bad_name", fmt::format("'{}' is not a name", text),
                  is_identifier(repaired) ? fmt::format("write {}", repaired) : ""};
  }
  if (is_reserved_name(text)) {
    std::string free = fmt::format("{}_data", text);
    if (is_reserved_name(free)) free = fmt::format("my_{}", text);  // its beginning is what is reserved
    return Misfit{"project.reserved_name", fmt::format("the name '{}' is reserved for SQL", text),
                  fmt::format("write {} or the like", free)};
  }
  return std::nullopt;
}

std::optional<Misfit> number_misfit(const Scalar& scalar, const YamlNode& node, std::optional<double> value,
                                    bool is_number) {
  if (!value) {
    if (is_number) return bad_value(fmt::format("{} is not such a number", node.shown));
    const bool only_quotes = node.is_scalar() && !node.plain && parse_number(node.text).has_value();
    return wrong_type(node, only_quotes ? "write the number without quotes" : "");
  }
  if (*value < scalar.min || *value > scalar.max)
    return bad_value(fmt::format("{} is out of range", node.shown));
  return std::nullopt;
}

std::string hint_of_share(const YamlNode& node) {
  const auto number = parse_number(node.text);
  return number && *number > 1 && *number <= 100 ? fmt::format("write {}%", node.shown) : "write 1% or 0.01";
}

/// A word that is a part of a longer one: auc of roc_auc.
std::string hint_of_word(const std::string& text, const std::vector<std::string>& words) {
  constexpr size_t kShortestPart = 3;
  std::string hint = did_you_mean(text, words);
  for (const std::string& word : words)
    if (hint.empty() && text.size() >= kShortestPart && word.find(text) != std::string::npos)
      hint = fmt::format("did you mean '{}'?", word);
  return hint;
}

bool is_url(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (text.starts_with(scheme)) return text.size() > scheme.size() && text[scheme.size()] != '/';
  return false;
}

std::optional<Misfit> word_misfit(const YamlNode& node, const std::vector<std::string>& words,
                                  std::string_view code, std::string_view noun) {
  if (std::find(words.begin(), words.end(), node.text) != words.end()) return std::nullopt;
  return Misfit{std::string(code),
                noun == "choice" ? fmt::format("'{}' is no choice here", node.shown)
                                 : fmt::format("there is no {} '{}'", noun, node.shown),
                hint_of_word(node.text, words)};
}

std::optional<Misfit> column_type_misfit(const YamlNode& node) {
  std::string base;
  for (const char c : node.text.substr(0, node.text.find_first_of("([")))
    base += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  base = trimmed(base);
  const int depth = static_cast<int>(std::count(node.text.begin(), node.text.end(), '(') -
                                     std::count(node.text.begin(), node.text.end(), ')'));
  if (depth != 0) return bad_value(fmt::format("'{}' has a parenthesis too many or too few", node.shown));
  return word_misfit(node.text == base ? node : YamlNode{YamlNode::Kind::Scalar, base, node.shown},
                     column_types(), "project.bad_value", "column type");
}

std::optional<Misfit> text_misfit(const Scalar& scalar, const YamlNode& node) {
  const std::string& text = node.text;
  switch (scalar.kind) {
    case Kind::Word:
      return word_misfit(node, scalar.words, "project.bad_value", "choice");
    case Kind::Metric:
      return word_misfit(node, metric_names(), "project.unknown_metric", "metric");
    case Kind::Identifier:
      return name_misfit(text);
    case Kind::ProjectName: {
      const bool fits = text.size() <= 100 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
                          return std::isalnum(c) || c == '-' || c == '_';
                        });
      if (!fits) return Misfit{"project.bad_name", fmt::format("'{}' is not a name", node.shown), ""};
      return std::nullopt;
    }
    case Kind::Duration:
      if (const auto span = parse_duration(text); !span)
        return bad_value(fmt::format("'{}' is not a duration", node.shown),
                         "a number and a unit: 500ms, 90s, 15m, 24h, 28d, 2w");
      else if (static_cast<double>(span->micros) < scalar.min)
        return bad_value(fmt::format("'{}' leaves no time at all", node.shown));
      return std::nullopt;
    case Kind::Url:
      if (!is_url(text))
        return bad_value(fmt::format("'{}' is not a URL", node.shown),
                         "it begins with https:// or http:// and names a host");
      return std::nullopt;
    case Kind::Cron:
      if (auto cron = parse_cron(text); !cron) return bad_value(cron.error().message, cron.error().hint);
      return std::nullopt;
    case Kind::TimeZone:
      if (!is_time_zone(text)) {
        const std::string near = nearest_time_zone(text);
        return bad_value(fmt::format("there is no time zone '{}'", node.shown),
                         near.empty() ? "" : fmt::format("did you mean '{}'?", near));
      }
      return std::nullopt;
    case Kind::ColumnType:
      return column_type_misfit(node);
    case Kind::Objective: {
      const bool family = std::any_of(kObjectiveFamilies.begin(), kObjectiveFamilies.end(),
                                      [&](auto prefix) { return text.starts_with(prefix); });
      return family ? std::nullopt : word_misfit(node, kTasks, "project.bad_value", "objective");
    }
    case Kind::DecisionRule: {
      const size_t bound = text.find(">=");
      if (bound == std::string::npos)
        return word_misfit(node, {"f1", "youden", "accuracy"}, "project.bad_value", "rule");
      const std::string_view metric = trimmed(std::string_view(text).substr(0, bound));
      const auto value = parse_number(trimmed(std::string_view(text).substr(bound + 2)));
      if ((metric == "precision" || metric == "recall") && value && *value > 0 && *value <= 1)
        return std::nullopt;
      return bad_value(fmt::format("'{}' is not a rule", node.shown),
                       "for example precision>=0.9 or recall>=0.8");
    }
    case Kind::Rate: {
      const std::string_view rest =
          std::string_view(text).substr(std::min(text.find_first_not_of("0123456789"), text.size()));
      const bool counted = rest.size() < text.size();
      for (const std::string_view span : kPerSpans)
        if (counted && rest == fmt::format(" per {}", span)) return std::nullopt;
      return bad_value(fmt::format("'{}' is not a rate", node.shown),
                       "for example 100 per day; minute, hour, day or week");
    }
    case Kind::Selector:
      if (!parse_selector(text))
        return bad_value(
            fmt::format("'{}' selects nothing", node.shown),
            "a name, +name for it and all it needs, name+ for it and all that needs it; several with spaces");
      return std::nullopt;
    case Kind::ModelReference:
      if (!parse_model_reference(text))
        return bad_value(fmt::format("'{}' is not a model and alias", node.shown),
                         "for example late@champion or late@7");
      return std::nullopt;
    case Kind::TableColumn: {
      const size_t dot = text.find('.');
      if (dot == std::string::npos || dot == 0 || dot + 1 == text.size())
        return bad_value(fmt::format("'{}' is not a table and a column", node.shown),
                         "for example airports.faa");
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Misfit> misfit(const Scalar& scalar, const YamlNode& node) {
  if (node.deferred) return std::nullopt;
  if (scalar.kind == Kind::Value) {
    if (node.is_list() || node.is_map()) return wrong_type(node);
    return std::nullopt;
  }
  if (!node.is_scalar()) return wrong_type(node);
  const ScalarType type = scalar_type(node);
  if (wants_text(scalar.kind)) {
    if (type != ScalarType::Text && !node.interpolated)
      return wrong_type(node, scalar.kind == Kind::Duration ? "add the unit: 24h, 7d"
                                                            : "put it in quotes if it is meant as text");
    if (trimmed(node.text).empty()) return bad_value("this text is empty");
    return text_misfit(scalar, node);
  }
  const bool is_number = type == ScalarType::Integer || type == ScalarType::Number;
  switch (scalar.kind) {
    case Kind::Bool:
      if (type == ScalarType::Bool) return std::nullopt;
      return wrong_type(node, node.text == "yes" || node.text == "on"   ? "write true"
                              : node.text == "no" || node.text == "off" ? "write false"
                                                                        : "");
    case Kind::Integer: {
      const auto value = parse_integer(node);
      return number_misfit(
          scalar, node, value ? std::optional<double>(static_cast<double>(*value)) : std::nullopt, is_number);
    }
    case Kind::Number:
      return number_misfit(scalar, node, parse_number(node), is_number);
    case Kind::Share:
      if (const auto share = parse_share(node)) {
        if (*share < scalar.min || *share > scalar.max)
          return bad_value(fmt::format("{} is out of range", node.shown));
        return std::nullopt;
      }
      if (type == ScalarType::Bool) return wrong_type(node);
      return bad_value(fmt::format("'{}' is not a share", node.shown), hint_of_share(node));
    case Kind::Bytes:
      if (const auto bytes = parse_bytes(node.text)) {
        if (static_cast<double>(*bytes) < scalar.min)
          return bad_value(fmt::format("'{}' is less than {:.0f} MB", node.shown, scalar.min / 1e6));
        return std::nullopt;
      }
      return bad_value(fmt::format("'{}' is not a size", node.shown),
                       "a number and a unit: 512MB, 4GB, 2GiB");
    case Kind::FailLimit:
      if (!parse_fail_limit(node.text))
        return bad_value(fmt::format("'{}' is not a limit", node.shown),
                         "for example \"> 10\" rows or \"> 1%\"");
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::string describe(const Scalar& scalar) {
  const bool low = std::isfinite(scalar.min), high = std::isfinite(scalar.max);
  const std::string range = low && high ? fmt::format(" from {} to {}", scalar.min, scalar.max)
                            : low       ? fmt::format(", {} or more", scalar.min)
                            : high      ? fmt::format(", {} or less", scalar.max)
                                        : "";
  switch (scalar.kind) {
    case Kind::Text:
      return "text";
    case Kind::Sql:
      return "an SQL expression";
    case Kind::Path:
      return "a path";
    case Kind::ProjectName:
      return "letters, digits, - and _";
    case Kind::Identifier:
      return "a name of a-z, 0-9 and _ that begins with a letter or _";
    case Kind::Column:
      return "a column's name";
    case Kind::Bool:
      return "true or false";
    case Kind::Integer:
      return "a whole number" + range;
    case Kind::Number:
      return "a number" + range;
    case Kind::Share:
      return low && scalar.min > 0 ? "a share above 0 such as 20% or 0.2" : "a share such as 20% or 0.2";
    case Kind::Duration:
      return "a duration such as 90s, 24h or 28d";
    case Kind::Bytes:
      return "a size such as 512MB or 4GB";
    case Kind::Url:
      return "a URL such as https://example.org/hook";
    case Kind::Cron:
      return "a cron expression such as \"0 6 * * *\"";
    case Kind::TimeZone:
      return "a time zone such as America/New_York";
    case Kind::ColumnType:
      return "an SQL type such as varchar, double or timestamptz";
    case Kind::FailLimit:
      return "a number or share of failing rows such as \"> 10\" or \"> 1%\"";
    case Kind::Metric:
      return "a metric: " + quoted_list(metric_names());
    case Kind::Objective:
      return "regression, binary, multiclass or an XGBoost objective such as count:poisson";
    case Kind::DecisionRule:
      return "f1, youden, accuracy, precision>=SHARE or recall>=SHARE";
    case Kind::Rate:
      return "a rate such as 100 per day";
    case Kind::Selector:
      return "a selection such as +late";
    case Kind::Word:
      return scalar.words.size() == 1 ? scalar.words[0] : "one of " + quoted_list(scalar.words);
    case Kind::Value:
      return "a value";
    case Kind::Reference:
      return fmt::format("the name of a {}", target_word(scalar.target));
    case Kind::ModelReference:
      return "a model and its alias or version such as late@champion";
    case Kind::TableColumn:
      return "a table and its column such as airports.faa";
  }
  return "a value";
}

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names{"roc_auc",
                                              "pr_auc",
                                              "log_loss",
                                              "brier",
                                              "ece",
                                              "accuracy",
                                              "precision",
                                              "recall",
                                              "f1",
                                              "macro_precision",
                                              "macro_recall",
                                              "macro_f1",
                                              "micro_precision",
                                              "micro_recall",
                                              "micro_f1",
                                              "rmse",
                                              "mae",
                                              "r2",
                                              "wape",
                                              "mase",
                                              "mape"};
  return names;
}

const std::vector<std::string>& column_types() {
  static const std::vector<std::string> names{"bigint",
                                              "bit",
                                              "blob",
                                              "bool",
                                              "boolean",
                                              "bytea",
                                              "char",
                                              "date",
                                              "decimal",
                                              "double",
                                              "double precision",
                                              "enum",
                                              "float",
                                              "float4",
                                              "float8",
                                              "hugeint",
                                              "int",
                                              "int1",
                                              "int2",
                                              "int4",
                                              "int8",
                                              "integer",
                                              "interval",
                                              "json",
                                              "long",
                                              "map",
                                              "numeric",
                                              "real",
                                              "short",
                                              "signed",
                                              "smallint",
                                              "string",
                                              "struct",
                                              "text",
                                              "time",
                                              "timestamp",
                                              "timestamp with time zone",
                                              "timestamp_ms",
                                              "timestamp_ns",
                                              "timestamp_s",
                                              "timestamptz",
                                              "timetz",
                                              "tinyint",
                                              "ubigint",
                                              "uhugeint",
                                              "uinteger",
                                              "union",
                                              "usmallint",
                                              "utinyint",
                                              "uuid",
                                              "varbinary",
                                              "varchar"};
  return names;
}

}  // namespace tidemill::project
