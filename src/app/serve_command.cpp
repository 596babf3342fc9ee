// tidemill serve: deployments behind HTTP and gRPC, and the scheduler unless another process is to be it.
// Follows promotions by polling the registry's generation; SIGTERM drains.
#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <future>
#include <thread>

#include <sys/resource.h>

#include <fmt/format.h>

#include "api/address.hpp"
#include "api/grpc_methods.hpp"
#include "api/grpc_server.hpp"
#include "api/routes.hpp"
#include "api/server.hpp"
#include "api/workers.hpp"
#include "app/certificate.hpp"
#include "app/challenger_numbers.hpp"
#include "app/commands.hpp"
#include "app/driven_clock.hpp"
#include "app/example_request.hpp"
#include "app/label_taking.hpp"
#include "app/notifier.hpp"
#include "app/output.hpp"
#include "app/prediction_logs.hpp"
#include "app/scheduler.hpp"
#include "app/watcher.hpp"
#include "base/log.hpp"
#include "serving/deployments.hpp"

namespace tidemill::app {

namespace {

constexpr Duration kDrainLimit{30'000'000};
// What a prediction takes at most until it is in a segment and its file is made, beyond the roll interval.
constexpr Duration kWritten{2'000'000};

timespec timespec_of(Duration duration) {
  return {duration.micros / 1'000'000, (duration.micros % 1'000'000) * 1000};
}

bool any_usable(const registry::Tokens& tokens) {
  const Instant now = system_clock()->now();
  return std::ranges::any_of(tokens.all, [&](const registry::Token& token) { return token.usable(now); });
}

// Calls look() again and again until a signal to end comes. SIGHUP is not one: a closed terminal ends us as
// usual.
template <class Look>
void until_ended(const sigset_t& ending, Duration poll, Look look) {
  const timespec pause = timespec_of(poll);
  while (::sigtimedwait(&ending, nullptr, &pause) < 0) look();
}

// Loads what was promoted, on a thread of its own: that takes as long as versions are large, and neither a
// revoked token nor a signal to end waits for it.
class Follower {
 public:
  Follower(serving::Deployments& deployments, registry::Registry& registry, Duration poll)
      : thread_([&deployments, &registry, poll](const std::stop_token& stop) {
          std::mutex mutex;
          std::condition_variable_any changed;
          std::unique_lock lock(mutex);
          const auto ended = [&stop] { return stop.stop_requested(); };
          while (!changed.wait_for(lock, stop, std::chrono::microseconds(poll.micros), ended))
            deployments.refresh(registry);
        }) {}

 private:
  std::jthread thread_;
};

void follow_tokens(api::Access& access, registry::Registry& registry) {
  if (const auto tokens = registry.tokens())
    access.use(*tokens);
  else
    log::warning("cannot read the tokens, those of before stay: {}", tokens.error().message);
}

// Every connection is a file descriptor, and the usual limit of them a thousand.
void allow_many_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  constexpr rlim_t kEnough = 65536;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kEnough));
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// The port beside HTTP's, unless another is named. Whoever lets HTTP have any, lets gRPC too.
int grpc_port(const ServeOptions& options) {
  if (!options.grpc_port.empty()) return std::stoi(options.grpc_port);
  return options.port == 0 ? 0 : options.port + 1;
}

// Before anything is loaded: whoever cannot be reached says of nothing that it is served.
Result<void> check_ports(const ServeOptions& options) {
  TM_CHECK(api::check_listening(options.host, options.port, api::Listens::Http));
  if (options.grpc_port == "none") return {};
  return api::check_listening(options.host, grpc_port(options), api::Listens::Grpc);
}

// Where to ask who listens on `host`: every address is none to connect to.
std::string host_to_ask(const std::string& host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  if (host == "::") return "[::1]";
  return host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
}

// What to paste into another terminal, of the first deployment that can answer.
void show_an_example(const serving::Deployments& deployments, const Api& api) {
  for (const std::string& name : deployments.names())
    if (const auto live = deployments.find(name)) {
      fmt::print(stderr, "try: {}\n", example_request(*live, api));
      return;
    }
}

