// tidemill report: one page on a deployment, to be looked at.
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "app/report_page.hpp"

namespace tidemill::app {

namespace {

constexpr Duration kLongestWindow{int64_t{10} * 366 * 86'400'000'000};

Result<int> make(const GlobalOptions& global, const Session& session, const ReportOptions& options) {
  TM_TRY(const auto* deployment, find_deployment(session, options.deployment));
  if (options.window.micros <= 0 || options.window > kLongestWindow)
    return user_error("usage.window", fmt::format("a window of {}", to_text(options.window)), {},
                      "from a second to ten years: --window 28d");
  const pipeline::Budget budget = pipeline::budget_of(session.project);
  monitoring::ReportInput input;
  input.project = &session.project;
  input.deployment = deployment;
  input.registry = session.registry.get();
  if (options.version > 0) input.version = options.version;
  input.now = session.clock->now();
  input.window = options.window;
  input.threads = budget.threads;
  input.memory_bytes = budget.memory_bytes;
  TM_TRY(const monitoring::Report report, monitoring::report_of(input));
  if (!options.html.empty()) {
    const std::string page = report_page(report);
    TM_CHECK(write_file(std::filesystem::absolute(options.html), page));
    if (!global.quiet && !global.json)
      fmt::print(stderr, "{} has the report, {}\n", options.html.native(),
                 human_bytes(static_cast<int64_t>(page.size())));
  }
  if (global.json) {
    print_json(monitoring::to_json(report));
    return 0;
  }
  print(fmt::format("{} serves {}@{}: version {}", report.deployment, report.model, report.alias,
                    report.version));
  for (const std::string& sentence : report_summary(report)) print(visible(sentence, Breaks::Show));
  return 0;
}

}  // namespace

int deployment_report(const GlobalOptions& global, const ReportOptions& options) {
  auto session = open_session(global, registry::Options::Mode::ReadOnly);
  if (!session) return report(global, session.error());
  const auto exit = make(global, *session, options);
  return exit ? *exit : report(global, exit.error());
}

}  // namespace tidemill::app
