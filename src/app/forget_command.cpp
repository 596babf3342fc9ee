// tidemill forget: takes a subject's rows out of the log, the labels and what checks set aside.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "monitoring/forget.hpp"

namespace tidemill::app {

namespace {

/// "7", where the key is one column; "flight_id=7" of each column.
Result<Json> key_of(const std::vector<std::string>& columns, const std::vector<std::string>& words) {
  Json key = Json::object();
  if (columns.size() == 1 && words.size() == 1 && !words[0].starts_with(columns[0] + "=")) {
    key[columns[0]] = words[0];
    return key;
  }
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    const std::string column = word.substr(0, equals);
    if (equals == word.npos || std::ranges::find(columns, column) == columns.end())
      return user_error("usage.arguments", fmt::format("'{}' is no COLUMN=VALUE of the key", word), {},
                        fmt::format("the key is {}", fmt::join(columns, ", ")));
    key[column] = word.substr(equals + 1);
  }
  return key;
}

std::string rows_text(const monitoring::Forgotten::Removed& removed, std::string_view where) {
  return fmt::format("{} row{} removed from {}", grouped(removed.rows), removed.rows == 1 ? "" : "s", where);
}

std::string text_of(const monitoring::Forgotten& forgotten, const std::string& deployment) {
  std::string out = rows_text(forgotten.log, fmt::format("the log of {}", deployment)) + "\n" +
                    rows_text(forgotten.labels, "its labels") + "\n" +
                    rows_text(forgotten.set_aside, "what checks set aside");
  if (forgotten.waiting > 0)
    out += fmt::format(
        "\n{} rows are in a segment that a process is writing: in no table any more, and off the disk when "
        "the hour is over or the process has ended",
        grouped(forgotten.waiting));
  if (forgotten.unreadable > 0)
    out += fmt::format("\n{} files of the log cannot be read (*.bad): remove them if they may hold it",
                       forgotten.unreadable);
  for (const auto& holder : forgotten.snapshots)
    out += fmt::format("\nstill in {}@{}: {} rows{}", holder.table, holder.snapshot, grouped(holder.rows),
                       holder.is_live ? ", live" : "");
  if (!forgotten.versions.empty())
    out += fmt::format("\ntrained on it: {}", fmt::join(forgotten.versions, ", "));
  return out;
}

Result<monitoring::Forgotten> forget_in(const Session& session, const ForgetOptions& options) {
  TM_TRY(const project::Deployment* deployment, find_deployment(session, options.deployment));
  const std::vector<std::string> columns = session.project.key_of(*deployment);
  // Without a log there is no key to be named: forget() says so.
  TM_TRY(const Json key, deployment->log ? key_of(columns, options.key) : Result<Json>(Json::object()));
  return monitoring::forget(session.project, *session.registry, *deployment, key, system_clock()->now());
}

/// Who, when and how much; of whom, only those can tell who have the home's hash.key.
Result<void> note(registry::Registry& registry, const std::string& deployment,
                  const monitoring::Forgotten& forgotten) {
  return registry.note_act("forget", {{"deployment", deployment},
                                      {"subject", forgotten.subject},
                                      {"log", forgotten.log.rows},
                                      {"labels", forgotten.labels.rows},
                                      {"set_aside", forgotten.set_aside.rows},
                                      {"waiting", forgotten.waiting}});
}

}  // namespace

int forget(const GlobalOptions& global, const ForgetOptions& options) {
  auto session = open_session(global, registry::Options::Mode::ReadWrite);
  if (!session) return report(global, session.error());
  const auto forgotten = forget_in(*session, options);
  if (!forgotten) return report(global, forgotten.error());
  if (const auto noted = note(*session->registry, options.deployment, *forgotten); !noted)
    return report(global, noted.error());
  if (global.json)
    print_json(forgotten->to_json());
  else
    print(text_of(*forgotten, options.deployment));
  return 0;
}

}  // namespace tidemill::app
