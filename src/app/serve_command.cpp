// tidemill serve: deployments behind HTTP. Follows promotions by polling the registry's generation; SIGTERM
// drains.
#include <csignal>
#include <ctime>

#include <fmt/format.h>

#include "api/routes.hpp"
#include "api/server.hpp"
#include "app/commands.hpp"
#include "app/output.hpp"
#include "base/log.hpp"
#include "serving/deployments.hpp"

namespace tidemill::app {

namespace {

constexpr Duration kDrainLimit{30'000'000};

timespec timespec_of(Duration duration) {
  return {duration.micros / 1'000'000, (duration.micros % 1'000'000) * 1000};
}

// Waits for a signal to end, looking after promotions in between. SIGHUP is not one: a closed terminal ends
// us as usual.
void follow_promotions(const sigset_t& ending, serving::Deployments& deployments,
                       registry::Registry& registry, Duration poll) {
  const timespec pause = timespec_of(poll);
  while (::sigtimedwait(&ending, nullptr, &pause) < 0) deployments.refresh(registry);
}

}  // namespace

int serve(const GlobalOptions& global, const ServeOptions& options) {
  if (!api::is_loopback(options.host) && !options.insecure)
    return report(global, Error{ErrorKind::User,
                                "usage.insecure",
                                fmt::format("refusing to listen on {} without tokens", options.host),
                                {},
                                {},
                                {},
                                "listen on 127.0.0.1 behind a proxy, or say --insecure"});
  auto session = open_session_to_look(global);
  if (!session) return report(global, session.error());
  warn_of_idle_keys(global, session->project);
  if (session->project.deployments.empty())
    return report(global, Error{ErrorKind::User,
                                "project.no_deployments",
                                "the project file declares no deployments",
                                {.file = session->project.file.native()},
                                {},
                                {},
                                "deployments: {NAME: {model: MODEL@champion}}"});
  // Blocked before any thread starts, so that only follow_promotions takes them.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  const auto deployments = serving::Deployments::open(session->project, *session->registry);
  api::Inference inference(*deployments);
  const api::Routes routes(inference, {.access = {.loopback_only = api::is_loopback(options.host)}});
  api::ServerOptions server_options;
  server_options.host = options.host;
  server_options.port = options.port;
  server_options.threads = options.threads > 0 ? options.threads : global.threads.value_or(0);
  auto server =
      api::Server::start(server_options, [&](const api::Request& request) { return routes.answer(request); });
  if (!server) return report(global, server.error());
  for (const std::string& name : deployments->names())
    if (const std::string problem = deployments->problem(name); !problem.empty())
      fmt::print(stderr, "deployment {} is not ready: {} (it will be once a version is promoted)\n", name,
                 problem);
  fmt::print(stderr, "listening on http://{}:{}\n", options.host, (*server)->port());
  std::fflush(stderr);

  follow_promotions(ending, *deployments, *session->registry, options.poll);
  inference.stop_being_ready();
  const timespec grace = timespec_of(options.grace);
  if (options.grace.micros > 0)
    ::sigtimedwait(&ending, nullptr, &grace);  // a second signal cuts the grace short
  const bool finished = (*server)->stop(kDrainLimit);
  if (!finished) log::warning("some requests did not finish within {}", to_text(kDrainLimit));
  return finished ? 0 : 1;
}

}  // namespace tidemill::app
