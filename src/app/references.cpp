#include "app/references.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/outline.hpp"

namespace tidemill::app {

namespace {

constexpr size_t kFewNames = 10;

Result<bool> is_table(const Session& session, const std::string& name) {
  if (session.project.is_table(name)) return true;
  TM_TRY(const auto live, session.registry->live_tables());
  return live.contains(name);
}

}  // namespace

std::string hint_of_names(const std::string& name, const std::vector<std::string>& names) {
  if (std::string hint = did_you_mean(name, names); !hint.empty()) return hint;
  for (const std::string& each : names)
    if (!name.empty() && (each.find(name) != std::string::npos || name.find(each) != std::string::npos))
      return fmt::format("did you mean '{}'?", each);
  return names.empty() || names.size() > kFewNames ? "" : fmt::format("there is {}", fmt::join(names, ", "));
}

Result<void> check_model(const Session& session, const std::string& reference) {
  const std::string name = pipeline::parse_reference(reference).model;
  TM_TRY(const auto trained, session.registry->models());
  std::set<std::string> names(trained.begin(), trained.end());
  for (const auto& [model, _] : session.project.models) names.insert(model);
  if (names.contains(name)) return {};
  TM_TRY(const bool table, is_table(session, name));
  return user_error(
      "usage.unknown_model",
      table ? fmt::format("'{}' is a table, not a model", name) : fmt::format("there is no model '{}'", name),
      {},
      names.empty() ? "the project declares none: see `models:` in tidemill schema --markdown"
                    : hint_of_names(name, {names.begin(), names.end()}));
}

Result<registry::Version> find_version(const Session& session, const std::string& reference) {
  TM_CHECK(check_model(session, reference));
  const pipeline::ModelReference parsed = pipeline::parse_reference(reference);
  auto found = session.registry->version(parsed.model, parsed.version);
  if (!found) return std::unexpected(pipeline::with_maker(session.project, parsed, std::move(found).error()));
  return found;
}

Result<void> check_compared(const Session& session, const std::string& reference) {
  TM_TRY(const auto run, session.registry->run(reference));
  if (run) return {};
  const auto [name, version] = pipeline::parse_reference(reference);
  TM_TRY(const bool table, is_table(session, name));
  if (!table) return check_model(session, reference);
  int64_t id = 0;
  const auto parsed = std::from_chars(version.data(), version.data() + version.size(), id);
  const bool number = parsed.ec == std::errc() && parsed.ptr == version.data() + version.size();
  if (number) {
    TM_TRY(const auto snapshot, session.registry->table(id));
    if (snapshot && snapshot->name == name) return {};
  }
  return user_error(
      "usage.diff",
      number ? fmt::format("table {} has no snapshot {}", name, id)
             : fmt::format("'{}' is a table: two of its snapshots can be compared", name),
      {}, fmt::format("tidemill diff {0}@12 {0}@15; tidemill tables show {0} lists their ids", name));
}

Result<const project::Deployment*> find_deployment(const Session& session, const std::string& name) {
  const auto& deployments = session.project.deployments;
  if (const auto found = deployments.find(name); found != deployments.end()) return &found->second;
  std::vector<std::string> names;
  for (const auto& [each, _] : deployments) names.push_back(each);
  return user_error("usage.unknown_deployment", fmt::format("there is no deployment '{}'", name), {},
                    names.empty() ? "the project declares none: deployments: {NAME: {model: MODEL@champion}}"
                                  : hint_of_names(name, names));
}

}  // namespace tidemill::app