// Null where there is nothing to do by itself, or no way to write it down.
Result<std::unique_ptr<Scheduler>> open_scheduler(const GlobalOptions& global,
                                                  const project::Project& project,
                                                  const serving::Deployments& deployments,
                                                  ChallengerNumbers& challengers, Notifier& notifier,
                                                  const monitoring::Labels& labels) {
  const bool trains =
      std::ranges::any_of(project.models, [](const auto& each) { return !each.second.imported; });
  if (project.schedules.empty() && !trains && !project.notify) return nullptr;
  SchedulerOptions options{.global = global};
  options.tell = notifier.sink();
  options.sources.challenger = [&deployments, &challengers](const std::string& name,
                                                            const registry::Rollout* rollout) {
    const auto live = deployments.live(name);
    const bool is_live = rollout != nullptr && live != nullptr && live->challenger != nullptr &&
                         live->challenger->version == rollout->version &&
                         live->rollout.stage == rollout->stage;
    if (rollout != nullptr && !is_live) return monitoring::Facts::Challenger{};  // nothing can be told of it
    return challengers.of(name, rollout);
  };
  options.sources.new_labels = new_labels_of(labels);
  auto opened = Scheduler::open(project, std::move(options));
  if (opened || !is_unwritable(opened.error())) return opened;
  if (!project.schedules.empty())
    fmt::print(stderr, "{} no schedule runs: {}\n", painted(global, "warning:", Tone::Warning),
               opened.error().message);
  return nullptr;
}

// In a home that cannot be written they take none, and say why.
Result<std::unique_ptr<monitoring::Labels>> open_labels(const GlobalOptions& global,
                                                        const project::Project& project) {
  auto opened = monitoring::Labels::open(project);
  if (opened || !is_unwritable(opened.error())) return opened;
  fmt::print(stderr, "{} no label is taken: {}\n", painted(global, "warning:", Tone::Warning),
             opened.error().message);
  return std::make_unique<monitoring::Labels>(opened.error());
}

std::string requests_in_flight(const api::Inference& inference) {
  const int64_t count = inference.in_flight();
  return fmt::format("{} request{} in flight", count, count == 1 ? "" : "s");
}

}  // namespace

