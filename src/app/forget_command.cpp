// tidemill forget: takes a subject's rows out of the log, the labels and what checks set aside.
#include <algorithm>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/driven_clock.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "app/subject.hpp"
#include "monitoring/forget.hpp"

namespace tidemill::app {

namespace {

std::string rows_text(const monitoring::Forgotten::Removed& removed, std::string_view where) {
  return fmt::format("{} row{} removed from {}", grouped(removed.rows), removed.rows == 1 ? "" : "s", where);
}

std::string text_of(const monitoring::Forgotten& forgotten, const std::string& deployment) {
  std::string out = rows_text(forgotten.log, fmt::format("the log of {}", deployment)) + "\n" +
                    rows_text(forgotten.labels, "its labels") + "\n" +
                    rows_text(forgotten.set_aside, "what checks set aside");
  if (forgotten.waiting > 0)
    out += fmt::format(
        "\n{} row{} in a segment that a process is writing: in no table any more, and off the disk when "
        "the hour is over or the process has ended",
        grouped(forgotten.waiting), forgotten.waiting == 1 ? " is" : "s are");
  if (forgotten.unreadable > 0)
    out += fmt::format("\n{} files of the log cannot be read (*.bad): remove them if they may hold it",
                       forgotten.unreadable);
  out += holders_text(forgotten);
  const bool may_go = std::ranges::any_of(forgotten.snapshots, [](const auto& one) { return !one.is_live; });
  if (may_go || !forgotten.versions.empty())
    out += "\nwhat is not live of these goes with: tidemill gc --subject " + deployment + " KEY";
  return out;
}

Result<monitoring::Forgotten> forget_in(const Session& session, const ForgetOptions& options) {
  TM_TRY(const project::Deployment* deployment, find_deployment(session, options.deployment));
  const std::vector<std::string> columns = session.project.key_of(*deployment);
  // Without a log there is no key to be named: forget() says so.
  TM_TRY(const Json key, key_from_words(deployment->log ? columns : std::vector<std::string>(), options.key));
  return monitoring::forget(session.project, *session.registry, *deployment, key, clock_of_process()->now());
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
