#include "app/label_taking.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "app/driven_clock.hpp"
#include "base/log.hpp"
#include "base/process.hpp"

namespace tidemill::app {

namespace {

constexpr int64_t kPauseFactor = 20;  // so many times as long as a look took: 5 % of a core at most
constexpr Duration kLeastPause{100'000};
constexpr std::chrono::seconds kAwaitedPause{1};  // until a number is looked for that somebody waits for

bool any_awaited(const monitoring::Labels& labels) {
  return std::ranges::any_of(labels.all(), [](const auto& each) { return each.second->is_awaited(); });
}

}  // namespace

void LabelTaker::note(const std::string& deployment, const Error* error) {
  std::string& known = failing_[deployment];
  const std::string text = error == nullptr ? "" : to_text(*error);
  if (text != known && !text.empty()) log::error("labels of {}: {}", deployment, text);
  if (text.empty() && !known.empty()) log::info("labels of {} are taken again", deployment);
  known = text;
}

void LabelTaker::take_once(Instant now) {
  const monitoring::LabelTables::Looked looked = tables_.look(registry_, now);
  for (const auto& [deployment, labels] : labels_.all()) {
    const auto failed = looked.failed.find(deployment);
    const Error* error = failed == looked.failed.end() ? nullptr : &failed->second;
    Result<void> seen;
    if (error == nullptr && std::chrono::steady_clock::now() >= next_look_[deployment]) {
      const auto begun = std::chrono::steady_clock::now();
      seen = labels->look(now);
      const auto took = std::chrono::steady_clock::now() - begun;
      next_look_[deployment] = begun + took * (kPauseFactor + 1);
      if (!seen) error = &seen.error();
    }
    note(deployment, error);
  }
}

std::function<std::optional<int64_t>(const std::string& deployment, Instant since)> new_labels_of(
    const monitoring::Labels& labels) {
  return [&labels](const std::string& deployment, Instant since) -> std::optional<int64_t> {
    monitoring::DeploymentLabels* const kept = labels.find(deployment);
    return kept == nullptr ? std::optional<int64_t>(0) : kept->new_since(since);
  };
}

LabelTaking::LabelTaking(const project::Project& project, const registry::Registry& registry,
                         monitoring::Labels& labels, Duration every) {
  if (labels.all().empty()) return;
  const std::chrono::microseconds pause(std::max(every, kLeastPause).micros);
  thread_ = std::jthread(
      [&project, &registry, &labels, pause, clock = clock_of_process()](const std::stop_token& stop) {
        lower_thread_priority();
        LabelTaker taker(project, registry, labels);
        std::mutex mutex;
        std::condition_variable_any changed;
        std::unique_lock lock(mutex);
        auto next = std::chrono::steady_clock::now();
        do {
          if (std::chrono::steady_clock::now() < next && !any_awaited(labels)) continue;
          taker.take_once(clock->now());
          next = std::chrono::steady_clock::now() + pause;
        } while (!changed.wait_for(lock, stop, std::min<std::chrono::microseconds>(pause, kAwaitedPause),
                                   [&stop] { return stop.stop_requested(); }));
      });
}

}  // namespace tidemill::app
