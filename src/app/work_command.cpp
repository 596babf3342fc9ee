// tidemill work: schedules and retraining without a server.
#include <csignal>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/label_taking.hpp"
#include "app/notifier.hpp"
#include "app/output.hpp"
#include "app/scheduler.hpp"
#include "app/watcher.hpp"

namespace tidemill::app {

int work(const GlobalOptions& global) {
  auto session = open_session(global, registry::Options::Mode::ReadWrite);
  if (!session) return report(global, session.error());
  warn_of_idle_keys(global, session->project);
  // Blocked before any thread starts, so that only sigwait takes them.
  sigset_t ending;
  sigemptyset(&ending);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ending, signal);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const auto labels = monitoring::Labels::open(session->project);
  if (!labels) return report(global, labels.error());
  Notifier notifier(session->project, *session->registry, session->clock);
  Watcher watcher(session->project, *session->registry, {.told = [&](const AlertEvents& events, Instant now) {
                    return notifier.tell(events, now);
                  }});
  auto scheduler = Scheduler::open(
      session->project,
      {.global = global, .tell = notifier.sink(), .sources = {.new_labels = new_labels_of(**labels)}});
  if (!scheduler) return report(global, scheduler.error());
  (*scheduler)->begin();
  const Watching watching(session->project, session->clock, watcher);
  constexpr Duration kTakeLabels{60'000'000};
  const LabelTaking taking(session->project, *session->registry, **labels, kTakeLabels);
  const size_t schedules = session->project.schedules.size();
  fmt::print(stderr, "working: {} schedule{}\n", schedules, schedules == 1 ? "" : "s");
  std::fflush(stderr);
  int signal = 0;
  ::sigwait(&ending, &signal);
  (*scheduler)->stop();
  fmt::print(stderr, "stopped\n");
  return 0;
}

}  // namespace tidemill::app
