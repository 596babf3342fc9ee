// The kinds of single values that a project file holds: how each is written, checked, described and read.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "project/project.hpp"
#include "project/yaml.hpp"

namespace tidemill::project {

struct Scalar {
  enum class Kind {
    Text,
    Sql,  // an expression or condition
    Path,
    ProjectName,  // letters, digits, - and _
    Identifier,   // [a-z_][a-z0-9_]*, not reserved
    Column,
    Bool,
    Integer,
    Number,
    Share,     // 1% or 0.01
    Duration,  // with a `min`, in microseconds
    Bytes,
    Url,  // http://… or https://…
    Cron,
    TimeZone,
    ColumnType,
    FailLimit,  // "> 10", "> 1%"
    Metric,
    Objective,
    DecisionRule,
    Rate,            // 100 per day
    Selector,        // +late
    Word,            // one of `words`
    Value,           // any single value
    Reference,       // the name of a `target`
    ModelReference,  // late@champion
    TableColumn,     // airports.faa
  };
  enum class Target { Table, TableOrPrevious, Source, Transform, Model, Connection, Deployment };
  Kind kind = Kind::Text;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::vector<std::string> words = {};
  Target target = Target::Table;
};

/// What is wrong with a value; nothing when it fits.
struct Misfit {
  std::string code;  // project.wrong_type, project.bad_value, project.bad_name …
  std::string message;
  std::string hint;
};
/// Whether the target of a reference exists is not asked here.
std::optional<Misfit> misfit(const Scalar& scalar, const YamlNode& node);
/// "a duration such as 24h", "one of error, warn"
std::string describe(const Scalar& scalar);

// How they are read; nothing when the text is not one.
/// A finite decimal number; no sign but -.
std::optional<double> parse_number(std::string_view text);
std::string_view trimmed(std::string_view text);
std::optional<bool> truth_of(const YamlNode& node);
std::optional<double> parse_number(const YamlNode& node);
std::optional<int64_t> parse_integer(const YamlNode& node);
std::optional<double> parse_share(const YamlNode& node);
std::optional<int64_t> parse_bytes(std::string_view text);
std::optional<FailLimit> parse_fail_limit(std::string_view text);
/// "late@champion", or "late", which means its champion.
struct ModelReference {
  std::string model;
  std::string version;
};
std::optional<ModelReference> parse_model_reference(std::string_view text);
/// One term of a selector: "+late" is late and what it needs, "late+" late and what needs it.
struct SelectorTerm {
  std::string name;
};
std::optional<std::vector<SelectorTerm>> parse_selector(std::string_view text);

bool is_identifier(std::string_view text);
/// Names the SQL engine has for itself, and words of SQL that would need quotes.
bool is_reserved_name(std::string_view name);
const std::vector<std::string>& metric_names();
const std::vector<std::string>& column_types();

}  // namespace tidemill::project
