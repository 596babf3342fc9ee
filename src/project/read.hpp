// From the validated tree to typed values, one file for each thing declared. What depends on several values
// at once (exclusive meanings, sums, defaults from elsewhere) is checked here; names of things declared
// elsewhere are checked in references.cpp.
#pragma once

#include <fmt/format.h>

#include "project/project.hpp"
#include "project/reader.hpp"

namespace tidemill::project {

/// Where checks stand: decides which columns they judge.
struct CheckScope {
  std::string column;       // checks of a column
  std::string time_column;  // of the source, for freshness
  std::string model;        // checks of a model
};
std::vector<Check> read_checks(const YamlNode* list, const Object& description, const CheckScope& scope,
                               const Place& place, Problems& problems);
/// Gives equal names a number ("expression 2"); an equal name that the user gave is a mistake.
void name_checks(std::vector<Column>& columns, std::vector<Check>& checks, Problems& problems);

/// A list of objects: each item with its place, called "noun 2".
template <class Visit>
void each_item(const YamlNode* list, const Place& place, std::string_view noun, const Visit& visit) {
  if (list == nullptr) return;
  for (size_t i = 0; i < list->items.size(); ++i) {
    Place at = place;
    at.line = list->items[i].line;
    at.column = list->items[i].column;
    at.what += fmt::format("{}{} {}", at.what.empty() ? "" : ", ", noun, i + 1);
    visit(list->items[i], at);
  }
}

Connection read_connection(const std::string& name, const YamlNode& node, const Place& place);
Source read_source(const std::string& name, const YamlNode& node, const Place& place, Problems& problems);
Transform read_transform(const std::string& name, const YamlNode& node, const Place& place,
                         Problems& problems);
Model read_model(const std::string& name, const YamlNode& node, const Place& place, Problems& problems);
Deployment read_deployment(const std::string& name, const YamlNode& node, const Place& place,
                           Problems& problems);
Export read_export(const std::string& table, const YamlNode& node, const Place& place, Problems& problems);
std::vector<Schedule> read_schedules(const Reader& project, Problems& problems);
/// By deployment. `project` has its models and deployments already.
std::map<std::string, std::vector<Monitor>> read_monitors(const Reader& reader, const Project& project,
                                                          Problems& problems);
std::map<std::string, Labels> read_labels(const Reader& project);
std::optional<Notify> read_notify(const Reader& project);
Retry read_retries(const Reader& retries);

}  // namespace tidemill::project
