#include "app/watcher.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>

#include <fmt/format.h>

#include "app/monitor_metrics.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "forest/package.hpp"
#include "monitoring/declared.hpp"
#include "monitoring/kept.hpp"

namespace tidemill::app {

namespace {

using monitoring::Evaluation;
using monitoring::Finding;

constexpr auto kPoll = std::chrono::seconds(1);
constexpr size_t kFollowsEvery = 10;  // polls

/// The alert of a monitor that cannot be looked at.
std::string name_of_looking(const std::string& monitor) { return "evaluation of " + monitor; }

Evaluation looking(const std::string& deployment, const std::string& monitor, Instant end,
                   const Error* error) {
  Finding finding;
  finding.cause = {deployment, name_of_looking(monitor), {}, {}, 0};
  if (error != nullptr) {
    finding.state = Finding::State::Missing;
    finding.text = fmt::format("it failed: {} [{}]", error->message, error->code);
  } else {
    finding.text = "it works";
  }
  return {deployment, finding.cause.monitor, end, 1, {finding}};
}

forest::ObjectReader reader_of(const registry::Registry& registry) {
  return [&registry](const std::string& object) { return registry.read_object(object); };
}

}  // namespace

Looker::Looker(const project::Project& project, const registry::Registry& registry, int threads)
    : project_(project),
      registry_(registry),
      threads_(threads),
      watch_({.package = [&registry](const monitoring::ServedVersion& version)
                  -> Result<std::shared_ptr<const forest::Package>> {
                TM_TRY(forest::Package package, forest::load_package(version.object, reader_of(registry)));
                return std::make_shared<const forest::Package>(std::move(package));
              },
              .predictor =
                  [&registry](const monitoring::ServedVersion& version) {
                    return forest::load_predictor(version.object, reader_of(registry));
                  }}) {}

Result<Evaluation> Looker::look(const std::string& deployment, const project::Monitor& monitor,
                                Instant window_end) {
  const auto declared = project_.deployments.find(deployment);
  if (declared == project_.deployments.end())
    return internal_error("monitoring.deployment", fmt::format("there is no deployment '{}'", deployment));
  monitoring::WatchInput input;
  input.home = project_.home;
  input.deployment = &declared->second;
  input.monitor = &monitor;
  if (const auto labels = project_.labels.find(deployment); labels != project_.labels.end())
    input.labels = &labels->second;
  if (const auto model = project_.models.find(declared->second.model); model != project_.models.end())
    input.fairness_groups = model->second.fairness_groups;
  TM_TRY(input.versions, monitoring::served_versions(registry_, declared->second));
  input.window_end = window_end;
  input.threads = threads_;
  return watch_.look(input);
}

Watcher::Watcher(const project::Project& project, registry::Registry& registry, Options options)
    : project_(project),
      registry_(registry),
      options_(std::move(options)),
      looker_(project, registry, options_.threads) {}

Result<void> Watcher::read() {
  TM_TRY(auto alerts, monitoring::kept_alerts(registry_));
  TM_TRY(auto looks, monitoring::kept_looks(registry_));
  const std::lock_guard lock(mutex_);
  alerts_ = alerts ? *std::move(alerts) : monitoring::Alerts();
  looks_ = std::move(looks);
  return {};
}

Result<void> Watcher::follow() {
  has_read_ = false;
  return read();
}

bool Watcher::is_due(const std::string& deployment, const project::Monitor& monitor, Instant end) const {
  const auto judged = [&](const std::string& name) {
    const auto found = alerts_.judged.find({deployment, name});
    return found == alerts_.judged.end() ? std::nullopt : std::optional(found->second);
  };
  const auto looked = std::max(judged(monitor.name), judged(name_of_looking(monitor.name)));
  return !looked || end > *looked || end.micros <= looked->micros - monitoring::kSetBack.micros;
}

Result<Watcher::Step> Watcher::watch_once(Instant now) {
  if (!has_read_) TM_CHECK(read());
  has_read_ = true;
  Step step;
  std::vector<std::pair<std::string, std::string>> declared;
  monitoring::LastLooks looks = looks_;
  const Instant settled{now.micros - options_.settles.micros};
  std::vector<Evaluation> evaluations;
  uint64_t failures = 0;
  for (const auto& [deployment, monitors] : project_.monitors)
    for (const project::Monitor& monitor : monitors) {
      declared.emplace_back(deployment, monitor.name);
      declared.emplace_back(deployment, name_of_looking(monitor.name));
      const Instant end = monitoring::window_end(settled, monitor.every);
      if (!is_due(deployment, monitor, end)) continue;
      auto looked = looker_.look(deployment, monitor, end);
      evaluations.push_back(looking(deployment, monitor.name, end, looked ? nullptr : &looked.error()));
      failures += looked ? 0 : 1;
      if (!looked) continue;
      looks[{deployment, monitor.name}] = {now, *looked};
      step.looked.push_back(*looked);
      evaluations.push_back(std::move(*looked));
    }
  const bool has_gone = std::erase_if(looks, [&](const auto& look) {
                          return std::ranges::find(declared, look.first) == declared.end();
                        }) > 0;
  auto dropped = monitoring::drop_monitors(alerts_, declared, now);
  auto stepped = monitoring::step_alerts(std::move(dropped.alerts), evaluations, now);
  step.events = std::move(dropped.events);
  step.events.insert(step.events.end(), stepped.events.begin(), stepped.events.end());
  if (evaluations.empty() && step.events.empty() && !has_gone && stepped.alerts == alerts_) return step;
  if (stepped.untracked > 0)
    log::warning("{} more causes fail than are followed ({})", stepped.untracked, monitoring::kMaxAlerts);
  if (options_.told && !step.events.empty()) TM_CHECK(options_.told(step.events, now));
  TM_CHECK(monitoring::keep(registry_, stepped.alerts, looks));
  const std::lock_guard lock(mutex_);
  alerts_ = std::move(stepped.alerts);
  looks_ = std::move(looks);
  failures_ += failures;
  return step;
}

std::string Watcher::metrics() const {
  const std::lock_guard lock(mutex_);
  return metrics_of(project_, alerts_, looks_, failures_);
}

Watching::Watching(const project::Project& project, std::shared_ptr<const Clock> clock, Watcher& watcher)
    : lock_(project.home / "watch.lock"), clock_(std::move(clock)), watcher_(watcher) {
  if (!project.monitors.empty())
    thread_ = std::jthread([this](const std::stop_token& stop) { watch_until(stop); });
}

void Watching::watch_until(const std::stop_token& stop) {
  lower_thread_priority();
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  std::optional<FileLock> alone;
  bool is_well = true;
  size_t polls = 0;
  do {
    if (!alone)
      if (auto taken = FileLock::take(lock_, FileLock::Mode::Exclusive, FileLock::Wait::No))
        alone.emplace(std::move(*taken));
    Result<void> done;
    if (alone) {
      const auto step = watcher_.watch_once(clock_->now());
      if (!step) done = std::unexpected(step.error());
      if (step)
        for (const monitoring::AlertEvent& event : step->events) {
          const bool fired = event.what == monitoring::AlertEvent::What::Fired;
          log::write(fired ? log::Level::Warning : log::Level::Info,
                     fmt::format("{}: {}: {}", fired ? "firing" : "resolved", to_text(event.alert.cause),
                                 event.reason));
        }
    } else if (polls++ % kFollowsEvery == 0) {
      done = watcher_.follow();
    }
    if (!done && is_well) log::error("monitors cannot be looked at: {}", to_text(done.error()));
    if (done && !is_well) log::info("monitors are looked at again");
    is_well = done.has_value();
  } while (!changed.wait_for(lock, stop, kPoll, [&stop] { return stop.stop_requested(); }));
}

}  // namespace tidemill::app