int serve(const GlobalOptions& global, const ServeOptions& options) {
  auto session = open_session_to_look(global);
  if (!session) return report(global, session.error());
  api::Access access({.loopback_only = api::is_loopback(options.host), .insecure = options.insecure});
  const auto tokens = session->registry->tokens();
  if (!tokens) return report(global, tokens.error());
  access.use(*tokens);
  if (!api::is_loopback(options.host) && !options.insecure && !any_usable(*tokens))
    return report(global,
                  Error{ErrorKind::User,
                        "usage.insecure",
                        fmt::format("refusing to listen on {} without tokens", options.host),
                        {},
                        {},
                        {},
                        "tidemill tokens create NAME --scope predict; or listen on 127.0.0.1 behind a "
                        "proxy, or say --insecure"});
  std::optional<Certificate> certificate;
  if (!options.tls_certificate.empty()) {
    auto opened = Certificate::open({options.tls_certificate, options.tls_key});
    if (!opened) return report(global, opened.error());
    certificate = std::move(*opened);
  }
  warn_of_idle_keys(global, session->project);
  if (session->project.deployments.empty())
    return report(global, Error{ErrorKind::User,
                                "project.no_deployments",
                                "the project file declares no deployments",
                                {.file = session->project.file.native()},
                                {},
                                {},
                                "deployments: {NAME: {model: MODEL@champion}}"});
  if (const auto free = check_ports(options); !free) return report(global, free.error());
  // Blocked before any thread starts, so that only until_ended takes them.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  allow_many_connections();

  const size_t threads =
      api::thread_count(options.threads > 0 ? options.threads : global.threads.value_or(0));
  const auto slots = std::make_shared<serving::ComputeSlots>(threads);
  const auto deployments =
      serving::Deployments::open(session->project, *session->registry, system_clock(), slots);
  auto logs = PredictionLogs::open(session->project, options.roll_every);
  if (!logs) return report(global, logs.error());
  auto labels = open_labels(global, session->project);
  if (!labels) return report(global, labels.error());
  ChallengerNumbers challengers(logs->get());
  api::Inference inference(*deployments, &challengers, clock_of_process());
  challengers.read_from(inference);
  Notifier notifier(session->project, *session->registry, session->clock);
  Watcher watcher(
      session->project, *session->registry,
      {.settles = {options.roll_every.micros + kWritten.micros},
       .told = [&](const AlertEvents& events, Instant now) { return notifier.tell(events, now); }});
  const Watching watching(session->project, session->clock, watcher);
  std::unique_ptr<Scheduler> scheduler;
  if (!options.no_scheduler) {
    auto opened = open_scheduler(global, session->project, *deployments, challengers, notifier, **labels);
    if (!opened) return report(global, opened.error());
    scheduler = std::move(*opened);
  }
  api::Changes changes(*deployments, session->project.home, clock_of_process());
  const api::MetricNames names =
      options.metrics_compat.empty() ? api::MetricNames::Own : api::MetricNames::OwnAndTriton;
  const api::Routes routes(
      inference, access, {.changes = &changes, .labels = labels->get(), .names = names, .more_metrics = [&] {
                            return (*logs)->metrics() + (*labels)->metrics() + watcher.metrics() +
                                   notifier.metrics() + challengers.metrics() +
                                   (scheduler ? scheduler->metrics() : "");
                          }});
  api::ServerOptions server_options;
  server_options.host = options.host;
  server_options.port = options.port;
  server_options.threads = static_cast<int>(threads);
  // Most of them wait for rows that are made into features together with other requests', and the more wait,
  // the more share what one execution of the SQL costs. They compute in the slots.
  constexpr int kLeastWorkers = 32, kWorkersPerThread = 4;
  server_options.workers = std::max(kLeastWorkers, kWorkersPerThread * server_options.threads);
  server_options.slots = slots;
  server_options.request_timeout = options.request_timeout;
  server_options.idle_timeout = options.idle_timeout;
  if (certificate) server_options.tls = certificate->identity();
  auto server = api::Server::start(
      server_options, [&](const api::Request& request) { return routes.answer(request); },
      [&](const api::Request& head) { return routes.begin(head); });
  if (!server) return report(global, server.error());
  const api::GrpcRouter grpc_router(api::grpc_methods(inference), access);
  std::unique_ptr<api::GrpcServer> grpc;
  if (options.grpc_port != "none") {
    api::GrpcServerOptions grpc_options;
    grpc_options.host = options.host;
    grpc_options.port = grpc_port(options);
    grpc_options.threads = grpc_options.workers = server_options.threads;
    grpc_options.slots = slots;
    grpc_options.request_timeout = options.request_timeout;
    grpc_options.tls = server_options.tls;
    auto started = api::GrpcServer::start(grpc_options, grpc_router);
    if (!started) return report(global, started.error());
    grpc = std::move(*started);
  }
  for (const std::string& name : deployments->names())
    if (const std::string problem = deployments->problem(name); !problem.empty())
      fmt::print(stderr, "deployment {} is not ready: {} (it will be once a version is promoted)\n", name,
                 problem);
  fmt::print(stderr, "listening on http{}://{}:{}\n", certificate ? "s" : "", options.host,
             (*server)->port());
  if (grpc)
    fmt::print(stderr, "listening on grpc{}://{}:{}\n", certificate ? "s" : "", options.host, grpc->port());
  if (!api::is_loopback(options.host) && !certificate && any_usable(*tokens))
    fmt::print(stderr,
               "{} tokens and requests travel in the clear: --tls-cert and --tls-key, or a proxy that speaks "
               "TLS\n",
               painted(global, "warning:", Tone::Warning));
  if (!global.quiet)
    show_an_example(*deployments, {fmt::format("http{}://{}:{}", certificate ? "s" : "",
                                               host_to_ask(options.host), (*server)->port()),
                                   any_usable(*tokens)});
  std::fflush(stderr);

  if (scheduler) scheduler->begin();
  const LabelTaking taking(session->project, *session->registry, **labels, options.roll_every);
  const Follower follower(*deployments, *session->registry, options.poll);
  until_ended(ending, options.poll, [&] {
    follow_tokens(access, *session->registry);
    if (!certificate || !certificate->renewed()) return;
    (*server)->use(certificate->identity());
    if (grpc) grpc->use(certificate->identity());
  });
  inference.stop_being_ready();
  auto run_ended = std::async(std::launch::async, [&] {
    if (scheduler) scheduler->stop();
  });
  const timespec grace = timespec_of(options.grace);
  if (options.grace.micros > 0) {
    fmt::print(stderr, "not ready from now on; serving for {} more, or until a second signal\n",
               to_text(options.grace));
    ::sigtimedwait(&ending, nullptr, &grace);  // a second signal cuts the grace short
  }
  fmt::print(stderr, "draining: {}, up to {}\n", requests_in_flight(inference), to_text(kDrainLimit));
  auto grpc_stopped = std::async(std::launch::async, [&] { return !grpc || grpc->stop(kDrainLimit); });
  const bool http_finished = (*server)->stop(kDrainLimit);
  const bool finished = grpc_stopped.get() && http_finished;
  run_ended.wait();
  if (!finished) log::warning("some requests did not finish within {}", to_text(kDrainLimit));
  fmt::print(stderr, "stopped\n");
  return finished ? 0 : 1;
}

}  // namespace tidemill::app
